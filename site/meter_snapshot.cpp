#include "site/meter_snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>

namespace busbar::site {
namespace {

constexpr double nominal_volts = 230;
constexpr double line_to_line_from_volts = 300;  // no phase to neutral voltage is as high
constexpr double trifle_watts = 200;
constexpr double trifle_amps = 0.05;

// The same quantity at several places: what the charger gives out counts.
int location_rank(std::string_view location) {
    constexpr std::string_view ranked[] = {"Outlet", "Body", "Cable", "EV", "Inlet"};
    const auto* at = std::find(std::begin(ranked), std::end(ranked), location);
    return static_cast<int>(at - std::begin(ranked));
}

struct Place {
    bool between = false;
    std::size_t index = 0;
};

// Nothing for the neutral and for names that mean nothing.
std::optional<Place> place_of(std::string_view phase) {
    constexpr std::string_view between[] = {"L1-L2", "L2-L3", "L3-L1"};
    for (std::size_t i = 0; i < 3; ++i) {
        if (phase == between[i]) return Place{true, i};
    }
    if (phase.empty()) return Place{false, MeasuredPhases::whole};
    const bool to_neutral = phase.size() == 4 && phase.substr(2) == "-N";
    if (phase.size() != 2 && !to_neutral) return std::nullopt;
    if (phase[0] != 'L' || phase[1] < '1' || phase[1] > '3') return std::nullopt;
    return Place{false, static_cast<std::size_t>(phase[1] - '1')};
}

void put(std::optional<MeasuredPhases::Value>& slot, const db::MeterSample& row,
         MeterFindings& findings) {
    const MeasuredPhases::Value value{*row.number, location_rank(row.location)};
    if (!slot) {
        slot = value;
        return;
    }
    const bool same_place = slot->location_rank == value.location_rank;
    if (slot->number != value.number) {
        findings.push_back(
            {same_place ? MeterOddity::duplicate_phase : MeterOddity::duplicate_location,
             row.measurand + " " + row.phase + " " + row.location});
    }
    // Of two claims about the same the larger one: load management must not believe too little.
    if (value.location_rank < slot->location_rank ||
        (same_place && std::abs(value.number) > std::abs(slot->number))) {
        slot = value;
    }
}

bool is_range_plausible(const db::MeterSample& row) {
    const double number = *row.number;
    if (row.measurand.starts_with("Current.")) return std::abs(number) <= 2000;
    if (row.measurand == "Voltage") return number >= 0 && number <= 2000;
    if (row.measurand == "SoC") return number >= 0 && number <= 100;
    if (row.measurand.starts_with("Power.Active")) return std::abs(number) <= 2e6;
    if (row.measurand.starts_with("Energy.Active")) return number >= 0 && number < 2e12;
    return true;
}

using Group = std::tuple<std::string_view, std::string_view, std::string_view>;
Group group_of(const db::MeterSample& row) { return {row.measurand, row.context, row.location}; }

// A charger that calls all three phases L1 lists them in their order.
std::map<Group, int> count_first_phases(const std::vector<db::MeterSample>& rows, std::size_t first,
                                        std::size_t last) {
    std::map<Group, int> counts;
    for (std::size_t i = first; i < last; ++i) {
        const auto place = place_of(rows[i].phase);
        if (!rows[i].number || !place || place->between) continue;
        if (place->index == MeasuredPhases::whole) continue;
        // Another phase is named as well: then names mean something.
        counts[group_of(rows[i])] += place->index == 0 ? 1 : 1000;
    }
    return counts;
}

PerPhase<std::optional<double>> phase_voltages(const MeasuredPhases& volts) {
    const double root_of_three = std::sqrt(3.0);
    const auto to_neutral = [&](double value) {
        return value > line_to_line_from_volts ? value / root_of_three : value;
    };
    PerPhase<std::optional<double>> out{};
    for (std::size_t p = 0; p < 3; ++p) {
        const auto& between = volts.between[p];
        if (const auto own = volts.at(p)) {
            out[p] = to_neutral(*own);
        } else if (between && between->number > line_to_line_from_volts) {
            out[p] = between->number / root_of_three;
        } else if (const auto whole = volts.at(MeasuredPhases::whole)) {
            out[p] = to_neutral(*whole);
        }
    }
    return out;
}

// What the current of one time is worked out from.
struct Electrics {
    const MeterSituation& situation;
    PerPhase<double> volts{};
    MeasuredPhases amps;  // + is import
    MeasuredPhases watts;
    std::optional<double> power;

