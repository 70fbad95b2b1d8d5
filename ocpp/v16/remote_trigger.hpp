// The message of the OCPP 1.6 Remote Trigger profile (5.17; payload in 6.51). Member names are the
// JSON names. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

BOOST_DEFINE_ENUM_CLASS(TriggerMessageRequestedMessage, BootNotification,
                        DiagnosticsStatusNotification, FirmwareStatusNotification, Heartbeat,
                        MeterValues, StatusNotification)
BOOST_DEFINE_ENUM_CLASS(TriggerMessageStatus, Accepted, Rejected, NotImplemented)
// Ask for a message (5.17).
struct TriggerMessage {
    static constexpr std::string_view action = "TriggerMessage";
    struct Request {
        TriggerMessageRequestedMessage requestedMessage{};
        std::optional<std::int32_t> connectorId;
    };
    struct Response {
        TriggerMessageStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(TriggerMessage::Request, (), (requestedMessage, connectorId))
BOOST_DESCRIBE_STRUCT(TriggerMessage::Response, (), (status))

}  // namespace busbar::ocpp::v16
