// The messages of the OCPP 1.6 Core profile (chapters 4 and 5, payloads in chapter 6). Member names
// are the JSON names, in the schema's order. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

// May this idTag charge (4.1)?
struct Authorize {
    static constexpr std::string_view action = "Authorize";
    struct Request {
        IdToken idTag;
    };
    struct Response {
        IdTagInfo idTagInfo;
    };
};
BOOST_DESCRIBE_STRUCT(Authorize::Request, (), (idTag))
BOOST_DESCRIBE_STRUCT(Authorize::Response, (), (idTagInfo))

BOOST_DEFINE_ENUM_CLASS(BootNotificationStatus, Accepted, Pending, Rejected)
// The charge point has started (4.2).
struct BootNotification {
    static constexpr std::string_view action = "BootNotification";
    struct Request {
        CiString<20> chargePointVendor;
        CiString<20> chargePointModel;
        std::optional<CiString<25>> chargePointSerialNumber;
        std::optional<CiString<25>> chargeBoxSerialNumber;
        std::optional<CiString<50>> firmwareVersion;
        std::optional<CiString<20>> iccid;
        std::optional<CiString<20>> imsi;
        std::optional<CiString<25>> meterType;
        std::optional<CiString<25>> meterSerialNumber;
    };
    struct Response {
        BootNotificationStatus status{};
        Timestamp currentTime;
        std::int32_t interval = 0;
    };
};
BOOST_DESCRIBE_STRUCT(BootNotification::Request, (),
                      (chargePointVendor, chargePointModel, chargePointSerialNumber,
                       chargeBoxSerialNumber, firmwareVersion, iccid, imsi, meterType,
                       meterSerialNumber))
BOOST_DESCRIBE_STRUCT(BootNotification::Response, (), (status, currentTime, interval))

