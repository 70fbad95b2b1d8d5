// /api/v1/badges/import and /api/v1/badges/export: all badges as a table.
#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/badge_view.hpp"
#include "api/handlers.hpp"
#include "site/badge_table.hpp"
#include "site/badges.hpp"

namespace busbar::api {
namespace {

struct FieldChangeView {
    std::string field;
    Nullable<std::string> from;
    Nullable<std::string> to;
};
BOOST_DESCRIBE_STRUCT(FieldChangeView, (), (field, from, to))

struct LineError {
    std::string field;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(LineError, (), (field, detail))

struct LineView {
    std::int32_t line = 0;
    std::string idTag;
    site::LineResult result{};
    std::vector<FieldChangeView> changes;
    std::vector<LineError> errors;
};
BOOST_DESCRIBE_STRUCT(LineView, (), (line, idTag, result, changes, errors))

struct ImportView {
    bool dryRun = false;
    std::int32_t created = 0;
    std::int32_t changed = 0;
    std::int32_t unchanged = 0;
    std::int32_t refused = 0;
    std::vector<LineView> lines;
    std::vector<site::TableWarning> warnings;
};
BOOST_DESCRIBE_STRUCT(ImportView, (),
                      (dryRun, created, changed, unchanged, refused, lines, warnings))

LineView view_of(const site::TableLine& line) {
    LineView view;
    view.line = line.line;
    view.idTag = line.id_tag;
    view.result = line.result;
    for (const auto& change : line.changes) {
        view.changes.push_back({change.field, change.from, change.to});
    }
    for (const auto& violation : line.violations) {
        view.errors.push_back({violation.pointer.substr(1), violation.detail});
    }
    return view;
}

ImportView view_of(const site::BadgeImport& import, bool dry_run, const site::Site& site) {
    ImportView view;
    view.dryRun = dry_run;
    view.created = import.created;
    view.changed = import.changed;
    view.unchanged = import.unchanged;
    view.refused = import.refused;
    site::KnownPlaces known;
    for (const auto& [id, charger] : site.charge_points) known.add(charger.settings);
    view.warnings = site::warnings_of(import, known);
    view.lines.reserve(import.lines.size());
    for (const auto& line : import.lines) view.lines.push_back(view_of(line));
    return view;
}

std::string pointer_to_line(int line) { return "/lines/" + std::to_string(line); }

std::vector<Violation> violations_of(const site::BadgeImport& import) {
    std::vector<Violation> all;
    for (const auto& line : import.lines) {
        for (const auto& violation : line.violations) {
            all.push_back({violation.defect, pointer_to_line(line.line) + violation.pointer,
                           violation.detail});
        }
    }
    return all;
}

}  // namespace

void import_badges(const Call& call) {
    Query query{call};
    const bool dry_run = query.flag("dryRun").value_or(false);
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    auto& site = call.site();
    auto planned = site::plan_import(call.request.body, site.badges);
    if (const auto* error = std::get_if<CsvError>(&planned)) {
        return call.respond(
            invalid({{Defect::wrong_shape, pointer_to_line(error->line), error->detail}}));
    }
    auto& import = std::get<site::BadgeImport>(planned);
    if (!dry_run && import.refused > 0) return call.respond(invalid(violations_of(import)));
    auto response = json_response(200, view_of(import, dry_run, site));
    if (dry_run || import.badges.empty()) return call.respond(std::move(response));
    if (refused_as_full(call)) return;
    call.on.audit.accompany(import_entries(audit_entry(call, {}), site.badges, import));
    const auto ticket = site::save(site, std::move(import.badges));
    respond_when_durable(call, ticket, std::move(response));
}

void export_badges(const Call& call) {
    Query query{call};
    auto violations = query.violations();
    if (query.text("format").value_or("csv") != "csv") {
        add(violations, {{Defect::bad_value, "/format", "must be csv"}});
    }
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    std::string table;
    site::append_table_header(table);
    for (const auto& [id_tag, badge] : call.site().badges) site::append_table_line(table, badge);
    auto response = json_response(200, std::move(table));
    response.content_type = "text/csv; charset=utf-8";
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"badges.csv\"");
    call.respond(std::move(response));
}

}  // namespace busbar::api
