#include "site/transactions.hpp"

#include <algorithm>
#include <limits>

#include "site/badge_reading.hpp"
#include "site/reservations.hpp"
#include "site/routes.hpp"

namespace busbar::site {
namespace {

constexpr Timestamp plausible_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};

std::string reason_of(const v16::StopTransaction::Request& request) {
    // An absent reason means Local (OCPP 1.6, 6.49).
    return enumerator_name(request.reason.value_or(v16::StopTransactionReason::Local));
}

db::TransactionStopped stop_row(const Context& on, db::TransactionKey id,
                                const v16::StopTransaction::Request& request) {
    db::TransactionStopped row;
    row.id = id;
    row.meter_stop_wh = request.meterStop;
    row.stopped_at = request.timestamp;
    row.received_at = on.now.wall;
    row.reason = reason_of(request);
    if (request.idTag) row.id_tag = request.idTag->value;
    return row;
}

// A time that far ahead is no wrong time zone: by it, no later message would ever be the newer one.
constexpr std::chrono::hours future_max{24};

template <class R>
void correct_time(Context& on, Salvaged<R>& message) {
    auto& time = message.request.timestamp;
    if (time <= on.now.wall + future_max) return;
    count_deviation(on.charger, "future_timestamp", to_string(time), on.now.wall);
    time = on.now.wall;
    message.time_is_known = false;
}

// What the register of a connector showed last, or 0.
std::int32_t last_register_wh(const ChargePoint& charger, std::int32_t connector_id) {
    const auto is_there = [&](const Transaction& t) {
        return t.start.connector_id == stored_connector_id(connector_id);
    };
    const auto running = std::find_if(charger.open.begin(), charger.open.end(), is_there);
    if (running != charger.open.end()) return running->register_wh;
    const auto ended = std::find_if(charger.stopped.rbegin(), charger.stopped.rend(), is_there);
    return ended == charger.stopped.rend() ? 0 : ended->stop->meter_stop_wh;
}

Transaction* find_same_start(ChargePoint& charger,
                             const Salvaged<v16::StartTransaction::Request>& start,
                             bool implausible) {
    for (auto& transaction : charger.open) {
        // What we put in for a thing that is not known is another at each repeat.
        auto request = start.request;
        if (!start.meter_is_known) request.meterStart = transaction.start.meter_start_wh;
        if (!start.time_is_known) request.timestamp = transaction.start.started_at;
        if (is_same_start(transaction.start, request)) return &transaction;
    }
    const auto& request = start.request;
    if (implausible) return nullptr;
    for (auto& transaction : charger.stopped) {
        if (is_same_start(transaction.start, request)) return &transaction;
    }
    return nullptr;
}

Transaction* find_stopped(ChargePoint& charger, std::int32_t transaction_id) {
    // The newest first: ids of a CPO or of a restarted counter may recur.
    const auto it = std::find_if(
        charger.stopped.rbegin(), charger.stopped.rend(),
        [&](const Transaction& t) { return t.start.transaction_id == transaction_id; });
    return it == charger.stopped.rend() ? nullptr : &*it;
}

// The new transaction, recorded together with the end of the one it supersedes on its connector: a
// second start there means that the first one's stop is lost (field practice).
Transaction& begin(Context& on, const v16::StartTransaction::Request& request,
                   const Authorization& verdict, bool implausible) {
    Site& site = on.site;
    std::vector<db::Record> unit;
    const auto* running = site.find_open_on(on.charger, request.connectorId);
    auto bookings = Bookings::end;
    // No charger has that many connectors: one that pretends to must not fill our memory. What is
    // pushed out for that says nothing of its connector.
    if (!running && on.charger.open.size() == open_transactions_max) {
        running = &on.charger.open.front();
        bookings = Bookings::keep;
    }
    if (running) {
        auto& ended =
            move_to_stopped(site, on.charger, *running,
                            estimated_stop(*running, "Other", on.now.wall), bookings, on.now);
        unit.emplace_back(*ended.stop);
        count_deviation(on.charger, "start_without_stop",
                        std::to_string(ended.start.transaction_id), on.now.wall);
    }
    Transaction transaction;
    auto& row = transaction.start;
    row.id = site.next_transaction_key++;
    row.transaction_id = transaction_id_for(row.id);
    row.charge_point = on.charger.settings.id;
    row.connector_id = stored_connector_id(request.connectorId);
    row.id_tag = request.idTag.value;
    row.meter_start_wh = request.meterStart;
    row.started_at = request.timestamp;
    row.received_at = on.now.wall;
    row.authorization = enumerator_name(verdict.id_tag_info.status);
    row.implausible_start = implausible;
    transaction.register_wh = request.meterStart;
    transaction.register_at = request.timestamp;
    transaction.charging_since = on.now.mono;
    unit.emplace_back(row);
    transaction.recorded = site.record(std::move(unit));
    const auto* connector = connector_of(on.charger, row.connector_id);
    if (connector && !connector->safe_profile_accepted) {
        // Nothing holds this car back yet: until its first limit is acknowledged it may draw all.
        site.engine.restore(evse_id(row.charge_point, row.connector_id),
                            Amps::from_milliamps(on.charger.settings.max_milliamps), on.now);
    }
    // What was reserved or started for a badge names it without what this charger adds to it.
    const auto* badge = find_badge(site, on.charger, row.id_tag);
    observe(site, on.charger,
            TransactionBegan{row.connector_id, badge ? badge->id_tag : row.id_tag,
                             request.reservationId, row.id});
    site.step_wanted = true;
    return on.charger.open.emplace_back(std::move(transaction));
}

// True if another transaction of its connector may still be drawing: one that runs, or a later one
// whose end we only guessed.
bool is_followed(const ChargePoint& charger, const Transaction& ended) {
    const auto follows = [&](const Transaction& other) {
        return other.start.connector_id == ended.start.connector_id &&
               other.start.id > ended.start.id;
    };
    return std::any_of(charger.open.begin(), charger.open.end(), follows) ||
           std::any_of(charger.stopped.begin(), charger.stopped.end(),
                       [&](const auto& other) { return follows(other) && other.stop->estimated; });
}

// The transaction that a stop with a number we have not given must mean: one that it has ended
// before, or the only running one that it fits. Chargers that never got a number say 0 or -1
// (errata 3.18), some count for themselves.
Transaction* find_meant(const Context& on, const v16::StopTransaction::Request& request) {
    for (auto& ended : on.charger.stopped) {
        const bool is_repeat = ended.stop->stopped_at == request.timestamp &&
                               ended.stop->meter_stop_wh == request.meterStop;
        if (is_repeat && ended.start.started_at <= request.timestamp) return &ended;
    }
    Transaction* meant = nullptr;
    for (auto& running : on.charger.open) {
        const auto& start = running.start;
        const bool is_newer = running.register_at <= request.timestamp;
        const bool fits =
            (!request.idTag || is_same_badge(on.site, on.charger, *request.idTag, start.id_tag)) &&
            request.timestamp >= start.started_at &&
            request.meterStop >= (is_newer ? running.register_wh : start.meter_start_wh);
        if (!fits) continue;
        if (meant) return nullptr;
        meant = &running;
    }
    return meant;
}

// A number that could be ours, from a charger that repeats ours: the stop may belong to something
// else after all, so that a later one with the right number must be able to replace it.
bool is_doubtful(const ChargePoint& charger, const v16::StopTransaction::Request& request) {
    return request.transactionId > 0 && charger.quirks.echoes_transaction_ids;
}

// Puts in what the register must have shown where the stop does not say it.
void check_register(const Context& on, Salvaged<v16::StopTransaction::Request>& stop,
                    const Transaction* transaction) {
    auto& meter_stop = stop.request.meterStop;
    if (!stop.meter_is_known) {
        meter_stop = !transaction        ? 0
                     : transaction->stop ? transaction->stop->meter_stop_wh
                                         : transaction->register_wh;
    } else if (transaction && meter_stop < transaction->start.meter_start_wh) {
        count_deviation(
            on.charger, "register_went_backwards",
            std::to_string(transaction->start.meter_start_wh) + " to " + std::to_string(meter_stop),
            on.now.wall);
    }
}

void keep_orphan(Context& on, const v16::StopTransaction::Request& request,
                 std::vector<db::Record> unit) {
    count_deviation(on.charger, "stop_of_unknown_transaction",
                    std::to_string(request.transactionId), on.now.wall);
    const auto row = stop_row(on, 0, request);
    unit.emplace_back(db::OrphanStop{on.charger.settings.id, request.transactionId,
                                     row.meter_stop_wh, row.stopped_at, row.received_at, row.reason,
                                     row.id_tag});
    on.wait_for(on.site.record(std::move(unit)));
}

void log_stop(const Site& site, const Transaction& transaction) {
    if (!site.log) return;
    site.log("transaction_stopped", transaction.start.charge_point +
                                        " transaction=" + std::to_string(transaction.start.id) +
                                        " " + transaction.stop->reason);
}

}  // namespace

