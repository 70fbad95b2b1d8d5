#include "site/attempts.hpp"

#include <algorithm>
#include <array>

#include "base/codec.hpp"
#include "site/charge_points.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view state_kind = "connection_attempt";
constexpr std::string_view enrolment_kind = "enrolment";
constexpr std::size_t text_size_max = 200;
constexpr std::size_t headers_max = 20;
constexpr auto save_period = 60s;  // of one attempt
constexpr int saves_per_minute_max = 60;
constexpr int free_passwords = 3;
constexpr std::size_t throttled_max = 1000;

// Only what is known to open no doors: nobody can list the names that secrets have.
bool is_shown(std::string_view header) {
    constexpr std::array<std::string_view, 10> harmless{"Host",
                                                        "User-Agent",
                                                        "Origin",
                                                        "Upgrade",
                                                        "Connection",
                                                        "Sec-WebSocket-Protocol",
                                                        "Sec-WebSocket-Version",
                                                        "Sec-WebSocket-Extensions",
                                                        "X-Forwarded-For",
                                                        "Via"};
    return std::any_of(harmless.begin(), harmless.end(),
                       [&](std::string_view name) { return equal_ignoring_case(name, header); });
}

std::string shortened(std::string_view text) { return std::string{text.substr(0, text_size_max)}; }

// Some chargers put their password behind the question mark.
std::string shown_path(std::string_view path) {
    const auto query = path.find('?');
    if (query == std::string_view::npos) return shortened(path);
    return shortened(path.substr(0, query)) + "?***";
}

std::vector<AttemptHeader> shown(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::vector<AttemptHeader> out;
    for (const auto& [name, value] : headers) {
        if (out.size() == headers_max) break;
        if (is_shown(name)) out.push_back({shortened(name), shortened(value)});
    }
    return out;
}

// The settings that let this charge point in.
db::ChargePointSaved welcoming_settings(const Site& site, const ConnectionAttempt& attempt) {
    const auto known = site.charge_points.find(attempt.identity);
    auto settings = known == site.charge_points.end() ? default_settings(attempt.identity)
                                                      : known->second.settings;
    settings.state = "accepted";
    const bool names_subprotocol =
        std::any_of(attempt.headers.begin(), attempt.headers.end(), [](const auto& header) {
            return equal_ignoring_case(header.name, "Sec-WebSocket-Protocol");
        });
    if (!names_subprotocol) settings.assume_ocpp16 = true;
    return settings;
}

}  // namespace

std::string_view remedy(AttemptCause cause) {
    switch (cause) {
        case AttemptCause::unknown_charge_point:
            return "Accept it here, or open the enrolment window before the charger connects.";
        case AttemptCause::no_identity:
            return "Let the charger's URL end with its identity: ws://HOST:PORT/ocpp/IDENTITY.";
        case AttemptCause::no_subprotocol:
            return "Set the charger to OCPP 1.6 JSON. If it speaks that without saying so, accept "
                   "it here: ocpp1.6 is then assumed.";
        case AttemptCause::unsupported_subprotocol:
            return "Set the charger to OCPP 1.6 JSON (subprotocol ocpp1.6).";
        case AttemptCause::credentials_missing:
            return "Enter the password in the charger, with its identity as the user; or remove "
                   "the password of this charge point here.";
        case AttemptCause::wrong_password:
            return "Set the same password in the charger and here: the charger has another one.";
        case AttemptCause::too_many_password_attempts:
            return "Wait a minute, then let the charger connect with the right password.";
        case AttemptCause::security_profile:
            return "Let the charger connect with the security profile that is required of it, or "
                   "lower what is required here.";
        case AttemptCause::second_connection:
            return "Two devices use this identity, or one has moved: give each its own identity. "
                   "Accept it here to let the new address take over.";
        case AttemptCause::tls_on_plain_port:
            return "Use ws:// instead of wss:// with this port, or the port for wss://.";
        case AttemptCause::not_websocket:
            return "Let the charger connect with a ws:// URL; a browser belongs on the web port.";
        case AttemptCause::malformed_request:
            return "Look at the detail: this was no HTTP request. Something else may be connected "
                   "to this port.";
        case AttemptCause::timeout:
            return "Look at the network between charger and server: the request did not arrive "
                   "completely in ten seconds.";
        case AttemptCause::lost:
            return "The charger gave up while it was answered: look at its time-outs and network.";
        case AttemptCause::too_many_connections:
            return "Close what else connects from this address.";
        case AttemptCause::too_many_charge_points:
            return "Accept or remove charge points that wait here, or close the enrolment window.";
        case AttemptCause::busy:
            return "Nothing: the charger tries again by itself.";
    }
    return {};
}

