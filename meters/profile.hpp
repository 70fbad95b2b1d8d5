// What Busbar knows of one kind of meter: a description of its registers, as data.
//
// Profiles are JSON files (meters/profiles). Those of this release are part of the program; a
// folder of the site adds to them or replaces them by name. Pure but for load_profiles, which
// reads a folder; every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace busbar::meters {

// How a number lies in its registers: unsigned, signed, IEEE 754; size in bits.
enum class NumberType { u16, s16, u32, s32, u64, s64, f32, f64 };

// Which of several registers holds the most significant bits. Bytes are big-endian always.
enum class WordOrder { high_first, low_first };

// How well the register table is supported.
enum class Confidence { two_sources, one_source, unverified };

// Registers a number of this type takes.
int register_count(NumberType type);
std::string_view to_string(NumberType type);
std::string_view to_string(Confidence confidence);

// A register beside an unsigned magnitude that holds its direction.
struct SignRegister {
    std::uint16_t address = 0;
    std::uint16_t negative_when = 1;
};

// One step of a scale that follows from the product of the transformer ratios: `scale` applies to
// products below `below`; the last step has none.
struct ScaleStep {
    std::optional<double> below;
    double scale = 1;
};

// A number that is read once a connection: a transformer ratio. value = max(raw x scale, min).
struct Ratio {
    std::string name;
    std::uint16_t address = 0;
    NumberType type{};
    double scale = 1;
    double min = 0;
};

// A register that tells what the device is. `expected` empty: shown only.
struct Identification {
    std::string name;
    std::uint16_t address = 0;
    NumberType type{};
    std::vector<std::uint64_t> expected;
};

// A measured value. value = raw x scale, in `unit`; import positive (a meter that counts export
// positive has a negative scale).
struct Quantity {
    std::string name;
    std::string unit;  // "" for plain numbers
    std::uint16_t address = 0;
    NumberType type{};
    double scale = 1;
    std::vector<ScaleStep> scale_steps;  // not empty: used instead of `scale`
    std::optional<SignRegister> sign_register;
    // An unsigned current that takes the sign of the active power of its phase.
    bool sign_from_phase_power = false;
    std::vector<std::uint64_t> invalid;  // raw bits that mean "no value"
};

// A quantity that is the sum of others (counters kept per tariff).
struct Sum {
    std::string name;
    std::vector<std::string> of;
};

struct Profile {
    std::string name;  // "siemens-pac2200"
    std::string vendor;
    std::vector<std::string> models;
    std::vector<std::string> transports;  // "tcp", "rtu"
    std::uint16_t tcp_port = 502;
    int unit_id = 1;
    int function_code = 3;
    WordOrder word_order = WordOrder::high_first;
    int registers_per_read_max = 125;
    // Registers in a row, of unknown meaning, that one read may span.
    int unlisted_registers_max = 0;
    Confidence confidence = Confidence::unverified;
    std::string source;
    std::vector<std::string> notes;
    std::vector<Identification> identification;
    std::vector<Ratio> ratios;
    std::vector<Quantity> quantities;
    std::vector<Sum> sums;

    // The quantity of that name, or null.
    const Quantity* quantity(std::string_view quantity_name) const;
    // Names of all quantities, sums included, in the order of the file.
    std::vector<std::string> quantity_names() const;
};

// What is wrong with a profile file, and where.
struct ProfileProblem {
    std::string pointer;  // JSON pointer: "/quantities/3/type"; "" is the whole
    std::string detail;
};

// "/quantities/3/type: must be one of ..."
std::string to_string(const ProfileProblem& problem);

// Longer texts are refused.
inline constexpr std::size_t profile_bytes_max = 1 << 20;

// A profile, or every problem of its text (never both, never neither).
struct ParsedProfile {
    std::optional<Profile> profile;
    std::vector<ProfileProblem> problems;
};
ParsedProfile parse_profile(std::string_view json_text);

// The profiles of this release, sorted by name.
std::vector<Profile> builtin_profiles();

// The profile of this release with that name.
std::optional<Profile> find_profile(std::string_view name);

// The profiles of this release, replaced and joined by the *.json files of a folder. A file with
// problems changes nothing and is named: "FILE: /quantities/3/type: ...".
struct LoadedProfiles {
    std::vector<Profile> profiles;  // sorted by name
    std::vector<std::string> problems;
};
LoadedProfiles load_profiles(const std::filesystem::path& folder);

}  // namespace busbar::meters