std::int32_t transaction_id_for(db::TransactionKey key) {
    constexpr std::int64_t span = 2'147'480'000;
    return static_cast<std::int32_t>(1000 + (key - 1) % span + 1);
}

bool is_same_start(const db::TransactionStarted& known,
                   const v16::StartTransaction::Request& request) {
    return known.connector_id == stored_connector_id(request.connectorId) &&
           equal_ignoring_case(known.id_tag, request.idTag) &&
           known.started_at == request.timestamp && known.meter_start_wh == request.meterStart;
}

bool is_implausible_start(const ChargePoint& charger, const v16::StartTransaction::Request& request,
                          Timestamp received_at) {
    if (request.timestamp < plausible_from) return true;
    if (charger.stopped.empty()) return false;
    const auto& last = *charger.stopped.back().stop;
    return request.timestamp <= last.stopped_at &&
           received_at > last.received_at + std::chrono::seconds{60} &&
           request.meterStart < last.meter_stop_wh && !last.estimated;
}

db::TransactionStopped estimated_stop(const Transaction& transaction, std::string_view reason,
                                      Timestamp at) {
    db::TransactionStopped row;
    row.id = transaction.start.id;
    row.meter_stop_wh = transaction.register_wh;
    row.stopped_at = std::max(transaction.register_at, transaction.start.started_at);
    row.received_at = at;
    row.reason = reason;
    row.estimated = true;
    return row;
}

