// What measurements say of a charger whose word is not enough: some accept a limit and go on as
// before. Such a limit lowers what is booked only once the current has shown it for a while
// (load-management.md 7.5). One thread owns it; time is a parameter.
#pragma once

#include <optional>

#include "base/time.hpp"
#include "base/units.hpp"

namespace busbar::dlm {

class Proof {
public:
    // What is known of one car at one moment.
    struct Observation {
        Amps drawn;        // highest phase
        Instant drawn_at;  // when its charger measured that
        Amps limit;        // the newest that it accepted
        Instant limit_changed_at;
    };

    // Nothing has been shown as yet: another car, or a restart of ours.
    void forget() { *this = Proof{}; }
    // A limit goes out. A higher one counts at once.
    void on_limit(Amps limit);
    void update(const Observation& seen);

    // The most that has not been disproved; nothing if the charger may give all it can.
    std::optional<Amps> most() const { return most_; }

private:
    std::optional<Amps> most_;
    std::optional<Amps> limit_;
    std::optional<Instant> within_since_;
    Instant last_sample_ = Instant::min();
};

}  // namespace busbar::dlm
