// The server: the only place where all rooms meet. Sockets, timers and threads hand what they have
// to the site and carry away what it says; no rule is decided here.
#pragma once

#include <memory>

#include "app/config.hpp"

namespace busbar::app {

struct ServerOptions {
    bool demo = false;  // unknown chargers may knock, and simulated ones do
};

class Server {
public:
    // Opens everything: schema, journal, listeners, meter. Throws a std::runtime_error whose text
    // is one clear sentence with the remedy; nothing is left running then.
    Server(const Config& config, const ServerOptions& options);
    ~Server();

    // Prints a line a listener and serves until SIGTERM or SIGINT.
    void run();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace busbar::app
