// From registers to values and back, by a profile: which registers to read, what their words mean,
// and (for the simulated meter) which words stand for given values.
//
// Pure. Words are decoded here and not by the Modbus library, whose float helpers changed meaning
// between versions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "meters/profile.hpp"
#include "meters/reading.hpp"

namespace busbar::meters {

// `count` registers from `address`, read by one request.
struct Block {
    std::uint16_t address = 0;
    std::uint16_t count = 0;
    friend bool operator==(const Block&, const Block&) = default;
};

// What to ask a meter for, and how often.
struct ReadPlan {
    std::vector<Block> once;  // ratios and identification: after every connect
    std::vector<Block> fast;  // voltages, currents, active powers: every poll
    std::vector<Block> slow;  // the rest: every ten seconds
    friend bool operator==(const ReadPlan&, const ReadPlan&) = default;
};

// The fewest requests within the limits of the profile; a number is never cut in two, and stays
// with its scale register where the limits allow it. With `only_listed` no request spans a
// register the profile does not list: for meters that refuse the wider reads.
ReadPlan plan_reads(const Profile& profile, bool only_listed = false);

// The registers known so far.
class Registers {
public:
    void store(std::uint16_t address, std::span<const std::uint16_t> words);
    void erase(Block block);
    void clear() { words_.clear(); }

    // The words from `address` on, or nothing if one of them is not known.
    std::optional<std::vector<std::uint16_t>> read(std::uint16_t address, int count) const;

    const std::map<std::uint16_t, std::uint16_t>& words() const { return words_; }

private:
    std::map<std::uint16_t, std::uint16_t> words_;
};

// The words from `address` on with their bytes in order, or nothing if one is not known.
std::optional<std::vector<std::uint16_t>> read_words(const Profile& profile,
                                                     const Registers& registers,
                                                     std::uint16_t address, int count);

// The raw bits of a number that lies in `words` (as many as its type takes).
std::uint64_t join_words(std::span<const std::uint16_t> words, WordOrder order);

// The number those words hold. Nothing for NaN, infinities, and the patterns meters use for "no
// value": all bits set (unsigned) and the most negative number (signed).
std::optional<double> decode_number(std::span<const std::uint16_t> words, NumberType type,
                                    WordOrder order);

// The words that hold these bits, as many as the type takes.
std::vector<std::uint16_t> split_words(std::uint64_t bits, NumberType type, WordOrder order);

// The words of a number: integers rounded and held within what the type can say; NaN becomes the
// pattern for "no value".
std::vector<std::uint16_t> encode_number(double value, NumberType type, WordOrder order);

// Every value the registers hold, by quantity name, ratios excluded. Absent: a register that is
// not known, a pattern for "no value", a scale that follows from a ratio that is not known.
Values decode(const Profile& profile, const Registers& registers);

// The transformer ratios, by name. Absent: a register that is not known.
Values decode_ratios(const Profile& profile, const Registers& registers);

// A text of two characters a register, up to a NUL, without the spaces behind it.
std::string decode_text_registers(std::span<const std::uint16_t> words);

// The identification registers, by name; and whether all of them hold what the profile expects.
struct Identity {
    Values values;
    std::map<std::string, std::string, std::less<>> texts;
    bool as_expected = true;
    std::vector<std::string> mismatches;  // "modelCode reads 8, but 6 in a BTicino F4N200"
};
Identity decode_identity(const Profile& profile, const Registers& registers);

// The registers that make decode() give these values, to within the steps of the profile. Values
// are named as decode() names them; ratios by their own name, 1 where not given. Names the profile
// does not have are ignored. NaN becomes "no value".
Registers encode(const Profile& profile, const Values& values);

// A reading out of decoded values.
Reading make_reading(std::string meter, Values values, Now at);

}  // namespace busbar::meters
