#include "site/reservations.hpp"

#include <algorithm>
#include <limits>

#include "base/codec.hpp"
#include "ocpp/v16/reservation.hpp"
#include "site/badge_reading.hpp"

namespace busbar::site {
namespace {

bool is_reservation(const Operation& operation) {
    return operation.action == v16::ReserveNow::action && operation.requestId && operation.idTag;
}

bool holds(const Operation& operation, Timestamp now) {
    return is_reservation(operation) && operation.state == OperationState::waiting &&
           !(operation.deadline && *operation.deadline <= now);
}

// Badges of one group may use each other's reservations (5.13, parentIdTag).
bool may_use(const Site& site, const ChargePoint& charger, std::string_view reserved_for,
             std::string_view id_tag) {
    if (is_same_badge(site, charger, reserved_for, id_tag)) return true;
    const auto* owner = find_badge(site, charger, reserved_for);
    const auto* user = find_badge(site, charger, id_tag);
    return owner && user && owner->group && user->group &&
           equal_ignoring_case(*owner->group, *user->group);
}

template <class M>
ReservationResult result_of(CommandResult result) {
    if (auto* failure = std::get_if<CommandFailure>(&result)) return std::move(*failure);
    const auto& answer = std::get<CommandAnswer>(result);
    DecodeReport report;
    const auto response = decode_text<typename M::Response>(answer.payload, {}, report);
    const auto status = response ? enumerator_name(response->status) : "nothing that can be read";
    return ReservationAnswer{status == "Accepted" ? "" : status, answer.operation};
}

template <class M>
void ask(Site& site, std::string_view charge_point, const typename M::Request& request, Now now,
         std::function<void(ReservationResult)> done) {
    command(
        site, charge_point, M::action, to_json(request), now,
        [done = std::move(done)](CommandResult result) { done(result_of<M>(std::move(result))); });
}

}  // namespace

std::vector<const Operation*> reservations_of(const ChargePoint& charger, Timestamp now) {
    std::vector<const Operation*> out;
    for (const auto& operation : charger.operations) {
        if (holds(operation, now)) out.push_back(&operation);
    }
    return out;
}

const Operation* find_reservation(const ChargePoint& charger, std::int32_t reservation_id,
                                  Timestamp now) {
    for (const auto* reservation : reservations_of(charger, now)) {
        if (reservation->requestId == reservation_id) return reservation;
    }
    return nullptr;
}

std::int32_t new_reservation_id(Site& site) {
    std::int32_t last = site.last_reservation_id;
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& operation : charger.operations) {
            if (is_reservation(operation)) last = std::max(last, *operation.requestId);
        }
    }
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    const auto is_taken = [&](std::int32_t wanted) {
        for (const auto& [id, charger] : site.charge_points) {
            for (const auto& operation : charger.operations) {
                if (is_reservation(operation) && operation.requestId == wanted) return true;
            }
        }
        return false;
    };
    // Somebody may have used the highest number there is by hand.
    if (last == most) last = site.last_reservation_id;
    std::int32_t fresh = last < most ? std::max(last, 0) + 1 : 1;
    while (is_taken(fresh)) fresh = fresh < most ? fresh + 1 : 1;
    site.last_reservation_id = fresh;
    return fresh;
}

void reserve(Site& site, std::string_view charge_point, std::int32_t connector_id,
             std::string_view id_tag, Timestamp expires_at, Now now,
             std::function<void(ReservationResult)> done) {
    v16::ReserveNow::Request request;
    request.connectorId = connector_id;
    request.expiryDate = expires_at;
    request.idTag = id_tag;
    request.reservationId = new_reservation_id(site);
    const auto badge = site.badges.find(id_tag);
    if (badge != site.badges.end() && badge->second.group) {
        // As Authorize is answered.
        const auto* group = find_group(site, badge->second);
        request.parentIdTag = v16::IdToken{group ? group->name : *badge->second.group};
    }
    ask<v16::ReserveNow>(site, charge_point, request, now, std::move(done));
}

void cancel_reservation(Site& site, std::string_view charge_point, std::int32_t reservation_id,
                        Now now, std::function<void(ReservationResult)> done) {
    ask<v16::CancelReservation>(site, charge_point, {.reservationId = reservation_id}, now,
                                std::move(done));
}

const Operation* objecting_reservation(const Site& site, const ChargePoint& charger,
                                       const v16::StartTransaction::Request& request,
                                       Timestamp now) {
    for (const auto* reservation : reservations_of(charger, now)) {
        const bool is_here = reservation->connectorId == request.connectorId;
        if (!is_here || reservation->requestId == request.reservationId) continue;
        // What began before is told of late.
        if (request.timestamp < reservation->startedAt) continue;
        if (!may_use(site, charger, *reservation->idTag, request.idTag)) return reservation;
    }
    return nullptr;
}

void check_reservation(Site& site, ChargePoint& charger,
                       const v16::StartTransaction::Request& request, Now now) {
    const auto* reservation = objecting_reservation(site, charger, request, now.wall);
    if (!reservation) return;
    count_deviation(charger, "start_on_reserved_connector",
                    std::to_string(request.connectorId) + " is reserved by " +
                        std::to_string(*reservation->requestId),
                    now.wall);
}

}  // namespace busbar::site
