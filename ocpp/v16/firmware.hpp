// The messages of the OCPP 1.6 Firmware Management profile (4.4, 4.5, 5.9, 5.19; payloads in
// chapter 6). Locations are URLs the charge point fetches from or uploads to. Member names are the
// JSON names, in the schema's order. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

BOOST_DEFINE_ENUM_CLASS(DiagnosticsStatus, Idle, Uploaded, UploadFailed, Uploading)
// How far an upload asked for by GetDiagnostics is (4.4).
struct DiagnosticsStatusNotification {
    static constexpr std::string_view action = "DiagnosticsStatusNotification";
    struct Request {
        DiagnosticsStatus status{};
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(DiagnosticsStatusNotification::Request, (), (status))
BOOST_DESCRIBE_STRUCT(DiagnosticsStatusNotification::Response, (), ())

BOOST_DEFINE_ENUM_CLASS(FirmwareStatus, Downloaded, DownloadFailed, Downloading, Idle,
                        InstallationFailed, Installing, Installed)
// How far an update asked for by UpdateFirmware is (4.5).
struct FirmwareStatusNotification {
    static constexpr std::string_view action = "FirmwareStatusNotification";
    struct Request {
        FirmwareStatus status{};
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(FirmwareStatusNotification::Request, (), (status))
BOOST_DESCRIBE_STRUCT(FirmwareStatusNotification::Response, (), ())

// Upload diagnostics into a folder (5.9); an answer without fileName means there are none.
// retryInterval in seconds.
struct GetDiagnostics {
    static constexpr std::string_view action = "GetDiagnostics";
    struct Request {
        std::string location;
        std::optional<std::int32_t> retries;
        std::optional<std::int32_t> retryInterval;
        std::optional<Timestamp> startTime;
        std::optional<Timestamp> stopTime;
    };
    struct Response {
        std::optional<CiString<255>> fileName;
    };
};
BOOST_DESCRIBE_STRUCT(GetDiagnostics::Request, (),
                      (location, retries, retryInterval, startTime, stopTime))
BOOST_DESCRIBE_STRUCT(GetDiagnostics::Response, (), (fileName))

// Fetch and install a firmware from retrieveDate on (5.19). retryInterval in seconds.
struct UpdateFirmware {
    static constexpr std::string_view action = "UpdateFirmware";
    struct Request {
        std::string location;
        std::optional<std::int32_t> retries;
        Timestamp retrieveDate;
        std::optional<std::int32_t> retryInterval;
    };
    struct Response {};
};
BOOST_DESCRIBE_STRUCT(UpdateFirmware::Request, (), (location, retries, retrieveDate, retryInterval))
BOOST_DESCRIBE_STRUCT(UpdateFirmware::Response, (), ())

}  // namespace busbar::ocpp::v16
