// What Busbar knows of one kind of meter: a description of its registers, as data.
//
// Profiles are JSON files (meters/profiles; the format is docs/meters.md). Those of this release
// are part of the program; a folder of the site adds to them or replaces them by name. Pure but for
// load_profiles, which reads a folder; every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace busbar::meters {

// How a number lies in its registers: unsigned, two's complement, IEEE 754, or a sign bit before a
// magnitude (m); size in bits.
enum class NumberType { u16, s16, u32, s32, u48, u64, s64, f32, f64, m16, m32 };

// Which of several registers holds the most significant bits.
enum class WordOrder { high_first, low_first };

// Which of the two bytes of a register is the more significant. Modbus says the first; some
// gateways do not listen.
enum class ByteOrder { high_first, low_first };

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

// A register that must hold a number, one of `values` if there are any, before what depends on it
// is believed: the state of a meter behind an inverter.
struct Condition {
    std::uint16_t address = 0;
    NumberType type{};
    std::vector<std::uint64_t> values;
};

// Registers that tell what the device is: a number, or a text of `text_registers` registers. The
// number must be one of `expected`, the text contain one of `expected_texts` in any case; where
// there are none it is only shown.
struct Identification {
    std::string name;
    std::uint16_t address = 0;
    NumberType type{};
    std::vector<std::uint64_t> expected;
    int text_registers = 0;
    std::vector<std::string> expected_texts;

    int registers() const { return text_registers > 0 ? text_registers : register_count(type); }
};

// How often a quantity is read: with every poll, or every ten seconds.
enum class Pace { fast, slow };

// A measured value. value = raw x scale x 10^(scale register) x ratios, in `unit`; import positive
// (a meter that counts export positive has a negative scale).
struct Quantity {
    std::string name;
    std::string unit;  // "" for plain numbers
    std::uint16_t address = 0;
    NumberType type{};
    double scale = 1;
    std::vector<ScaleStep> scale_steps;           // not empty: used instead of `scale`
    std::optional<std::uint16_t> scale_register;  // s16, a power of ten; read in one go with it
    std::vector<std::string> times;               // names of ratios it is multiplied with
    std::optional<SignRegister> sign_register;
    // An unsigned current that takes the sign of the active power of its phase.
    bool sign_from_phase_power = false;
    std::vector<std::uint64_t> invalid;  // raw bits that mean "no value"
    std::optional<Condition> condition;  // not met: no value
    // What raw numbers stand for; not empty: any other is no value.
    std::vector<std::pair<std::int64_t, double>> meanings;
    // Greater values are divided by ten: firmwares that disagree on the decimals of a frequency.
    std::optional<double> tenth_above;
    std::optional<Pace> pace;  // nothing: by its name
};

// A quantity that is the sum of some quantities less others: counters kept by tariff, import and
// export kept apart.
struct Sum {
    std::string name;
    std::vector<std::string> of;
    std::vector<std::string> minus;
};

// How the serial line is set when the meter leaves the factory.
struct SerialDefaults {
    int baud = 9600;
    char parity = 'N';  // N, E, O
    int stop_bits = 1;
};

// What the device needs to keep up. Zero: nothing is known to be needed.
struct Timing {
    std::chrono::milliseconds response_timeout{0};  // no answer before this may be called late
    std::chrono::milliseconds connect_delay{0};     // from connecting to the first request
    std::chrono::milliseconds request_gap{0};       // from an answer to the next request
    std::chrono::milliseconds poll_period_min{0};   // it has nothing new more often than this
    int clients_max = 0;                            // connections at a time
};

// Addresses count from the first register of one of these SunSpec models, found by sunspec.hpp.
struct SunspecModels {
    std::vector<int> ids;
    int registers = 0;  // of the whole model, id and length included
};

// Registers from first to last.
struct RegisterRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
};

struct Profile {
    std::string name;  // "siemens-pac2200"
    std::string vendor;
    std::vector<std::string> models;
    // Siblings without a public table, believed to be the same: unverified whatever `confidence`.
    std::vector<std::string> candidate_models;
    std::vector<std::string> transports;  // "tcp", "rtu"
    std::vector<std::string> roles;       // what it sees: "grid", "production", "battery"
    std::uint16_t tcp_port = 502;
    std::optional<SerialDefaults> serial;
    int unit_id = 1;
    int function_code = 3;
    WordOrder word_order = WordOrder::high_first;
    ByteOrder byte_order = ByteOrder::high_first;
    int registers_per_read_max = 125;
    // Registers in a row, of unknown meaning, that one read may span.
    int unlisted_registers_max = 0;
    std::vector<RegisterRange> never_read;
    Timing timing;
    std::optional<SunspecModels> sunspec;
    Confidence confidence = Confidence::unverified;
    std::string source;  // the document, and who else reads these registers
    std::vector<std::string> notes;
    std::vector<Identification> identification;
    std::vector<Ratio> ratios;
    std::vector<Quantity> quantities;
    std::vector<Sum> sums;

    // The quantity of that name, or null.
    const Quantity* quantity(std::string_view quantity_name) const;
    // The sum of that name, or null.
    const Sum* sum(std::string_view sum_name) const;
    // Names of all quantities, sums included, in the order of the file.
    std::vector<std::string> quantity_names() const;
    // Whether load management could live on it: a current for each phase it names a voltage of,
    // of one phase at least.
    bool measures_phase_currents() const;
};

// What is wrong with a profile file, and where.
struct ProfileProblem {
    std::string pointer;  // JSON pointer: "/quantities/3/type"; "" is the whole
    std::string detail;
    int line = 0;  // of the file, from 1; 0: not known
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
// problems changes nothing and is named: "FILE:LINE: /quantities/3/type: ...".
struct LoadedProfiles {
    std::vector<Profile> profiles;  // sorted by name
    std::vector<std::string> problems;
};
LoadedProfiles load_profiles(const std::filesystem::path& folder);

}  // namespace busbar::meters
