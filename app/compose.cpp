#include "app/compose.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/api.hpp"
#include "api/audit.hpp"
#include "api/events.hpp"
#include "app/charger_listener.hpp"
#include "app/data_directory.hpp"
#include "app/demo.hpp"
#include "app/file_shell.hpp"
#include "app/message_tap.hpp"
#include "app/notify.hpp"
#include "app/password_worker.hpp"
#include "app/restore.hpp"
#include "db/change_listener.hpp"
#include "db/maintenance.hpp"
#include "db/migrate.hpp"
#include "db/postgres_journal.hpp"
#include "db/queries.hpp"
#include "meters/bus.hpp"
#include "meters/profile.hpp"
#include "meters/trust.hpp"
#include "net/http_server.hpp"
#include "site/badges.hpp"
#include "site/charge_points.hpp"
#include "site/connections.hpp"
#include "site/load_management.hpp"
#include "site/privacy.hpp"

namespace busbar::app {
namespace {

using namespace std::chrono_literals;

Now clock_now() {
    using namespace std::chrono;
    return {floor<milliseconds>(steady_clock::now()), floor<milliseconds>(system_clock::now())};
}

dlm::Settings load_management_settings(const Config& config, bool metered) {
    dlm::Settings settings;
    settings.limit = phase_amps(config.limit_amps);
    settings.derate = config.derate;
    settings.margin = config.margin_amps.empty() ? dlm::default_margin(settings.limit)
                                                 : phase_amps(config.margin_amps);
    settings.metered = metered;
    settings.lease = std::chrono::seconds{config.lease_seconds};
    if (!config.reserve_blind_amps.empty()) {
        settings.reserve_blind = phase_amps(config.reserve_blind_amps);
    } else if (metered) {
        for (std::size_t p = 0; p < 3; ++p) {
            settings.reserve_blind[p] = Amps::from_milliamps(settings.limit[p].milliamps / 2);
        }
    }
    for (std::size_t p = 0; p < 3; ++p) {
        settings.blind_limit[p] =
            Amps::from_double(settings.limit[p].to_double() * settings.derate) -
            settings.margin[p] - settings.reserve_blind[p];
    }
    if (!config.blind_limit_amps.empty())
        settings.blind_limit = phase_amps(config.blind_limit_amps);
    return settings;
}

site::Settings site_settings(const Config& config, const ServerOptions& options, bool metered) {
    site::Settings settings;
    settings.load_management = load_management_settings(config, metered);
    settings.minimum_current = Amps::from_double(config.minimum_amps);
    settings.enrolment_always_open = options.demo;
    settings.meter_sample_interval = std::chrono::seconds{config.meter_sample_seconds};
    settings.time_zone = TimeZone::find(config.time_zone).value_or(TimeZone::of_this_machine());
    return settings;
}

}  // namespace

class Server::Impl {
public:
    Impl(const Config& config, const ServerOptions& options)
        : config_(config),
          data_dir_(open_data_directory(config.data_dir)),
          demo_(options.demo ? std::make_unique<Demo>() : nullptr) {
        if (demo_) Demo::adapt(config_);
        db::migrate(config_.database_url);
        journal_ = std::make_unique<db::PostgresJournal>(journal_options(), loop_.get_executor());
        message_log_ = std::make_unique<db::MessageLog>(message_log_options());
        const bool metered = !config_.meter.host.empty();
        audit_ = std::make_unique<api::AuditTrail>(*journal_);
        site_ = std::make_unique<site::Site>(*audit_, site_settings(config_, options, metered));
        site_->log = [](std::string_view event, std::string_view details) {
            spdlog::info("event={} {}", event, details);
        };
        site_->hash_password = [this](std::string password, auto done) {
            passwords_.hash(std::move(password), std::move(done));
        };
        auto snapshot = db::load_site(config_.database_url, spill_path());
        reader_ = std::make_unique<db::Reader>(config_.database_url, loop_.get_executor());
        report_reader_ =
            std::make_unique<db::Reader>(config_.database_url, loop_.get_executor(), 30s);
        maintenance_ = std::make_unique<db::Maintenance>(maintenance_options());
        if (demo_ && !snapshot.charge_points.empty() && !Demo::is_own(snapshot.charge_points)) {
            throw std::runtime_error{
                "this database belongs to real chargers, and a demonstration would add its own: "
                "give it another one (script/server --demo does)"};
        }
        auto dependencies = api_dependencies();
        dependencies.report_reader = report_reader_.get();
        dependencies.token_used = [this](std::int64_t token, Timestamp at) {
            token_uses_->used(token, at);
        };
        dependencies.tariffs->restore(snapshot.states);
        api_ = std::make_unique<api::Api>(std::move(dependencies));
        api_->set_tokens(std::move(snapshot.tokens));
        restore(*site_, std::move(snapshot), clock_now());
        if (demo_) demo_->furnish(*site_, clock_now());
        open_listeners();
        serve_files();
        if (demo_) {
            demo_->start("ws://127.0.0.1:" + std::to_string(chargers_->port()) + "/ocpp");
            config_.meter.port = demo_->meter_port();
        }
        if (metered) open_meter();
    }

