// Badges, charge points and tokens changed by somebody else (SQL by hand, the command line, another
// tool): one thread LISTENs, reads the changed table again as a whole, and posts it to the site
// loop. The journal's own writes come back the same way: the journal sequence that was read in the
// same snapshot tells which of the site's own edits the rows include (PostgresJournal::includes).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "db/rows.hpp"
#include "db/token.hpp"

namespace busbar::db {

class ChangeListener {
public:
    // Run on the site loop. Each gets every row of its table; tokens without the revoked ones. All
    // of them run after the start and after each reconnection.
    struct Callbacks {
        std::function<void(std::vector<BadgeSaved>, std::uint64_t journal_sequence)> badges;
        std::function<void(std::vector<BadgeGroupSaved>, std::uint64_t journal_sequence)>
            badge_groups;
        std::function<void(std::vector<ChargePointSaved>, std::uint64_t journal_sequence)>
            charge_points;
        std::function<void(std::vector<Token>, std::uint64_t journal_sequence)> tokens;
    };

    // Connects on its own thread and keeps trying: a database that is away is not an error here.
    ChangeListener(std::string url, boost::asio::any_io_executor site_loop, Callbacks callbacks,
                   std::chrono::milliseconds call_timeout = std::chrono::milliseconds{2000});
    // Ends the thread; callbacks not run by then never run.
    ~ChangeListener();
    ChangeListener(const ChangeListener&) = delete;
    ChangeListener& operator=(const ChangeListener&) = delete;

    // Whether changes are being heard now. Any thread.
    bool listening() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace busbar::db
