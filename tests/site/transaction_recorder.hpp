// A server under a random history: hands the facts to the rules of transactions, as the handlers do
// without a site around them, keeps the rows as the database does, and begins anew from those rows
// when it is restarted.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "site/energy_used.hpp"
#include "site/transaction_restore.hpp"
#include "site/transaction_rules.hpp"
#include "tests/site/transaction_history.hpp"

namespace busbar::site::test {

inline const TimeZone& history_zone() {
    static const TimeZone zone = TimeZone::find("UTC").value();
    return zone;
}

inline std::string charger_name(int charger) { return "CP" + std::to_string(charger + 1); }

class Recorder {
public:
    explicit Recorder(History& history) : history_(history) {
        for (auto& box : boxes_) set_rules(box.book.rules);
    }

    void run() {
        used.restore({}, history_zone(), now_.wall);
        for (const auto& message : history_.messages) {
            pass_until(message.delivered);
            take(message);
        }
        pass_until(now_.wall + hours{48});
    }

    // As the database keeps them.
    std::map<db::TransactionKey, db::TransactionStarted> starts;
    std::map<db::TransactionKey, db::TransactionStopped> stops;
    std::vector<db::OrphanStop> orphans;
    std::map<db::TransactionKey, db::TransactionCorrected> corrections;
    EnergyUsed used;
    int doubled_keys = 0;
    int foreign_changes = 0;  // of a transaction of another charger
    Timestamp now() const { return now_.wall; }

    bool is_end_of_any(const db::OrphanStop& orphan) const {
        return std::any_of(stops.begin(), stops.end(), [&](const auto& entry) {
            const auto& [key, stop] = entry;
            return stop.stopped_at == orphan.stopped_at &&
                   stop.meter_stop_wh == orphan.meter_stop_wh &&
                   starts.at(key).charge_point == orphan.charge_point;
        });
    }

private:
    // What memory knows of one charger.
    struct Box {
        explicit Box(db::TransactionKey& next_key) : book{open, stopped, orphan_stops, next_key} {}
        std::vector<Transaction> open;
        std::deque<Transaction> stopped;
        std::deque<db::OrphanStop> orphan_stops;
        TransactionBook book;
        std::map<int, RegisterMemory> memory;  // by connector
    };
    // What the database knows of one charger besides.
    struct Store {
        std::optional<Timestamp> booted_at;
        std::map<int, db::ConnectorStatus> statuses;
    };
    struct Sample {
        int charger = 0;
        int connector = 0;
        db::TransactionKey transaction = 0;
        RegisterPoint point;
    };

    void set_rules(TransactionRules& rules) const {
        rules.power_watts_max = charger_watts;
        rules.echoes_transaction_ids = history_.temper().echoes_numbers;
        rules.is_same_badge = [](std::string_view a, std::string_view b) { return a == b; };
    }
    Box& box_of(const Session& session) {
        return boxes_[static_cast<std::size_t>(session.charger)];
    }
    Store& store_of(const Session& session) {
        return stores_[static_cast<std::size_t>(session.charger)];
    }

    void record(int charger, const db::TransactionStarted& row) {
        doubled_keys += !starts.emplace(row.id, row).second;
        foreign_changes += row.charge_point != charger_name(charger);
        used.observe(row, history_zone(), now_.wall);
    }
    void record(int charger, const db::TransactionStopped& row) {
        const auto it = stops.find(row.id);
        if (it == stops.end()) {
            stops.emplace(row.id, row);
        } else if (it->second.estimated && !row.estimated) {
            it->second = row;
        }
        if (!row.estimated) tallies_.erase(row.id);
        const auto start = starts.find(row.id);
        foreign_changes +=
            start == starts.end() || start->second.charge_point != charger_name(charger);
        used.observe(row, history_zone(), now_.wall);
    }
    void record(const db::OrphanStop& row) {
        const bool is_known = std::any_of(orphans.begin(), orphans.end(), [&](const auto& known) {
            return known.charge_point == row.charge_point &&
                   known.transaction_id == row.transaction_id &&
                   known.stopped_at == row.stopped_at && known.meter_stop_wh == row.meter_stop_wh;
        });
        if (!is_known) orphans.push_back(row);
    }