    void run() {
        watch_signals();
        announce();
        listener_ = std::make_unique<db::ChangeListener>(config_.database_url, loop_.get_executor(),
                                                         change_callbacks());
        notify_ready();
        tick();
        loop_.run();
    }

private:
    std::string spill_path() const { return (data_dir_ / "spill.sqlite").string(); }

    db::PostgresJournal::Options journal_options() {
        db::PostgresJournal::Options options;
        options.url = config_.database_url;
        options.spill_path = spill_path();
        return options;
    }

    db::MessageLog::Options message_log_options() const {
        db::MessageLog::Options options;
        options.url = config_.database_url;
        options.age_max = std::chrono::days{config_.message_log_days};
        options.size_max = config_.message_log_megabytes << 20;
        return options;
    }

    db::Maintenance::Options maintenance_options() const {
        db::Maintenance::Options options;
        options.url = config_.database_url;
        options.token_uses = token_uses_;
        options.retention.samples_days = config_.retention_samples_days;
        options.retention.limits_days = config_.retention_limits_days;
        options.retention.security_events_days = config_.retention_security_events_days;
        options.retention.transactions_years = config_.retention_transactions_years;
        options.retention.audit_years = config_.retention_audit_years;
        options.on_state_change = [](const db::Maintenance::Health& health) {
            const bool is_normal = health.state == db::Maintenance::State::normal;
            spdlog::log(is_normal ? spdlog::level::info : spdlog::level::warn,
                        "event=maintenance state={} detail=\"{}\"", db::to_string(health.state),
                        health.detail);
        };
        return options;
    }

    // Unknown badges that nobody has tapped for long.
    void forget_unknown_badges(Now now) {
        if (config_.retention_unknown_badges_days == 0 || now.mono < next_forgetting_) return;
        next_forgetting_ = now.mono + 1h;
        const std::chrono::days age{config_.retention_unknown_badges_days};
        site::forget_unknown_badges(*site_, now.wall - age);
    }

    ocpp::FrameObserver frame_observer(const std::string& charge_point) {
        if (!config_.message_log_enabled) return nullptr;
        return message_tap(*message_log_, charge_point, clock_now);
    }

    api::Dependencies api_dependencies() {
        return {.site = *site_,
                .reader = *reader_,
                .audit = *audit_,
                .events = events_,
                .now = clock_now,
                .readiness = [this](auto done) { tell_readiness(std::move(done)); },
                .hash_password =
                    [this](std::string password, auto done) {
                        passwords_.hash(std::move(password), std::move(done));
                    },
                .after_change = [this] { after_event(); },
                .files_folder = data_dir_ / "files",
                .remove_content = [this](const std::string& id) { files_->remove_content(id); }};
    }

    void tell_readiness(std::function<void(api::Readiness)> done) {
        reader_->ping([this, done = std::move(done)](const std::optional<db::ReadError>& error) {
            api::Readiness readiness{.ready = true, .reasons = {}};
            if (error) readiness.reasons.push_back("database: " + error->detail);
            const auto health = journal_->health();
            if (health.state != db::PostgresJournal::State::normal) {
                readiness.reasons.push_back("journal is " +
                                            std::string{db::to_string(health.state)} + ": " +
                                            health.detail);
            }
            readiness.ready = readiness.reasons.empty();
            tell_maintenance(readiness);
            done(std::move(readiness));
        });
    }

