// /api/v1/transactions: read from the database; running ones are stopped through the site.
#include "site/transactions.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/etag.hpp"
#include "api/handlers.hpp"
#include "api/transaction_view.hpp"
#include "base/csv.hpp"
#include "site/badge_reading.hpp"
#include "site/corrections.hpp"

namespace busbar::api {
namespace {

struct MeterValueView {
    Timestamp at;
    std::string measurand;
    Nullable<std::string> phase;  // null: the whole
    std::string context;
    std::string location;
    std::string unit;
    std::string value;  // as sent
    Nullable<double> number;
};
BOOST_DESCRIBE_STRUCT(MeterValueView, (),
                      (at, measurand, phase, context, location, unit, value, number))

// The body of PATCH. A member that is null takes the correction back.
struct CorrectionEdit {
    Patch<std::string> badge;
    Patch<std::string> idTag;  // another word for badge
    Patch<Timestamp> startedAt;
    Patch<Timestamp> stoppedAt;
    Patch<std::int32_t> meterStartWh;
    Patch<std::int32_t> meterStopWh;
    Patch<std::int64_t> energyWh;
    Patch<std::string> note;
};
BOOST_DESCRIBE_STRUCT(CorrectionEdit, (),
                      (badge, idTag, startedAt, stoppedAt, meterStartWh, meterStopWh, energyWh,
                       note))

struct StopRequest {
    std::optional<bool> force;
};
BOOST_DESCRIBE_STRUCT(StopRequest, (), (force))

// A transaction that memory knows as running.
struct Running {
    site::ChargePoint* charger = nullptr;
    const site::Transaction* transaction = nullptr;
};

Running find_running(site::Site& site, db::TransactionKey id) {
    for (auto& [name, charger] : site.charge_points) {
        for (const auto& transaction : charger.open) {
            if (transaction.start.id == id) return {&charger, &transaction};
        }
    }
    return {};
}

// What a transaction that runs has used so far.
std::optional<EnergySoFar> energy_so_far(const Call& call, const db::TransactionRow& row) {
    if (row.stop) return std::nullopt;
    auto* charger = call.site().find(row.start.charge_point);
    if (!charger) return std::nullopt;
    const auto running = std::find_if(charger->open.begin(), charger->open.end(),
                                      [&](const auto& t) { return t.start.id == row.start.id; });
    if (running == charger->open.end()) return std::nullopt;
    auto energy = site::energy_of(*running, call.now().wall, site::power_watts_max(*charger));
    return EnergySoFar{energy.wh, std::move(energy.source)};
}

TransactionView view_of(const Call& call, const db::TransactionRow& row) {
    return api::view_of(row, energy_so_far(call, row));
}

MeterValueView view_of(const db::MeterSample& sample) {
    MeterValueView view;
    view.at = sample.measured_at;
    view.measurand = sample.measurand;
    if (!sample.phase.empty()) view.phase = std::optional{sample.phase};
    view.context = sample.context;
    view.location = sample.location;
    view.unit = sample.unit;
    view.value = sample.value;
    view.number = sample.number;
    return view;
}

std::string cursor_key(Timestamp at) { return std::to_string(at.time_since_epoch().count()); }

void answer_meter_values(const Call& call, const db::MeterValuePage& page) {
    std::vector<MeterValueView> items;
    items.reserve(page.items.size());
    for (const auto& sample : page.items) items.push_back(view_of(sample));
    std::optional<std::string> next;
    if (page.next) next = cursor_key(*page.next);
    call.respond(page_response(items, next));
}

// Looks up a transaction in the database; `found` is not run, and the call answered, if it cannot
// be read or does not exist.
void with_row(const Call& call, db::TransactionKey id,
              std::function<void(const db::TransactionRow&)> found) {
    call.on.reader.transaction(
        id, [call, found = std::move(found)](
                const db::ReadResult<std::optional<db::TransactionRow>>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& row = std::get<std::optional<db::TransactionRow>>(result);
            if (!row) return call.respond(not_found("transaction"));
            found(*row);
        });
}

void close_stuck(const Call& call, const Running& running) {
    if (refused_as_full(call)) return;
    const auto now = call.now();
    db::TransactionRow row;
    row.start = running.transaction->start;
    put_in_force(row);
    Change change{"stop", "transaction", std::to_string(row.start.id)};
    change.before = audit_json(row, energy_so_far(call, row));
    auto* charger = running.charger;
    site::TransactionBook book = site::book_of(call.site(), *charger);
    row.stop = site::stop_if_closed(book, *running.transaction, site::closed_by_operator, now.wall);
    put_in_force(row);
    const auto view = api::view_of(row, std::nullopt);
    change.after = audit_json(row, std::nullopt);
    audit(call, std::move(change));
    const auto ticket = site::force_stop(call.site(), *charger, *running.transaction, now);
    call.site().wake_by(now.mono);
    respond_when_durable(call, ticket, json_response(200, view));
}

// What memory knows better than a database that may lag behind: how a transaction ended, and how it
// was corrected.
db::TransactionRow newest(const Call& call, db::TransactionRow row) {
    const auto is_it = [&](const auto& t) { return t.start.id == row.start.id; };
    if (const auto* charger = call.site().find(row.start.charge_point)) {
        const auto& stopped = charger->stopped;
        const auto ended = std::find_if(stopped.rbegin(), stopped.rend(), is_it);
        if (ended != stopped.rend()) row.stop = ended->stop;
    }
    if (const auto* correction = site::find_correction(call.site(), row.start.id)) {
        row.correction = *correction;
    }
    put_in_force(row);
    return row;
}

// The wish of a body; whose it is must be somebody.
site::CorrectionWish wish_of(const Call& call, const CorrectionEdit& edit,
                             std::vector<Violation>& violations) {
    site::CorrectionWish wish{edit.badge,       edit.startedAt, edit.stoppedAt, edit.meterStartWh,
                              edit.meterStopWh, edit.energyWh,  edit.note};
    std::vector<Violation> found;
    std::string_view pointer = "/badge";
    if (edit.idTag.present && edit.badge.present) {
        found.push_back({Defect::bad_value, "/idTag", "means the same as badge: give one of them"});
    } else if (edit.idTag.present) {
        wish.badge = edit.idTag;
        pointer = "/idTag";
    }
    if (auto& badge = wish.badge.value) {
        const auto known = call.site().badges.find(*badge);
        if (known == call.site().badges.end()) {
            found.push_back({Defect::bad_value, std::string{pointer}, "there is no such badge"});
        } else {
            badge = known->second.id_tag;
        }
    }
    check_text(found, "/note", edit.note.value, site::correction_note_max);
    add(violations, std::move(found));
    return wish;
}

// Who pays goes with the badge: the group and the cost centre of the one that counts from now on.
void put_payer(const Call& call, db::TransactionRow& row) {
    auto& start = row.start;
    const auto* charger = call.site().find(start.charge_point);
    const auto& corrected = row.correction->badge;
    if (!corrected && charger) {
        const auto is_it = [&](const auto& t) { return t.start.id == start.id; };
        const auto running = std::find_if(charger->open.begin(), charger->open.end(), is_it);
        const auto ended = std::find_if(charger->stopped.begin(), charger->stopped.end(), is_it);
        const auto* told = running != charger->open.end()    ? &running->start
                           : ended != charger->stopped.end() ? &ended->start
                                                             : nullptr;
        if (told) {
            start.badge_group = told->badge_group;
            start.cost_centre = told->cost_centre;
            return;
        }
    }
    const auto& badges = call.site().badges;
    const auto badge = badges.find(corrected ? *corrected : start.badge.value_or(start.id_tag));
    start.badge_group.reset();
    start.cost_centre.reset();
    if (badge == badges.end()) return;
    const auto* group = site::find_group(call.site(), badge->second);
    start.badge_group = badge->second.group;
    start.cost_centre = badge->second.cost_centre;
    if (!start.cost_centre && group) start.cost_centre = group->cost_centre;
}

void correct(const Call& call, const db::TransactionRow& before, Body<CorrectionEdit> body) {
    const auto wish = wish_of(call, body.value, body.violations);
    auto after = before;
    std::vector<Violation> found;
    after.correction = site::corrected({before.start, before.stop}, before.correction, wish,
                                       call.now().wall, found);
    add(body.violations, std::move(found));
    if (!body.violations.empty()) return call.respond(invalid(std::move(body.violations)));
    const auto present = to_json(view_of(call, before), TimeStyle::milliseconds);
    if (refused_as_stale(call, version_of(before), present)) return;
    if (refused_as_full(call)) return;
    after.correction->by = call.actor;
    const auto badge_before = before.correction ? before.correction->badge : std::nullopt;
    if (after.correction->badge != badge_before) put_payer(call, after);
    put_in_force(after);
    const auto view = view_of(call, after);
    Change change{"correct", "transaction", std::to_string(before.start.id)};
    change.before = audit_json(before, energy_so_far(call, before));
    change.after = audit_json(after, energy_so_far(call, after), &before);
    audit(call, std::move(change));
    const auto ticket = site::correct(call.site(), {before.start, before.stop}, before.correction,
                                      *after.correction);
    respond_when_durable(call, ticket, tagged(json_response(200, view), version_of(after)));
}

net::HttpResponse table_response(const Call& call, const db::TransactionPage& page) {
    std::string table{csv_begin};
    append_csv_row(table, table_header());
    for (const auto& row : page.items) {
        append_csv_row(table, table_row(row, energy_so_far(call, row)));
    }
    auto response = json_response(200, std::move(table));
    response.content_type = "text/csv; charset=utf-8";
    response.headers.emplace_back("Content-Disposition",
                                  "attachment; filename=\"transactions.csv\"");
    if (page.next) {
        // The same question with another cursor.
        std::string link = "</api/v1/transactions?";
        for (const auto& [name, value] : call.request.query) {
            if (name == "cursor") continue;
            link.append(path_segment(name)).append("=").append(path_segment(value)).append("&");
        }
        link.append("cursor=").append(to_cursor(std::to_string(*page.next)));
        response.headers.emplace_back("Link", link + ">; rel=\"next\"");
    }
    return response;
}

// A table takes more at once than a page.
int limit_of_table(const net::HttpRequest& request, std::vector<Violation>& violations) {
    const auto text = request.parameter("limit");
    if (!text) return db::transaction_limit_max;
    const auto limit = parse_id(*text);
    if (limit && *limit <= db::transaction_limit_max) return static_cast<int>(*limit);
    add(violations, {{Defect::bad_value, "/limit", "must be 1 to 10000"}});
    return db::transaction_limit_max;
}

}  // namespace

void list_transactions(const Call& call) {
    Query query{call};
    db::TransactionFilter filter;
    filter.active = query.flag("active");
    filter.from = query.time("from");
    filter.to = query.time("to");
    filter.id_tag = query.text("idTag");
    filter.charge_point = query.text("chargePoint");
    filter.group = query.text("group");
    filter.cost_centre = query.text("costCentre");
    filter.text = query.text("text");
    filter.cursor = query.number_cursor();
    const auto format = query.text("format");
    const bool as_table = format == "csv";
    if (!as_table) filter.limit = query.limit();
    auto violations = query.violations();
    if (as_table) filter.limit = limit_of_table(call.request, violations);
    if (format && !as_table && format != "json") {
        add(violations, {{Defect::bad_value, "/format", "must be json or csv"}});
    }
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    call.on.reader.transactions(
        std::move(filter), [call, as_table](const db::ReadResult<db::TransactionPage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::TransactionPage>(result);
            if (as_table) return call.respond(table_response(call, page));
            call.respond(page_of_rows(page, [&](const auto& row) { return view_of(call, row); }));
        });
}

void show_transaction(const Call& call) {
    const auto id = parse_id(call.names[0]);
    if (!id) return call.respond(not_found("transaction"));
    with_row(call, *id, [call](const db::TransactionRow& row) {
        call.respond(tagged(json_response(200, view_of(call, row)), version_of(row)));
    });
}

void correct_transaction(const Call& call) {
    auto body = read_body<CorrectionEdit>(call);
    if (!body) return;
    const auto id = parse_id(call.names[0]);
    if (!id) return call.respond(not_found("transaction"));
    with_row(call, *id, [call, body = std::move(*body)](const db::TransactionRow& row) {
        correct(call, newest(call, row), body);
    });
}

void list_meter_values(const Call& call) {
    Query query{call};
    const int limit = query.limit();
    std::optional<Timestamp> after;
    if (const auto key = query.number_cursor()) after = Timestamp{std::chrono::milliseconds{*key}};
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto id = parse_id(call.names[0]);
    if (!id) return call.respond(not_found("transaction"));
    call.on.reader.meter_values(
        *id, after, limit, [call, id](const db::ReadResult<db::MeterValuePage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::MeterValuePage>(result);
            if (!page.items.empty()) return answer_meter_values(call, page);
            // No values: is there such a transaction at all?
            with_row(call, *id,
                     [call, page](const db::TransactionRow&) { answer_meter_values(call, page); });
        });
}

void stop_transaction(const Call& call) {
    auto body = read_body<StopRequest>(call, body_or_empty_object(call));
    if (!body) return;
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    const auto id = parse_id(call.names[0]);
    if (!id) return call.respond(not_found("transaction"));
    const auto running = find_running(call.site(), *id);
    if (!running.transaction) {
        return with_row(call, *id, [call](const db::TransactionRow&) {
            call.respond(to_response({.status = 409, .detail = "The transaction is not running."}));
        });
    }
    if (body->value.force.value_or(false)) return close_stuck(call, running);
    const site::v16::RemoteStopTransaction::Request request{
        running.transaction->start.transaction_id};
    send_command(call, running.charger->settings.id, site::v16::RemoteStopTransaction::action,
                 to_json(request));
}

}  // namespace busbar::api
