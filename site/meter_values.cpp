#include "site/meter_values.hpp"

#include <map>
#include <tuple>

#include "site/meter_row.hpp"
#include "site/meter_snapshot.hpp"

namespace busbar::site {
namespace {

namespace v16 = ocpp::v16;

constexpr Timestamp plausible_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};

// --- Time

// Whether values of this time may stand for the present. Decided by the charger's time and ours: a
// queue that is replayed must not turn live state back, and a clock that is wrong must not freeze
// it.
bool is_live(Timestamp at, const MeterSituation& situation, MeterMemory& memory,
             MeterFindings& findings) {
    const auto odd = [&](MeterOddity oddity) { findings.push_back({oddity, to_string(at)}); };
    const auto tolerance = situation.quirks.clock_tolerance;
    const auto received = situation.received_at;
    if (at < plausible_from) {
        // No clock yet: only the arrival says when that was.
        odd(MeterOddity::time_implausible);
        return true;
    }
    const auto behind = received - (at - situation.clock_offset);
    if (behind < -tolerance) {
        // Nothing is queued that has not happened: it is the clock. Not to be kept as the newest
        // time, or the right ones that follow would look old.
        odd(MeterOddity::future);
        return true;
    }
    if (behind > tolerance) {
        // A wrong clock runs as fast as ours, a queue is emptied faster.
        constexpr std::chrono::seconds in_step{30};
        const auto received_later = received - memory.last_received_at;
        const bool runs = memory.last_at && received_later >= std::chrono::seconds{5} &&
                          std::chrono::abs((at - *memory.last_at) - received_later) <= in_step &&
                          at > *memory.last_at;
        odd(runs ? MeterOddity::clock_off : MeterOddity::late);
        return runs;
    }
    if (memory.newest_at && at < *memory.newest_at &&
        received - memory.newest_received_at < tolerance) {
        odd(MeterOddity::out_of_order);
        return false;
    }
    memory.newest_at = at;
    memory.newest_received_at = received;
    return true;
}

// A phase is in use once it has carried more than a trifle for a while: placeholders of 0 are no
// phases.
void follow_active_phases(const MeterSnapshot& snapshot, MeterMemory& memory) {
    constexpr Amps trifle = 800_mA;
    constexpr std::chrono::seconds lasting{20};
    for (std::size_t p = 0; p < 3; ++p) {
        const auto& current = snapshot.current[p];
        if (current.source != PhaseSource::reported) continue;
        auto& since = memory.drawing_since[p];
        if (current.amps <= trifle) {
            since.reset();
        } else if (!since || snapshot.at < *since) {
            since = snapshot.at;
        }
        memory.active[p] = since && snapshot.at - *since >= lasting;
    }
}

// --- Rows

// What tells stored rows apart. Of those that are alike only the first is stored.
using RowKey = std::tuple<Timestamp, std::string_view, std::string_view, std::string_view,
                          std::string_view, std::string_view>;

void find_lost_rows(const std::vector<db::MeterSample>& rows, MeterFindings& findings) {
    std::map<RowKey, const db::MeterSample*> stored;
    for (const auto& row : rows) {
        const auto [it, is_new] = stored.emplace(RowKey{row.measured_at, row.measurand, row.phase,
                                                        row.context, row.location, row.format},
                                                 &row);
        if (is_new || it->second->value == row.value) continue;
        findings.push_back({MeterOddity::duplicate_row, row.measurand + " " + row.phase + " " +
                                                            it->second->value +
                                                            ", not stored: " + row.value});
    }
}

// --- Energy

MeterOddity oddity_of(RegisterDoubt doubt) {
    switch (doubt) {
        case RegisterDoubt::backwards:
            return MeterOddity::register_backwards;
        case RegisterDoubt::jump:
            return MeterOddity::register_jump;
        case RegisterDoubt::reset:
            return MeterOddity::register_reset;
        case RegisterDoubt::unit:
        case RegisterDoubt::none:
            break;
    }
    return MeterOddity::energy_unit_implausible;
}

void read_register(const Moment& moment, const MeterSituation& situation, MeterSnapshot& snapshot,
                   MeterReport& report) {
    const auto energy = moment.measured.find("Energy.Active.Import.Register");
    if (energy == moment.measured.end()) return;
    const auto wh = energy->second.total();
    if (!wh) return;
    const double volts = 240;
    RegisterBounds bounds;
    bounds.power_watts_max =
        situation.current_max.to_double() * volts * static_cast<double>(situation.phases);
    bounds.transaction_start = situation.transaction_start;
    bounds.session = situation.quirks.session_register;
    RegisterReading reading;
    reading.point = {*wh, snapshot.at};
    reading.says_kilo = moment.energy_says_kilo;
    reading.unit_is_known = situation.quirks.energy_unit != MeterValueQuirks::UnitIs::as_reported;
    reading.power_watts = snapshot.power_watts;
    const auto verdict = judge(report.memory.energy, reading, bounds);
    snapshot.energy_register_wh = verdict.wh;
    if (verdict.doubt != RegisterDoubt::none) {
        report.findings.push_back(
            {oddity_of(verdict.doubt), report.rows[moment.energy_rows.front()].value});
    }
    if (verdict.factor == 1) return;
    for (const auto row : moment.energy_rows) *report.rows[row].number *= verdict.factor;
}

}  // namespace

std::optional<PhaseAmps> MeterSnapshot::currents() const {
    PhaseAmps out{};
    bool any = false;
    for (std::size_t p = 0; p < 3; ++p) {
        out[p] = current[p].amps;
        any |= current[p].source != PhaseSource::absent;
    }
    return any ? std::optional{out} : std::nullopt;
}

MeterReport read_meter_values(const std::vector<v16::MeterValue>& values,
                              MeterSituation situation) {
    for (std::size_t p = 0; p < 3; ++p) {
        // Another car, other phases.
        const auto& start = situation.transaction_start;
        auto& since = situation.memory.drawing_since[p];
        if (!start || !since || *since >= start->at) continue;
        since.reset();
        situation.memory.active[p] = false;
    }
    MeterReport report;
    report.memory = situation.memory;
    std::vector<bool> says_kilo;
    for (const auto& value : values) {
        if (value.sampledValue.empty()) {
            report.findings.push_back({MeterOddity::no_samples, to_string(value.timestamp)});
        }
        for (const auto& sampled : value.sampledValue) {
            auto row = make_meter_row(sampled, situation.quirks, report.findings);
            row.sample.measured_at = value.timestamp;
            row.sample.received_at = situation.received_at;
            says_kilo.push_back(row.says_kilo);
            report.rows.push_back(std::move(row.sample));
        }
    }
    std::map<Timestamp, Moment> moments;
    std::size_t first = 0;
    for (const auto& value : values) {
        const auto last = first + value.sampledValue.size();
        if (first != last) {
            add_rows(moments[value.timestamp], report.rows, first, last, says_kilo,
                     report.findings);
        }
        first = last;
    }
    find_lost_rows(report.rows, report.findings);
    for (const auto& [at, moment] : moments) {
        auto snapshot = make_snapshot(moment, situation, report.findings);
        snapshot.at = at;
        snapshot.live = is_live(at, situation, report.memory, report.findings);
        read_register(moment, situation, snapshot, report);
        if (snapshot.live) follow_active_phases(snapshot, report.memory);
        report.snapshots.push_back(std::move(snapshot));
    }
    if (!moments.empty()) {
        report.memory.last_at = moments.rbegin()->first;
        report.memory.last_received_at = situation.received_at;
    }
    return report;
}

}  // namespace busbar::site