bool is_acceptable(AttemptCause cause) {
    return cause == AttemptCause::unknown_charge_point || cause == AttemptCause::no_subprotocol ||
           cause == AttemptCause::second_connection;
}

std::optional<std::chrono::seconds> PasswordThrottle::wait(std::string_view address,
                                                           std::string_view identity,
                                                           Instant now) const {
    const auto it = failures_.find({std::string{address}, std::string{identity}});
    if (it == failures_.end() || it->second.allowed_at <= now) return std::nullopt;
    return std::chrono::ceil<std::chrono::seconds>(it->second.allowed_at - now);
}

void PasswordThrottle::failed(std::string_view address, std::string_view identity, Instant now) {
    if (failures_.size() >= throttled_max) {
        std::erase_if(failures_, [&](const auto& entry) { return entry.second.allowed_at <= now; });
        if (failures_.size() >= throttled_max) failures_.erase(failures_.begin());
    }
    auto& entry = failures_[{std::string{address}, std::string{identity}}];
    const int beyond = ++entry.count - free_passwords;
    entry.allowed_at = beyond < 0 ? now : now + std::min(1s * (1 << std::min(beyond, 6)), 60s);
}

void PasswordThrottle::succeeded(std::string_view address, std::string_view identity) {
    failures_.erase({std::string{address}, std::string{identity}});
}

ConnectionAttempt& ConnectionAttempts::find_or_add(Site& site, AttemptCause cause,
                                                   const AttemptFacts& facts) {
    std::size_t of_address = 0;
    std::size_t of_identity = 0;
    ConnectionAttempt* alike = nullptr;  // the same cause, and the same identity if there is one
    for (auto& [number, attempt] : attempts_) {
        if (attempt.address != facts.address) continue;
        ++of_address;
        const bool same_identity = attempt.identity == facts.identity;
        of_identity += same_identity;
        if (attempt.cause != cause) continue;
        if (same_identity && attempt.path == shown_path(facts.path)) return attempt;
        if (!alike || same_identity || alike->identity != facts.identity) alike = &attempt;
    }
    // Whoever tries one path or identity after the other does not push the others out.
    const bool too_many =
        of_identity >= per_identity_max && alike != nullptr && alike->identity == facts.identity;
    if (alike != nullptr && (too_many || of_address >= per_address_max)) return *alike;
    if (attempts_.size() >= kept_max) drop_oldest(site);
    const auto number = next_number_++;
    auto& attempt = attempts_[number];
    attempt.number = number;
    attempt.cause = cause;
    return attempt;
}

void ConnectionAttempts::drop_oldest(Site& site) {
    const auto oldest = std::min_element(
        attempts_.begin(), attempts_.end(),
        [](const auto& a, const auto& b) { return a.second.lastAt < b.second.lastAt; });
    if (saved_.erase(oldest->first) > 0 && !site.journal.full()) {
        site.record({db::StateRemoved{std::string{state_kind}, std::to_string(oldest->first)}});
    }
    attempts_.erase(oldest);
}

