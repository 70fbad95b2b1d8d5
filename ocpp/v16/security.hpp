// The messages that the security white paper (edition 2 on) adds to OCPP 1.6: certificates, logs,
// signed firmware, security events, named with the white paper's use cases. Certificates and
// signing requests are PEM text. Member names are the JSON names, in the schema's order. Plain
// values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

// The charge point's new certificate, its own first, then those that signed it (A02, A03).
struct CertificateSigned {
    static constexpr std::string_view action = "CertificateSigned";
    struct Request {
        CiString<10000> certificateChain;
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(CertificateSigned::Request, (), (certificateChain))
BOOST_DESCRIBE_STRUCT(CertificateSigned::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(HashAlgorithm, SHA256, SHA384, SHA512)
// Names an installed certificate; hashes and serial number as hex.
struct CertificateHashData {
    HashAlgorithm hashAlgorithm{};
    CiString<128> issuerNameHash;
    CiString<128> issuerKeyHash;
    CiString<40> serialNumber;
};
BOOST_DESCRIBE_STRUCT(CertificateHashData, (),
                      (hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber))

BOOST_DEFINE_ENUM_CLASS(DeleteCertificateStatus, Accepted, Failed, NotFound)
// Remove a root certificate (M04).
struct DeleteCertificate {
    static constexpr std::string_view action = "DeleteCertificate";
    struct Request {
        CertificateHashData certificateHashData;
    };
    struct Response {
        DeleteCertificateStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(DeleteCertificate::Request, (), (certificateHashData))
BOOST_DESCRIBE_STRUCT(DeleteCertificate::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(ExtendedTriggerMessageRequestedMessage, BootNotification,
                        LogStatusNotification, FirmwareStatusNotification, Heartbeat, MeterValues,
                        SignChargePointCertificate, StatusNotification)
BOOST_DEFINE_ENUM_CLASS(ExtendedTriggerMessageStatus, Accepted, Rejected, NotImplemented)
// TriggerMessage for what is new here (F06): FirmwareStatusNotification asks for the signed one.
struct ExtendedTriggerMessage {
    static constexpr std::string_view action = "ExtendedTriggerMessage";
    struct Request {
        ExtendedTriggerMessageRequestedMessage requestedMessage{};
        std::optional<std::int32_t> connectorId;
    };
    struct Response {
        ExtendedTriggerMessageStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(ExtendedTriggerMessage::Request, (), (requestedMessage, connectorId))
BOOST_DESCRIBE_STRUCT(ExtendedTriggerMessage::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(CertificateUse, CentralSystemRootCertificate, ManufacturerRootCertificate)
BOOST_DEFINE_ENUM_CLASS(GetInstalledCertificateStatus, Accepted, NotFound)
// Which root certificates are there (M03).
struct GetInstalledCertificateIds {
    static constexpr std::string_view action = "GetInstalledCertificateIds";
    struct Request {
        CertificateUse certificateType{};
    };
    struct Response {
        std::optional<std::vector<CertificateHashData>> certificateHashData;
        GetInstalledCertificateStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(GetInstalledCertificateIds::Request, (), (certificateType))
BOOST_DESCRIBE_STRUCT(GetInstalledCertificateIds::Response, (), (certificateHashData, status))

// Where a log goes and which part of it.
struct LogParameters {
    CiString<512> remoteLocation;
    std::optional<Timestamp> oldestTimestamp;
    std::optional<Timestamp> latestTimestamp;
};
BOOST_DESCRIBE_STRUCT(LogParameters, (), (remoteLocation, oldestTimestamp, latestTimestamp))

BOOST_DEFINE_ENUM_CLASS(LogType, DiagnosticsLog, SecurityLog)
BOOST_DEFINE_ENUM_CLASS(LogStatus, Accepted, Rejected, AcceptedCanceled)
// Upload a log (N01); retryInterval in seconds. AcceptedCanceled: an upload under way was dropped
// for this one.
struct GetLog {
    static constexpr std::string_view action = "GetLog";
    struct Request {
        LogParameters log;
        LogType logType{};
        std::int32_t requestId = 0;
        std::optional<std::int32_t> retries;
        std::optional<std::int32_t> retryInterval;
    };
    struct Response {
        LogStatus status{};
        std::optional<CiString<255>> filename;
    };
};
BOOST_DESCRIBE_STRUCT(GetLog::Request, (), (log, logType, requestId, retries, retryInterval))
BOOST_DESCRIBE_STRUCT(GetLog::Response, (), (status, filename))

BOOST_DEFINE_ENUM_CLASS(InstallCertificateStatus, Accepted, Failed, Rejected)
// Install a root certificate (M05).
struct InstallCertificate {
    static constexpr std::string_view action = "InstallCertificate";
    struct Request {
        CertificateUse certificateType{};
        CiString<5500> certificate;
    };
    struct Response {
        InstallCertificateStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(InstallCertificate::Request, (), (certificateType, certificate))
BOOST_DESCRIBE_STRUCT(InstallCertificate::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(UploadLogStatus, BadMessage, Idle, NotSupportedOperation, PermissionDenied,
                        Uploaded, UploadFailure, Uploading)
// How far an upload asked for by GetLog is (N01); requestId is absent only when Idle was triggered.
struct LogStatusNotification {
    static constexpr std::string_view action = "LogStatusNotification";
    struct Request {
        UploadLogStatus status{};
        std::optional<std::int32_t> requestId;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(LogStatusNotification::Request, (), (status, requestId))
BOOST_DESCRIBE_STRUCT(LogStatusNotification::Response, (), ())

// Something that concerns the charge point's security has happened (A04).
struct SecurityEventNotification {
    static constexpr std::string_view action = "SecurityEventNotification";
    struct Request {
        CiString<50> type;
        Timestamp timestamp;
        std::optional<CiString<255>> techInfo;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(SecurityEventNotification::Request, (), (type, timestamp, techInfo))
BOOST_DESCRIBE_STRUCT(SecurityEventNotification::Response, (), ())

// The charge point wants this signed (A02, A03); the certificate follows in CertificateSigned.
struct SignCertificate {
    static constexpr std::string_view action = "SignCertificate";
    struct Request {
        CiString<5500> csr;
    };
    struct Response {
        GenericStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(SignCertificate::Request, (), (csr))
BOOST_DESCRIBE_STRUCT(SignCertificate::Response, (), (status))

BOOST_DEFINE_ENUM_CLASS(SignedFirmwareStatus, Downloaded, DownloadFailed, Downloading,
                        DownloadScheduled, DownloadPaused, Idle, InstallationFailed, Installing,
                        Installed, InstallRebooting, InstallScheduled, InstallVerificationFailed,
                        InvalidSignature, SignatureVerified)
// How far an update asked for by SignedUpdateFirmware is (L01); requestId is absent only when Idle
// was triggered.
struct SignedFirmwareStatusNotification {
    static constexpr std::string_view action = "SignedFirmwareStatusNotification";
    struct Request {
        SignedFirmwareStatus status{};
        std::optional<std::int32_t> requestId;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(SignedFirmwareStatusNotification::Request, (), (status, requestId))
BOOST_DESCRIBE_STRUCT(SignedFirmwareStatusNotification::Response, (), ())

// A firmware, who signed it, and the signature (Base64).
struct Firmware {
    CiString<512> location;
    Timestamp retrieveDateTime;
    std::optional<Timestamp> installDateTime;
    CiString<5500> signingCertificate;
    CiString<800> signature;
};
BOOST_DESCRIBE_STRUCT(Firmware, (),
                      (location, retrieveDateTime, installDateTime, signingCertificate, signature))

BOOST_DEFINE_ENUM_CLASS(SignedUpdateFirmwareStatus, Accepted, Rejected, AcceptedCanceled,
                        InvalidCertificate, RevokedCertificate)
// Fetch, verify and install a firmware (L01); retryInterval in seconds. AcceptedCanceled: an update
// under way was dropped for this one.
struct SignedUpdateFirmware {
    static constexpr std::string_view action = "SignedUpdateFirmware";
    struct Request {
        std::optional<std::int32_t> retries;
        std::optional<std::int32_t> retryInterval;
        std::int32_t requestId = 0;
        Firmware firmware;
    };
    struct Response {
        SignedUpdateFirmwareStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(SignedUpdateFirmware::Request, (),
                      (retries, retryInterval, requestId, firmware))
BOOST_DESCRIBE_STRUCT(SignedUpdateFirmware::Response, (), (status))

}  // namespace busbar::ocpp::v16
