// A charger's way in and out: who may connect, what happens on connect, message, timer and
// disconnect. Site loop; no I/O.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "site/site.hpp"

namespace busbar::site {

// The facts of a WebSocket upgrade.
struct Knock {
    std::string target;
    std::vector<std::string> subprotocols;         // as offered
    std::optional<std::string> basic_credentials;  // decoded "user:password"
    std::string peer_address;
};

// Whether it may come in. Where `password_hashes` is not empty, `password` must still be checked
// against them (that takes too long for the site loop); one that fits none is refused with 401.
// Where `ask_incumbent` is set, it may come in only if the present connection no longer answers
// (ruling R6).
struct Admission {
    int status = 101;      // HTTP status to refuse with, 101 to accept
    AttemptCause cause{};  // of a refusal
    std::string reason;    // for a refusal: what was wrong and what to do about it
    std::string identity;
    std::string subprotocol;                   // to answer with; empty: no header
    std::vector<std::string> password_hashes;  // the one that holds first, then the one before
    std::string password;
    bool ask_incumbent = false;
};

// Rulings R3 to R6: the subprotocol must be ocpp1.6, the identity known (or enrolment open), the
// credentials right where the charge point has a password. Without a password, a second connection
// from another address must not push out one that lives. One that takes the end of a connection
// worse than a refusal is refused while nothing can be stored (quirk refuseRatherThanClose).
Admission admit(const Site& site, const Knock& knock, Now now);

// A second connection of this identity was turned away because the first one lives: counted and
// kept as a security event.
void second_connection_refused(Site& site, std::string_view identity, std::string_view peer_address,
                               Now now);

// The charger is connected: the newest connection of an identity wins, the older is closed. An
// unknown charger (enrolment open) becomes a pending one.
void connected(Site& site, std::string_view identity, std::shared_ptr<Link> link,
               std::string_view peer_address, Now now);

// Text arrived on this link. Ignored if a newer connection has taken its place.
void receive(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
             std::string_view text, Now now);

// The link is gone, and why in words. Does not touch a newer connection of the same charger. The
// charger counts as away only later, see ChargePoint::is_away.
void disconnected(Site& site, std::string_view identity, const std::shared_ptr<Link>& link, Now now,
                  std::string_view cause = {});

// How often a charger has connected within this time, the present connection included.
int connections_within(const ChargePoint& charger, std::chrono::seconds span, Timestamp now);

// True if it connects so often that something is wrong: five times in ten minutes.
bool is_flapping(const ChargePoint& charger, Timestamp now);

// Time has passed: calls time out, set-up work begins, load management ticks.
void on_timer(Site& site, Now now);

}  // namespace busbar::site
