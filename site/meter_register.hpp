// Whether the next reading of an energy register can be true, and which unit it is in. Decided by
// arithmetic on readings, never from one value alone. Pure.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace busbar::site {

struct RegisterPoint {
    double wh = 0;
    Timestamp at;
};

// What is known of a register. Kept by the caller, changed by judge().
struct RegisterMemory {
    std::optional<RegisterPoint> last;    // the newest that was believed
    double energy_wh = 0;                 // sum of all increases that were believed
    double factor = 1;                    // found: what its unit says times this is Wh
    std::optional<double> power_watts;    // measured together with `last`
    std::optional<RegisterPoint> anchor;  // where expected_wh began
    double expected_wh = 0;               // by measured power, since
    int votes_for_kwh = 0;
    std::optional<RegisterPoint> suspect;  // the newest that was not believed
    int suspects = 0;                      // in a row, believable one after the other
};

struct RegisterReading {
    RegisterPoint point;  // Wh as the unit says
    bool says_kilo = false;
    bool unit_is_known = false;         // from the quirk table: not to be questioned
    std::optional<double> power_watts;  // at the same time, believable
};

struct RegisterBounds {
    double power_watts_max = 0;                      // what the charger can deliver
    std::optional<RegisterPoint> transaction_start;  // of the present transaction
    bool session = false;                            // starts from 0 with a transaction
};

enum class RegisterDoubt { none, unit, backwards, jump, reset };

struct RegisterVerdict {
    std::optional<double> wh;  // absent: not to be believed yet
    double factor = 1;         // that made it of what the unit says
    RegisterDoubt doubt = RegisterDoubt::none;
};

// The rule. A reading is plausible after an earlier one if it has not fallen and has not risen by
// more than the charger can deliver in the time between, half as much again, and the step of a
// register that shows whole kWh. Then:
// - Plausible as labelled: believed.
// - Only plausible as kWh although labelled Wh, or as Wh although labelled kWh, and the possible
//   rise is at most a quarter of it, so that this is no coincidence: that is its unit, now and
//   until it is only plausible otherwise.
// - Plausible after the start of the present transaction, though not after what was before: the
//   register was reset.
// - Otherwise doubted. The third in a row that is plausible after the doubted one before is
//   believed: the meter was exchanged, or we were wrong.
// A register labelled Wh that twice rises by a thousandth of what the measured power explains,
// within a factor of 3 and over at least 200 Wh, counts kWh.
// Readings older than the newest believed one change nothing.
RegisterVerdict judge(RegisterMemory& memory, const RegisterReading& reading,
                      const RegisterBounds& bounds);

// The energy of a transaction: what the register says, or the sum of its increases where it was
// reset in between; never negative.
double transaction_energy_wh(double start_wh, double stop_wh, double increases_wh);

}  // namespace busbar::site
