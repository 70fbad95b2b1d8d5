// What becomes of the changes of a charger's configuration keys: how often each was tried, and
// which of them end its connection. Some chargers restart over a change, and would do so after
// every boot (field practice): one that ended the connection twice in a row is not made again. Site
// loop.
#pragma once

#include "site/site.hpp"

namespace busbar::site {

// A list of measurands that nobody but Busbar wants.
bool is_own_measurands(const KeyChange& change);

// The change is about to be sent.
void count_try(ChargePoint& charger, const KeyChange& change);

// What the charger said of it.
void note_outcome(ChargePoint& charger, const KeyChange& change, KeyState state);

// The connection ended before the change was answered, or read back. The second time in a row
// counts as a refusal, which a boot does not make forgotten, and as a deviation. Measurands are
// left alone by all chargers of the model from then on.
void connection_ended_over(Site& site, ChargePoint& charger, const KeyChange& change);

// The connection is still there.
void connection_outlived(ChargePoint& charger, const KeyChange& change);

// The charger booted: what it refused may be tried again, but not what ended its connections.
void forget_outcomes(ChargePoint& charger);

// The charger took the minimal list of measurands instead of a longer one: remembers it for all of
// the model. `before` is what was known of the longer one.
void learn_minimal_measurands(Site& site, ChargePoint& charger, const KeyChange& change,
                              const KeyOutcome& before);

}  // namespace busbar::site
