#include "site/connections.hpp"

#include <algorithm>

#include "ocpp/identity.hpp"
#include "site/availability.hpp"
#include "site/charge_points.hpp"
#include "site/desired_state.hpp"
#include "site/load_management.hpp"
#include "site/local_list.hpp"
#include "site/routes.hpp"
#include "site/safe_profiles.hpp"
#include "site/transactions.hpp"
#include "site/trigger_poll.hpp"

namespace busbar::site {
namespace {

constexpr std::string_view subprotocol = "ocpp1.6";
constexpr std::uint16_t going_away = 1001;
constexpr std::size_t charge_points_max = 1000;
// Of one address, while the enrolment window is open: a whole site may come from behind one NAT.
constexpr std::ptrdiff_t pending_per_address_max = 100;

Admission refused(int status, AttemptCause cause, std::string identity, std::string reason) {
    Admission admission;
    admission.status = status;
    admission.cause = cause;
    admission.identity = std::move(identity);
    admission.reason = std::move(reason);
    return admission;
}

// Ours as it was offered, which is what clients compare the answer with; nullptr if it was not.
const std::string* offered_subprotocol(const Knock& knock) {
    const auto& offered = knock.subprotocols;
    auto found = std::find(offered.begin(), offered.end(), subprotocol);
    if (found == offered.end()) {
        found = std::find_if(offered.begin(), offered.end(),
                             [](const auto& s) { return equal_ignoring_case(s, subprotocol); });
    }
    return found == offered.end() ? nullptr : &*found;
}

Admission refuse_unknown(const Site& site, const std::string& identity) {
    // Identities are told apart by their letters' case (OCPP-J 1.6, 3.1.1); people are not that
    // careful.
    for (const auto& [id, charger] : site.charge_points) {
        if (!equal_ignoring_case(id, identity)) continue;
        return refused(404, AttemptCause::unknown_charge_point, identity,
                       "unknown charge point: did you mean '" + id + "'?");
    }
    return refused(404, AttemptCause::unknown_charge_point, identity,
                   "unknown charge point: accept it with 'busbar charge-point accept'");
}

// What keeps an unknown charge point out although enrolment is open; "" if nothing does.
std::string enrolment_obstacle(const Site& site, std::string_view peer_address) {
    if (site.charge_points.size() >= charge_points_max) {
        return "there are " + std::to_string(charge_points_max) +
               " charge points, as many as there may be: remove some";
    }
    const auto waiting =
        std::count_if(site.charge_points.begin(), site.charge_points.end(), [&](const auto& entry) {
            return entry.second.settings.state == "pending" &&
                   entry.second.peer_address == peer_address;
        });
    if (waiting < pending_per_address_max) return {};
    return std::to_string(waiting) +
           " new charge points of this address wait to be accepted: accept or remove some";
}

Admission refuse_subprotocol(const Knock& knock, const std::string& identity) {
    if (knock.subprotocols.empty()) {
        return refused(400, AttemptCause::no_subprotocol, identity,
                       "no Sec-WebSocket-Protocol: set the charger to OCPP 1.6 JSON");
    }
    return refused(400, AttemptCause::unsupported_subprotocol, identity,
                   "only ocpp1.6 is spoken here: set the charger to OCPP 1.6 JSON");
}

// A connection that no password protects could be anybody's: a living one from elsewhere stays
// (ruling R6).
bool must_ask_incumbent(const ChargePoint& charger, const Knock& knock, Now now) {
    if (!charger.link || charger.peer_address == knock.peer_address) return false;
    const auto& takeover = charger.takeover;
    return !(takeover && takeover->address == knock.peer_address && now.mono < takeover->until);
}

void remember(ChargePoint& charger, std::string_view cause, Timestamp now) {
    auto& past = charger.past_connections;
    if (past.size() == past_connections_max) past.pop_front();
    past.push_back({charger.connected_at.value_or(now), now, std::string{cause}});
}

// One without a connection counts as away once that has lasted: some are back in a moment, or come
// for each message anew.
void pursue_absence(Site& site, ChargePoint& charger, Now now) {
    if (charger.link || charger.is_away) return;
    // There was no connection to lose since the start.
    if (!charger.lost_at) charger.lost_at = now.mono;
    const auto away_at =
        *charger.lost_at + std::chrono::seconds{charger.quirks.offline_after_seconds};
    if (now.mono < away_at) return site.wake_by(away_at);
    charger.is_away = true;
    if (site.log && charger.last_seen_at) {
        site.log("away", charger.settings.id + " last_seen=" + to_string(*charger.last_seen_at));
    }
}

// The charger, if this is its present link.
ChargePoint* present(Site& site, std::string_view identity, const std::shared_ptr<Link>& link) {
    ChargePoint* charger = site.find(identity);
    return charger && charger->link == link ? charger : nullptr;
}

}  // namespace

int connections_within(const ChargePoint& charger, std::chrono::seconds span, Timestamp now) {
    const auto recent = [&](Timestamp began) { return began + span > now; };
    const auto past =
        std::count_if(charger.past_connections.begin(), charger.past_connections.end(),
                      [&](const auto& past_one) { return recent(past_one.began_at); });
    return static_cast<int>(past) + (charger.connected_at && recent(*charger.connected_at));
}

bool is_flapping(const ChargePoint& charger, Timestamp now) {
    return connections_within(charger, std::chrono::minutes{10}, now) >= 5;
}

Admission admit(const Site& site, const Knock& knock, Now now) {
    auto identity = ocpp::identity_from_target(knock.target);
    if (!identity && knock.basic_credentials) {
        // Some chargers name themselves only there.
        identity = ocpp::identity_from_credentials(*knock.basic_credentials);
    }
    if (!identity) {
        return refused(404, AttemptCause::no_identity, "",
                       "the URL ends without a charge point identity: use "
                       "ws://HOST:PORT/ocpp/IDENTITY");
    }
    const auto it = site.charge_points.find(*identity);
    const bool known = it != site.charge_points.end();
    const bool open = site.settings.enrolment_always_open || enrolment_until(site, now);
    if (!known && !open) return refuse_unknown(site, *identity);
    if (!known) {
        if (auto obstacle = enrolment_obstacle(site, knock.peer_address); !obstacle.empty()) {
            return refused(503, AttemptCause::too_many_charge_points, *identity,
                           std::move(obstacle));
        }
    }
    const bool assume =
        known && (it->second.settings.assume_ocpp16 || it->second.quirks.assume_ocpp16);
    if (known && it->second.quirks.refuse_rather_than_close && site.journal.full()) {
        return refused(503, AttemptCause::busy, *identity,
                       "nothing can be stored at the moment: try again later");
    }
    const auto* offered = offered_subprotocol(knock);
    if (!offered && !(assume && knock.subprotocols.empty())) {
        return refuse_subprotocol(knock, *identity);
    }
    Admission admission;
    admission.identity = *identity;
    if (offered) admission.subprotocol = *offered;
    if (!known) return admission;
    const auto& settings = it->second.settings;
    // A new password that the charger has not used yet, where it had none before.
    const bool may_come_without = settings.password_hash_previous == "" && !knock.basic_credentials;
    if (!settings.password_hash || may_come_without) {
        admission.ask_incumbent = must_ask_incumbent(it->second, knock, now);
        return admission;
    }
    if (const auto wait = site.password_throttle.wait(knock.peer_address, *identity, now.mono)) {
        return refused(429, AttemptCause::too_many_password_attempts, *identity,
                       "too many wrong passwords: wait " + std::to_string(wait->count()) + " s");
    }
    auto password = knock.basic_credentials
                        ? ocpp::password_for(*identity, *knock.basic_credentials)
                        : std::nullopt;
    if (!password) {
        return refused(401, AttemptCause::credentials_missing, *identity,
                       "this charge point has a password: send it as Basic authentication "
                       "with the identity as user");
    }
    admission.password_hashes = {*settings.password_hash};
    if (settings.password_hash_previous && !settings.password_hash_previous->empty()) {
        admission.password_hashes.push_back(*settings.password_hash_previous);
    }
    admission.password = std::move(*password);
    return admission;
}

void second_connection_refused(Site& site, std::string_view identity, std::string_view peer_address,
                               Now now) {
    ChargePoint* charger = site.find(identity);
    if (!charger) return;
    count_deviation(*charger, "second_connection_refused", peer_address, now.wall);
    if (site.journal.full()) return;
    site.record({db::SecurityEventReceived{.charge_point = std::string{identity},
                                           .type = "SecondConnectionRefused",
                                           .tech_info = "from " + std::string{peer_address},
                                           .at = now.wall,
                                           .received_at = now.wall}});
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
    if (older && charger->connected_at) {
        remember(*charger, "replaced by a newer connection", now.wall);
    }
    charger->peer_address = peer_address;
    charger->takeover.reset();
    charger->connected_at = now.wall;
    charger->last_seen_at = now.wall;
    charger->lost_at.reset();
    charger->poll = {};
    const bool was_away = std::exchange(charger->is_away, false);
    apply_quirks_to_link(*charger);
    await_boot(site, *charger, now);
    charger->link->session.hold_calls(charger->quiet_until);
    if (older) {
        older->close(going_away, "a newer connection of this charge point has come");
        count_deviation(*charger, "second_connection", peer_address, now.wall);
    }
    site.attempts.forget(site, identity);
    if (is_flapping(*charger, now.wall)) {
        count_deviation(*charger, "flapping", charger->past_connections.back().cause, now.wall);
    }
    if (site.log) {
        site.log("connected", std::string{identity} + " address=" + std::string{peer_address} +
                                  (was_away ? " was=away" : ""));
    }
    manage_load(site, now);
}

void receive(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
             std::string_view text, Now now) {
    site.now = now;
    ChargePoint* charger = present(site, identity, link);
    if (!charger) return;
    charger->last_seen_at = now.wall;
    auto& session = link->session;
    const auto calls = session.receive(now, text);
    // What an answer sets off, or a call before, may take the charger or its connection away.
    charger = present(site, identity, link);
    for (const auto& oddity : session.take_oddities()) {
        if (charger) count_deviation(*charger, oddity.kind, oddity.detail, now.wall);
        if (site.log && oddity.kind == "late_answer") {
            site.log("answered_late", std::string{identity} + " " + oddity.detail);
        }
    }
    if (session.has_output()) link->flush();
    for (const auto& call : calls) {
        charger = present(site, identity, link);
        if (charger) dispatch(site, *charger, link, call, now);
    }
    manage_load(site, now);
}

void disconnected(Site& site, std::string_view identity, const std::shared_ptr<Link>& link, Now now,
                  std::string_view cause) {
    site.now = now;
    ChargePoint* charger = site.find(identity);
    if (charger && charger->link == link) {
        charger->link.reset();
        charger->setup_due.reset();
        remember(*charger, cause, now.wall);
        charger->connected_at.reset();
        charger->lost_at = now.mono;
        pursue_absence(site, *charger, now);
        observe(site, *charger, ChargePointDisconnected{});
        site.step_wanted = true;
        if (site.log) {
            site.log("disconnected",
                     std::string{identity} + " cause=\"" + std::string{cause} + "\"");
        }
    }
    link->session.on_disconnect();
    manage_load(site, now);
}

void on_timer(Site& site, Now now) {
    site.now = now;
    site.woken();
    for (auto& [id, charger] : site.charge_points) {
        observe(site, charger, TimePassed{});
        close_overdue(site, charger, now);
        pursue_absence(site, charger, now);
        if (!charger.link) continue;
        if (charger.setup_due && *charger.setup_due <= now.mono) set_up(site, charger, now);
        continue_local_list(site, charger, now);
        pursue_comparison(site, charger, now);
        reassert_availability(site, charger, now);
        ask_for_what_is_overdue(site, charger, now);
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
