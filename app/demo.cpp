#include "app/demo.hpp"

#include <algorithm>
#include <thread>

#include <spdlog/fmt/fmt.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "meters/profile.hpp"
#include "sim/socket_runner.hpp"
#include "site/badges.hpp"
#include "site/charge_points.hpp"

namespace busbar::app {
namespace {

constexpr int charger_count = 8;
constexpr std::string_view prefix = "SIM";
constexpr std::string_view profile_name = "siemens-pac2200";

std::vector<std::string> id_tags() { return {"DEMO-ANNA", "DEMO-BEN", "DEMO-CHLOE", "DEMO-DAAN"}; }

Now clock_now() {
    using namespace std::chrono;
    return {floor<milliseconds>(steady_clock::now()), floor<milliseconds>(system_clock::now())};
}

sim::SocketRunnerOptions options(const std::string& url) {
    using namespace std::chrono_literals;
    sim::SocketRunnerOptions options;
    options.url = url;
    options.chargers = charger_count;
    options.prefix = prefix;
    options.rotate_phases = false;
    options.sample_interval = 10s;
    options.drivers.id_tags = id_tags();
    options.drivers.first_arrival_max = 15s;
    options.drivers.gap_max = 60s;
    options.drivers.speed = 20;
    options.meter = sim::SimulatedMeter{.profile = *meters::find_profile(profile_name)};
    options.seed = 20;
    return options;
}

}  // namespace

class Demo::Thread {
public:
    explicit Thread(const std::string& url)
        : runner_(options(url), loop_, clock_now, {}), thread_([this] { loop_.run(); }) {}
    ~Thread() {
        loop_.stop();
        thread_.join();
    }
    std::uint16_t meter_port() const { return runner_.meter_port().value_or(0); }

private:
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        loop_.get_executor()};
    sim::SocketRunner runner_;
    std::thread thread_;
};

Demo::Demo() = default;
Demo::~Demo() = default;

void Demo::adapt(Config& config) {
    if (!config.limit_configured) config.limit_amps = {100, 100, 100};
    config.meter.profile = profile_name;
    config.meter.host = "127.0.0.1";
    config.meter.unit = 0;
}

bool Demo::is_own(const std::vector<db::ChargePointSaved>& charge_points) {
    const auto first = fmt::format("{}{:03}", prefix, 1);
    return std::any_of(charge_points.begin(), charge_points.end(),
                       [&](const auto& charge_point) { return charge_point.id == first; });
}

void Demo::furnish(site::Site& site, Now now) const {
    for (int i = 1; i <= charger_count; ++i) {
        auto settings = site::default_settings(fmt::format("{}{:03}", prefix, i));
        if (site.find(settings.id)) continue;
        settings.label = fmt::format("Simulated charger {}", i);
        site::save(site, std::move(settings), now);
    }
    for (const auto& id_tag : id_tags()) {
        if (site.badges.contains(id_tag)) continue;
        site::Badge badge;
        badge.id_tag = id_tag;
        badge.label = "Demonstration";
        badge.status = "active";
        // Four drivers share eight chargers: each may charge at several.
        badge.max_active_transactions = charger_count;
        site::save(site, std::move(badge));
    }
}

void Demo::start(const std::string& url) { thread_ = std::make_unique<Thread>(url); }

std::uint16_t Demo::meter_port() const { return thread_->meter_port(); }

void Demo::stop() { thread_.reset(); }

}  // namespace busbar::app
