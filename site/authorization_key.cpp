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
        "an earlier change is still open: it ends when the charger connects with the new password");
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

CommandResult settle(Site& site, ChargePoint& charger, const Answer& answer) {
    using Kind = CommandFailure::Kind;
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        if (failure->kind == refused) {
            restore_previous(site, charger);
            return CommandFailure{Kind::refused, failure->description, {}, failure->error_code};
        }
        const bool silent = failure->kind == timeout;
        return CommandFailure{silent ? Kind::timeout : Kind::disconnected,
                              "whether the charge point took the new password is not known: both "
                              "hold until it uses the new one",
                              {},
                              {}};
    }
    const auto& response = std::get<v16::ChangeConfiguration::Response>(answer);
    using enum v16::ChangeConfigurationStatus;
    if (response.status == Accepted) end_previous(site, charger);
    // After RebootRequired the old one holds until the new one is used.
    if (response.status == Rejected || response.status == NotSupported) {
        restore_previous(site, charger);
    }
    return CommandAnswer{.payload = to_json(response), .operation = {}};
}

void send(Site& site, ChargePoint& charger, const std::string& value, Done done) {
    v16::ChangeConfiguration::Request request;
    request.key.value = authorization_key;
    request.value.value = value;
    auto& session = charger.link->session;
    session.call<v16::ChangeConfiguration>(
        site.now, request, {}, [&site, id = charger.settings.id, done](const Answer& answer) {
            ChargePoint* present = site.find(id);
            if (!present) return done(not_now("the charge point has been removed meanwhile"));
            done(settle(site, *present, answer));
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
        auto& settings = present->settings;
        settings.password_hash_previous = settings.password_hash.value_or("");
        settings.password_hash = std::move(hash);
        const auto ticket = record_settings(site, *present);
        site.journal.when_durable(ticket, [&site, id, key, done] {
            ChargePoint* charger_now = site.find(id);
            if (!charger_now || !charger_now->link) {
                return done(not_now("the charge point has gone meanwhile"));
            }
            send(site, *charger_now, key, done);
        });
    });
}

void new_password_used(Site& site, ChargePoint& charger) {
    if (!site.journal.full()) end_previous(site, charger);
}

}  // namespace busbar::site