void ConnectionAttempts::save(Site& site, const ConnectionAttempt& attempt, Now now) {
    const auto last = saved_.find(attempt.number);
    if (last != saved_.end() && now.mono < last->second + save_period) return;
    if (now.mono >= minute_began_ + 60s) {
        minute_began_ = now.mono;
        saved_this_minute_ = 0;
    }
    if (saved_this_minute_ == saves_per_minute_max || site.journal.full()) return;
    ++saved_this_minute_;
    saved_[attempt.number] = now.mono;
    site.record({db::StateSaved{
        std::string{state_kind}, std::to_string(attempt.number), {to_json(attempt)}}});
}

void ConnectionAttempts::note(Site& site, AttemptCause cause, std::string detail,
                              AttemptFacts facts, Now now) {
    auto& attempt = find_or_add(site, cause, facts);
    if (++attempt.count == 1) attempt.firstAt = now.wall;
    attempt.lastAt = now.wall;
    attempt.detail = shortened(detail);
    attempt.address = std::move(facts.address);
    attempt.path = shown_path(facts.path);
    attempt.identity = std::move(facts.identity);
    attempt.headers = shown(facts.headers);
    save(site, attempt, now);
    if (site.log) {
        site.log("refused", "address=" + attempt.address + " cause=" + enumerator_name(cause) +
                                " detail=\"" + attempt.detail + "\"");
    }
}

void ConnectionAttempts::restore(ConnectionAttempt attempt) {
    const auto number = attempt.number;
    next_number_ = std::max(next_number_, number + 1);
    saved_[number] = {};
    attempts_.insert_or_assign(number, std::move(attempt));
}

void ConnectionAttempts::forget(Site& site, std::string_view identity) {
    std::vector<db::Record> removed;
    std::erase_if(attempts_, [&](const auto& entry) {
        if (entry.second.identity != identity) return false;
        if (saved_.erase(entry.first) > 0) {
            removed.emplace_back(
                db::StateRemoved{std::string{state_kind}, std::to_string(entry.first)});
        }
        return true;
    });
    if (!removed.empty() && !site.journal.full()) site.record(std::move(removed));
}

void restore_attempts(Site& site, const db::StateSaved& row) {
    DecodeReport report;
    if (row.kind == state_kind) {
        auto attempt = decode_text<ConnectionAttempt>(
            row.body.text, {.lenient = true, .empty_arrays = true}, report);
        if (attempt) site.attempts.restore(std::move(*attempt));
    } else if (row.kind == enrolment_kind) {
        site.enrolment_ends = decode_text<Timestamp>(row.body.text, {}, report);
    }
}

std::variant<std::string, db::Journal::Ticket> accept_attempt(Site& site, std::int64_t number,
                                                              Now now) {
    const auto found = site.attempts.all().find(number);
    if (found == site.attempts.all().end()) return "it is no longer kept";
    const auto attempt = found->second;
    if (!is_acceptable(attempt.cause)) return std::string{remedy(attempt.cause)};
    if (attempt.identity.empty()) return std::string{remedy(AttemptCause::no_identity)};
    if (attempt.cause == AttemptCause::second_connection) {
        ChargePoint* charger = site.find(attempt.identity);
        if (!charger) return "this charge point has been removed meanwhile";
        charger->takeover = ChargePoint::Takeover{attempt.address, now.mono + 5min};
        return db::Journal::Ticket{0};
    }
    auto settings = welcoming_settings(site, attempt);
    if (const auto wrong = check(settings); !wrong.empty()) return wrong.front().detail;
    return save(site, std::move(settings), now);
}

db::Journal::Ticket open_enrolment(Site& site, std::chrono::minutes length, Now now) {
    if (length <= 0min) {
        site.enrolment_ends.reset();
        return site.record({db::StateRemoved{std::string{enrolment_kind}, "window"}});
    }
    site.enrolment_ends = now.wall + std::min<std::chrono::minutes>(length, 24h);
    return site.record(
        {db::StateSaved{std::string{enrolment_kind}, "window", {to_json(*site.enrolment_ends)}}});
}

std::optional<Timestamp> enrolment_until(const Site& site, Now now) {
    if (!site.enrolment_ends || *site.enrolment_ends <= now.wall) return std::nullopt;
    return site.enrolment_ends;
}

}  // namespace busbar::site