BOOST_DEFINE_ENUM_CLASS(ChangeAvailabilityType, Inoperative, Operative)
BOOST_DEFINE_ENUM_CLASS(ChangeAvailabilityStatus, Accepted, Rejected, Scheduled)
// Make a connector operative or not (5.2); 0 is all of it.
struct ChangeAvailability {
    static constexpr std::string_view action = "ChangeAvailability";
    struct Request {
        std::int32_t connectorId = 0;
        ChangeAvailabilityType type{};
    };
    struct Response {
        ChangeAvailabilityStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ChangeAvailability::Request, (), (connectorId, type))
BOOST_DESCRIBE_STRUCT(ChangeAvailability::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(ChangeConfigurationStatus, Accepted, Rejected, RebootRequired, NotSupported)
// Set one configuration key (5.3).
struct ChangeConfiguration {
    static constexpr std::string_view action = "ChangeConfiguration";
    struct Request {
        CiString<50> key;
        CiString<500> value;
    };
    struct Response {
        ChangeConfigurationStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ChangeConfiguration::Request, (), (key, value))
BOOST_DESCRIBE_STRUCT(ChangeConfiguration::Response, (), (status))

// Forget the authorization cache (5.4).
struct ClearCache {
    static constexpr std::string_view action = "ClearCache";
    struct Request {};
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ClearCache::Request, (), ())
BOOST_DESCRIBE_STRUCT(ClearCache::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(DataTransferStatus, Accepted, Rejected, UnknownMessageId, UnknownVendorId)
// Vendor-specific, in both directions (4.3, 5.6).
struct DataTransfer {
    static constexpr std::string_view action = "DataTransfer";
    struct Request {
        CiString<255> vendorId;
        std::optional<CiString<50>> messageId;
        std::optional<std::string> data;
    };
    struct Response {
        DataTransferStatus status{};
        std::optional<std::string> data;
    };
};
BOOST_DESCRIBE_STRUCT(DataTransfer::Request, (), (vendorId, messageId, data))
BOOST_DESCRIBE_STRUCT(DataTransfer::Response, (), (status, data))

struct KeyValue {
    CiString<50> key;
    bool readonly = false;
    std::optional<CiString<500>> value;
};
BOOST_DESCRIBE_STRUCT(KeyValue, (), (key, readonly, value))
// Read configuration keys (5.8); no key means all.
struct GetConfiguration {
    static constexpr std::string_view action = "GetConfiguration";
    struct Request {
        std::optional<std::vector<CiString<50>>> key;
    };
    struct Response {
        std::optional<std::vector<KeyValue>> configurationKey;
        std::optional<std::vector<CiString<50>>> unknownKey;
    };
};
BOOST_DESCRIBE_STRUCT(GetConfiguration::Request, (), (key))
BOOST_DESCRIBE_STRUCT(GetConfiguration::Response, (), (configurationKey, unknownKey))

// Sign of life; the answer sets the clock (4.6).
struct Heartbeat {
    static constexpr std::string_view action = "Heartbeat";
    struct Request {};
    struct Response {
        Timestamp currentTime;
    };
};
BOOST_DESCRIBE_STRUCT(Heartbeat::Request, (), ())
BOOST_DESCRIBE_STRUCT(Heartbeat::Response, (), (currentTime))

// Samples, in and outside of transactions (4.7).
struct MeterValues {
    static constexpr std::string_view action = "MeterValues";
    struct Request {
        std::int32_t connectorId = 0;
        std::optional<std::int32_t> transactionId;
        std::vector<MeterValue> meterValue;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(MeterValues::Request, (), (connectorId, transactionId, meterValue))
constexpr std::string_view former_name(const MeterValues::Request*, std::string_view name) {
    return name == "meterValue" ? "values" : "";
}
BOOST_DESCRIBE_STRUCT(MeterValues::Response, (), ())

// Ask for a transaction (5.11).
struct RemoteStartTransaction {
    static constexpr std::string_view action = "RemoteStartTransaction";
    struct Request {
        std::optional<std::int32_t> connectorId;
        IdToken idTag;
        std::optional<ChargingProfile> chargingProfile;
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(RemoteStartTransaction::Request, (), (connectorId, idTag, chargingProfile))
BOOST_DESCRIBE_STRUCT(RemoteStartTransaction::Response, (), (status))

// Ask for the end of a transaction (5.12).
struct RemoteStopTransaction {
    static constexpr std::string_view action = "RemoteStopTransaction";
    struct Request {
        std::int32_t transactionId = 0;
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(RemoteStopTransaction::Request, (), (transactionId))
BOOST_DESCRIBE_STRUCT(RemoteStopTransaction::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(ResetType, Hard, Soft)
// Restart the charge point (5.14).
struct Reset {
    static constexpr std::string_view action = "Reset";
    struct Request {
        ResetType type{};
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(Reset::Request, (), (type))
BOOST_DESCRIBE_STRUCT(Reset::Response, (), (status))

// A transaction has begun (4.8). Always answered with an id.
struct StartTransaction {
    static constexpr std::string_view action = "StartTransaction";
    struct Request {
        std::int32_t connectorId = 0;
        IdToken idTag;
        std::int32_t meterStart = 0;
        std::optional<std::int32_t> reservationId;
        Timestamp timestamp;
    };
    struct Response {
        IdTagInfo idTagInfo;
        std::int32_t transactionId = 0;
    };
};
BOOST_DESCRIBE_STRUCT(StartTransaction::Request, (),
                      (connectorId, idTag, meterStart, reservationId, timestamp))
BOOST_DESCRIBE_STRUCT(StartTransaction::Response, (), (idTagInfo, transactionId))

BOOST_DEFINE_ENUM_CLASS(StatusNotificationErrorCode, ConnectorLockFailure, EVCommunicationError,
                        GroundFailure, HighTemperature, InternalError, LocalListConflict, NoError,
                        OtherError, OverCurrentFailure, PowerMeterFailure, PowerSwitchFailure,
                        ReaderFailure, ResetFailure, UnderVoltage, OverVoltage, WeakSignal)
BOOST_DEFINE_ENUM_CLASS(StatusNotificationStatus, Available, Preparing, Charging, SuspendedEVSE,
                        SuspendedEV, Finishing, Reserved, Unavailable, Faulted)
// State of a connector, or of the charge point as connector 0 (4.9).
struct StatusNotification {
    static constexpr std::string_view action = "StatusNotification";
    struct Request {
        std::int32_t connectorId = 0;
        StatusNotificationErrorCode errorCode{};
        std::optional<CiString<50>> info;
        StatusNotificationStatus status{};
        std::optional<Timestamp> timestamp;
        std::optional<CiString<255>> vendorId;
        std::optional<CiString<50>> vendorErrorCode;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(StatusNotification::Request, (),
                      (connectorId, errorCode, info, status, timestamp, vendorId, vendorErrorCode))
BOOST_DESCRIBE_STRUCT(StatusNotification::Response, (), ())

BOOST_DEFINE_ENUM_CLASS(StopTransactionReason, EmergencyStop, EVDisconnected, HardReset, Local,
                        Other, PowerLoss, Reboot, Remote, SoftReset, UnlockCommand, DeAuthorized)
// A transaction has ended (4.10). It cannot be refused.
struct StopTransaction {
    static constexpr std::string_view action = "StopTransaction";
    struct Request {
        std::optional<IdToken> idTag;
        std::int32_t meterStop = 0;
        Timestamp timestamp;
        std::int32_t transactionId = 0;
        std::optional<StopTransactionReason> reason;
        std::optional<std::vector<MeterValue>> transactionData;
    };
    struct Response {
        std::optional<IdTagInfo> idTagInfo;
    };
};
BOOST_DESCRIBE_STRUCT(StopTransaction::Request, (),
                      (idTag, meterStop, timestamp, transactionId, reason, transactionData))
BOOST_DESCRIBE_STRUCT(StopTransaction::Response, (), (idTagInfo))

BOOST_DEFINE_ENUM_CLASS(UnlockConnectorStatus, Unlocked, UnlockFailed, NotSupported)
// Release the cable (5.18).
struct UnlockConnector {
    static constexpr std::string_view action = "UnlockConnector";
    struct Request {
        std::int32_t connectorId = 0;
    };
    struct Response {
        UnlockConnectorStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(UnlockConnector::Request, (), (connectorId))
BOOST_DESCRIBE_STRUCT(UnlockConnector::Response, (), (status))

}  // namespace busbar::ocpp::v16
