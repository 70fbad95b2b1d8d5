#include "site/authorization_key.hpp"

#include <algorithm>

#include "ocpp/v16/core.hpp"

namespace busbar::site {
namespace {

using Done = std::function<void(CommandResult)>;

CommandFailure not_now(std::string detail) {
    return {CommandFailure::Kind::not_allowed_now, std::move(detail), {}, {}};
}

// What the charger holds may be the old or the new one; a third could not be told from them.
bool is_open(const ChargePoint& charger) {
    return charger.settings.password_hash_previous.has_value();
}

CommandFailure still_open() {
    return not_now(
        "an earlier change is still open: it ends when the charger connects with the new password, "
        "or when its password is set here");
}

db::Journal::Ticket record_settings(Site& site, const ChargePoint& charger) {
    return site.last_charge_point_edit = site.record({charger.settings});
}

void end_previous(Site& site, ChargePoint& charger) {
    if (!charger.settings.password_hash_previous) return;
    charger.settings.password_hash_previous.reset();
    record_settings(site, charger);
}

void restore_previous(Site& site, ChargePoint& charger) {
    auto& settings = charger.settings;
    if (!settings.password_hash_previous) return;
    settings.password_hash.reset();
    if (!settings.password_hash_previous->empty()) {
        settings.password_hash = settings.password_hash_previous;
    }
    settings.password_hash_previous.reset();
    record_settings(site, charger);
}

using Answer = ocpp::Session::Answer<v16::ChangeConfiguration>;

// A change under way; `hash` tells it from later ones.
struct Change {
    std::string charge_point;
    std::string value;
    std::string hash;
    Done done;
};

// The charge point, if it still waits for the end of this change.
ChargePoint* waiting_for(Site& site, const Change& change) {
    ChargePoint* charger = site.find(change.charge_point);
    const bool waits =
        charger && is_open(*charger) && charger->settings.password_hash == change.hash;
    return waits ? charger : nullptr;
}

// The charger was never told.
void withdraw(Site& site, const Change& change) {
    if (ChargePoint* charger = waiting_for(site, change)) restore_previous(site, *charger);
}

void take_status(Site& site, ChargePoint& charger, v16::ChangeConfigurationStatus status) {
    using enum v16::ChangeConfigurationStatus;
    if (status == Accepted) end_previous(site, charger);
    // After RebootRequired the old one holds until the new one is used.
    if (status == Rejected || status == NotSupported) restore_previous(site, charger);
}

CommandResult settle(Site& site, ChargePoint& charger, const Answer& answer) {
    using Kind = CommandFailure::Kind;
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        if (failure->kind == refused) {
            restore_previous(site, charger);
            return CommandFailure{Kind::refused, failure->description, {}, failure->error_code};
        }
        if (failure->never_sent) {
            restore_previous(site, charger);
            return CommandFailure{
                failure->kind == disconnected ? Kind::disconnected : Kind::busy,
                failure->description + ": the new password was not sent, the old one holds",
                {},
                {}};
        }
        const bool silent = failure->kind == timeout;
        return CommandFailure{silent ? Kind::timeout : Kind::disconnected,
                              "whether the charge point took the new password is not known: both "
                              "hold until it uses the new one",
                              {},
                              {}};
    }
    const auto& response = std::get<v16::ChangeConfiguration::Response>(answer);
    take_status(site, charger, response.status);
    return CommandAnswer{.payload = to_json(response), .operation = {}};
}

// It is sent soon or not at all, and answered in time or not known to be: the two bounds of every
// command. An answer that comes later than that still counts.
void send(Site& site, ChargePoint& charger, const Change& change) {
    v16::ChangeConfiguration::Request request;
    request.key.value = authorization_key;
    request.value.value = change.value;
    auto& session = charger.link->session;
    session.call<v16::ChangeConfiguration>(
        site.now, request,
        {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds},
         .queue_timeout = command_queue_timeout},
        [&site, change](const Answer& answer) {
            ChargePoint* present = waiting_for(site, change);
            if (!present) {
                return change.done(not_now("the password has been changed otherwise meanwhile"));
            }
            change.done(settle(site, *present, answer));
        },
        [&site, change](const v16::ChangeConfiguration::Response& response) {
            ChargePoint* present = waiting_for(site, change);
            if (present) take_status(site, *present, response.status);
        });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

}  // namespace

void change_authorization_key(Site& site, ChargePoint& charger, const std::string& value,
                              Done done) {
    if (is_open(charger)) return done(still_open());
    // Chargers store the bytes or the text: one spelling keeps both the same.
    std::string key = value;
    std::transform(key.begin(), key.end(), key.begin(), [](char c) {
        return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (!site.hash_password) return done(not_now("passwords cannot be set here"));
    site.hash_password(key, [&site, id = charger.settings.id, key, done](std::string hash) {
        ChargePoint* present = site.find(id);
        if (hash.empty()) return done(not_now("too many passwords are being set: try again"));
        if (!present || !present->link) return done(not_now("the charge point has gone meanwhile"));
        if (site.journal.full()) return done(not_now("nothing can be stored at the moment"));
        if (is_open(*present)) return done(still_open());
        const Change change{id, key, hash, done};
        auto& settings = present->settings;
        settings.password_hash_previous = settings.password_hash.value_or("");
        settings.password_hash = std::move(hash);
        const auto ticket = record_settings(site, *present);
        site.journal.when_durable(ticket, [&site, change] {
            ChargePoint* charger_now = waiting_for(site, change);
            if (!charger_now || !charger_now->link) {
                withdraw(site, change);
                return change.done(not_now("the charge point has gone meanwhile"));
            }
            send(site, *charger_now, change);
        });
    });
}

void new_password_used(Site& site, ChargePoint& charger) {
    if (!site.journal.full()) end_previous(site, charger);
}

}  // namespace busbar::site
