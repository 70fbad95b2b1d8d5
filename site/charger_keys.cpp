#include "site/charger_keys.hpp"

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "site/commands.hpp"
#include "site/desired_state.hpp"
#include "site/quirks.hpp"

namespace busbar::site {
namespace {

// The bodies of rows.
struct StoredConfiguration {
    std::optional<Timestamp> readAt;
    std::vector<ReportedKey> keys;
};
BOOST_DESCRIBE_STRUCT(StoredConfiguration, (), (readAt, keys))
struct StoredWish {
    std::string key;
    std::string value;
};
BOOST_DESCRIBE_STRUCT(StoredWish, (), (key, value))
struct StoredWishes {
    std::vector<StoredWish> keys;
};
BOOST_DESCRIBE_STRUCT(StoredWishes, (), (keys))

db::StateSaved wishes_row(const ChargePoint& charger) {
    StoredWishes stored;
    for (const auto& [key, value] : charger.configuration.wishes) {
        stored.keys.push_back({key, value});
    }
    return {std::string{desired_configuration_kind}, charger.settings.id, {to_json(stored)}};
}

KeyState state_of(v16::ChangeConfigurationStatus status) {
    using enum v16::ChangeConfigurationStatus;
    switch (status) {
        case Accepted:
            return KeyState::applied;
        case RebootRequired:
            return KeyState::reboot_required;
        case NotSupported:
            return KeyState::not_supported;
        case Rejected:
            break;
    }
    return KeyState::refused;
}

// A wish on its way to the charger.
struct Sending {
    std::string charge_point;
    KeyChange change;
    std::function<void(WishAnswer)> done;
};

void settle(Site& site, const Sending& sending,
            const ocpp::Session::Answer<v16::ChangeConfiguration>& answer) {
    ChargePoint* charger = site.find(sending.charge_point);
    if (!charger) {
        return sending.done({{}, KeyState::pending, "the charge point has been removed meanwhile"});
    }
    const auto& change = sending.change;
    auto& outcome = charger->configuration.outcomes[change.key];
    if (outcome.value != change.value) {
        return sending.done({{}, KeyState::pending, "another value has been set meanwhile"});
    }
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        if (failure->kind != ocpp::CallFailure::Kind::refused) {
            return sending.done({{}, outcome.state, failure->description});
        }
        outcome.state = KeyState::refused;
        return sending.done({{},
                             outcome.state,
                             "the charge point answered with an error: " + failure->error_code +
                                 " " + failure->description});
    }
    const auto status = std::get<v16::ChangeConfiguration::Response>(answer).status;
    outcome.state = state_of(status);
    sending.done({enumerator_name(status), outcome.state, ""});
    if (status != v16::ChangeConfigurationStatus::Accepted) return;
    take_change(charger->configuration.reported, change.key, change.value, site.now.wall);
    if (charger->link) check_change(site, *charger, change);
}

void send(Site& site, ChargePoint& charger, Sending sending) {
    auto& configuration = charger.configuration;
    const auto& change = sending.change;
    configuration.outcomes[change.key] = {KeyState::pending, change.value, 1};
    v16::ChangeConfiguration::Request request;
    request.key.value = change.key;
    request.value.value = change.value;
    auto& session = charger.link->session;
    session.call<v16::ChangeConfiguration>(
        site.now, request, {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds}},
        [&site, sending](const auto& answer) { settle(site, sending, answer); });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

std::string reported_spelling(const ChargePoint& charger, const std::string& key) {
    const auto it = charger.configuration.reported.find(key);
    return it == charger.configuration.reported.end() ? key : it->second.key;
}

}  // namespace

std::optional<std::string_view> configuration_value(const ChargePoint& charger,
                                                    std::string_view key) {
    return reported_value(charger.configuration.reported, key);
}

std::optional<std::int64_t> configuration_number(const ChargePoint& charger, std::string_view key) {
    return reported_number(charger.configuration.reported, key);
}

std::vector<KeyWish> wishes_for(const Site& site, const ChargePoint& charger) {
    return key_wishes(charger.quirks,
                      {.meter_sample_interval = site.settings.meter_sample_interval,
                       .heartbeat_interval = heartbeat_interval(site, charger)},
                      charger.configuration);
}

std::vector<KeyLine> configuration_lines(const Site& site, const ChargePoint& charger) {
    return key_lines(wishes_for(site, charger), charger.configuration);
}

bool has_room_for_wish(const ChargePoint& charger, std::string_view key) {
    const auto& wishes = charger.configuration.wishes;
    return wishes.size() < desired_keys_max || wishes.find(key) != wishes.end();
}

