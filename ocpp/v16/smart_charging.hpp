// The messages of the OCPP 1.6 Smart Charging profile (5.5, 5.7, 5.16; payloads in chapter 6).
// Member names are the JSON names. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

BOOST_DEFINE_ENUM_CLASS(ClearChargingProfileStatus, Accepted, Unknown)
// Remove profiles by id or by the other members together (5.5).
struct ClearChargingProfile {
    static constexpr std::string_view action = "ClearChargingProfile";
    struct Request {
        std::optional<std::int32_t> id;
        std::optional<std::int32_t> connectorId;
        std::optional<ChargingProfilePurpose> chargingProfilePurpose;
        std::optional<std::int32_t> stackLevel;
    };
    struct Response {
        ClearChargingProfileStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ClearChargingProfile::Request, (),
                      (id, connectorId, chargingProfilePurpose, stackLevel))
BOOST_DESCRIBE_STRUCT(ClearChargingProfile::Response, (), (status))

// What the charge point expects to do (5.7).
struct GetCompositeSchedule {
    static constexpr std::string_view action = "GetCompositeSchedule";
    struct Request {
        std::int32_t connectorId = 0;
        std::int32_t duration = 0;
        std::optional<ChargingRateUnit> chargingRateUnit;
    };
    struct Response {
        GenericStatus status{};
        std::optional<std::int32_t> connectorId;
        std::optional<Timestamp> scheduleStart;
        std::optional<ChargingSchedule> chargingSchedule;
    };
};
BOOST_DESCRIBE_STRUCT(GetCompositeSchedule::Request, (), (connectorId, duration, chargingRateUnit))
BOOST_DESCRIBE_STRUCT(GetCompositeSchedule::Response, (),
                      (status, connectorId, scheduleStart, chargingSchedule))

BOOST_DEFINE_ENUM_CLASS(SetChargingProfileStatus, Accepted, Rejected, NotSupported)
// Install or replace a profile (5.16).
struct SetChargingProfile {
    static constexpr std::string_view action = "SetChargingProfile";
    struct Request {
        std::int32_t connectorId = 0;
        ChargingProfile csChargingProfiles;
    };
    struct Response {
        SetChargingProfileStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(SetChargingProfile::Request, (), (connectorId, csChargingProfiles))
BOOST_DESCRIBE_STRUCT(SetChargingProfile::Response, (), (status))

}  // namespace busbar::ocpp::v16