    void pass_until(Timestamp at) {
        for (int charger = 0; charger < 2; ++charger) {
            auto& book = boxes_[static_cast<std::size_t>(charger)].book;
            while (const auto next = next_overdue(book)) {
                const auto then = now_.wall + std::max(milliseconds{0}, *next - now_.mono);
                if (then > at) break;
                const Now moment{now_.mono + (then - now_.wall), then};
                const auto overdue = find_overdue(book, moment);
                ASSERT_TRUE(overdue);
                record(charger, *close(book, *overdue->transaction, overdue->reason, then).stop);
            }
        }
        now_.mono += at - now_.wall;
        now_.wall = at;
    }

    void take(const Message& message) {
        auto& session = history_.sessions[message.session];
        switch (message.kind) {
            case Message::Kind::start:
                return start(session);
            case Message::Kind::value:
                return value(message, session);
            case Message::Kind::stop:
                return stop(session);
            case Message::Kind::available:
                return status(session, "Available");
            case Message::Kind::charging:
                return status(session, "Charging");
            case Message::Kind::boot:
                store_of(session).booted_at = now_.wall;
                return booted(box_of(session).book, now_);
            case Message::Kind::restart:
                return restart();
            case Message::Kind::correct:
                return correct(session);
            case Message::Kind::erase:
                return erase(session);
        }
    }

    void start(Session& session) {
        session.start_came = true;
        auto& book = box_of(session).book;
        StartReceived start;
        start.row.charge_point = charger_name(session.charger);
        start.row.connector_id = session.connector;
        start.row.id_tag = session.badge;
        start.row.meter_start_wh = session.meter_start;
        start.row.started_at = session.start_stamp;
        start.row.received_at = now_.wall;
        const auto* known = find_same_start(book, start);
        if (!known) {
            const auto out = begin(book, start, now_);
            if (out.ended) record(session.charger, *out.ended->stop);
            record(session.charger, out.begun->start);
            if (out.is_past) record(session.charger, *out.begun->stop);
            known = out.begun;
        }
        session.answers.insert(known->start.transaction_id);
    }

    // The number its charger gives for a session.
    std::int32_t number(Session& session, Numbers numbers) const {
        const auto of_another = [&](bool is_foreign) {
            for (const auto& other : history_.sessions) {
                if (other.answers.empty() || &other == &session) continue;
                if ((other.charger != session.charger) != is_foreign) continue;
                if (is_foreign || other.ends <= session.begins) return *other.answers.rbegin();
            }
            return is_foreign ? 77'000 : -1;
        };
        switch (numbers) {
            case Numbers::none:
                return 0;
            case Numbers::unknown:
                return 99'999;
            case Numbers::foreign:
                return of_another(true);
            case Numbers::stale:
                return of_another(false);
            case Numbers::right:
                if (!session.answers.empty()) return *session.answers.rbegin();
                [[fallthrough]];
            case Numbers::negative:
                break;
        }
        return -1;
    }

    void value(const Message& message, Session& session) {
        auto& box = box_of(session);
        ValueOrigin origin;
        origin.connector_id = session.connector;
        origin.transaction_id = number(session, history_.temper().value_numbers);
        origin.names_one = true;
        origin.measured_at = message.stamp;
        auto* transaction = find_measured(box.book, origin);
        // What cannot be read says nothing.
        if (message.lie == Lie::unreadable) return;
        RegisterReading reading;
        reading.point = {told(message.register_wh, message.lie), message.stamp};
        // Else a register that begins anew could be taken for one in kWh.
        reading.unit_is_known = history_.temper().register_size > 0 || history_.temper().resets;
        RegisterBounds bounds;
        bounds.power_watts_max = charger_watts;
        bounds.session = history_.temper().session_register;
        if (transaction) {
            bounds.transaction_start =
                RegisterPoint{static_cast<double>(transaction->start.meter_start_wh),
                              transaction->start.started_at};
        }
        const auto verdict = judge(box.memory[session.connector], reading, bounds);
        if (!transaction) return;
        keep_sample(session, *transaction, {reading.point.wh * verdict.factor, reading.point.at});
        if (verdict.wh && !transaction->stop && message.stamp >= transaction->register_at &&
            *verdict.wh >= 0 && *verdict.wh < 2e9) {
            transaction->register_wh = whole(*verdict.wh);
            transaction->register_at = message.stamp;
            const bool is_its = session.answers.contains(transaction->start.transaction_id);
            if (is_its && message.lie == Lie::none) {
                session.known_wh = std::floor(message.register_wh) - session.meter_start;
            }
        }
        EnergyReading measured;
        measured.at = message.stamp;
        measured.register_wh = verdict.wh;
        const bool live = now_.wall - message.made < minutes{5};
        add_reading(*transaction, measured, live, charger_watts, now_);
        keep_tally(*transaction);
    }

