// /api/v1/files: firmware that operators upload, diagnostics and logs that chargers send; and what
// a charger reports of its firmware and security.
#include "site/files.hpp"

#include <charconv>

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"

namespace busbar::api {
namespace {

constexpr std::size_t name_size_max = 120;

struct FileView {
    std::string id;
    std::string purpose;  // "firmware", "diagnostics" or "log"
    std::string state;    // "expected", "receiving", "expired" or "stored"
    std::string name;
    Nullable<std::string> chargePoint;
    Nullable<std::int32_t> requestId;
    std::int64_t sizeBytes = 0;
    Nullable<std::string> sha256;
    Timestamp createdAt;
    Nullable<Timestamp> storedAt;
    Nullable<Timestamp> expiresAt;      // of the URL that it is expected at
    Nullable<std::string> lastFailure;  // of an upload that was cut
};
BOOST_DESCRIBE_STRUCT(FileView, (),
                      (id, purpose, state, name, chargePoint, requestId, sizeBytes, sha256,
                       createdAt, storedAt, expiresAt, lastFailure))

FileView view_of(const site::Files& files, const site::StoredFile& file, Timestamp now) {
    FileView view;
    view.id = file.id;
    view.purpose = enumerator_name(file.purpose);
    view.state = enumerator_name(file.state);
    if (file.state == site::FileState::expected) {
        if (files.receiving.contains(file.id))
            view.state = "receiving";
        else if (file.expiresAt && *file.expiresAt <= now)
            view.state = "expired";
        view.expiresAt = file.expiresAt;
    }
    view.name = file.name;
    view.chargePoint = file.chargePoint;
    view.requestId = file.requestId;
    view.sizeBytes = file.sizeBytes;
    view.sha256 = file.sha256;
    view.createdAt = file.createdAt;
    view.storedAt = file.storedAt;
    view.lastFailure = file.lastFailure;
    return view;
}

struct ProgressView {
    std::string status;
    Timestamp at;
    Nullable<std::int32_t> requestId;
    bool byTransfer = false;  // seen by the bytes that came, not reported
};
BOOST_DESCRIBE_STRUCT(ProgressView, (), (status, at, requestId, byTransfer))

struct SecurityEventView {
    std::string type;
    Nullable<std::string> techInfo;
    Timestamp at;
    Timestamp receivedAt;
};
BOOST_DESCRIBE_STRUCT(SecurityEventView, (), (type, techInfo, at, receivedAt))

struct CertificateRequestView {
    std::string csr;
    Timestamp at;
};
BOOST_DESCRIBE_STRUCT(CertificateRequestView, (), (csr, at))

struct MaintenanceView {
    Nullable<ProgressView> firmware;
    Nullable<ProgressView> diagnostics;
    Nullable<ProgressView> log;
    Nullable<CertificateRequestView> certificateRequest;
    std::vector<SecurityEventView> securityEvents;  // the newest first
};
BOOST_DESCRIBE_STRUCT(MaintenanceView, (),
                      (firmware, diagnostics, log, certificateRequest, securityEvents))

std::optional<ProgressView> view_of(const std::optional<site::ProgressStatus>& progress) {
    if (!progress) return std::nullopt;
    return ProgressView{progress->status, progress->at, progress->request_id,
                        progress->by_transfer};
}

// The name from the query, or what is wrong with it.
std::optional<std::string> file_name(const Call& call, std::vector<Violation>& violations) {
    violations = call.query_violations;
    const auto name = Query{call}.text("name");
    if (!name || name->empty()) {
        add(violations, {{Defect::missing_field, "/name", "required: the name of the file"}});
        return std::nullopt;
    }
    check_text(violations, "/name", name, name_size_max);
    if (name->find_first_of("/\\") != std::string::npos) {
        add(violations, {{Defect::bad_value, "/name", "must not hold slashes"}});
    }
    return name;
}

std::optional<std::uint64_t> announced_bytes(const net::HttpRequest& request) {
    const auto text = request.header("Content-Length");
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

void list_files(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto before = query.cursor();
    const auto charger = query.text("chargePoint");
    const auto purpose = query.text("purpose");
    auto violations = query.violations();
    if (purpose && !enumerator_from_name<site::FilePurpose>(*purpose)) {
        add(violations, {{Defect::bad_value, "/purpose", "must be firmware, diagnostics or log"}});
    }
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    const auto& files = call.site().files;
    std::vector<FileView> items;
    std::optional<std::string> next;
    for (auto it = files.all.rbegin(); it != files.all.rend(); ++it) {
        const auto& file = it->second;
        if (before && file.id >= *before) continue;
        if (charger && file.chargePoint != charger) continue;
        if (purpose && enumerator_name(file.purpose) != *purpose) continue;
        if (items.size() == limit) {
            next = items.back().id;
            break;
        }
        items.push_back(view_of(files, file, call.now().wall));
    }
    call.respond(page_response(items, next));
}

void show_file(const Call& call) {
    const auto& files = call.site().files;
    const auto* file = files.find(call.names[0]);
    if (!file) return call.respond(not_found("file"));
    call.respond(json_response(200, view_of(files, *file, call.now().wall)));
}

net::BodyPlan plan_upload(const Call& call) {
    const auto refuse = [](net::HttpResponse refusal) {
        net::BodyPlan plan;
        plan.refusal = std::move(refusal);
        return plan;
    };
    std::vector<Violation> violations;
    file_name(call, violations);
    if (!violations.empty()) return refuse(invalid(std::move(violations)));
    if (call.site().journal.full()) {
        return refuse(unavailable("Nothing can be stored at the moment: see /readyz."));
    }
    const auto announced = announced_bytes(call.request);
    const auto place = site::place_for_firmware(call.site(), announced, call.now());
    if (place.id.empty()) return refuse(to_response({.status = 507, .detail = place.refusal}));
    net::BodyPlan plan;
    plan.path = call.on.files_folder / place.id;
    plan.bytes_max = call.site().files.settings.file_bytes_max;
    return plan;
}

void upload_file(const Call& call) {
    std::vector<Violation> violations;
    const auto name = file_name(call, violations);
    const auto& stored = call.request.stored;
    if (!stored)
        add(violations, {{Defect::missing_field, "", "the body is the file: it is empty"}});
    const bool refused = !violations.empty() || call.site().journal.full();
    if (refused && stored) call.on.remove_content(stored->path.filename().string());
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    if (refused_as_full(call)) return;
    const auto id = stored->path.filename().string();
    audit(call, {.action = "create", .object_kind = "file", .object_id = id, .note = *name});
    const auto ticket =
        site::add_firmware(call.site(), id, *name, stored->bytes, stored->sha256, call.now());
    const auto& files = call.site().files;
    auto response = json_response(201, view_of(files, *files.find(id), call.now().wall));
    response.headers.emplace_back("Location", "/api/v1/files/" + id);
    respond_when_durable(call, ticket, std::move(response));
}

void download_file(const Call& call) {
    const auto* file = call.site().files.find(call.names[0]);
    if (!file) return call.respond(not_found("file"));
    if (file->state != site::FileState::stored) {
        return call.respond(
            to_response({.status = 409, .detail = "The file has not arrived yet."}));
    }
    net::HttpResponse response;
    response.headers = {{"Cache-Control", "no-store"},
                        {"Content-Disposition",
                         "attachment; filename=\"" + site::url_file_name(file->name) + "\""}};
    response.file = net::HttpFile{call.on.files_folder / file->id, file->sha256.value_or(file->id)};
    call.respond(std::move(response));
}

void remove_file(const Call& call) {
    if (!call.site().files.find(call.names[0])) return call.respond(not_found("file"));
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete", .object_kind = "file", .object_id = call.names[0]});
    const auto ticket = site::remove_file(call.site(), call.names[0]);
    call.on.remove_content(call.names[0]);
    respond_when_durable(call, ticket.value_or(0), no_content());
}

void show_maintenance(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    MaintenanceView view;
    view.firmware = view_of(charger->firmware_status);
    view.diagnostics = view_of(charger->diagnostics_status);
    view.log = view_of(charger->log_status);
    if (const auto& request = charger->certificate_request) {
        view.certificateRequest = std::optional{CertificateRequestView{request->csr, request->at}};
    }
    const auto& events = charger->security_events;
    for (auto it = events.rbegin(); it != events.rend(); ++it) {
        view.securityEvents.push_back({it->type, it->tech_info, it->at, it->received_at});
    }
    call.respond(json_response(200, view));
}

}  // namespace busbar::api
