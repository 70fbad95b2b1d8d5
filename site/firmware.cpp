#include "site/firmware.hpp"

#include "site/files.hpp"
#include "site/operations.hpp"
#include "site/routes.hpp"

namespace busbar::site {
namespace {

constexpr std::string_view scheme = "busbar:";

bool is_ours(std::string_view location) {
    return equal_ignoring_case(location.substr(0, scheme.size()), scheme);
}

std::optional<Violation> take(std::string& location, std::string_view pointer,
                              const FileOfferResult& result) {
    if (const auto* offer = std::get_if<FileOffer>(&result)) {
        location = offer->url;
        return std::nullopt;
    }
    return Violation{Defect::bad_value, std::string{pointer}, std::get<std::string>(result)};
}

std::optional<Violation> resolve_upload(Site& site, const ChargePoint& charger,
                                        std::string& location, std::string_view pointer,
                                        FilePurpose purpose, std::optional<std::int32_t> request_id,
                                        Now now) {
    if (!is_ours(location)) return std::nullopt;
    if (location.size() > scheme.size()) {
        return Violation{Defect::bad_value, std::string{pointer},
                         "must be busbar: alone: the file gets its name here"};
    }
    return take(location, pointer, offer_upload(site, charger, purpose, request_id, now));
}

std::optional<Violation> resolve_download(Site& site, const ChargePoint& charger,
                                          std::string& location, std::string_view pointer,
                                          Timestamp not_before, Now now) {
    if (!is_ours(location)) return std::nullopt;
    const auto file = std::string_view{location}.substr(scheme.size());
    return take(location, pointer, offer_download(site, charger, file, not_before, now));
}

// The newest upload the charger was asked for.
const StoredFile* newest_upload(const Site& site, const ChargePoint& charger, FilePurpose purpose,
                                std::optional<std::int32_t> request_id) {
    const auto& all = site.files.all;
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
        const auto& file = it->second;
        const bool asked = file.purpose == purpose && file.chargePoint == charger.settings.id;
        if (asked && (!request_id || file.requestId == request_id)) return &file;
    }
    return nullptr;
}

// What is here counts, not what is said of it: a report that contradicts the bytes is counted.
void compare_with_bytes(Context& on, FilePurpose purpose, std::optional<std::int32_t> request_id,
                        bool says_uploaded, bool says_failed) {
    const auto* file = newest_upload(on.site, on.charger, purpose, request_id);
    if (!file) return;
    const bool is_here = file->state == FileState::stored;
    if (says_uploaded && !is_here) {
        count_deviation(on.charger, "uploaded_without_file", file->name, on.now.wall);
    }
    if (says_failed && is_here) {
        count_deviation(on.charger, "upload_failed_with_file", file->name, on.now.wall);
    }
}

void report(Context& on, std::optional<ProgressStatus>& progress, std::string_view command,
            std::string status, std::optional<std::int32_t> request_id) {
    progress = ProgressStatus{std::move(status), on.now.wall, request_id, false};
    observe(on.site, on.charger, ProgressReported{command, progress->status, request_id});
}

}  // namespace

std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          v16::GetDiagnostics::Request& request, Now now) {
    return resolve_upload(site, charger, request.location, "/location", FilePurpose::diagnostics,
                          std::nullopt, now);
}

std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          v16::GetLog::Request& request, Now now) {
    const auto purpose = request.logType == v16::LogType::DiagnosticsLog ? FilePurpose::diagnostics
                                                                         : FilePurpose::log;
    return resolve_upload(site, charger, request.log.remoteLocation.value, "/log/remoteLocation",
                          purpose, request.requestId, now);
}

std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          v16::UpdateFirmware::Request& request, Now now) {
    return resolve_download(site, charger, request.location, "/location", request.retrieveDate,
                            now);
}

std::optional<Violation> resolve_location(Site& site, const ChargePoint& charger,
                                          v16::SignedUpdateFirmware::Request& request, Now now) {
    return resolve_download(site, charger, request.firmware.location.value, "/firmware/location",
                            request.firmware.retrieveDateTime, now);
}

void link_upload(Site& site, const v16::GetDiagnostics::Request& request, std::int64_t operation) {
    link_operation(site, request.location, operation);
}

void link_upload(Site& site, const v16::GetLog::Request& request, std::int64_t operation) {
    link_operation(site, request.log.remoteLocation, operation);
}

v16::DiagnosticsStatusNotification::Response handle(
    Context& on, const v16::DiagnosticsStatusNotification::Request& request) {
    using v16::DiagnosticsStatus;
    compare_with_bytes(on, FilePurpose::diagnostics, std::nullopt,
                       request.status == DiagnosticsStatus::Uploaded,
                       request.status == DiagnosticsStatus::UploadFailed);
    report(on, on.charger.diagnostics_status, v16::GetDiagnostics::action,
           enumerator_name(request.status), std::nullopt);
    return {};
}

v16::FirmwareStatusNotification::Response handle(
    Context& on, const v16::FirmwareStatusNotification::Request& request) {
    report(on, on.charger.firmware_status, v16::UpdateFirmware::action,
           enumerator_name(request.status), std::nullopt);
    return {};
}

v16::LogStatusNotification::Response handle(Context& on,
                                            const v16::LogStatusNotification::Request& request) {
    using v16::UploadLogStatus;
    const auto status = request.status;
    const bool failed = status == UploadLogStatus::UploadFailure ||
                        status == UploadLogStatus::BadMessage ||
                        status == UploadLogStatus::PermissionDenied ||
                        status == UploadLogStatus::NotSupportedOperation;
    if (request.requestId) {
        const auto* file = newest_upload(on.site, on.charger, FilePurpose::log, request.requestId);
        compare_with_bytes(on, file ? FilePurpose::log : FilePurpose::diagnostics,
                           request.requestId, status == UploadLogStatus::Uploaded, failed);
    }
    report(on, on.charger.log_status, v16::GetLog::action, enumerator_name(status),
           request.requestId);
    return {};
}

v16::SignedFirmwareStatusNotification::Response handle(
    Context& on, const v16::SignedFirmwareStatusNotification::Request& request) {
    report(on, on.charger.firmware_status, v16::SignedUpdateFirmware::action,
           enumerator_name(request.status), request.requestId);
    return {};
}

}  // namespace busbar::site
