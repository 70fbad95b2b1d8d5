#include "app/commands/simulate.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/time.hpp"
#include "meters/profile.hpp"
#include "net/websocket_client.hpp"
#include "sim/socket_runner.hpp"

namespace busbar::app::commands {
namespace {

using namespace std::chrono_literals;
using Kind = sim::ChargerEvent::Kind;

constexpr auto table_period = 5s;         // on a terminal
constexpr auto status_line_period = 30s;  // in a log
constexpr std::size_t table_rows_max = 40;

struct Options {
    sim::SocketRunnerOptions runner;
    std::string password;
    std::string misbehaviour;
    std::string meter_profile;
    std::string meter_host = "127.0.0.1";
    std::uint16_t meter_port = 0;
    std::vector<double> building_amps;
    double first_car_seconds = 20;
    double duration_seconds = 0;
    int sample_seconds = 60;
    bool quiet = false;
    bool list_misbehaviours = false;
};

Now read_clock() {
    using std::chrono::time_point_cast;
    return {time_point_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now()),
            time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

// "12:03:04", UTC.
std::string time_of_day(Timestamp time) { return to_string(time).substr(11, 8); }

// What an event is worth saying, or nothing.
std::string sentence(const sim::ChargerEvent& event) {
    char text[160] = "";
    const auto print = [&](const char* format, auto... arguments) {
        std::snprintf(text, sizeof text, format, arguments...);
        return std::string{text};
    };
    const std::string transaction =
        event.transaction_id ? " (transaction " + std::to_string(*event.transaction_id) + ")" : "";
    switch (event.kind) {
        case Kind::boot_answered:
            return "boot " + to_lower(event.detail);
        case Kind::plugged_in:
            return "car plugged in";
        case Kind::badge_refused:
            return "badge refused: " + event.detail;
        case Kind::remote_start_waits_for_car:
            return "remote start, waiting for a car";
        case Kind::session_started:
            return print("session started, register %.2f kWh", event.energy_wh / 1'000);
        case Kind::start_answered:
            return "session has its number" + transaction;
        case Kind::start_refused:
            return "session refused: " + event.detail + transaction;
        case Kind::limit_received:
            if (!event.limit) return event.detail + " received, no limit now";
            return print("%s received, limit now %.1f A", event.detail.c_str(),
                         event.limit->to_double());
        case Kind::limit_refused:
            return "limit refused: " + event.detail;
        case Kind::session_ended:
            return print("session ended after %.3f kWh: %s", event.energy_wh / 1'000,
                         event.detail.c_str()) +
                   transaction;
        case Kind::rebooting:
            return "restarting";
        case Kind::protocol_problem:
            return "the server broke the protocol: " + event.detail;
        case Kind::stop_answered:
            break;
    }
    return {};
}

void say(std::string_view charge_point, int connector, const std::string& text) {
    std::string name{charge_point};
    if (connector > 0) name += "/" + std::to_string(connector);
    std::printf("%s %-12s %s\n", time_of_day(read_clock().wall).c_str(), name.c_str(),
                text.c_str());
    std::fflush(stdout);
}

std::string phases_text(const PhaseAmps& amps) {
    char text[64];
    std::snprintf(text, sizeof text, "%6.1f %6.1f %6.1f", amps[0].to_double(), amps[1].to_double(),
                  amps[2].to_double());
    return text;
}

void print_status_line(const sim::SocketRunner& runner) {
    const auto totals = runner.totals();
    std::string line = "-- " + std::to_string(totals.connected) + " of " +
                       std::to_string(totals.chargers) + " connected, chargers draw " +
                       phases_text(totals.drawn) + " A";
    if (runner.meter_port()) line += ", the meter shows " + phases_text(totals.connection) + " A";
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

// Connectors with something going on.
void print_table(const sim::SocketRunner& runner) {
    std::printf("\n%-14s %-14s %11s %8s %20s %12s\n", "connector", "status", "transaction",
                "limit A", "draws L1/L2/L3 A", "kWh");
    std::size_t rows = 0;
    std::size_t hidden = 0;
    for (const auto& row : runner.table()) {
        const auto& view = row.view;
        if (!view.car_present && row.connected) continue;
        if (++rows > table_rows_max) {
            ++hidden;
            continue;
        }
        const auto id = view.charge ? view.charge->transaction_id() : std::nullopt;
        const double energy_wh = view.charge ? view.register_wh - view.charge->meter_start_wh : 0;
        std::printf("%-14s %-14s %11s %8.1f %20s %12.3f\n",
                    (row.charge_point + "/" + std::to_string(view.id)).c_str(),
                    row.connected ? enumerator_name(view.status).c_str() : "offline",
                    id ? std::to_string(*id).c_str() : "-", view.offered.to_double(),
                    phases_text(view.drawn).c_str(), energy_wh / 1'000);
    }
    if (hidden > 0) std::printf("... and %zu more\n", hidden);
    print_status_line(runner);
}

void print_summary(const sim::SocketRunner& runner) {
    const auto totals = runner.totals();
    std::printf(
        "\n%d of %d chargers were accepted; %llu sessions begun, %llu ended, %llu of them "
        "acknowledged; %.3f kWh charged; %llu limits received; %llu protocol problems\n",
        totals.ever_accepted, totals.chargers,
        static_cast<unsigned long long>(totals.sessions_begun),
        static_cast<unsigned long long>(totals.sessions_ended),
        static_cast<unsigned long long>(totals.stops_answered), totals.energy_wh / 1'000,
        static_cast<unsigned long long>(totals.limits_received),
        static_cast<unsigned long long>(totals.protocol_problems));
}

// Fills in what needs more than reading one option; a sentence if something is wrong.
std::string complete(Options& options) {
    auto& runner = options.runner;
    std::string problem;
    if (!net::parse_ws_url(runner.url, problem)) return problem;
    const auto switches = sim::parse_misbehaviour(options.misbehaviour);
    if (const auto* wrong = std::get_if<std::string>(&switches)) return *wrong;
    runner.misbehaviour = std::get<sim::Misbehaviour>(switches);
    runner.sample_interval = std::chrono::seconds{options.sample_seconds};
    if (!options.password.empty()) runner.password = options.password;
    runner.drivers.first_arrival_max = std::chrono::milliseconds{
        std::max<std::int64_t>(1'000, std::int64_t(options.first_car_seconds * 1'000))};
    runner.building.seed = runner.seed;
    if (!options.building_amps.empty()) {
        auto amps = options.building_amps;
        if (amps.size() != 1 && amps.size() != 3)
            return "--building-amps takes one or three values";
        amps.resize(3, amps.front());
        runner.building.swing = runner.building.step = runner.building.noise = Amps{};
        // Negative is feeding in, which the building only does with solar panels.
        for (std::size_t i = 0; i < 3; ++i) {
            if (amps[i] < 0) return "--building-amps must not be negative";
            runner.building.base[i] = Amps::from_double(amps[i]);
        }
    }
    if (options.meter_profile.empty()) return {};
    auto profile = meters::find_profile(options.meter_profile);
    if (!profile) {
        std::string known;
        for (const auto& each : meters::builtin_profiles()) known += " " + each.name;
        return "there is no meter profile \"" + options.meter_profile + "\"; known are:" + known;
    }
    runner.meter = sim::SimulatedMeter{std::move(*profile), options.meter_host, options.meter_port};
    return {};
}

sim::RunnerEvents narrator(const Options& options, std::function<void()> stopped) {
    sim::RunnerEvents events;
    events.stopped = std::move(stopped);
    if (options.quiet) return events;
    events.happened = [](std::string_view charge_point, const sim::ChargerEvent& event) {
        const std::string text = sentence(event);
        if (!text.empty()) say(charge_point, event.connector, text);
    };
    events.link = [](std::string_view charge_point, bool up, std::string_view reason) {
        say(charge_point, 0, up ? "connected" : "not connected: " + std::string{reason});
    };
    return events;
}

// Prints the state now and then, until the timer is cancelled.
void report_regularly(boost::asio::steady_timer& timer, const sim::SocketRunner& runner) {
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    timer.expires_after(terminal ? table_period : status_line_period);
    timer.async_wait([&timer, &runner, terminal](const auto& error) {
        if (error) return;
        if (terminal) {
            print_table(runner);
        } else {
            print_status_line(runner);
        }
        report_regularly(timer, runner);
    });
}

int run(Options& options) {
    if (const std::string problem = complete(options); !problem.empty()) {
        std::fprintf(stderr, "busbar: %s\n", problem.c_str());
        return 2;
    }
    boost::asio::io_context loop;
    boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
    boost::asio::steady_timer end(loop);
    boost::asio::steady_timer report(loop);
    std::unique_ptr<sim::SocketRunner> runner;
    const auto events = narrator(options, [&] { loop.stop(); });
    try {
        runner = std::make_unique<sim::SocketRunner>(options.runner, loop, read_clock, events);
    } catch (const std::system_error& error) {
        std::fprintf(stderr, "busbar: the meter cannot listen at %s port %u: %s\n",
                     options.meter_host.c_str(), options.meter_port, error.what());
        return 1;
    }
    if (const auto port = runner->meter_port(); port && !options.quiet) {
        std::printf("meter %s at %s port %u\n", options.meter_profile.c_str(),
                    options.meter_host.c_str(), *port);
        std::fflush(stdout);
    }
    const auto stop = [&](const auto& error) {
        if (error) return;
        report.cancel();
        end.cancel();
        runner->stop();
    };
    signals.async_wait([&](const auto& error, int) {
        stop(error);
        // A second signal ends it without waiting for answers.
        signals.async_wait([&](const auto& second, int) {
            if (!second) loop.stop();
        });
    });
    if (options.duration_seconds > 0) {
        end.expires_after(
            std::chrono::milliseconds{std::int64_t(options.duration_seconds * 1'000)});
        end.async_wait(stop);
    }
    if (!options.quiet) report_regularly(report, *runner);
    loop.run();
    print_summary(*runner);
    return runner->totals().ever_accepted > 0 ? 0 : 1;
}

// One a line: its name, its family, its meaning.
void list_misbehaviours() {
    for (const auto& each : sim::misbehaviour_names()) {
        std::printf("%-30s %-14s %s\n", each.name.c_str(), each.family.c_str(),
                    std::string{each.meaning}.c_str());
    }
}

}  // namespace

void add_simulate(CLI::App& root, int& exit_code) {
    const auto options = std::make_shared<Options>();
    auto& runner = options->runner;
    CLI::App* simulate = root.add_subcommand(
        "simulate", "Chargers, cars, a building and its meter, against any OCPP 1.6J server");
    simulate->add_flag("--list-misbehaviours", options->list_misbehaviours,
                       "Print what --misbehave knows, and end");
    simulate->add_option("--url", runner.url, "ws://HOST:PORT/PATH; /IDENTITY is appended");
    simulate->add_option("--chargers", runner.chargers, "How many")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    simulate->add_option("--connectors", runner.connectors, "Connectors of each charger")
        ->check(CLI::Range(1, 2))
        ->capture_default_str();
    simulate->add_option("--prefix", runner.prefix, "Identities are PREFIX001, PREFIX002 ...")
        ->capture_default_str();
    simulate->add_option("--password", options->password, "For Basic authentication");
    simulate->add_option("--id-tag", runner.drivers.id_tags, "Badges of the drivers: TAG,TAG ...")
        ->delimiter(',')
        ->capture_default_str();
    simulate->add_flag("--rotate-phases", runner.rotate_phases,
                       "Wire the chargers RST, STR, TRS in turn");
    simulate->add_option("--meter", options->meter_profile,
                         "Play a Modbus TCP meter of this profile at the building's connection");
    simulate->add_option("--meter-host", options->meter_host, "Where the meter listens")
        ->capture_default_str();
    simulate->add_option("--meter-port", options->meter_port, "0: one that is free")
        ->capture_default_str();
    simulate
        ->add_option("--building-amps", options->building_amps,
                     "Constant load of the building, A or L1,L2,L3 (default: varying)")
        ->delimiter(',');
    simulate
        ->add_option("--first-car", options->first_car_seconds,
                     "Seconds until every connector has its first car")
        ->check(CLI::Range(0.0, 86'400.0))
        ->capture_default_str();
    simulate->add_option("--speed", runner.drivers.speed, "Batteries fill this many times faster")
        ->check(CLI::Range(0.1, 10'000.0))
        ->capture_default_str();
    simulate
        ->add_option("--sample-interval", options->sample_seconds,
                     "Seconds between MeterValues, until the server says otherwise")
        ->check(CLI::Range(0, 86'400))
        ->capture_default_str();
    simulate->add_option("--misbehave", options->misbehaviour,
                         "What the chargers do wrong: NAME,NAME ... of --list-misbehaviours");
    simulate->add_option("--seed", runner.seed, "The same seed brings the same cars")
        ->capture_default_str();
    simulate->add_option("--duration", options->duration_seconds, "Seconds; 0: until interrupted")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    simulate->add_flag("--quiet", options->quiet, "Print the summary only");
    simulate->callback([options, &exit_code] {
        if (options->list_misbehaviours) return list_misbehaviours();
        exit_code = run(*options);
    });
}

}  // namespace busbar::app::commands
