// What the tests of meter values share: samples, and a charger that sends one message after the
// other to a connector that remembers.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "site/meter_values.hpp"

namespace busbar::site::test {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using v16::MeterValue;
using v16::SampledValue;
using enum v16::Measurand;
using v16::Phase;
using v16::Unit;
using UnitIs = MeterValueQuirks::UnitIs;

constexpr Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;

inline SampledValue sample(v16::Measurand measurand, std::string value,
                           std::optional<Phase> phase = {}, std::optional<Unit> unit = {}) {
    SampledValue out{.value = std::move(value), .measurand = measurand};
    if (phase) out.phase = *phase;
    if (unit) out.unit = *unit;
    return out;
}
template <class E>
Open<E> other(std::string name) {
    Open<E> out;
    out.other = std::move(name);
    return out;
}

// Sends messages to one connector and remembers as the site does.
struct Conversation {
    MeterSituation situation;

    explicit Conversation(Timestamp at = noon) { situation.received_at = at; }
    MeterReport say(std::vector<MeterValue> values) {
        auto report = read_meter_values(values, situation);
        situation.memory = report.memory;
        return report;
    }
    MeterReport say(std::vector<SampledValue> samples) {
        return say(std::vector{MeterValue{situation.received_at, std::move(samples)}});
    }
    MeterReport after(std::chrono::seconds pause, std::vector<SampledValue> samples) {
        situation.received_at += pause;
        return say(std::move(samples));
    }
};

inline MeterSnapshot snapshot_of(std::vector<SampledValue> samples) {
    return Conversation{}.say(std::move(samples)).snapshots.at(0);
}
inline std::vector<MeterOddity> oddities(const MeterReport& report) {
    std::vector<MeterOddity> out;
    for (const auto& finding : report.findings) out.push_back(finding.oddity);
    return out;
}
inline PerPhase<double> amps(const MeterSnapshot& snapshot) {
    PerPhase<double> out{};
    for (std::size_t p = 0; p < 3; ++p) out[p] = std::round(snapshot.current[p].amps.to_double());
    return out;
}
inline std::string sources(const MeterSnapshot& snapshot) {
    std::string out;
    for (const auto& current : snapshot.current) out += "-rd"[static_cast<int>(current.source)];
    return out;
}

}  // namespace busbar::site::test
