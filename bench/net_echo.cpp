// The same echo on net/websocket_server: what the edge alone costs, without OCPP on top.
#include <cstdio>
#include <string>

#include <boost/asio/io_context.hpp>

#include "bench/options.hpp"
#include "net/websocket_server.hpp"

int main(int count, char** arguments) {
    auto options = busbar::bench::parse_options(
        count, arguments, {{"port", "0"}, {"pin", ""}},
        "net_echo [--port N] [--pin CORE]: an echo on Busbar's WebSocket server\n");
    busbar::bench::pin(options["pin"]);
    boost::asio::io_context loop{1};
    busbar::net::WebSocketEvents events;
    events.authorize = [](const busbar::net::Handshake&,
                          const std::function<void(busbar::net::Verdict)>& decide) {
        busbar::net::Verdict verdict;
        verdict.subprotocol = "ocpp1.6";
        decide(std::move(verdict));
    };
    events.opened = [](const auto&, const auto&) {};
    events.received = [](const auto& connection, std::string_view text) {
        connection->send(std::string{text});
    };
    events.closed = [](const auto&) {};
    const auto port = static_cast<std::uint16_t>(std::stoul(options["port"]));
    const busbar::net::WebSocketServer server{loop, "127.0.0.1", port, {}, std::move(events)};
    std::printf("listening ws://127.0.0.1:%u\n", unsigned{server.port()});
    std::fflush(stdout);
    loop.run();
}
