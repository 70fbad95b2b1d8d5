// The books of one EVSE's safe current (TxDefaultProfile): every value its charger may hold now. A
// charger keeps what it accepted over reboots, so a value counts until a newer one is accepted
// (load-management.md 7.4). One thread owns it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.hpp"

namespace busbar::dlm {

class SafeCurrent {
public:
    // After a restart: the most it may hold of what was accepted in an earlier run.
    void restore(Amps safe) { accepted_ = safe; }
    // A profile went out. Sequences only grow.
    void on_sent(std::uint64_t sequence, Amps safe);
    // The charger took it: older values are void.
    void on_accepted(std::uint64_t sequence);
    // The charger did not take it, or it was never written.
    void on_refused(std::uint64_t sequence);

    // True once a profile was accepted: before, nothing holds the charger back.
    bool known() const { return accepted_.has_value(); }
    // The highest value the charger may hold; 0 if it was sent none.
    Amps most() const;

private:
    struct Entry {
        std::uint64_t sequence = 0;
        Amps safe;
    };

    std::optional<Amps> accepted_;
    std::vector<Entry> sent_;
};

}  // namespace busbar::dlm