Transaction& move_to_stopped(Site& site, ChargePoint& charger, const Transaction& running,
                             db::TransactionStopped stop, Bookings bookings, Now now) {
    const auto at = std::find_if(charger.open.begin(), charger.open.end(),
                                 [&](const auto& t) { return t.start.id == running.start.id; });
    Transaction ended = std::move(*at);
    charger.open.erase(at);
    ended.stop = std::move(stop);
    if (auto* connector = connector_of(charger, ended.start.connector_id)) {
        connector->measured.reset();
        connector->limit_refused = false;
    }
    if (bookings == Bookings::end) {
        site.engine.transaction_ended(evse_id(charger.settings.id, ended.start.connector_id), now);
    }
    site.step_wanted = true;
    charger.stopped.push_back(std::move(ended));
    drop_old_transactions(charger, now.wall);
    return charger.stopped.back();
}

void drop_old_transactions(ChargePoint& charger, Timestamp now) {
    auto& stopped = charger.stopped;
    const auto is_too_many = [&] {
        if (stopped.size() <= db::recent_transactions_min) return false;
        return stopped.size() > db::recent_transactions_max ||
               stopped.front().stop->received_at + db::recent_time <= now;
    };
    while (is_too_many()) stopped.pop_front();
}

db::Journal::Ticket force_stop(Site& site, ChargePoint& charger, const Transaction& running,
                               Now now) {
    // It may still be drawing.
    auto& ended = move_to_stopped(site, charger, running,
                                  estimated_stop(running, "Other", now.wall), Bookings::keep, now);
    ended.recorded = site.record({*ended.stop});
    return ended.recorded;
}

v16::Authorize::Response handle(Context& on, const v16::Authorize::Request& request) {
    auto verdict = authorize(on.site, on.charger, request.idTag, on.now.wall);
    if (on.site.log) on.site.log("authorize", on.charger.settings.id + " " + verdict.reason);
    return {.idTagInfo = std::move(verdict.id_tag_info)};
}

// A charger repeats StartTransaction until it is answered, so the same start must give the same id:
// this is asked before the rule on concurrent transactions. A refused tag gets an id too: OCPP 1.6
// requires one (4.8), and the charger may already be delivering energy.
v16::StartTransaction::Response handle(Context& on, const v16::StartTransaction::Request& request) {
    Salvaged<v16::StartTransaction::Request> start;
    start.request = request;
    return take_start(on, std::move(start));
}

