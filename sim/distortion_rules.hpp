// The rules by which payloads are distorted, as tables, and the words they are made of. Internal to
// the distortion. Pure.
#pragma once

#include <string>
#include <string_view>

#include "sim/distortion.hpp"
#include "sim/frame_text.hpp"

namespace busbar::sim {

using Payload = const std::string&;

// What a misbehaviour makes of the payloads of an action.
struct Rule {
    bool Misbehaviour::*flag;
    std::string_view action;  // empty: all
    std::string (*edit)(Payload payload, DistortionMemory& memory);
};

// With the member, wherever it is, set to this JSON value.
inline std::string set(Payload payload, std::string_view member, std::string_view value) {
    return edit_members(payload, member, [&](std::string_view) { return std::string{value}; });
}

// Without the member, wherever it is.
inline std::string remove(Payload payload, std::string_view member) {
    return edit_members(payload, member, [](std::string_view) { return std::nullopt; });
}

// The part that many times, with commas.
inline std::string repeated(std::string_view part, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out.append(i > 0 ? "," : "").append(part);
    return out;
}

template <std::size_t N>
void apply(const Rule (&rules)[N], const Misbehaviour& misbehaviour, std::string_view action,
           std::string& payload, DistortionMemory& memory) {
    for (const Rule& rule : rules) {
        if (!(misbehaviour.*rule.flag)) continue;
        if (!rule.action.empty() && rule.action != action) continue;
        payload = rule.edit(payload, memory);
    }
}

// Applies the rules of MeterValues.
void distort_samples(const Misbehaviour& misbehaviour, std::string& payload,
                     DistortionMemory& memory);

}  // namespace busbar::sim
