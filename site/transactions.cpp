#include "site/transactions.hpp"

#include <algorithm>
#include <charconv>

#include "site/badge_reading.hpp"
#include "site/badge_taps.hpp"
#include "site/corrections.hpp"
#include "site/limit_habits.hpp"
#include "site/meter_row.hpp"
#include "site/metering.hpp"
#include "site/reservations.hpp"
#include "site/routes.hpp"
#include "site/start_connector.hpp"
#include "site/transaction_restore.hpp"

namespace busbar::site {
namespace {

// A time that far ahead is no wrong time zone: by it, no later message would ever be the newer one.
constexpr std::chrono::hours future_max{24};

bool is_ahead(Timestamp at, Now now) { return at > now.wall + future_max; }

// A clock that is wrong by years says nothing: what it stamps belongs to the day that it comes.
template <class R>
void correct_time(Context& on, Salvaged<R>& message) {
    auto& time = message.request.timestamp;
    const bool is_future = is_ahead(time, on.now);
    if (!is_future && time >= believable_from) return;
    count_deviation(on.charger, is_future ? "future_timestamp" : "timestamp_before_2020",
                    to_string(time), on.now.wall);
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

// The number of the charger's only connector; 0 if it has several.
std::int32_t only_connector(const ChargePoint& charger) {
    std::int32_t only = 0;
    for (const auto& [id, connector] : charger.connectors) {
        if (id <= 0) continue;
        if (only != 0) return 0;
        only = id;
    }
    return only;
}

// Whose it is, as it is known now.
void put_owner(const Site& site, const ChargePoint& charger, db::TransactionStarted& row) {
    auto owner = owner_of(site, charger, row.id_tag);
    row.badge = std::move(owner.badge);
    row.badge_group = std::move(owner.badge_group);
    row.cost_centre = std::move(owner.cost_centre);
}

std::string state_key(db::TransactionKey id) { return std::to_string(id); }

// The row of a stop, and what goes with it.
void add_stop(std::vector<db::Record>& unit, const Transaction& ended) {
    unit.emplace_back(*ended.stop);
    // An estimated end may still be corrected: the tally is needed for that.
    if (ended.stop->estimated || !ended.energy.is_stored) return;
    unit.emplace_back(
        db::StateRemoved{std::string{transaction_energy_kind}, state_key(ended.start.id)});
}

// A transaction has moved to the stopped ones: what that changes beside them.
void settle_end(Site& site, ChargePoint& charger, const Transaction& ended, Bookings bookings,
                Now now) {
    if (auto* connector = connector_of(charger, ended.start.connector_id)) {
        connector->measured.reset();
        connector->limit_refused = false;
        car_gone(*connector);
    }
    if (bookings == Bookings::end) {
        transaction_over(site, charger, ended.start.connector_id, now);
    }
    site.step_wanted = true;
    const auto& stop = *ended.stop;
    const auto difference = std::int64_t{stop.meter_stop_wh} - ended.start.meter_start_wh;
    if (stop.energy_wh != difference) {
        count_deviation(charger, "energy_not_by_register",
                        std::to_string(ended.start.id) + ": " + std::to_string(difference) +
                            " Wh by start and stop, " + std::to_string(*stop.energy_wh) +
                            " Wh by " + *stop.energy_source,
                        now.wall);
    }
    if (!site.log) return;
    site.log("transaction_stopped", charger.settings.id + " transaction=" +
                                        std::to_string(ended.start.id) + " " + stop.reason);
}

// A running transaction as load management and what waits for it must know it.
void settle_begin(Context& on, const Transaction& begun,
                  const std::optional<std::int32_t>& reservation) {
    Site& site = on.site;
    const auto& row = begun.start;
    const auto* connector = connector_of(on.charger, row.connector_id);
    if (connector && !connector->safe_profile_accepted) {
        // Nothing holds this car back yet: until its first limit is acknowledged it may draw all.
        site.engine.restore(evse_id(row.charge_point, row.connector_id),
                            Amps::from_milliamps(on.charger.settings.max_milliamps), on.now);
    }
    // What was reserved or started for a badge names it without what this charger adds to it.
    observe(site, on.charger,
            TransactionBegan{row.connector_id, row.badge ? *row.badge : row.id_tag, reservation,
                             row.id});
    site.step_wanted = true;
}

// The new transaction, recorded together with the end of the one it supersedes on its connector.
Transaction& begin_new(Context& on, StartReceived start,
                       const std::optional<std::int32_t>& reservation) {
    put_owner(on.site, on.charger, start.row);
    auto book = book_of(on.site, on.charger);
    const auto out = begin(book, start, on.now);
    std::vector<db::Record> unit;
    if (out.ended) {
        settle_end(on.site, on.charger, *out.ended,
                   out.ended_may_draw ? Bookings::keep : Bookings::end, on.now);
        unit.emplace_back(*out.ended->stop);
        count_deviation(on.charger, "start_without_stop",
                        std::to_string(out.ended->start.transaction_id), on.now.wall);
    }
    unit.emplace_back(out.begun->start);
    if (out.begun->start.implausible_start) {
        count_deviation(on.charger, "implausible_start", std::to_string(out.begun->start.id),
                        on.now.wall);
    }
    if (out.is_past) {
        unit.emplace_back(*out.begun->stop);
        count_deviation(on.charger, "start_after_its_end", std::to_string(out.begun->start.id),
                        on.now.wall);
    }
    out.begun->recorded = on.site.record(std::move(unit));
    if (!out.is_past) settle_begin(on, *out.begun, reservation);
    return *out.begun;
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

// What the register showed when the transaction began, if its values tell.
std::optional<RegisterPoint> begin_of(const ChargePoint& charger,
                                      const std::vector<v16::MeterValue>& values) {
    const auto quirks = meter_value_quirks(charger.quirks);
    for (const auto& value : values) {
        for (const auto& sampled : value.sampledValue) {
            const auto row = normalised(sampled, quirks);
            const bool is_it = row.context == "Transaction.Begin" && row.phase.empty() &&
                               row.measurand == "Energy.Active.Import.Register";
            if (is_it && row.number) return RegisterPoint{*row.number, value.timestamp};
        }
    }
    return std::nullopt;
}

StopReceived received_stop(const Context& on, const Salvaged<v16::StopTransaction::Request>& stop) {
    const auto& request = stop.request;
    StopReceived out;
    out.transaction_id = request.transactionId;
    out.row.meter_stop_wh = request.meterStop;
    out.row.stopped_at = request.timestamp;
    out.row.received_at = on.now.wall;
    // An absent reason means Local (OCPP 1.6, 6.49).
    out.row.reason = enumerator_name(request.reason.value_or(v16::StopTransactionReason::Local));
    if (request.idTag) out.row.id_tag = request.idTag->value;
    out.meter_is_known = stop.meter_is_known;
    if (request.transactionData) out.begin = begin_of(on.charger, *request.transactionData);
    // Its transaction does not bear such a time, either.
    if (out.begin && (out.begin->at < believable_from || is_ahead(out.begin->at, on.now))) {
        out.begin.reset();
    }
    out.connector_id = only_connector(on.charger);
    return out;
}

void count_oddities(Context& on, const StopReceived& stop, const StopMatch& matched) {
    const auto count = [&](std::string_view kind, const std::string& example) {
        count_deviation(on.charger, kind, example, on.now.wall);
    };
    const auto id = std::to_string(stop.transaction_id);
    if (matched.meaning == StopMeaning::orphan) return count("stop_of_unknown_transaction", id);
    if (matched.is_guess) count("stop_with_wrong_transaction_id", id);
    if (matched.is_reconstructed) count("stop_without_start", id);
    const auto meter_start = matched.transaction->start.meter_start_wh;
    if (stop.meter_is_known && stop.row.meter_stop_wh < meter_start) {
        count("register_went_backwards",
              std::to_string(meter_start) + " to " + std::to_string(stop.row.meter_stop_wh));
    }
}

// Adds what is only known here to a start that never came.
void complete_reconstructed(const Context& on, db::TransactionStarted& row) {
    row.charge_point = on.charger.settings.id;
    const auto verdict = authorize(on.site, on.charger, row.id_tag, row.started_at);
    // A badge that was not named was not refused, either: its charger let it charge.
    const auto status =
        row.id_tag.empty() ? v16::AuthorizationStatus::Accepted : verdict.id_tag_info.status;
    row.authorization = enumerator_name(status);
    put_owner(on.site, on.charger, row);
}

// One that was closed here long ago counts for the month in which it has really stopped.
void know_used_energy(Site& site, const Transaction& transaction) {
    const auto* correction = find_correction(site, transaction.start.id);
    site.energy_used.know(transaction.start, transaction.stop,
                          correction ? std::optional{*correction} : std::nullopt,
                          site.settings.time_zone, site.now.wall);
}

// Records a stop that ends a transaction or corrects its end, with the samples that came with it.
void end_by(Context& on, const StopReceived& stop, const StopMatch& matched,
            const std::optional<std::vector<v16::MeterValue>>& data) {
    Site& site = on.site;
    auto& transaction = *matched.transaction;
    std::vector<db::Record> unit;
    if (matched.is_reconstructed) {
        complete_reconstructed(on, transaction.start);
        unit.emplace_back(transaction.start);
    }
    if (data) {
        auto samples = take_samples(on, transaction.start.connector_id, &transaction, *data);
        std::move(samples.begin(), samples.end(), std::back_inserter(unit));
    }
    auto book = book_of(site, on.charger);
    if (matched.meaning == StopMeaning::corrects) know_used_energy(site, transaction);
    auto& ended = finish(book, matched, stop);
    // A stop that takes its place later must not take away what this one said.
    if (matched.is_doubtful) unit.emplace_back(orphan_of(stop, on.charger.settings.id));
    if (matched.meaning == StopMeaning::ends) {
        // What may still run may still draw: a number that could be another's is no sign of the
        // end.
        const bool may_run = matched.is_doubtful && stop.transaction_id > 0;
        settle_end(site, on.charger, ended, may_run ? Bookings::keep : Bookings::end, on.now);
    } else if (!is_followed(on.charger, ended)) {
        transaction_over(site, on.charger, ended.start.connector_id, on.now);
        site.step_wanted = true;
    }
    add_stop(unit, ended);
    ended.recorded = site.record(std::move(unit));
    on.wait_for(ended.recorded);
}

void keep_orphan(Context& on, const StopReceived& stop,
                 const std::optional<std::vector<v16::MeterValue>>& data) {
    std::vector<db::Record> unit;
    if (data) unit = take_samples(on, 0, nullptr, *data);
    auto book = book_of(on.site, on.charger);
    unit.emplace_back(keep_orphan(book, stop, on.charger.settings.id));
    on.wait_for(on.site.record(std::move(unit)));
}

}  // namespace

TransactionBook book_of(Site& site, ChargePoint& charger) {
    TransactionBook book{charger.open, charger.stopped, charger.orphan_stops,
                         site.next_transaction_key};
    auto& rules = book.rules;
    rules.close_after_available =
        std::chrono::seconds{charger.quirks.close_after_available_seconds};
    // Chargers that measure seldom are silent for longer.
    rules.close_after_boot = std::max<std::chrono::seconds>(
        std::chrono::minutes{15}, 3 * site.settings.meter_sample_interval);
    rules.echoes_transaction_ids = charger.quirks.echoes_transaction_ids;
    rules.power_watts_max = power_watts_max(charger);
    rules.is_same_badge = [&site, &charger](std::string_view a, std::string_view b) {
        return is_same_badge(site, charger, a, b);
    };
    return book;
}

double power_watts_max(const ChargePoint& charger) {
    constexpr double volts = 240;
    const auto& settings = charger.settings;
    return Amps::from_milliamps(settings.max_milliamps).to_double() * volts *
           count(wired_phases(settings.phase_map));
}

db::Journal::Ticket force_stop(Site& site, ChargePoint& charger, const Transaction& running,
                               Now now) {
    auto book = book_of(site, charger);
    auto& ended = close(book, running, closed_by_operator, now.wall);
    // It may still be drawing.
    settle_end(site, charger, ended, Bookings::keep, now);
    ended.recorded = site.record({*ended.stop});
    return ended.recorded;
}

v16::Authorize::Response handle(Context& on, const v16::Authorize::Request& request) {
    auto verdict = tapped(on, request);
    if (on.site.log) on.site.log("authorize", on.charger.settings.id + " " + verdict.explained());
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
    correct_connector(on, start);
    if (request.connectorId < 0 || request.connectorId > connector_id_max) {
        count_deviation(on.charger, "connector_id_out_of_range",
                        std::to_string(request.connectorId), on.now.wall);
    }
    if (!start.meter_is_known) {
        request.meterStart = last_register_wh(on.charger, request.connectorId);
    }
    StartReceived received;
    received.row.charge_point = on.charger.settings.id;
    received.row.connector_id = stored_connector_id(request.connectorId);
    received.row.id_tag = request.idTag.value;
    received.row.meter_start_wh = request.meterStart;
    received.row.started_at = request.timestamp;
    received.row.received_at = on.now.wall;
    received.meter_is_known = start.meter_is_known;
    received.time_is_known = start.time_is_known;
    auto book = book_of(on.site, on.charger);
    Transaction* known = find_same_start(book, received);
    auto verdict = tapped(on, request, known != nullptr);
    auto& status = verdict.id_tag_info.status;
    // What was refused once stays refused, or a repeat would get energy that nobody counts.
    if (known && status == v16::AuthorizationStatus::Accepted) {
        const auto first =
            enumerator_from_name<v16::AuthorizationStatus>(known->start.authorization);
        status = first.value_or(status);
    }
    if (!known) {
        check_reservation(on.site, on.charger, request, on.now);
        received.row.authorization = enumerator_name(status);
        known = &begin_new(on, std::move(received), request.reservationId);
        if (on.site.log) {
            on.site.log("transaction_started",
                        on.charger.settings.id + "/" + std::to_string(request.connectorId) +
                            " transaction=" + std::to_string(known->start.id) + " " +
                            verdict.explained());
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
    auto& request = stop.request;
    correct_time(on, stop);
    const auto received = received_stop(on, stop);
    auto book = book_of(on.site, on.charger);
    const auto matched = match(book, received, on.now);
    count_oddities(on, received, matched);
    switch (matched.meaning) {
        case StopMeaning::ends:
        case StopMeaning::corrects:
            end_by(on, received, matched, request.transactionData);
            break;
        case StopMeaning::repeats:
            on.wait_for(matched.transaction->recorded);
            break;
        case StopMeaning::orphan:
            keep_orphan(on, received, request.transactionData);
            break;
    }
    v16::StopTransaction::Response response;
    if (request.idTag) {
        response.idTagInfo =
            authorize(on.site, on.charger, *request.idTag, on.now.wall).id_tag_info;
    }
    return response;
}

void follow_energy(const Context& on, Transaction& transaction, const MeterSnapshot& snapshot,
                   bool history) {
    EnergyReading reading;
    reading.at = snapshot.at < believable_from ? on.now.wall : snapshot.at;
    reading.register_wh = snapshot.energy_register_wh;
    reading.begin_wh = snapshot.transaction_begin_wh;
    reading.end_wh = snapshot.transaction_end_wh;
    reading.interval_wh = snapshot.energy_interval_wh;
    reading.power_watts = snapshot.power_watts;
    add_reading(transaction, reading, snapshot.live && !history, power_watts_max(on.charger),
                on.now);
}

void keep_energy(Transaction* transaction, std::vector<db::Record>& rows) {
    if (!transaction || !(is_odd(transaction->energy) || transaction->energy.is_stored)) return;
    if (transaction->stop && !transaction->stop->estimated) return;
    transaction->energy.is_stored = true;
    rows.emplace_back(db::StateSaved{std::string{transaction_energy_kind},
                                     state_key(transaction->start.id),
                                     RawJson{to_json(transaction->energy)}});
}

void status_reported(Context& on, std::int32_t connector_id) {
    const auto connector = on.charger.connectors.find(connector_id);
    if (connector == on.charger.connectors.end() || !connector->second.status) return;
    const auto& status = *connector->second.status;
    for (auto& transaction : on.charger.open) {
        if (transaction.start.connector_id != connector_id) continue;
        reported(transaction, status.status, status.received_at, on.now);
    }
}

void charger_booted(Context& on) {
    auto book = book_of(on.site, on.charger);
    booted(book, on.now);
}

void close_overdue(Site& site, ChargePoint& charger, Now now) {
    if (charger.open.empty() || site.journal.full()) return;
    for (auto& transaction : charger.open) {
        // One that is away can show no sign of life.
        if (!charger.link && transaction.booted_at) transaction.booted_at = now.mono;
        // What was reported before a restart.
        const auto connector = charger.connectors.find(transaction.start.connector_id);
        if (connector == charger.connectors.end() || !connector->second.status) continue;
        const auto& status = *connector->second.status;
        if (status.status == "Available") {
            reported(transaction, status.status, status.received_at, now);
        }
    }
    auto book = book_of(site, charger);
    while (const auto overdue = find_overdue(book, now)) {
        const auto bookings =
            overdue->reason == closed_by_available ? Bookings::end : Bookings::keep;
        auto& ended = close(book, *overdue->transaction, overdue->reason, now.wall);
        settle_end(site, charger, ended, bookings, now);
        count_deviation(charger, "no_stop", std::to_string(ended.start.transaction_id), now.wall);
        ended.recorded = site.record({*ended.stop});
    }
    if (const auto next = next_overdue(book)) site.wake_by(*next);
}

bool has_transaction(const ChargePoint& charger, std::int32_t connector_id) {
    return std::any_of(charger.open.begin(), charger.open.end(),
                       [&](const Transaction& t) { return t.start.connector_id == connector_id; });
}

void restore_transaction_energy(Site& site, const db::StateSaved& row) {
    if (row.kind != transaction_energy_kind) return;
    db::TransactionKey id = 0;
    std::from_chars(row.key.data(), row.key.data() + row.key.size(), id);
    DecodeReport report;
    const auto tally = decode_text<EnergyTally>(row.body.text, {}, report);
    if (!tally) return;
    for (auto& [name, charger] : site.charge_points) {
        for (auto& transaction : charger.open) {
            if (transaction.start.id == id) take_tally(transaction, *tally);
        }
        for (auto& transaction : charger.stopped) {
            if (transaction.start.id == id) take_tally(transaction, *tally);
        }
    }
}

}  // namespace busbar::site