    // What is not done there keeps nobody from charging, and waits.
    void tell_maintenance(api::Readiness& readiness) const {
        const auto health = maintenance_->health();
        if (health.state == db::Maintenance::State::failing) {
            readiness.degraded.push_back("maintenance: " + health.detail);
        }
        readiness.maintenance_state = db::to_string(health.state);
        readiness.maintenance_run_at = health.last_run_at;
        readiness.maintenance_error_at = health.last_error_at;
        readiness.maintenance_error = health.last_error;
    }

    void open_listeners() {
        chargers_ = std::make_unique<ChargerListener>(
            loop_, *site_, passwords_,
            ChargerListener::Options{.address = config_.ocpp_address,
                                     .port = static_cast<std::uint16_t>(config_.ocpp_port),
                                     .now = clock_now,
                                     .frame_observer =
                                         [this](const std::string& charge_point) {
                                             return frame_observer(charge_point);
                                         },
                                     .after_event = [this] { after_event(); }});
        files_ = std::make_unique<FileShell>(
            loop_, *site_, config_, data_dir_,
            FileShell::Options{.now = clock_now, .after_event = [this] { after_event(); }});
        web_ = std::make_unique<net::HttpServer>(
            loop_, config_.web_http_address, static_cast<std::uint16_t>(config_.web_http_port),
            net::HttpLimits{}, [this](net::HttpRequest request, auto respond) {
                site_->now = clock_now();
                api_->handle(std::move(request), std::move(respond));
                after_event();
            });
    }

    // Bodies that are files go past memory.
    void serve_files() {
        web_->serve_files(files_->worker(), [this](const net::HttpRequest& head) {
            site_->now = clock_now();
            return api_->judge_body(head);
        });
    }

    void open_meter() {
        const auto profile = meters::find_profile(config_.meter.profile);
        meters::BusSettings bus;
        bus.host = config_.meter.host;
        bus.port =
            config_.meter.port ? static_cast<std::uint16_t>(config_.meter.port) : profile->tcp_port;
        meters::MeterSettings meter;
        meter.name = "main";
        meter.profile = *profile;
        meter.unit_id =
            config_.meter.unit ? static_cast<int>(config_.meter.unit) : profile->unit_id;
        meter.poll_period = std::chrono::milliseconds{config_.meter.poll_milliseconds};
        meters::Expectation expectation;
        for (std::size_t p = 0; p < 3; ++p) {
            expectation.limit[p] = site_->settings.load_management.limit[p];
        }
        trust_.expect(expectation);
        bus_ = std::make_unique<meters::Bus>(
            bus, std::vector{std::move(meter)}, [this](meters::PollResult result) {
                boost::asio::post(loop_, [this, result = std::move(result)]() mutable {
                    metered(std::move(result));
                });
            });
    }

    // An implausible reading is as good as none: the last good one ages.
    void metered(meters::PollResult result) {
        const auto now = clock_now();
        if (!result.reading) {
            trust_.observe_failure(result.error);
        } else {
            trust_.observe(std::move(*result.reading));
        }
        const auto trust = trust_.at(now.mono);
        if (trust != last_trust_) {
            last_trust_ = trust;
            const bool is_fresh = trust.freshness == meters::Freshness::fresh;
            spdlog::log(is_fresh ? spdlog::level::info : spdlog::level::warn,
                        "event=meter state={} reason=\"{}\"", meters::to_string(trust.freshness),
                        trust.reason);
        }
        const auto& last = trust_.last();
        if (result.reading && last && last->at == result.at.mono) pass_on(*last, now);
        after_event();
    }

    void pass_on(const meters::Reading& reading, Now now) {
        dlm::MeterInput input;
        input.at = reading.at;
        for (std::size_t p = 0; p < 3; ++p) {
            input.current[p] = Amps::from_double(reading.current_amps[p].value_or(0));
        }
        site::on_meter_sample(*site_, input, now);
    }

