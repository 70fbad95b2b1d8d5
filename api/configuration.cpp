// /api/v1/charge-points/{id}/configuration: the keys of a charger, as it reports them and as they
// are wanted.
#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"
#include "base/secret_names.hpp"
#include "site/charger_keys.hpp"
#include "site/commands.hpp"
#include "site/desired_state.hpp"

namespace busbar::api {
namespace {

constexpr std::size_t key_size_max = 50;     // OCPP 1.6, 6.7
constexpr std::size_t value_size_max = 500;  // the same

struct KeyView {
    std::string key;
    Nullable<std::string> value;      // null: not reported, or without a value
    Nullable<bool> readonly;          // null: not reported
    Nullable<std::string> desired;    // null: nobody wants anything of it
    Nullable<std::string> desiredBy;  // "operator" or "busbar"
    Nullable<site::KeyState> state;   // of what is desired
    bool drift = false;
};
BOOST_DESCRIBE_STRUCT(KeyView, (), (key, value, readonly, desired, desiredBy, state, drift))

struct ConfigurationView {
    Nullable<Timestamp> readAt;  // null: it has never told its keys
    bool connected = false;
    Nullable<std::string> problem;  // why it could not be asked just now
    std::vector<KeyView> keys;
};
BOOST_DESCRIBE_STRUCT(ConfigurationView, (), (readAt, connected, problem, keys))

struct ValueEdit {
    std::string value;
};
BOOST_DESCRIBE_STRUCT(ValueEdit, (), (value))

struct WishView {
    std::string key;
    std::string value;
    Nullable<std::string> status;  // the charger's answer; null: none
    site::KeyState state{};
    Nullable<std::string> detail;  // why there is no answer
};
BOOST_DESCRIBE_STRUCT(WishView, (), (key, value, status, state, detail))

KeyView view_of(const site::KeyLine& line) {
    KeyView view;
    view.key = line.key;
    view.value = line.value;
    view.readonly = line.readonly;
    view.desired = line.desired;
    if (line.desired) {
        view.desiredBy = std::optional<std::string>{line.by_operator ? "operator" : "busbar"};
    }
    view.state = line.state;
    view.drift = line.drift;
    // Such keys can be set, never read.
    if (names_a_secret(line.key)) {
        const std::optional<std::string> hidden{hidden_secret};
        if (line.value) view.value = hidden;
        if (line.desired) view.desired = hidden;
    }
    return view;
}

net::HttpResponse response_of(const site::Site& site, const site::ChargePoint& charger,
                              const std::optional<std::string>& problem) {
    ConfigurationView view;
    view.readAt = charger.configuration.read_at;
    view.connected = charger.link != nullptr;
    view.problem = problem;
    for (const auto& line : site::configuration_lines(site, charger)) {
        view.keys.push_back(view_of(line));
    }
    return json_response(200, view);
}

// Passwords are not kept as wishes: this goes the way that cannot lock the charger out.
void set_password(const Call& call, const std::string& value) {
    site::v16::ChangeConfiguration::Request request;
    request.key.value = site::authorization_key;
    request.value.value = value;
    send_command(call, call.names[0], site::v16::ChangeConfiguration::action, to_json(request));
}

// What the audit log says of a wished value.
std::optional<std::string> audit_json(const std::string& key,
                                      const std::optional<std::string>& value) {
    if (!value) return std::nullopt;
    return to_json(ValueEdit{names_a_secret(key) ? std::string{hidden_secret} : *value});
}

std::vector<Violation> check(const std::string& key, const std::string& value) {
    std::vector<Violation> found;
    check_text(found, "/key", key, key_size_max);
    if (key.empty()) add(found, {{Defect::bad_value, "/key", "must not be empty"}});
    if (key.starts_with(' ') || key.ends_with(' ')) {
        add(found, {{Defect::bad_value, "/key", "must have no blanks around it"}});
    }
    check_text(found, "/value", value, value_size_max);
    return found;
}

}  // namespace

void show_configuration(const Call& call) {
    Query query{call};
    const bool cached = query.flag("cached").value_or(false);
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    if (cached || !charger->link) {
        return call.respond(response_of(call.site(), *charger, std::nullopt));
    }
    site::read_configuration(
        call.site(), *charger, call.now(),
        [&site = call.site(), respond = call.respond,
         id = charger->settings.id](const std::optional<std::string>& problem) {
            const auto* present = site.find(id);
            if (!present) return respond(not_found("charge point"));
            respond(response_of(site, *present, problem));
        });
    call.on.after_change();
}

void set_configuration_key(const Call& call) {
    auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    auto body = read_body<ValueEdit>(call);
    if (!body) return;
    const auto& key = call.names[1];
    const auto& value = body->value.value;
    auto violations = std::move(body->violations);
    if (violations.empty()) violations = check(key, value);
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    if (equal_ignoring_case(key, site::authorization_key)) return set_password(call, value);
    if (equal_ignoring_case(key, charger->quirks.limit_key)) {
        return call.respond(to_response(
            {.status = 409, .detail = "This key is load management's (quirk limitKey)."}));
    }
    if (!site::has_room_for_wish(*charger, key)) {
        return call.respond(to_response(
            {.status = 409, .detail = "Too many keys are set already: remove some first."}));
    }
    if (refused_as_full(call)) return;
    const auto& wishes = charger->configuration.wishes;
    const auto wish = wishes.find(key);
    audit(call, {.action = wish == wishes.end() ? "create" : "update",
                 .object_kind = "configuration-key",
                 .object_id = charger->settings.id + "/" + key,
                 .before = audit_json(
                     key, wish == wishes.end() ? std::nullopt : std::optional{wish->second}),
                 .after = audit_json(key, value)});
    site::set_wish(call.site(), *charger, key, value, call.now(),
                   [respond = call.respond, key, value](const site::WishAnswer& answer) {
                       WishView view;
                       view.key = key;
                       view.value = names_a_secret(key) ? std::string{hidden_secret} : value;
                       view.status = answer.status;
                       view.state = answer.state;
                       if (!answer.detail.empty()) view.detail = std::optional{answer.detail};
                       respond(json_response(200, view));
                   });
    call.on.after_change();
}

void remove_configuration_key(const Call& call) {
    auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    if (!charger->configuration.wishes.contains(call.names[1])) {
        return call.respond(not_found("desired value"));
    }
    if (refused_as_full(call)) return;
    const auto wish = charger->configuration.wishes.find(call.names[1]);
    audit(call, {.action = "delete",
                 .object_kind = "configuration-key",
                 .object_id = charger->settings.id + "/" + call.names[1],
                 .before = audit_json(call.names[1], wish->second)});
    const auto ticket = site::remove_wish(call.site(), *charger, call.names[1], call.now());
    respond_when_durable(call, ticket.value_or(0), no_content());
}

}  // namespace busbar::api
