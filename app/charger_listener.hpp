// The listener for chargers: judges who knocks, keeps what was refused, and hands whole messages to
// the site. Site loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "app/charger_link.hpp"
#include "app/password_worker.hpp"
#include "net/websocket_server.hpp"
#include "site/connections.hpp"

namespace busbar::app {

class ChargerListener {
public:
    struct Options {
        std::string address;
        std::uint16_t port = 0;
        std::function<Now()> now;
        // Made for each connection: sees all of its frames. May be empty.
        std::function<ocpp::FrameObserver(const std::string& charge_point)> frame_observer;
        // Called behind every event, when the site's timer may have to change.
        std::function<void()> after_event;
        net::WebSocketLimits limits{};
    };

    // Listens at once; throws net::ListenError.
    ChargerListener(boost::asio::io_context& loop, site::Site& site, PasswordWorker& passwords,
                    Options options);

    std::uint16_t port() const { return server_->port(); }

    // Accepts nobody any more and closes every connection.
    void stop() { server_->stop(); }

private:
    using Decide = std::function<void(net::Verdict)>;

    net::WebSocketEvents events();
    site::Admission judge(const net::Handshake& handshake) const;
    void authorize(const net::Handshake& handshake, Decide decide);
    // Tries the passwords that may hold, from this one on.
    void check_password(const net::Handshake& handshake, const site::Admission& admission,
                        std::size_t index, Decide decide);
    void password_checked(const net::Handshake& handshake, const site::Admission& admission,
                          std::size_t index, PasswordWorker::Answer answer, const Decide& decide);
    void ask_incumbent(const net::Handshake& handshake, const site::Admission& admission,
                       Decide decide);
    void refuse(const net::Handshake& handshake, const site::Admission& refusal,
                const Decide& decide);
    void note(const net::Handshake& handshake, site::AttemptCause cause, std::string identity,
              std::string_view detail);
    void failed(const net::Handshake& handshake, net::HandshakeFailure failure,
                std::string_view what);
    void opened(const std::shared_ptr<net::Connection>& connection);
    void received(const std::shared_ptr<net::Connection>& connection, std::string_view text);
    void closed(const std::shared_ptr<net::Connection>& connection);

    site::Site& site_;
    PasswordWorker& passwords_;
    Options options_;
    std::unordered_map<net::Connection*, std::shared_ptr<ChargerLink>> links_;
    std::uint64_t generation_ = 0;
    const std::uint32_t nonce_;  // keeps message ids unique over restarts
    std::unique_ptr<net::WebSocketServer> server_;
};

}  // namespace busbar::app
