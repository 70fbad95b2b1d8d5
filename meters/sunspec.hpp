// Finds a SunSpec model in a device: the marker, then from model to model until the one wanted.
//
// Pure: next() says what to read, take() and refuse() take in what came of it. One search a
// connection, used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "meters/profile.hpp"
#include "meters/registers.hpp"

namespace busbar::meters {

// Where the marker may be, in the order in which it is looked for.
inline constexpr std::uint16_t sunspec_bases[] = {40000, 50000, 0};
// Devices with more models than this are not believed.
inline constexpr int sunspec_models_max = 100;

struct SunspecModel {
    int id = 0;
    std::uint16_t address = 0;  // of the register that holds the id
    int length = 0;             // registers behind id and length
};

class SunspecSearch {
public:
    // Looks for the first model whose id is one of these.
    explicit SunspecSearch(std::vector<int> ids) : ids_(std::move(ids)) {}

    // What to read now; nothing once found() or failure() is known.
    std::optional<Block> next() const;
    // The words of the block that next() named.
    void take(std::span<const std::uint16_t> words);
    // The device has no such registers.
    void refuse();

    const std::optional<SunspecModel>& found() const { return found_; }
    // Why there is no such model: "has the SunSpec models 1, 103, but none of 201, 203"; "" so far.
    const std::string& failure() const { return failure_; }
    // Every model seen on the way.
    const std::vector<SunspecModel>& models() const { return models_; }

private:
    void try_next_base();

    std::vector<int> ids_;
    std::size_t base_ = 0;
    std::optional<std::uint16_t> at_;  // of the next model's header, once the marker was seen
    std::vector<SunspecModel> models_;
    std::optional<SunspecModel> found_;
    std::string failure_;
};

// The profile with its addresses counted from zero, for a model found at `address`.
Profile at_model(const Profile& profile, std::uint16_t address);

}  // namespace busbar::meters