    db::ChangeListener::Callbacks change_callbacks() {
        // A snapshot that lacks an edit of our own would undo it: the one that has it follows.
        return {.badges =
                    [this](std::vector<db::BadgeSaved> rows, std::uint64_t sequence) {
                        if (!journal_->includes(sequence, site_->last_badge_edit)) return;
                        site::replace_badges(*site_, std::move(rows));
                    },
                .badge_groups =
                    [this](std::vector<db::BadgeGroupSaved> rows, std::uint64_t sequence) {
                        if (!journal_->includes(sequence, site_->last_badge_group_edit)) return;
                        site::replace_badge_groups(*site_, std::move(rows));
                    },
                .charge_points =
                    [this](std::vector<db::ChargePointSaved> rows, std::uint64_t sequence) {
                        if (!journal_->includes(sequence, site_->last_charge_point_edit)) return;
                        site::replace_charge_points(*site_, std::move(rows), clock_now());
                        after_event();
                    },
                .tokens = [this](std::vector<db::Token> rows,
                                 std::uint64_t) { api_->set_tokens(std::move(rows)); }};
    }

    // Arms the one timer at the earliest moment the site asked for.
    void after_event() {
        const auto wanted = site_->wake_at();
        if (!wanted || (armed_ && *armed_ <= *wanted)) return;
        armed_ = wanted;
        timer_.expires_at(std::chrono::steady_clock::time_point{*wanted});
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) tick();
        });
    }

    void tick() {
        armed_.reset();
        site::on_timer(*site_, clock_now());
        forget_unknown_badges(clock_now());
        notify_alive();
        after_event();
    }

    void watch_signals() {
        signals_.async_wait([this](const boost::system::error_code& error, int number) {
            if (error) return;
            spdlog::info("event=stopping signal={}", number);
            stop();
        });
    }

    // Chargers are told that we go (1001) and reconnect later; what is appended becomes durable.
    void stop() {
        notify_stopping();
        if (demo_) demo_->stop();
        if (bus_) bus_->stop();
        listener_.reset();
        web_->stop();
        files_->stop();
        chargers_->stop();
        stopping_.expires_after(200ms);
        stopping_.async_wait([this](const boost::system::error_code&) {
            timer_.cancel();
            journal_->stop();
            loop_.stop();
        });
    }

    void announce() {
        std::printf("listening ocpp ws://%s:%u\n", config_.ocpp_address.c_str(), chargers_->port());
        std::printf("listening files http://%s:%u\n", config_.files_address.c_str(),
                    files_->port());
        std::printf("listening web http://%s:%u\n", config_.web_http_address.c_str(), web_->port());
        std::fflush(stdout);
        // For `busbar charge-point send`, which need not be told where the server listens.
        std::ofstream{data_dir_ / web_url_file} << "http://" << config_.web_http_address << ':'
                                                << web_->port() << '\n';
        const auto& limit = config_.limit_amps;
        if (!config_.limit_configured && !demo_) {
            spdlog::warn(
                "event=configuration detail=\"[load_management] limit_amps is not set: "
                "{} A per phase are assumed\"",
                limit[0]);
        }
    }

    Config config_;
    std::filesystem::path data_dir_;
    std::unique_ptr<Demo> demo_;
    boost::asio::io_context loop_{1};
    boost::asio::signal_set signals_{loop_, SIGTERM, SIGINT};
    boost::asio::steady_timer timer_{loop_};
    boost::asio::steady_timer stopping_{loop_};
    std::optional<Instant> armed_;
    PasswordWorker passwords_{loop_.get_executor()};
    std::unique_ptr<db::PostgresJournal> journal_;
    std::unique_ptr<db::MessageLog> message_log_;
    std::unique_ptr<api::AuditTrail> audit_;  // the site's journal, before the real one
    api::Events events_{clock_now().wall};
    std::unique_ptr<site::Site> site_;
    std::unique_ptr<db::Reader> reader_;
    std::unique_ptr<db::Reader> report_reader_;
    std::shared_ptr<db::TokenUses> token_uses_ = std::make_shared<db::TokenUses>();
    std::unique_ptr<db::Maintenance> maintenance_;
    Instant next_forgetting_{};
    std::unique_ptr<api::Api> api_;
    meters::MeterTrust trust_;
    meters::Trust last_trust_;
    std::unique_ptr<ChargerListener> chargers_;
    std::unique_ptr<FileShell> files_;  // its worker outlives the server that uses it
    std::unique_ptr<net::HttpServer> web_;
    std::unique_ptr<meters::Bus> bus_;
    std::unique_ptr<db::ChangeListener> listener_;
};

Server::Server(const Config& config, const ServerOptions& options)
    : impl_(std::make_unique<Impl>(config, options)) {}
Server::~Server() = default;
void Server::run() { impl_->run(); }

}  // namespace busbar::app
