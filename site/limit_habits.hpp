// How each connector takes its limits, and what follows from that: the shape of the next one, what
// is learned for the model, pauses, and limits that must be sent again or replaced. Site loop.
#pragma once

#include "site/site.hpp"

namespace busbar::site {

// The shape for the next limit; nothing if no profile can carry it, or the configuration key of
// quirk limitKey does.
std::optional<ProfileShape> present_shape(const ChargePoint& charger, std::int32_t connector_id,
                                          const Connector& connector);

// A limit leaves: counts pauses. One too many for quirk pausesPerHourMax is logged and counted.
void note_pause(Site& site, ChargePoint& charger, const dlm::Command& command, Connector& connector,
                Now now);
// True if this connector has been paused as often within the hour as its quirks allow.
bool is_paused_often(const Quirks& quirks, const Connector& connector, Now now);

// By how much to put times back that a charger whose clock is behind must not take for the future;
// 0 for one that is right or ahead. What was measured last counts until something else is: a time
// that lies too far in the past only ends a lease early.
std::chrono::seconds clock_lag(const Site& site, const ChargePoint& charger, Timestamp now);

// What a limit was sent for, and as what.
struct SentLimit {
    dlm::Command command;
    db::TransactionKey meant_for = 0;
    ProfileShape shape;
};

// A limit leaves: one that does not end with its transaction may stand from now on.
void limit_leaves(Connector& connector, const SentLimit& sent);
// The charger has accepted it: what it refused before, it need not be asked again, and a limit that
// it holds for another purpose has to go.
void limit_taken(Site& site, ChargePoint& charger, const SentLimit& sent, Connector& connector,
                 Now now);
// It has refused it, while `running` was running that it is for. A charger may just not have heard
// of a transaction that has only begun: that teaches nothing.
void shape_refused(Connector& connector, const Transaction& running, const SentLimit& sent,
                   Now now);
// It has not answered: it may hold it.
void limit_unanswered(Connector& connector);

// A transaction is sure to be over, and with it the limits that end with it. What may stand longer
// stays booked until something has taken its place.
void transaction_over(Site& site, ChargePoint& charger, std::int32_t connector_id, Now now);

// What the present car has shown is nothing of the next one's.
void car_gone(Connector& connector);

// After a step: has limits sent again that have become another form or may have been ignored, and
// replaced that outlived their transaction.
void tend_limits(Site& site, Now now);

}  // namespace busbar::site