    // One row a connector and time, whatever comes later.
    void keep_sample(const Session& session, const Transaction& transaction, RegisterPoint point) {
        const bool is_known = std::any_of(samples_.begin(), samples_.end(), [&](const auto& known) {
            return known.charger == session.charger && known.connector == session.connector &&
                   known.point.at == point.at;
        });
        if (is_known) return;
        samples_.push_back({session.charger, session.connector, transaction.start.id, point});
    }
    void keep_tally(Transaction& transaction) {
        if (transaction.stop && !transaction.stop->estimated) return;
        if (!is_odd(transaction.energy) && !transaction.energy.is_stored) return;
        transaction.energy.is_stored = true;
        tallies_[transaction.start.id] = transaction.energy;
    }

    void stop(Session& session) {
        session.stop_came = true;
        auto& book = box_of(session).book;
        StopReceived stop;
        stop.transaction_id = number(session, history_.temper().stop_numbers);
        stop.row.meter_stop_wh = session.stop_is_readable ? session.meter_stop : 0;
        stop.row.stopped_at = session.stop_stamp;
        stop.row.received_at = now_.wall;
        stop.row.reason = "Local";
        stop.row.id_tag = session.badge;
        stop.meter_is_known = session.stop_is_readable;
        if (history_.temper().tells_begin) {
            stop.begin =
                RegisterPoint{static_cast<double>(session.meter_start), session.start_stamp};
        }
        const auto name = charger_name(session.charger);
        const auto matched = match(book, stop, now_);
        if (matched.is_reconstructed) {
            matched.transaction->start.charge_point = name;
            record(session.charger, matched.transaction->start);
        }
        if (matched.meaning == StopMeaning::orphan) return record(keep_orphan(book, stop, name));
        if (matched.meaning == StopMeaning::repeats) return;
        const auto id = matched.transaction->start.id;
        if (matched.meaning == StopMeaning::corrects) {
            const auto& transaction = *matched.transaction;
            used.know(transaction.start, transaction.stop, correction_of(id), history_zone(),
                      now_.wall);
        }
        const auto& ended = finish(book, matched, stop);
        if (matched.is_doubtful) record(orphan_of(stop, name));
        record(session.charger, *ended.stop);
    }

    void status(const Session& session, const std::string& status) {
        store_of(session).statuses[session.connector] = {
            .connector_id = session.connector, .status = status, .received_at = now_.wall};
        for (auto& transaction : box_of(session).open) {
            if (transaction.start.connector_id != session.connector) continue;
            reported(transaction, status, now_.wall, now_);
        }
    }

    std::optional<db::TransactionCorrected> correction_of(db::TransactionKey id) const {
        const auto it = corrections.find(id);
        return it == corrections.end() ? std::nullopt : std::optional{it->second};
    }

