// Handshakes that led to no connection, kept with what to do about each, and the rules that slow
// down who guesses passwords. A charger that cannot connect shows up here, not only in a log.
// Site loop; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/time.hpp"
#include "db/journal.hpp"

namespace busbar::site {

class Site;

// Why a peer was not let in.
BOOST_DEFINE_ENUM_CLASS(AttemptCause, unknown_charge_point, no_identity, no_subprotocol,
                        unsupported_subprotocol, credentials_missing, wrong_password,
                        too_many_password_attempts, security_profile, second_connection,
                        tls_on_plain_port, not_websocket, malformed_request, timeout, lost,
                        too_many_connections, busy, too_many_charge_points)

struct AttemptHeader {
    std::string name;
    std::string value;
};
BOOST_DESCRIBE_STRUCT(AttemptHeader, (), (name, value))

// The same cause for the same identity and path from the same address is one attempt that is
// counted. Stored as it is (kind "connection_attempt").
struct ConnectionAttempt {
    std::int64_t number = 0;
    AttemptCause cause{};
    std::string detail;  // what was seen, in words
    std::string address;
    std::string path;
    std::string identity;                // "" where none could be read
    std::vector<AttemptHeader> headers;  // of the newest one, without secrets
    std::int64_t count = 0;
    Timestamp firstAt;
    Timestamp lastAt;
};
BOOST_DESCRIBE_STRUCT(ConnectionAttempt, (),
                      (number, cause, detail, address, path, identity, headers, count, firstAt,
                       lastAt))

// What the operator can do, in one or two sentences.
std::string_view remedy(AttemptCause cause);

// True if accepting such an attempt makes the next one succeed.
bool is_acceptable(AttemptCause cause);

// What a refused peer showed of itself.
struct AttemptFacts {
    std::string address;
    std::string path;
    std::string identity;
    std::vector<std::pair<std::string, std::string>> headers;
};

// Counts down wrong passwords per (address, identity): after a few, each further one costs a wait
// that doubles up to a minute. Never by identity alone, or anybody could lock a charger out.
class PasswordThrottle {
public:
    // How long this peer must wait before its password is looked at, if at all.
    std::optional<std::chrono::seconds> wait(std::string_view address, std::string_view identity,
                                             Instant now) const;
    void failed(std::string_view address, std::string_view identity, Instant now);
    void succeeded(std::string_view address, std::string_view identity);

private:
    struct Failures {
        int count = 0;
        Instant allowed_at{};
    };
    std::map<std::pair<std::string, std::string>, Failures> failures_;
};

// The attempts of a site, bounded: the one that was seen longest ago goes first.
class ConnectionAttempts {
public:
    static constexpr std::size_t kept_max = 500;
    // Further ones of the same cause are folded together. A whole site may come from behind one
    // NAT, each charger with an identity of its own.
    static constexpr std::size_t per_identity_max = 20;  // of one address
    static constexpr std::size_t per_address_max = 200;

    // Counts an attempt and records it in the site's journal, seldom enough that a flood of them
    // costs nothing.
    void note(Site& site, AttemptCause cause, std::string detail, AttemptFacts facts, Now now);

    // One that was kept before a restart.
    void restore(ConnectionAttempt attempt);

    // By number, the newest last.
    const std::map<std::int64_t, ConnectionAttempt>& all() const { return attempts_; }

    // The charger has connected: what kept it away is history.
    void forget(Site& site, std::string_view identity);

private:
    ConnectionAttempt& find_or_add(Site& site, AttemptCause cause, const AttemptFacts& facts);
    void save(Site& site, const ConnectionAttempt& attempt, Now now);
    void drop_oldest(Site& site);

    std::map<std::int64_t, ConnectionAttempt> attempts_;
    std::map<std::int64_t, Instant> saved_;  // when its row was last written
    std::int64_t next_number_ = 1;
    Instant minute_began_{};
    int saved_this_minute_ = 0;
};

// Takes over an attempt or the enrolment window from before a restart; other rows are left alone.
void restore_attempts(Site& site, const db::StateSaved& row);

// Makes the next attempt of this kind succeed: registers or accepts the charge point, assumes
// ocpp1.6 where it names no subprotocol, lets a second connection take over for five minutes. The
// ticket of what was recorded, or why there is nothing to accept and what to do instead.
std::variant<std::string, db::Journal::Ticket> accept_attempt(Site& site, std::int64_t number,
                                                              Now now);

// Unknown charge points are let in (and answered Pending) for so long from now; 0 ends it at once
// (ruling R5). At most a day.
db::Journal::Ticket open_enrolment(Site& site, std::chrono::minutes length, Now now);

// When the enrolment window ends; nothing if it is closed.
std::optional<Timestamp> enrolment_until(const Site& site, Now now);

}  // namespace busbar::site
