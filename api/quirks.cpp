// /api/v1/quirks and /api/v1/charge-points/{id}/quirks: habits of charger models, and what they
// make of one charge point.
#include "site/quirks.hpp"

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"
#include "site/charge_points.hpp"

namespace busbar::api {
namespace {

struct QuirkView {
    std::string name;
    std::string origin;
    site::QuirkMatch match;
    RawJson settings;
    RawJson inForce;  // by setting: whether anything acts on it yet
    Nullable<std::string> note;
    Nullable<std::string> rejected;  // learned rows only, as what follows
    Nullable<std::int64_t> count;
    Nullable<Timestamp> lastAt;
};
BOOST_DESCRIBE_STRUCT(QuirkView, (),
                      (name, origin, match, settings, inForce, note, rejected, count, lastAt))

struct SettingView {
    std::string setting;
    RawJson value;
    bool inForce = false;  // false: noted, but nothing acts on it yet
    std::string origin;
    Nullable<std::string> row;
};
BOOST_DESCRIBE_STRUCT(SettingView, (), (setting, value, inForce, origin, row))

struct ChargePointQuirksView {
    Nullable<std::string> vendor;  // null: it has never booted
    Nullable<std::string> model;
    Nullable<std::string> firmwareVersion;
    RawJson own;  // what was set for this charge point alone
    std::vector<SettingView> settings;
    std::vector<std::string> rows;
    std::vector<std::string> notes;
};
BOOST_DESCRIBE_STRUCT(ChargePointQuirksView, (),
                      (vendor, model, firmwareVersion, own, settings, rows, notes))

bool is_in_force(std::string_view setting) {
    const auto* known = site::find_quirk_setting(setting);
    return known && known->in_force;
}

// Each setting of a row and whether anything acts on it.
RawJson in_force(const site::QuirkValues& settings) {
    RawJson out{"{"};
    for (const auto& [name, value] : settings) {
        out.text.append(out.text.size() > 1 ? ",\"" : "\"").append(name);
        out.text.append(is_in_force(name) ? "\":true" : "\":false");
    }
    out.text += '}';
    return out;
}

QuirkView view_of(const site::QuirkRow& row, std::string_view origin) {
    QuirkView view;
    view.name = row.name;
    view.origin = origin;
    view.match = row.match;
    view.settings.text = site::quirk_values_json(row.settings);
    view.inForce = in_force(row.settings);
    view.note = row.note;
    return view;
}

QuirkView view_of(const std::string& name, const site::LearnedQuirk& fact) {
    QuirkView view;
    view.name = name;
    view.origin = "learned";
    view.match = {std::vector{fact.vendor}, std::vector{fact.model}, std::vector{fact.firmware}};
    const site::QuirkValues settings{{fact.setting, fact.value.text}};
    view.settings.text = site::quirk_values_json(settings);
    view.inForce = in_force(settings);
    view.rejected = std::optional{fact.rejected};
    view.count = std::optional{fact.count};
    view.lastAt = std::optional{fact.last_at};
    return view;
}

// A row and where it stands in the list: keys are in the order of application.
struct Entry {
    std::string key;
    QuirkView view;
};

std::vector<Entry> all_rows(const site::Site& site) {
    constexpr std::size_t seeded_max = 10'000;
    std::vector<Entry> entries;
    const auto& own = site.quirks.own();
    std::size_t number = seeded_max;  // as many digits for each
    for (const auto& row : site::seeded_quirks()) {
        ++number;
        if (own.contains(row.name)) continue;
        entries.push_back({"0" + std::to_string(number), view_of(row, "seeded")});
    }
    for (const auto& [name, row] : own) entries.push_back({"1" + name, view_of(row, "own")});
    for (const auto& [name, fact] : site.quirks.learned()) {
        entries.push_back({"2" + name, view_of(name, fact)});
    }
    return entries;
}

std::optional<QuirkView> find(const Call& call) {
    const auto& name = call.names[0];
    for (auto& entry : all_rows(call.site())) {
        if (entry.view.name == name) return std::move(entry.view);
    }
    return std::nullopt;
}

ChargePointQuirksView view_of(const site::Site& site, const site::ChargePoint& charger) {
    ChargePointQuirksView view;
    if (auto model = site::ChargerModel::of(charger)) {
        view.vendor = std::optional{model->vendor};
        view.model = std::optional{model->model};
        view.firmwareVersion = charger.boot->firmware_version;
    }
    view.own.text = charger.settings.quirks.value_or("{}");
    auto explained = site::explain_quirks(site, charger);
    for (auto& source : explained.sources) {
        std::optional<std::string> row;
        if (!source.row.empty()) row = source.row;
        view.settings.push_back(
            {source.setting, {source.value}, is_in_force(source.setting), source.origin, row});
    }
    view.rows = std::move(explained.rows);
    view.notes = std::move(explained.notes);
    return view;
}

}  // namespace

void list_quirks(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    std::vector<QuirkView> items;
    std::optional<std::string> next;
    std::string last;
    for (auto& entry : all_rows(call.site())) {
        if (cursor && entry.key <= *cursor) continue;
        if (items.size() == limit) {
            next = last;
            break;
        }
        last = entry.key;
        items.push_back(std::move(entry.view));
    }
    call.respond(page_response(items, next));
}

void show_quirk(const Call& call) {
    const auto view = find(call);
    if (!view) return call.respond(not_found("quirk"));
    call.respond(json_response(200, *view));
}

void set_quirk(const Call& call) {
    const auto& name = call.names[0];
    auto body = read_body<RawJson>(call);
    if (!body) return;
    std::vector<Violation> violations;
    auto row = site::parse_quirk_row(name, body->value.text, violations);
    if (!row) return call.respond(invalid(std::move(violations)));
    auto& quirks = call.site().quirks;
    const bool is_new = !quirks.own().contains(name);
    if (is_new && quirks.is_full()) {
        return call.respond(to_response(
            {.status = 409, .detail = "There are too many rows already: remove some first."}));
    }
    if (refused_as_full(call)) return;
    auto response = json_response(is_new ? 201 : 200, view_of(*row, "own"));
    if (is_new) {
        response.headers.emplace_back("Location", "/api/v1/quirks/" + path_segment(name));
    }
    Change change{is_new ? "create" : "update", "quirk", name};
    if (!is_new) change.before = site::quirk_row_json(quirks.own().find(name)->second);
    change.after = site::quirk_row_json(*row);
    audit(call, std::move(change));
    const auto ticket = call.site().record(quirks.save(std::move(*row)));
    site::resolve_all_quirks(call.site());
    respond_when_durable(call, ticket, std::move(response));
}

void remove_quirk(const Call& call) {
    const auto view = find(call);
    if (!view) return call.respond(not_found("quirk"));
    if (view->origin == "seeded") {
        return call.respond(to_response(
            {.status = 409,
             .detail = "This row comes with the program: PUT one of the same name to stand in for "
                       "it."}));
    }
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete",
                 .object_kind = "quirk",
                 .object_id = call.names[0],
                 .before = to_json(*view, TimeStyle::milliseconds)});
    const auto ticket = call.site().record(call.site().quirks.remove(call.names[0]));
    site::resolve_all_quirks(call.site());
    respond_when_durable(call, ticket, no_content());
}

void show_charge_point_quirks(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    call.respond(json_response(200, view_of(call.site(), *charger)));
}

void set_charge_point_quirks(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    auto body = read_body<RawJson>(call);
    if (!body) return;
    auto violations = site::check_quirk_settings(body->value.text);
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    if (refused_as_full(call)) return;
    auto settings = charger->settings;
    const auto values = site::parse_quirk_values(body->value.text, "", violations);
    Change change{"update", "charge-point-quirks", settings.id};
    change.before = settings.quirks.value_or("{}");
    settings.quirks.reset();
    if (!values.empty()) settings.quirks = site::quirk_values_json(values);
    change.after = settings.quirks.value_or("{}");
    audit(call, std::move(change));
    const auto ticket = site::save(call.site(), std::move(settings), call.now());
    respond_when_durable(call, ticket, json_response(200, view_of(call.site(), *charger)));
}

}  // namespace busbar::api