    // Somebody says how much it really was, or whose, or takes that back.
    void correct(const Session& session) {
        for (const auto& [id, start] : starts) {
            const auto stop = stops.find(id);
            const bool is_it = session.answers.contains(start.transaction_id) &&
                               start.charge_point == charger_name(session.charger);
            if (!is_it || stop == stops.end()) continue;
            used.know(start, stop->second, correction_of(id), history_zone(), now_.wall);
            auto& correction = corrections[id];
            correction.id = id;
            const auto choice = history_.random() % 4;
            if (choice == 0) correction = {.id = id};
            if (choice == 1) correction.badge = "C";
            if (choice >= 2) {
                correction.energy_wh = static_cast<std::int64_t>(history_.random() % 50'000);
            }
            used.observe(correction, history_zone(), now_.wall);
            return;
        }
    }

    // Everything that was charged with the badge, unless something is charging with it.
    void erase(const Session& session) {
        const auto badge = session.badge;
        const auto is_its = [&](const Transaction& t) { return t.start.id_tag == badge; };
        for (const auto& box : boxes_) {
            if (std::any_of(box.open.begin(), box.open.end(), is_its)) return;
        }
        const std::string pseudonym = "anon-" + std::to_string(++erased_);
        const auto rename = [&](auto& text) {
            if (text == badge) text = pseudonym;
        };
        for (auto& box : boxes_) {
            for (auto& transaction : box.stopped) {
                rename(transaction.start.id_tag);
                rename(transaction.stop->id_tag);
            }
            for (auto& orphan : box.orphan_stops) rename(orphan.id_tag);
        }
        for (auto& [id, row] : starts) rename(row.id_tag);
        for (auto& [id, row] : stops) rename(row.id_tag);
        for (auto& row : orphans) rename(row.id_tag);
        for (auto& other : history_.sessions) {
            if (other.badge != badge || !other.erased_as.empty()) continue;
            if (other.start_came || other.stop_came) other.erased_as = pseudonym;
        }
        used.observe(db::BadgeErased{badge, pseudonym}, history_zone(), now_.wall);
    }

    // Memory is empty, the clock of the machine's uptime begins anew, and the rows are loaded.
    void restart() {
        now_.mono = Instant{hours{1}};
        std::vector<UsedEnergy> sums;
        for (auto& box : boxes_) {
            box.open.clear();
            box.stopped.clear();
            box.orphan_stops.clear();
            box.memory.clear();
        }
        for (const auto& [id, start] : starts) {
            auto& box = boxes_[start.charge_point == charger_name(0) ? 0 : 1];
            const auto stop = stops.find(id);
            if (stop == stops.end()) {
                box.open.push_back(restored(start, registers_of(id), charger_watts, now_));
            } else {
                box.stopped.push_back(restored(start, stop->second, charger_watts));
                sums.push_back({id, start.id_tag, stop->second.stopped_at,
                                stop->second.energy_wh.value_or(0), correction_of(id)});
            }
            const auto tally = tallies_.find(id);
            if (tally == tallies_.end()) continue;
            take_tally(stop == stops.end() ? box.open.back() : box.stopped.back(), tally->second);
        }
        used.restore(sums, history_zone(), now_.wall);
        for (std::size_t i = 0; i < boxes_.size(); ++i) restore(boxes_[i], stores_[i]);
        for (const auto& orphan : orphans) {
            if (is_end_of_any(orphan)) continue;
            await_start(boxes_[orphan.charge_point == charger_name(0) ? 0 : 1].book, orphan);
        }
    }

    void restore(Box& box, const Store& store) {
        for (auto& transaction : box.open) {
            used.restore(transaction.start, correction_of(transaction.start.id));
            const auto it = store.statuses.find(transaction.start.connector_id);
            const auto* status = it == store.statuses.end() ? nullptr : &it->second;
            if (store.booted_at) restore_boot(transaction, *store.booted_at, status, now_);
            if (!status || status->status != "Available") continue;
            reported(transaction, status->status, status->received_at, now_);
        }
    }

    // The newest 20.
    std::vector<RegisterPoint> registers_of(db::TransactionKey id) const {
        std::vector<RegisterPoint> out;
        for (const auto& sample : samples_) {
            if (sample.transaction == id) out.push_back(sample.point);
        }
        std::stable_sort(out.begin(), out.end(),
                         [](const auto& a, const auto& b) { return a.at > b.at; });
        if (out.size() > 20) out.resize(20);
        return out;
    }

    History& history_;
    db::TransactionKey next_key_ = 1;
    std::array<Box, 2> boxes_{Box{next_key_}, Box{next_key_}};
    std::array<Store, 2> stores_;
    std::vector<Sample> samples_;
    std::map<db::TransactionKey, EnergyTally> tallies_;
    int erased_ = 0;
    Now now_{Instant{hours{1}}, day_one};
};

}  // namespace busbar::site::test
