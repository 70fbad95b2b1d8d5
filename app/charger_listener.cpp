#include "app/charger_listener.hpp"

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "site/authorization_key.hpp"

namespace busbar::app {
namespace {

constexpr std::uint16_t policy_violation = 1008;
constexpr std::chrono::milliseconds probe_time{3000};  // ruling R6

net::Verdict verdict_of(const site::Admission& admission) {
    return {.status = admission.status,
            .reason = admission.reason,
            .subprotocol = admission.subprotocol};
}

site::Admission refused(const site::Admission& admission, int status, site::AttemptCause cause,
                        std::string reason) {
    site::Admission refusal;
    refusal.identity = admission.identity;
    refusal.status = status;
    refusal.cause = cause;
    refusal.reason = std::move(reason);
    return refusal;
}

site::AttemptCause cause_of(net::HandshakeFailure failure) {
    using From = net::HandshakeFailure;
    using To = site::AttemptCause;
    switch (failure) {
        case From::tls_on_plain_port:
            return To::tls_on_plain_port;
        case From::malformed_request:
            return To::malformed_request;
        case From::not_websocket:
            return To::not_websocket;
        case From::timeout:
            return To::timeout;
        case From::lost:
            return To::lost;
        case From::too_many_connections:
            return To::too_many_connections;
        case From::undecided:
            break;
    }
    return To::busy;
}

}  // namespace

ChargerListener::ChargerListener(boost::asio::io_context& loop, site::Site& site,
                                 PasswordWorker& passwords, Options options)
    : site_(site),
      passwords_(passwords),
      options_(std::move(options)),
      nonce_(static_cast<std::uint32_t>(random_bits())),
      server_(std::make_unique<net::WebSocketServer>(loop, options_.address, options_.port,
                                                     options_.limits, events())) {}

net::WebSocketEvents ChargerListener::events() {
    net::WebSocketEvents events;
    events.authorize = [this](const net::Handshake& handshake, Decide decide) {
        authorize(handshake, std::move(decide));
    };
    events.opened = [this](const auto& connection, const net::Verdict&) { opened(connection); };
    events.received = [this](const auto& connection, std::string_view text) {
        received(connection, text);
    };
    events.closed = [this](const auto& connection) { closed(connection); };
    events.failed = [this](const net::Handshake& handshake, net::HandshakeFailure failure,
                           std::string_view what) { failed(handshake, failure, what); };
    return events;
}

site::Admission ChargerListener::judge(const net::Handshake& handshake) const {
    return site::admit(site_,
                       {.target = handshake.target,
                        .subprotocols = handshake.subprotocols,
                        .basic_credentials = handshake.basic_credentials,
                        .peer_address = handshake.peer_address},
                       options_.now());
}

void ChargerListener::authorize(const net::Handshake& handshake, Decide decide) {
    const auto admission = judge(handshake);
    if (admission.status != 101) return refuse(handshake, admission, decide);
    if (!admission.password_hashes.empty()) {
        return check_password(handshake, admission, 0, std::move(decide));
    }
    if (admission.ask_incumbent) return ask_incumbent(handshake, admission, std::move(decide));
    decide(verdict_of(admission));
}

void ChargerListener::check_password(const net::Handshake& handshake,
                                     const site::Admission& admission, std::size_t index,
                                     Decide decide) {
    passwords_.check(admission.password_hashes[index], admission.password,
                     [this, handshake, admission, index,
                      decide = std::move(decide)](PasswordWorker::Answer answer) mutable {
                         using enum PasswordWorker::Answer;
                         if (answer == wrong && index + 1 < admission.password_hashes.size()) {
                             return check_password(handshake, admission, index + 1,
                                                   std::move(decide));
                         }
                         password_checked(handshake, admission, index, answer, decide);
                     });
}

void ChargerListener::password_checked(const net::Handshake& handshake,
                                       const site::Admission& admission, std::size_t index,
                                       PasswordWorker::Answer answer, const Decide& decide) {
    auto& throttle = site_.password_throttle;
    const auto now = options_.now();
    if (answer == PasswordWorker::Answer::busy) {
        return refuse(handshake,
                      refused(admission, 503, site::AttemptCause::busy, "busy: try again later"),
                      decide);
    }
    if (answer == PasswordWorker::Answer::wrong) {
        throttle.failed(handshake.peer_address, admission.identity, now.mono);
        return refuse(handshake,
                      refused(admission, 401, site::AttemptCause::wrong_password, "wrong password"),
                      decide);
    }
    throttle.succeeded(handshake.peer_address, admission.identity);
    site_.now = now;
    auto* charger = site_.find(admission.identity);
    if (charger && index == 0) site::new_password_used(site_, *charger);
    // The check takes time: what has changed meanwhile is better said now than by a close.
    const auto present = judge(handshake);
    if (present.status != 101) return refuse(handshake, present, decide);
    decide(verdict_of(present));
}

void ChargerListener::ask_incumbent(const net::Handshake& handshake,
                                    const site::Admission& admission, Decide decide) {
    const auto* charger = site_.find(admission.identity);
    if (!charger || !charger->link) return decide(verdict_of(admission));
    charger->link->probe(
        probe_time, [this, handshake, admission, decide = std::move(decide)](bool alive) mutable {
            if (!alive) return decide(verdict_of(admission));
            site::second_connection_refused(site_, admission.identity, handshake.peer_address,
                                            options_.now());
            refuse(handshake,
                   refused(admission, 409, site::AttemptCause::second_connection,
                           "this charge point is connected from another address"),
                   decide);
            options_.after_event();
        });
}

void ChargerListener::refuse(const net::Handshake& handshake, const site::Admission& refusal,
                             const Decide& decide) {
    note(handshake, refusal.cause, refusal.identity, refusal.reason);
    decide(verdict_of(refusal));
}

void ChargerListener::note(const net::Handshake& handshake, site::AttemptCause cause,
                           std::string identity, std::string_view detail) {
    site_.attempts.note(site_, cause, std::string{detail},
                        {.address = handshake.peer_address,
                         .path = handshake.target,
                         .identity = std::move(identity),
                         .headers = handshake.headers},
                        options_.now());
}

void ChargerListener::failed(const net::Handshake& handshake, net::HandshakeFailure failure,
                             std::string_view what) {
    note(handshake, cause_of(failure), {}, what);
}

void ChargerListener::opened(const std::shared_ptr<net::Connection>& connection) {
    const auto& handshake = connection->handshake();
    // A password check takes time: the charge point may be gone, or no longer welcome.
    const auto admission = judge(handshake);
    if (admission.status != 101) {
        return connection->close(policy_violation, "no longer welcome");
    }
    ++generation_;
    auto link = std::make_shared<ChargerLink>(
        generation_, fmt::format("{:x}-{}-", nonce_, generation_), admission.identity, connection);
    if (options_.frame_observer) link->session.observe(options_.frame_observer(link->identity));
    links_.emplace(connection.get(), link);
    site::connected(site_, admission.identity, link, handshake.peer_address, options_.now());
    if (auto* charger = site_.find(admission.identity)) {
        charger->reached_as = site::host_name(handshake.header("Host"));
    }
    options_.after_event();
}

void ChargerListener::received(const std::shared_ptr<net::Connection>& connection,
                               std::string_view text) {
    const auto link = links_.find(connection.get());
    if (link == links_.end()) return;
    const auto kept = link->second;
    site::receive(site_, kept->identity, kept, text, options_.now());
    options_.after_event();
}

void ChargerListener::closed(const std::shared_ptr<net::Connection>& connection) {
    const auto node = links_.extract(connection.get());
    if (node.empty()) return;
    site::disconnected(site_, node.mapped()->identity, node.mapped(), options_.now(),
                       connection->end_cause());
    options_.after_event();
}

}  // namespace busbar::app
