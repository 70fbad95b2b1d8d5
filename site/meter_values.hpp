// What a charger's meter values mean: rows as they are stored, and what they say about the moment
// they were taken. Pure: the caller keeps the memory of a connector and hands it in and out.
//
// What was sent is never changed: a row's `value` is the text as it came. Doubts about a value only
// decide whether its number is used. Only the phases of three values that are all called L1 are put
// right. Of several values that name themselves alike one is stored: that is reported.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "base/units.hpp"
#include "db/rows.hpp"
#include "ocpp/v16/core.hpp"
#include "site/meter_register.hpp"

namespace busbar::site {

// What can be odd about meter values. None of it keeps a value from being stored.
BOOST_DEFINE_ENUM_CLASS(MeterOddity, no_samples, empty_value, no_number, misspelt,
                        unknown_measurand, unknown_context, unknown_phase, unknown_location,
                        unknown_unit, unknown_format, phase_in_measurand, unit_of_other_quantity,
                        out_of_range, power_unit_implausible, power_implausible,
                        energy_unit_implausible, register_backwards, register_jump, register_reset,
                        zero_current_with_power, duplicate_phase, duplicate_location, late,
                        out_of_order, future, clock_off, time_implausible, duplicate_row)

struct MeterFinding {
    MeterOddity oddity{};
    std::string example;
};
using MeterFindings = std::vector<MeterFinding>;

// How a model departs from what its values say.
struct MeterValueQuirks {
    enum class UnitIs { as_reported, base, kilo };  // base: Wh, W; kilo: kWh, kW

    UnitIs energy_unit = UnitIs::as_reported;
    UnitIs power_unit = UnitIs::as_reported;
    bool session_register = false;     // the energy register starts from 0 with a transaction
    bool comma_groups_digits = false;  // "12,345" is twelve thousand
    std::chrono::seconds clock_tolerance{300};  // times may be off, or late, by this much
};

// Where a number for one phase comes from.
enum class PhaseSource { absent, reported, derived };

struct PhaseCurrent {
    Amps amps;  // + is import
    PhaseSource source = PhaseSource::absent;
    friend bool operator==(const PhaseCurrent&, const PhaseCurrent&) = default;
};

// What was so at one time, as far as samples tell. Charger phases. What was measured at the begin
// or end of a transaction is kept apart from the rest.
struct MeterSnapshot {
    Timestamp at;       // as the charger says
    bool live = false;  // it may stand for the present; queued samples from hours ago may not
    PerPhase<PhaseCurrent> current{};
    PerPhase<std::optional<double>> voltage{};  // phase to neutral, V
    std::optional<double> power_watts;          // all phases, + is import
    std::optional<double> energy_register_wh;   // plausible ones only
    std::optional<double> energy_interval_wh;
    std::optional<double> transaction_begin_wh;
    std::optional<double> transaction_end_wh;
    std::optional<double> soc_percent;
    std::optional<double> current_offered_amps;
    std::optional<double> temperature_celsius;

    // The currents if there is any, absent phases as 0.
    std::optional<PhaseAmps> currents() const;
};

// What must be known of a connector's earlier values to judge the next ones.
struct MeterMemory {
    RegisterMemory energy;
    std::optional<Timestamp> newest_at;  // of the values that stood for the present
    Timestamp newest_received_at;
    std::optional<Timestamp> last_at;  // of the last message, whatever its age
    Timestamp last_received_at;
    PerPhase<std::optional<Timestamp>> drawing_since{};
    Phases active{};  // more than a trifle was drawn for 20 s
};

// Everything the meaning of values depends on, besides themselves.
struct MeterSituation {
    MeterValueQuirks quirks;
    MeterMemory memory;
    Timestamp received_at;
    std::chrono::milliseconds clock_offset{0};       // the charger's clock is ahead by this
    std::optional<RegisterPoint> transaction_start;  // of the transaction the values belong to
    Amps current_max = 32_A;                         // per phase
    int phases = 3;                                  // the charger is wired to
};

struct MeterReport {
    std::vector<db::MeterSample> rows;  // one a sampledValue, in the order sent; whose is missing
    std::vector<MeterSnapshot> snapshots;  // one a time, in the order of time
    MeterFindings findings;
    MeterMemory memory;
};

// Reads one message. Never fails: what makes no sense is stored and reported.
MeterReport read_meter_values(const std::vector<ocpp::v16::MeterValue>& values,
                              MeterSituation situation);

// One sample alone: OCPP's defaults applied (7.43: measurand Energy.Active.Import.Register, unit
// Wh, context Sample.Periodic, location Outlet) and the number in V, A, W, VA, var, Wh, varh, Hz,
// % or degrees Celsius. It is absent for signed data and for text that is no finite number.
db::MeterSample normalised(const ocpp::v16::SampledValue& sample,
                           const MeterValueQuirks& quirks = {});
db::MeterSample normalised(const ocpp::v16::SampledValue& sample, const MeterValueQuirks& quirks,
                           MeterFindings& findings);

}  // namespace busbar::site