v16::StartTransaction::Response take_start(Context& on,
                                           Salvaged<v16::StartTransaction::Request> start) {
    auto& request = start.request;
    correct_time(on, start);
    const auto& connectors = on.charger.connectors;
    if (!start.connector_is_known && connectors.size() == 1) {
        request.connectorId = connectors.begin()->first;
    }
    if (request.connectorId < 0 || request.connectorId > connector_id_max) {
        count_deviation(on.charger, "connector_id_out_of_range",
                        std::to_string(request.connectorId), on.now.wall);
    }
    if (!start.meter_is_known) {
        request.meterStart = last_register_wh(on.charger, request.connectorId);
    }
    const bool implausible =
        !start.meter_is_known || is_implausible_start(on.charger, request, on.now.wall);
    Transaction* known = find_same_start(on.charger, start, implausible);
    const int active = known ? 0 : transactions_elsewhere(on.site, on.charger, request);
    auto verdict = authorize(on.site, on.charger, request.idTag, on.now.wall, active);
    if (!known) {
        check_reservation(on.site, on.charger, request, on.now);
        known = &begin(on, request, verdict, implausible);
        if (on.site.log) {
            on.site.log("transaction_started",
                        on.charger.settings.id + "/" + std::to_string(request.connectorId) +
                            " transaction=" + std::to_string(known->start.id) + " " +
                            verdict.reason);
        }
    }
    // Limits it refused before it knew this transaction say nothing about the next.
    if (auto* connector = connector_of(on.charger, request.connectorId)) {
        connector->limit_refused = false;
    }
    on.wait_for(known->recorded);
    return {.idTagInfo = std::move(verdict.id_tag_info),
            .transactionId = known->start.transaction_id};
}

// A stop cannot be refused (4.10), and an unanswered one blocks all later messages of its charger:
// what fits no transaction is kept as an orphan and acknowledged like any other.
v16::StopTransaction::Response handle(Context& on, const v16::StopTransaction::Request& request) {
    Salvaged<v16::StopTransaction::Request> stop;
    stop.request = request;
    return take_stop(on, std::move(stop));
}

v16::StopTransaction::Response take_stop(Context& on,
                                         Salvaged<v16::StopTransaction::Request> stop) {
    Site& site = on.site;
    auto& request = stop.request;
    correct_time(on, stop);
    // A register that is not known is no reason to fit nothing.
    if (!stop.meter_is_known) request.meterStop = std::numeric_limits<std::int32_t>::max();
    Transaction* transaction = site.find_open(on.charger, request.transactionId);
    if (!transaction) transaction = find_stopped(on.charger, request.transactionId);
    bool is_guess = false;
    if (!transaction && (transaction = find_meant(on, request))) {
        is_guess = true;
        count_deviation(on.charger, "stop_with_wrong_transaction_id",
                        std::to_string(request.transactionId), on.now.wall);
    }
    const bool was_running = transaction && !transaction->stop;
    check_register(on, stop, transaction);
    // A repeat needs nothing; the truth about one we had closed ourselves replaces our guess.
    const bool is_news = !transaction || was_running || (transaction->stop->estimated && !is_guess);

    std::vector<db::Record> unit;
    if (is_news && request.transactionData) {
        const auto connector_id = transaction ? transaction->start.connector_id : 0;
        unit = take_samples(on, connector_id, transaction, *request.transactionData);
    }
    if (was_running) {
        auto row = stop_row(on, transaction->start.id, request);
        const bool is_doubted = is_guess && is_doubtful(on.charger, request);
        row.estimated = is_doubted || !stop.meter_is_known;
        // What may still run may still draw.
        const auto bookings = is_doubted ? Bookings::keep : Bookings::end;
        transaction =
            &move_to_stopped(site, on.charger, *transaction, std::move(row), bookings, on.now);
        log_stop(site, *transaction);
    } else if (transaction && is_news) {
        transaction->stop = stop_row(on, transaction->start.id, request);
        transaction->stop->estimated = !stop.meter_is_known;
        if (!is_followed(on.charger, *transaction)) {
            site.engine.transaction_ended(
                evse_id(on.charger.settings.id, transaction->start.connector_id), on.now);
            site.step_wanted = true;
        }
    }
    if (transaction && is_news) {
        unit.emplace_back(*transaction->stop);
        transaction->recorded = site.record(std::move(unit));
    } else if (!transaction) {
        keep_orphan(on, request, std::move(unit));
    }
    if (transaction) on.wait_for(transaction->recorded);

    v16::StopTransaction::Response response;
    if (request.idTag) {
        response.idTagInfo = authorize(site, on.charger, *request.idTag, on.now.wall).id_tag_info;
    }
    return response;
}

}  // namespace busbar::site
