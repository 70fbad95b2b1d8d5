// Firmware updates, diagnostics and logs as chargers report them, and the URLs they are given for
// them. Site loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/violation.hpp"
#include "ocpp/v16/firmware.hpp"
#include "ocpp/v16/security.hpp"

namespace busbar::site {

class Site;
struct ChargePoint;

// How far the charger is with a firmware, diagnostics or a log.
struct ProgressStatus {
    std::string status;  // as in its notification
    Timestamp at;
    std::optional<std::int32_t> request_id;
    bool by_transfer = false;  // not reported: seen by the bytes that came
};

// In a command's location, "busbar:" stands for a URL of our own: alone for the upload that is
// asked for, with a file's id ("busbar:0193...") for the download of that file. Replaces it; other
// locations stay. The violation names the field and what is wrong. Call it last before sending:
// every call offers a new URL.
std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          ocpp::v16::GetDiagnostics::Request& request, Now now);
std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          ocpp::v16::GetLog::Request& request, Now now);
std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          ocpp::v16::UpdateFirmware::Request& request, Now now);
std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          ocpp::v16::SignedUpdateFirmware::Request& request,
                                          Now now);
// Other commands have no location.
template <class Request>
std::optional<Violation> resolve_location(Site&, const ChargePoint&, Request&, Now) {
    return std::nullopt;
}

// Once the command is followed as an operation: the file that answers it ends it, however the
// charger reports.
void link_upload(Site& site, const ocpp::v16::GetDiagnostics::Request& request,
                 std::int64_t operation);
void link_upload(Site& site, const ocpp::v16::GetLog::Request& request, std::int64_t operation);
template <class Request>
void link_upload(Site&, const Request&, std::int64_t) {}

}  // namespace busbar::site
