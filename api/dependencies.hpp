// What the REST interface needs from the rest of the program; filled in by app/compose. Plain
// references and functions, all used on the site loop only.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secrets.hpp"
#include "base/time.hpp"
#include "db/queries.hpp"
#include "site/site.hpp"
#include "site/tariffs.hpp"

namespace busbar::api {

class AuditTrail;
class Events;

// Whether the server can do its work, and if not, why.
struct Readiness {
    bool ready = false;
    std::vector<std::string> reasons;
    // What does not keep it from its work, but should be looked at: "maintenance: ...".
    std::vector<std::string> degraded{};
    // The work that is done on the database now and then.
    std::string maintenance_state{};
    std::optional<Timestamp> maintenance_run_at{};
    std::optional<Timestamp> maintenance_error_at{};
    std::string maintenance_error{};
};

struct Dependencies {
    site::Site& site;
    db::Reader& reader;
    AuditTrail& audit;  // which is the site's journal
    Events& events;
    std::function<Now()> now;
    // Finds out whether the server is ready; may answer later.
    std::function<void(std::function<void(Readiness)>)> readiness;
    // Hashes a password elsewhere and calls back on the site loop; "" if it cannot at the moment.
    std::function<void(std::string password, std::function<void(std::string hash)>)> hash_password;
    // Called after anything that changed the site, so that the shell arms its timers again.
    std::function<void()> after_change;
    // Where the contents of files lie, by id, and how one is removed.
    std::filesystem::path files_folder{};
    std::function<void(std::string id)> remove_content{};
    // Reads that take a second or two, so that lists need not wait for them; null: `reader`.
    db::Reader* report_reader = nullptr;
    std::unique_ptr<site::Tariffs> tariffs = std::make_unique<site::Tariffs>();
    std::function<std::uint64_t()> random_bits = busbar::random_bits;
    // A token is used; told at most once a minute for each.
    std::function<void(std::int64_t token, Timestamp at)> token_used{};
};

}  // namespace busbar::api