void set_wish(Site& site, ChargePoint& charger, const std::string& key, const std::string& value,
              Now now, std::function<void(WishAnswer)> done) {
    site.now = now;
    auto& configuration = charger.configuration;
    configuration.wishes[key] = value;
    configuration.outcomes.erase(key);
    const auto ticket = site.record({wishes_row(charger)});
    site.journal.when_durable(
        ticket, [&site, id = charger.settings.id, key, value, done = std::move(done)] {
            ChargePoint* present = site.find(id);
            if (!present || !present->link || present->settings.state != "accepted") {
                return done({{}, KeyState::pending, "it is sent when the charge point connects"});
            }
            const auto wish = present->configuration.wishes.find(key);
            if (wish == present->configuration.wishes.end() || wish->second != value) {
                return done({{}, KeyState::pending, "another value has been set meanwhile"});
            }
            send(site, *present, {id, {reported_spelling(*present, key), value, true}, done});
        });
}

std::optional<db::Journal::Ticket> remove_wish(Site& site, ChargePoint& charger,
                                               std::string_view key, Now now) {
    auto& configuration = charger.configuration;
    const auto it = configuration.wishes.find(key);
    if (it == configuration.wishes.end()) return std::nullopt;
    site.now = now;
    const auto tried = configuration.outcomes.find(key);
    if (tried != configuration.outcomes.end()) configuration.outcomes.erase(tried);
    configuration.wishes.erase(it);
    const auto ticket = site.record({wishes_row(charger)});
    want_comparison(charger);
    schedule_comparison(site, charger, now);
    return ticket;
}

void configuration_commanded(Site& site, ChargePoint& charger,
                             const v16::ChangeConfiguration::Request& request,
                             const v16::ChangeConfiguration::Response& response, Now now) {
    using enum v16::ChangeConfigurationStatus;
    const auto& key = request.key.value;
    const auto& value = request.value.value;
    const bool agreed = response.status == Accepted || response.status == RebootRequired;
    if (!agreed || equal_ignoring_case(key, authorization_key)) return;
    auto& configuration = charger.configuration;
    configuration.outcomes[key] = {state_of(response.status), value, 1};
    if (response.status == Accepted) {
        take_change(configuration.reported, key, value, now.wall);
        store_reported_keys(site, charger);
    }
    if (!has_room_for_wish(charger, key)) return;
    configuration.wishes[key] = value;
    if (!site.journal.full()) site.record({wishes_row(charger)});
}

void configuration_told(Site& site, ChargePoint& charger,
                        const v16::GetConfiguration::Request& request,
                        const v16::GetConfiguration::Response& response, Now now) {
    if (!response.configurationKey) return;
    auto& configuration = charger.configuration;
    bool news = take_keys(configuration.reported, *response.configurationKey, now.wall,
                          charger.quirks.quoted_configuration_values);
    const bool is_all = !request.key || request.key->empty();
    if (is_all && !is_incomplete(*response.configurationKey)) {
        news |= !configuration.read_at;
        configuration.read_at = now.wall;
    }
    if (news) store_reported_keys(site, charger);
}

void store_reported_keys(Site& site, const ChargePoint& charger) {
    if (site.journal.full()) return;
    StoredConfiguration stored{charger.configuration.read_at, {}};
    for (const auto& [name, key] : charger.configuration.reported) stored.keys.push_back(key);
    site.record(
        {db::StateSaved{std::string{configuration_kind}, charger.settings.id, {to_json(stored)}}});
}

void restore_configuration(Site& site, const db::StateSaved& row) {
    const bool is_reported = row.kind == configuration_kind;
    ChargePoint* charger =
        is_reported || row.kind == desired_configuration_kind ? site.find(row.key) : nullptr;
    if (!charger) return;
    auto& configuration = charger->configuration;
    DecodeReport report;
    const DecodeOptions options{.lenient = true, .empty_arrays = true};
    if (!is_reported) {
        const auto stored = decode_text<StoredWishes>(row.body.text, options, report);
        if (!stored) return;
        for (const auto& wish : stored->keys) configuration.wishes[wish.key] = wish.value;
        return;
    }
    const auto stored = decode_text<StoredConfiguration>(row.body.text, options, report);
    if (!stored) return;
    configuration.read_at = stored->readAt;
    for (const auto& key : stored->keys) configuration.reported[key.key] = key;
}

void forget_configuration(Site& site, const ChargePoint& charger) {
    if (site.journal.full()) return;
    const auto& configuration = charger.configuration;
    std::vector<db::Record> removed;
    if (!configuration.reported.empty()) {
        removed.emplace_back(
            db::StateRemoved{std::string{configuration_kind}, charger.settings.id});
    }
    if (!configuration.wishes.empty()) {
        removed.emplace_back(
            db::StateRemoved{std::string{desired_configuration_kind}, charger.settings.id});
    }
    if (charger.clock.is_known()) {
        removed.emplace_back(db::StateRemoved{std::string{clock_kind}, charger.settings.id});
    }
    if (!removed.empty()) site.record(std::move(removed));
}

}  // namespace busbar::site
