// Reservations: the ReserveNow operations that wait for their end (OCPP 1.6, 5.13). They are
// followed, recorded and ended with all other operations; here is what is special about them. Site
// loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "site/commands.hpp"

namespace busbar::site {

// The charger's reservations that hold, the oldest first.
std::vector<const Operation*> reservations_of(const ChargePoint& charger, Timestamp now);

// The reservation of that id that holds; null if there is none.
const Operation* find_reservation(const ChargePoint& charger, std::int32_t reservation_id,
                                  Timestamp now);

// An id that no reservation has; positive, and another one with each call.
std::int32_t new_reservation_id(Site& site);

// What the charger answered to a wish about a reservation.
struct ReservationAnswer {
    std::string refusal;                    // its status, if that is not Accepted
    std::optional<std::int64_t> operation;  // the reservation, once it has been made
};
using ReservationResult = std::variant<CommandFailure, ReservationAnswer>;

// Asks the charger to keep a connector (0: any one) for a badge, and for those of its group. `done`
// runs once, now or later.
void reserve(Site& site, std::string_view charge_point, std::int32_t connector_id,
             std::string_view id_tag, Timestamp expires_at, Now now,
             std::function<void(ReservationResult)> done);

// Asks the charger to give a reservation up.
void cancel_reservation(Site& site, std::string_view charge_point, std::int32_t reservation_id,
                        Now now, std::function<void(ReservationResult)> done);

// The reservation that speaks against this start: it was made before, for another badge (neither of
// its group, nor named by the start), on the same connector. Null: none does.
const Operation* objecting_reservation(const Site& site, const ChargePoint& charger,
                                       const v16::StartTransaction::Request& request,
                                       Timestamp now);

// Notes it as a deviation if a transaction starts on a connector that the charger has promised to
// another badge.
void check_reservation(Site& site, ChargePoint& charger,
                       const v16::StartTransaction::Request& request, Now now);

}  // namespace busbar::site
