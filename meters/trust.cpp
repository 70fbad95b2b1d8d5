#include "meters/trust.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace busbar::meters {
namespace {

std::string amps_text(double amps) {
    char text[40];
    std::snprintf(text, sizeof text, "%.1f A", amps);
    return text;
}

}  // namespace

std::string_view to_string(Freshness freshness) {
    switch (freshness) {
        case Freshness::fresh:
            return "fresh";
        case Freshness::late:
            return "late";
        case Freshness::stale:
            return "stale";
        case Freshness::dead:
            return "dead";
    }
    return "dead";
}

Freshness freshness(std::chrono::milliseconds age, const AgeLimits& limits) {
    if (age > limits.dead) return Freshness::dead;
    if (age > limits.stale) return Freshness::stale;
    if (age > limits.late) return Freshness::late;
    return Freshness::fresh;
}

std::optional<std::string> implausible(const Reading& reading, const Expectation& expectation) {
    for (std::size_t phase = 0; phase < 3; ++phase) {
        const std::string name = "current of L" + std::to_string(phase + 1);
        const auto& current = reading.current_amps[phase];
        if (!current) {
            if (expectation.phases[phase]) return name + " is missing";
            continue;
        }
        if (!std::isfinite(*current)) return name + " is not a number";
        const auto& limit = expectation.limit[phase];
        if (limit && std::abs(*current) > implausible_factor * limit->to_double()) {
            return name + " is " + amps_text(*current) + ", more than three times the limit of " +
                   amps_text(limit->to_double());
        }
    }
    return std::nullopt;
}

MeterTrust::MeterTrust(Expectation expectation, AgeLimits limits)
    : expectation_(expectation), limits_(limits) {}

void MeterTrust::observe(Reading reading) {
    error_.clear();
    if (auto doubt = implausible(reading, expectation_)) {
        doubt_ = std::move(*doubt);
        return;
    }
    doubt_.clear();
    last_ = std::move(reading);
}

void MeterTrust::observe_failure(std::string error) { error_ = std::move(error); }

Trust MeterTrust::at(Instant now) const {
    const std::string why = !doubt_.empty() ? "implausible: " + doubt_ : error_;
    if (!last_) {
        return {Freshness::dead, why.empty() ? "no reading yet" : "no reading yet: " + why};
    }
    const auto age = now - last_->at;
    Freshness state = freshness(age, limits_);
    if (!doubt_.empty()) state = std::max(state, Freshness::stale);
    if (state == Freshness::fresh) return {state, ""};
    std::string reason =
        "last reading is " +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " s old";
    if (!why.empty()) reason += ": " + why;
    return {state, std::move(reason)};
}

std::optional<Instant> MeterTrust::next_change(Instant now) const {
    if (!last_) return std::nullopt;
    for (const auto limit : {limits_.late, limits_.stale, limits_.dead}) {
        // The limits are exclusive, so the class changes one tick behind them.
        const Instant change = last_->at + limit + std::chrono::milliseconds{1};
        const bool hidden = !doubt_.empty() && limit != limits_.dead;
        if (change > now && !hidden) return change;
    }
    return std::nullopt;
}

}  // namespace busbar::meters
