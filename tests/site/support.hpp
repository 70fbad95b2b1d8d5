// What the tests of site/ share: a journal under the test's control, a link that keeps what is
// sent, a site with one charger.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "site/connections.hpp"
#include "site/site.hpp"

namespace busbar::site::test {

using namespace std::chrono_literals;

// Rows become durable when the test says so, or at once.
class HeldJournal final : public db::Journal {
public:
    Ticket append(std::vector<db::Record> unit) override {
        for (auto& row : unit) rows.push_back(std::move(row));
        ++appended;
        if (!held) durable = appended;
        return appended;
    }
    void when_durable(Ticket ticket, std::function<void()> release) override {
        if (ticket <= durable) return release();
        waiting.emplace_back(ticket, std::move(release));
    }
    bool full() const override { return is_full; }

    void commit() {
        durable = appended;
        for (auto& [ticket, release] : std::exchange(waiting, {})) release();
    }
    template <class Row>
    std::vector<Row> all() const {
        std::vector<Row> out;
        for (const auto& row : rows) {
            if (const auto* match = std::get_if<Row>(&row)) out.push_back(*match);
        }
        return out;
    }

    bool held = false;
    bool is_full = false;
    Ticket appended = 0;
    Ticket durable = 0;
    std::vector<db::Record> rows;
    std::vector<std::pair<Ticket, std::function<void()>>> waiting;
};

class KeepingLink final : public Link {
public:
    using Link::Link;
    void flush() override {
        for (auto& text : session.take_output()) sent.push_back(std::move(text));
    }
    void close(std::uint16_t code, std::string_view) override { closed_with = code; }
    void ping_every(std::optional<std::chrono::seconds> interval) override {
        pings.push_back(interval);
    }
    std::vector<std::string> take() { return std::exchange(sent, {}); }

    std::vector<std::string> sent;
    int closed_with = 0;
    std::vector<std::optional<std::chrono::seconds>> pings;
};

inline Settings settings() {
    Settings out;
    out.load_management.limit = {63_A, 63_A, 63_A};
    out.load_management.margin = {1_A, 1_A, 1_A};
    return out;
}

// A site with an accepted charger CP1 on a link, and an active badge TAG.
struct OneCharger {
    OneCharger() {
        add_charger("CP1");
        Badge badge;
        badge.id_tag = "TAG";
        badge.status = "active";
        site.badges["TAG"] = badge;
        link = connect("CP1");
    }

    void add_charger(const std::string& id) {
        auto& charger = site.charge_points[id];
        charger.settings.id = id;
        charger.settings.state = "accepted";
        charger.settings.validation = "lenient";
        charger.settings.phase_map = "RST";
        // Its configuration is not compared before that, unless a test wants it.
        charger.configuration.last_begun = now.mono + 1000h;
    }
    std::shared_ptr<KeepingLink> connect(const std::string& id) {
        ++generation;
        auto fresh =
            std::make_shared<KeepingLink>(generation, "m" + std::to_string(generation) + "-");
        connected(site, id, fresh, "127.0.0.1", now);
        // Most tests are about what is sent once the charger has been left in peace for a while.
        fresh->session.hold_calls(now.mono);
        return fresh;
    }
    // Sends a CALL as the charger and returns what came back.
    std::vector<std::string> send(const std::string& action, const std::string& payload,
                                  const std::string& id = "x") {
        receive(site, "CP1", link, "[2,\"" + id + "\",\"" + action + "\"," + payload + "]", now);
        return link->take();
    }
    void pass(std::chrono::milliseconds time) {
        now.mono += time;
        now.wall += time;
        on_timer(site, now);
    }
    ChargePoint& charger() { return *site.find("CP1"); }

    HeldJournal journal;
    Site site{journal, settings()};
    Now now{Instant{1h}, std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h};
    std::uint64_t generation = 0;
    std::shared_ptr<KeepingLink> link;
};

}  // namespace busbar::site::test
