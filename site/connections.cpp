#include "site/connections.hpp"

#include <algorithm>

#include "ocpp/identity.hpp"
#include "site/charge_points.hpp"
#include "site/load_management.hpp"
#include "site/routes.hpp"

namespace busbar::site {
namespace {

constexpr std::string_view subprotocol = "ocpp1.6";
constexpr std::uint16_t going_away = 1001;
constexpr std::size_t charge_points_max = 1000;

Admission refused(int status, std::string identity, std::string reason) {
    Admission admission;
    admission.status = status;
    admission.identity = std::move(identity);
    admission.reason = std::move(reason);
    return admission;
}

bool offers_ours(const Knock& knock) {
    return std::any_of(knock.subprotocols.begin(), knock.subprotocols.end(),
                       [](const auto& s) { return equal_ignoring_case(s, subprotocol); });
}

}  // namespace

Admission admit(const Site& site, const Knock& knock) {
    auto identity = ocpp::identity_from_target(knock.target);
    if (!identity) {
        return refused(404, "",
                       "the URL ends without a charge point identity: use "
                       "ws://HOST:PORT/ocpp/IDENTITY");
    }
    const auto it = site.charge_points.find(*identity);
    const bool known = it != site.charge_points.end();
    if (!known &&
        (!site.settings.enrolment_open || site.charge_points.size() >= charge_points_max)) {
        return refused(404, *identity,
                       "unknown charge point: accept it with 'busbar charge-point accept'");
    }
    const bool assume = known && it->second.settings.assume_ocpp16;
    if (!offers_ours(knock) && !(assume && knock.subprotocols.empty())) {
        return refused(400, *identity,
                       knock.subprotocols.empty()
                           ? "no Sec-WebSocket-Protocol: set the charger to OCPP 1.6 JSON"
                           : "only ocpp1.6 is spoken here: set the charger to OCPP 1.6 JSON");
    }
    Admission admission;
    admission.identity = *identity;
    if (offers_ours(knock)) admission.subprotocol = subprotocol;
    if (known && it->second.settings.password_hash) {
        auto password = knock.basic_credentials
                            ? ocpp::password_for(*identity, *knock.basic_credentials)
                            : std::nullopt;
        if (!password) {
            return refused(401, *identity,
                           "this charge point has a password: send it as Basic authentication "
                           "with the identity as user");
        }
        admission.password_hash = it->second.settings.password_hash;
        admission.password = std::move(*password);
    }
    return admission;
}

void connected(Site& site, std::string_view identity, std::shared_ptr<Link> link,
               std::string_view peer_address, Now now) {
    site.now = now;
    ChargePoint* charger = site.find(identity);
    if (!charger) {
        charger = &site.charge_points[std::string{identity}];
        charger->settings = default_settings(identity);
        charger->settings.state = "pending";
        site.last_charge_point_edit = site.record({charger->settings});
    }
    // Its calls fail first, so that what that sets off meets the state as it was.
    if (charger->link) charger->link->session.on_disconnect();
    const auto older = std::exchange(charger->link, std::move(link));
    charger->peer_address = peer_address;
    charger->connected_at = now.wall;
    charger->last_seen_at = now.wall;
    for (auto& [id, connector] : charger->connectors) connector.safe_profile_sent.reset();
    // An accepted charger may come back without BootNotification (OCPP-J 1.6, 5.4).
    charger->setup_due = now.mono + std::chrono::seconds{10};
    site.wake_by(*charger->setup_due);
    site.step_wanted = true;
    if (older) {
        older->close(going_away, "a newer connection of this charge point has come");
        count_deviation(*charger, "second_connection", peer_address, now.wall);
    }
    if (site.log) {
        site.log("connected", std::string{identity} + " address=" + std::string{peer_address});
    }
    manage_load(site, now);
}

void receive(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
             std::string_view text, Now now) {
    site.now = now;
    ChargePoint* charger = site.find(identity);
    if (!charger || charger->link != link) return;
    charger->last_seen_at = now.wall;
    const auto call = link->session.receive(now, text);
    for (const auto& oddity : link->session.take_oddities()) {
        count_deviation(*charger, oddity.kind, oddity.detail, now.wall);
    }
    if (call)
        dispatch(site, *charger, link, *call, now);
    else if (link->session.has_output())
        link->flush();
    manage_load(site, now);
}

void disconnected(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
                  Now now) {
    site.now = now;
    ChargePoint* charger = site.find(identity);
    if (charger && charger->link == link) {
        charger->link.reset();
        charger->setup_due.reset();
        charger->connected_at.reset();
        site.step_wanted = true;
        if (site.log) site.log("disconnected", identity);
    }
    link->session.on_disconnect();
    manage_load(site, now);
}

void on_timer(Site& site, Now now) {
    site.now = now;
    site.woken();
    for (auto& [id, charger] : site.charge_points) {
        if (!charger.link) continue;
        if (charger.setup_due && *charger.setup_due <= now.mono) set_up(site, charger, now);
        // The link may vanish in what a time-out sets off.
        const auto link = charger.link;
        if (link->session.deadline()) link->session.on_timer(now);
        if (link->session.has_output()) link->flush();
        if (charger.setup_due) site.wake_by(*charger.setup_due);
        if (const auto deadline = link->session.deadline()) site.wake_by(*deadline);
    }
    manage_load(site, now);
    site.wake_by(std::max(site.next_tick, now.mono + std::chrono::milliseconds{1}));
}

}  // namespace busbar::site
