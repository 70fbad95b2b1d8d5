// The messages of the OCPP 1.6 Reservation profile (5.1, 5.13; payloads in chapter 6). Member names
// are the JSON names, in the schema's order. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

BOOST_DEFINE_ENUM_CLASS(ReservationStatus, Accepted, Faulted, Occupied, Rejected, Unavailable)
// Keep a connector for a badge, or for those of its parent, until expiryDate (5.13); connector 0 is
// any one. The same reservationId again replaces the reservation.
struct ReserveNow {
    static constexpr std::string_view action = "ReserveNow";
    struct Request {
        std::int32_t connectorId = 0;
        Timestamp expiryDate;
        IdToken idTag;
        std::optional<IdToken> parentIdTag;
        std::int32_t reservationId = 0;
    };
    struct Response {
        ReservationStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ReserveNow::Request, (),
                      (connectorId, expiryDate, idTag, parentIdTag, reservationId))
BOOST_DESCRIBE_STRUCT(ReserveNow::Response, (), (status))

// Give it up again (5.1).
struct CancelReservation {
    static constexpr std::string_view action = "CancelReservation";
    struct Request {
        std::int32_t reservationId = 0;
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(CancelReservation::Request, (), (reservationId))
BOOST_DESCRIBE_STRUCT(CancelReservation::Response, (), (status))

}  // namespace busbar::ocpp::v16
