// /api/v1/transactions: read from the database; running ones are stopped through the site.
#include "site/transactions.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"
#include "site/meter_register.hpp"

namespace busbar::api {
namespace {

struct TransactionView {
    std::int64_t id = 0;
    std::int32_t transactionId = 0;
    std::string chargePoint;
    std::int32_t connectorId = 0;
    std::string idTag;
    Timestamp startedAt;
    Nullable<Timestamp> stoppedAt;
    std::int32_t meterStartWh = 0;
    Nullable<std::int32_t> meterStopWh;
    Nullable<std::int64_t> energyWh;  // of a running one: so far
    Nullable<std::string> stopReason;
    bool estimated = false;
    std::string owner = "local";
};
BOOST_DESCRIBE_STRUCT(TransactionView, (),
                      (id, transactionId, chargePoint, connectorId, idTag, startedAt, stoppedAt,
                       meterStartWh, meterStopWh, energyWh, stopReason, estimated, owner))

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

TransactionView view_of(const db::TransactionStarted& start,
                        const std::optional<db::TransactionStopped>& stop,
                        std::optional<std::int32_t> register_wh) {
    TransactionView view;
    view.id = start.id;
    view.transactionId = start.transaction_id;
    view.chargePoint = start.charge_point;
    view.connectorId = start.connector_id;
    view.idTag = start.id_tag;
    view.startedAt = start.started_at;
    view.meterStartWh = start.meter_start_wh;
    if (stop) {
        view.stoppedAt = std::optional{stop->stopped_at};
        view.meterStopWh = std::optional{stop->meter_stop_wh};
        view.stopReason = std::optional{stop->reason};
        view.estimated = stop->estimated;
        register_wh = stop->meter_stop_wh;
    }
    if (register_wh) {
        view.energyWh = std::optional{static_cast<std::int64_t>(
            site::transaction_energy_wh(start.meter_start_wh, *register_wh, 0))};
    }
    return view;
}

TransactionView view_of(const Call& call, const db::TransactionRow& row) {
    std::optional<std::int32_t> register_wh;
    if (!row.stop) {
        const auto* charger = call.site().find(row.start.charge_point);
        const auto running = [&](const auto& t) { return t.start.id == row.start.id; };
        if (charger) {
            const auto it = std::find_if(charger->open.begin(), charger->open.end(), running);
            if (it != charger->open.end()) register_wh = it->register_wh;
        }
    }
    return view_of(row.start, row.stop, register_wh);
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

net::HttpResponse read_failed(const db::ReadError& error) {
    if (error.kind == db::ReadError::Kind::busy) {
        return unavailable("Too many requests are waiting for the database: try again.");
    }
    return unavailable("The database cannot be read at the moment: " + error.detail + ".");
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
                return call.respond(read_failed(*error));
            }
            const auto& row = std::get<std::optional<db::TransactionRow>>(result);
            if (!row) return call.respond(not_found("transaction"));
            found(*row);
        });
}

void close_stuck(const Call& call, const Running& running) {
    if (refused_as_full(call)) return;
    const auto start = running.transaction->start;
    const auto now = call.now();
    const auto ticket = site::force_stop(call.site(), *running.charger, *running.transaction, now);
    call.site().wake_by(now.mono);
    // What was just stopped is the newest of the stopped ones.
    const auto& stopped = running.charger->stopped.back();
    respond_when_durable(call, ticket,
                         json_response(200, view_of(start, stopped.stop, std::nullopt)));
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
    filter.limit = query.limit();
    filter.cursor = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    call.on.reader.transactions(std::move(filter),
                                [call](const db::ReadResult<db::TransactionPage>& result) {
                                    if (const auto* error = std::get_if<db::ReadError>(&result)) {
                                        return call.respond(read_failed(*error));
                                    }
                                    const auto& page = std::get<db::TransactionPage>(result);
                                    std::vector<TransactionView> items;
                                    items.reserve(page.items.size());
                                    for (const auto& row : page.items)
                                        items.push_back(view_of(call, row));
                                    std::optional<std::string> next;
                                    if (page.next) next = std::to_string(*page.next);
                                    call.respond(page_response(items, next));
                                });
}

void show_transaction(const Call& call) {
    const auto id = parse_id(call.names[0]);
    if (!id) return call.respond(not_found("transaction"));
    with_row(call, *id, [call](const db::TransactionRow& row) {
        call.respond(json_response(200, view_of(call, row)));
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
                return call.respond(read_failed(*error));
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