    double volts_mean() const { return (volts[0] + volts[1] + volts[2]) / 3; }
};

PhaseCurrent current_of(double amps, PhaseSource source) {
    return {Amps::from_double(std::clamp(amps, -2000.0, 2000.0)), source};
}

MeasuredPhases difference(const Moment& moment, std::string_view import,
                          std::string_view exported) {
    MeasuredPhases out;
    const auto plus = moment.measured.find(import);
    const auto minus = moment.measured.find(exported);
    if (plus != moment.measured.end()) out = plus->second;
    if (minus == moment.measured.end()) return out;
    for (std::size_t p = 0; p < 4; ++p) {
        const auto given = minus->second.at(p);
        if (!given) continue;
        if (!out.by_phase[p]) out.by_phase[p] = MeasuredPhases::Value{};
        out.by_phase[p]->number -= *given;
    }
    return out;
}

// A single figure is a phase's current to some chargers and the sum to others.
PerPhase<PhaseCurrent> from_one_current(const Electrics& at, double amps) {
    PerPhase<PhaseCurrent> out{};
    const auto spread = [&](std::size_t phases, double each) {
        for (std::size_t p = 0; p < phases; ++p) out[p] = current_of(each, PhaseSource::derived);
        return out;
    };
    if (at.situation.phases == 1) return spread(1, amps);
    const double current_max = at.situation.current_max.to_double() * 1.15;
    if (std::abs(amps) > current_max) return spread(3, amps / 3);
    if (at.power && std::abs(*at.power) > trifle_watts && std::abs(amps) > trifle_amps) {
        const double phases = *at.power / (amps * at.volts_mean());
        if (phases > 1.6 && phases < 2.4) return spread(2, amps);
    }
    // Every phase may carry it.
    return spread(3, amps);
}

// Which phases share a sum of power: as seen before, or as many as it takes.
std::optional<Phases> sharing_phases(const Electrics& at) {
    if (at.situation.phases == 1) return Phases{true, false, false};
    if (count(at.situation.memory.active) > 0) return at.situation.memory.active;
    const double phase_power_max = at.situation.current_max.to_double() * 1.1 * at.volts_mean();
    if (at.power && *at.power > 2 * phase_power_max) return three_phases;
    return std::nullopt;
}

PerPhase<PhaseCurrent> from_power(const Electrics& at) {
    PerPhase<PhaseCurrent> out{};
    if (at.watts.any_phase()) {
        for (std::size_t p = 0; p < 3; ++p) {
            const auto watts = at.watts.at(p);
            if (watts) out[p] = current_of(*watts / at.volts[p], PhaseSource::derived);
        }
        return out;
    }
    const auto phases = at.power ? sharing_phases(at) : std::nullopt;
    if (!phases) return out;
    for (std::size_t p = 0; p < 3; ++p) {
        if (!(*phases)[p]) continue;
        out[p] = current_of(*at.power / count(*phases) / at.volts[p], PhaseSource::derived);
    }
    return out;
}

// Some phases are named and the sum says that the others carry current too.
void add_missing_phases(const Electrics& at, PerPhase<PhaseCurrent>& current) {
    if (!at.power || at.situation.phases == 1) return;
    double rest = *at.power;
    double largest = 0;
    std::size_t missing = 0;
    for (std::size_t p = 0; p < 3; ++p) {
        const double watts = current[p].amps.to_double() * at.volts[p];
        rest -= watts;
        largest = std::max(largest, watts);
        missing += current[p].source == PhaseSource::absent;
    }
    if (missing == 0 || missing == 3 || rest < trifle_watts + largest * 0.3) return;
    for (std::size_t p = 0; p < 3; ++p) {
        if (current[p].source != PhaseSource::absent) continue;
        current[p] =
            current_of(rest / static_cast<double>(missing) / at.volts[p], PhaseSource::derived);
    }
}

PerPhase<PhaseCurrent> phase_currents(const Electrics& at, MeterFindings& findings) {
    PerPhase<PhaseCurrent> out{};
    bool reported = false;
    double largest = 0;
    const auto source = at.amps.positions_guessed ? PhaseSource::derived : PhaseSource::reported;
    for (std::size_t p = 0; p < 3; ++p) {
        const auto own = at.amps.at(p);
        const auto& before = at.amps.between[(p + 2) % 3];
        const auto& behind = at.amps.between[p];
        if (own) {
            out[p] = current_of(*own, source);
        } else if (before || behind) {
            out[p] = current_of(std::max(before ? before->number : 0, behind ? behind->number : 0),
                                PhaseSource::derived);
        }
        reported |= out[p].source != PhaseSource::absent;
        largest = std::max(largest, std::abs(out[p].amps.to_double()));
    }
    const auto whole = at.amps.at(MeasuredPhases::whole);
    if (whole) largest = std::max(largest, std::abs(*whole));
    const bool zeros = (reported || whole) && largest < trifle_amps;
    if (zeros && at.power && *at.power > trifle_watts) {
        findings.push_back(
            {MeterOddity::zero_current_with_power, std::to_string(*at.power) + " W"});
        // Without a better figure there is none: 0 is wrong.
        return from_power(at);
    }
    if (!reported) return whole ? from_one_current(at, *whole) : from_power(at);
    add_missing_phases(at, out);
    return out;
}

// Power against current times voltage, and against what the charger can deliver.
std::optional<double> believable_power(const Electrics& at, double watts, double watts_max,
                                       MeterFindings& findings) {
    double apparent = 0;
    for (std::size_t p = 0; p < 3; ++p) apparent += at.amps.at(p).value_or(0) * at.volts[p];
    const auto near_to_apparent = [&](double value) {
        return value > apparent / 3 && value < apparent * 3;
    };
    const bool by_quirk = at.situation.quirks.power_unit != MeterValueQuirks::UnitIs::as_reported;
    if (apparent > trifle_watts && !by_quirk && !near_to_apparent(watts)) {
        for (const double factor : {1000.0, 0.001}) {
            if (!near_to_apparent(watts * factor)) continue;
            findings.push_back({MeterOddity::power_unit_implausible, std::to_string(watts) + " W"});
            return watts * factor;
        }
    }
    if (std::abs(watts) > watts_max * 1.5) {
        findings.push_back({MeterOddity::power_implausible, std::to_string(watts) + " W"});
        return std::nullopt;
    }
    return watts;
}

std::optional<double> total_of(const Moment& moment, std::string_view measurand) {
    const auto it = moment.measured.find(measurand);
    return it == moment.measured.end() ? std::nullopt : it->second.total();
}

}  // namespace

std::optional<double> MeasuredPhases::at(std::size_t phase) const {
    if (!by_phase[phase]) return std::nullopt;
    return by_phase[phase]->number;
}

std::optional<double> MeasuredPhases::total() const {
    if (by_phase[whole]) return by_phase[whole]->number;
    double sum = 0;
    for (std::size_t p = 0; p < 3; ++p) sum += at(p).value_or(0);
    return any_phase() ? std::optional{sum} : std::nullopt;
}

void add_rows(Moment& moment, std::vector<db::MeterSample>& rows, std::size_t first,
              std::size_t last, const std::vector<bool>& says_kilo, MeterFindings& findings) {
    const auto first_phases = count_first_phases(rows, first, last);
    std::map<Group, std::size_t> next_position;
    for (std::size_t i = first; i < last; ++i) {
        auto& row = rows[i];
        auto place = place_of(row.phase);
        if (!row.number || !place) continue;
        if (!is_range_plausible(row)) {
            findings.push_back({MeterOddity::out_of_range, row.measurand + " " + row.value});
            continue;
        }
        const bool is_register = row.measurand == "Energy.Active.Import.Register";
        const bool is_sum = !place->between && place->index == MeasuredPhases::whole;
        if (row.context == "Transaction.Begin" || row.context == "Transaction.End") {
            if (!is_register || !is_sum) continue;
            (row.context == "Transaction.End" ? moment.transaction_end_wh
                                              : moment.transaction_begin_wh) = row.number;
            continue;
        }
        if (row.context.starts_with("Interruption.")) continue;
        auto& measured = moment.measured[row.measurand];
        const auto found = first_phases.find(group_of(row));
        if (!place->between && place->index == 0 && found->second == 3) {
            place->index = next_position[group_of(row)]++;
            measured.positions_guessed = true;
            if (place->index == 0) {
                findings.push_back({MeterOddity::duplicate_phase, row.measurand + " " + row.phase});
            }
            row.phase[1] = static_cast<char>('1' + place->index);
        }
        put(place->between ? measured.between[place->index] : measured.by_phase[place->index], row,
            findings);
        if (is_register && !place->between) {
            moment.energy_says_kilo |= says_kilo[i];
            moment.energy_rows.push_back(i);
        }
    }
}

MeterSnapshot make_snapshot(const Moment& moment, const MeterSituation& situation,
                            MeterFindings& findings) {
    MeterSnapshot out;
    const auto volts = moment.measured.find("Voltage");
    if (volts != moment.measured.end()) out.voltage = phase_voltages(volts->second);
    Electrics at{situation,
                 {},
                 difference(moment, "Current.Import", "Current.Export"),
                 difference(moment, "Power.Active.Import", "Power.Active.Export"),
                 {}};
    for (std::size_t p = 0; p < 3; ++p) {
        at.volts[p] = out.voltage[p].value_or(nominal_volts);
        if (at.volts[p] < 80) at.volts[p] = nominal_volts;
    }
    const double watts_max =
        situation.current_max.to_double() * at.volts_mean() * static_cast<double>(situation.phases);
    if (const auto watts = at.watts.total()) {
        at.power = believable_power(at, *watts, watts_max, findings);
        if (!at.power) {
            at.watts = {};
        } else if (*watts != 0) {
            for (auto& value : at.watts.by_phase) {
                if (value) value->number *= *at.power / *watts;
            }
        }
    }
    out.power_watts = at.power;
    out.current = phase_currents(at, findings);
    out.energy_interval_wh = total_of(moment, "Energy.Active.Import.Interval");
    out.transaction_begin_wh = moment.transaction_begin_wh;
    out.transaction_end_wh = moment.transaction_end_wh;
    out.soc_percent = total_of(moment, "SoC");
    out.temperature_celsius = total_of(moment, "Temperature");
    const auto offered = moment.measured.find("Current.Offered");
    if (offered != moment.measured.end()) {
        // Per phase; where phases are named they all have the same limit.
        for (const auto& value : offered->second.by_phase) {
            if (!value) continue;
            out.current_offered_amps =
                std::max(out.current_offered_amps.value_or(value->number), value->number);
        }
    }
    return out;
}

}  // namespace busbar::site
