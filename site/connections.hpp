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

// Whether it may come in. Where `password_hash` is set, `password` must still be checked against it
// (that takes too long for the site loop); a mismatch is refused with 401.
struct Admission {
    int status = 101;    // HTTP status to refuse with, 101 to accept
    std::string reason;  // for a refusal: what was wrong and what to do about it
    std::string identity;
    std::string subprotocol;  // to answer with; empty: no header
    std::optional<std::string> password_hash;
    std::string password;
};

// Rulings R3 to R5: the subprotocol must be ocpp1.6, the identity known (or enrolment open), the
// credentials right where the charge point has a password.
Admission admit(const Site& site, const Knock& knock);

// The charger is connected: the newest connection of an identity wins, the older is closed. An
// unknown charger (enrolment open) becomes a pending one.
void connected(Site& site, std::string_view identity, std::shared_ptr<Link> link,
               std::string_view peer_address, Now now);

// Text arrived on this link. Ignored if a newer connection has taken its place.
void receive(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
             std::string_view text, Now now);

// The link is gone. Does not touch a newer connection of the same charger.
void disconnected(Site& site, std::string_view identity, const std::shared_ptr<Link>& link,
                  Now now);

// Time has passed: calls time out, set-up work begins, load management ticks.
void on_timer(Site& site, Now now);

}  // namespace busbar::site
