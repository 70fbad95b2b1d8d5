#include "meters/sunspec.hpp"

#include <algorithm>
#include <iterator>

namespace busbar::meters {
namespace {

constexpr std::uint16_t marker_high = 0x5375;  // "Su"
constexpr std::uint16_t marker_low = 0x6E53;   // "nS"
constexpr int end_id = 0xFFFF;

std::string list_of(const std::vector<int>& ids) {
    std::string text;
    for (const int id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
    return text;
}

}  // namespace

std::optional<Block> SunspecSearch::next() const {
    if (found_ || !failure_.empty()) return std::nullopt;
    if (at_) return Block{*at_, 2};
    return Block{sunspec_bases[base_], 2};
}

void SunspecSearch::try_next_base() {
    if (++base_ == std::size(sunspec_bases)) failure_ = "is no SunSpec device: it has no marker";
}

void SunspecSearch::refuse() {
    if (!next()) return;
    if (at_) {
        failure_ = "its list of SunSpec models breaks off at register " + std::to_string(*at_);
    } else {
        try_next_base();
    }
}

void SunspecSearch::take(std::span<const std::uint16_t> words) {
    if (!next() || words.size() < 2) return;
    if (!at_) {
        if (words[0] == marker_high && words[1] == marker_low) {
            at_ = static_cast<std::uint16_t>(sunspec_bases[base_] + 2);
        } else {
            try_next_base();
        }
        return;
    }
    const SunspecModel model{words[0], *at_, words[1]};
    const int following = *at_ + 2 + model.length;
    if (model.id == end_id) {
        std::vector<int> seen;
        for (const SunspecModel& each : models_) seen.push_back(each.id);
        failure_ = "has the SunSpec models " + list_of(seen) + ", but none of " + list_of(ids_);
        return;
    }
    models_.push_back(model);
    if (std::ranges::find(ids_, model.id) != ids_.end()) {
        found_ = model;
    } else if (following > 65534 || static_cast<int>(models_.size()) == sunspec_models_max) {
        failure_ = "its list of SunSpec models does not end";
    } else {
        at_ = static_cast<std::uint16_t>(following);
    }
}

Profile at_model(const Profile& profile, std::uint16_t address) {
    Profile moved = profile;
    moved.sunspec.reset();
    const auto move = [&](std::uint16_t& at) { at = static_cast<std::uint16_t>(at + address); };
    for (Quantity& quantity : moved.quantities) {
        move(quantity.address);
        if (quantity.scale_register) move(*quantity.scale_register);
        if (quantity.sign_register) move(quantity.sign_register->address);
        if (quantity.condition) move(quantity.condition->address);
    }
    for (Ratio& ratio : moved.ratios) move(ratio.address);
    for (Identification& item : moved.identification) move(item.address);
    for (RegisterRange& range : moved.never_read) {
        move(range.first);
        move(range.last);
    }
    return moved;
}

}  // namespace busbar::meters
