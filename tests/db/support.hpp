// What the tests of db share: sample rows, a site loop that runs until a condition holds, and a
// database with the schema in it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include "db/administration.hpp"
#include "db/migrate.hpp"
#include "db/rows.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace busbar::db::test {

using namespace std::chrono_literals;
using busbar::test::cluster;
using busbar::test::eventually;

// A folder for spills, deleted at the end.
class Folder {
public:
    Folder() {
        char name[] = "/tmp/busbar-db-test-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error{"mkdtemp failed"};
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

// The site loop, run by the test's thread.
class Loop {
public:
    bool run_until(const std::function<bool()>& condition,
                   std::chrono::milliseconds deadline = 20s) {
        const auto give_up = std::chrono::steady_clock::now() + deadline;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            context_.run_one_for(20ms);
            context_.restart();
        }
        return true;
    }
    boost::asio::any_io_executor executor() { return context_.get_executor(); }
    boost::asio::io_context& context() { return context_; }

private:
    boost::asio::io_context context_;
};

inline std::string migrated_database(const std::string& name) {
    const auto url = cluster().create_database(name);
    migrate(url);
    return url;
}

inline const Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;

inline TransactionStarted start(TransactionKey id, const std::string& charge_point = "CP1") {
    return {.id = id,
            .transaction_id = static_cast<std::int32_t>(id),
            .charge_point = charge_point,
            .connector_id = 1,
            .id_tag = "TAG1",
            .meter_start_wh = 1000,
            .started_at = noon + std::chrono::seconds{id},
            .received_at = noon + std::chrono::seconds{id},
            .authorization = "Accepted",
            .implausible_start = false};
}

inline TransactionStopped stop(TransactionKey id) {
    return {.id = id,
            .meter_stop_wh = 5000,
            .stopped_at = noon + 1h + std::chrono::seconds{id},
            .received_at = noon + 1h + std::chrono::seconds{id},
            .reason = "Local",
            .id_tag = "TAG1",
            .estimated = false};
}

inline MeterSample sample(TransactionKey transaction, int n, double wh = 1500.0) {
    return {.charge_point = "CP1",
            .connector_id = 1,
            .transaction = transaction,
            .measured_at = noon + std::chrono::seconds{n},
            .received_at = noon + std::chrono::seconds{n},
            .context = "Sample.Periodic",
            .measurand = "Energy.Active.Import.Register",
            .phase = "",
            .location = "Outlet",
            .unit = "Wh",
            .value = std::to_string(wh),
            .number = wh};
}

inline BadgeSaved saved_badge(const std::string& id_tag) {
    BadgeSaved badge;
    badge.id_tag = id_tag;
    badge.status = "active";
    return badge;
}

inline ChargePointSaved saved_charge_point(const std::string& id) {
    ChargePointSaved charge_point;
    charge_point.id = id;
    charge_point.state = "accepted";
    charge_point.validation = "lenient";
    charge_point.phase_map = "RST";
    return charge_point;
}

// Edits by the command line.
inline void save_badge(const std::string& url, const BadgeSaved& badge) {
    edit_badges(url, [&](const auto&) { return std::vector<Record>{badge}; });
}
inline void remove_badge(const std::string& url, const std::string& id_tag) {
    edit_badges(url, [&](const auto&) { return std::vector<Record>{BadgeRemoved{id_tag}}; });
}
inline void save_charge_point(const std::string& url, const ChargePointSaved& charge_point) {
    edit_charge_points(url, [&](const auto&) { return std::vector<Record>{charge_point}; });
}

}  // namespace busbar::db::test
