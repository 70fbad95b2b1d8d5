#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/postgres_journal.hpp"
#include "db/queries.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

StateSaved state(const std::string& kind, const std::string& key, const std::string& body) {
    return {.kind = kind, .key = key, .body = {body}};
}

SecurityEventReceived event(const std::string& charge_point, const std::string& type,
                            Timestamp at) {
    return {.charge_point = charge_point,
            .type = type,
            .tech_info = {},
            .at = at,
            .received_at = at + 1s};
}

class States : public testing::Test {
protected:
    PostgresJournal::Options options(const std::string& url) {
        PostgresJournal::Options out;
        out.url = url;
        out.spill_path = folder_.file("spill");
        return out;
    }
    // Writes units and returns when they are durable, in PostgreSQL or in the spill.
    PostgresJournal::Stats store(const std::string& url, std::vector<std::vector<Record>> units) {
        PostgresJournal journal{options(url), loop_.executor()};
        for (auto& unit : units) journal.append(std::move(unit));
        journal.stop();
        return journal.stats();
    }
    SecurityEventPage events(Reader& reader, std::optional<std::int64_t> cursor, int limit) {
        std::optional<ReadResult<SecurityEventPage>> answer;
        reader.security_events("CP1", cursor, limit, [&](auto page) { answer = std::move(page); });
        EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
        return std::get<SecurityEventPage>(std::move(answer).value());
    }

    Folder folder_;
    Loop loop_;
};

TEST_F(States, TheLastOfEachKindAndKeyIsLoadedAsItWasWritten) {
    const auto url = migrated_database("states_last");
    const std::string body = R"({"b" : [1, 1.50, "ä\u0000\n"], "a":null})";
    const auto stats =
        store(url, {{state("reservation", "CP1/1", "1"), state("quirk", "CP1/1", "2")},
                    {state("reservation", "CP1/1", body)},
                    {state("operation", "7", "{}")},
                    {StateRemoved{.kind = "operation", .key = "7"}},
                    {StateRemoved{.kind = "quirk", .key = "none such"}},
                    {state("operation", "8", "{}"), StateRemoved{.kind = "operation", .key = "8"},
                     state("operation", "8", "null")}});
    EXPECT_EQ(stats.quarantined, 0U);
    const auto states = load_site(url, folder_.file("spill")).states;
    ASSERT_EQ(states.size(), 3U);
    EXPECT_EQ(states[0].kind + " " + states[0].key, "operation 8");
    EXPECT_EQ(states[0].body.text, "null");
    EXPECT_EQ(states[1].kind, "quirk");
    EXPECT_EQ(states[2].body.text, body);
}

TEST_F(States, WhatIsStillInTheSpillIsLoadedToo) {
    const auto url = migrated_database("states_spilled");
    auto charge_point = saved_charge_point("CP1");
    charge_point.security_profile = 2;
    {
        PostgresJournal journal{options(url), loop_.executor()};
        journal.append({state("local_list", "CP1", "1"), state("local_list", "CP2", "1")});
        cluster().stop();
        journal.append({state("local_list", "CP1", "[2]"), charge_point});
        journal.append({StateRemoved{.kind = "local_list", .key = "CP2"},
                        state("availability", "CP1", "null")});
        journal.stop();
        EXPECT_GT(journal.stats().spilled, 0U);
    }
    cluster().start();
    const auto site = load_site(url, folder_.file("spill"));
    ASSERT_EQ(site.states.size(), 2U);
    EXPECT_EQ(site.states[0].body.text, "null");
    EXPECT_EQ(site.states[1].key + " " + site.states[1].body.text, "CP1 [2]");
    ASSERT_EQ(site.charge_points.size(), 1U);
    EXPECT_EQ(site.charge_points[0].security_profile, 2);
    EXPECT_EQ(cluster().sql("SELECT count(*) FROM quarantine", "states_spilled"), "0");
}

TEST_F(States, WhatIsNoJsonIsQuarantinedAlone) {
    const auto url = migrated_database("states_bad");
    const auto stats =
        store(url, {{state("quirk", "a", "1")}, {state("quirk", "b", "{")}, {start(1)}});
    EXPECT_EQ(stats.quarantined, 1U);
    const auto site = load_site(url, folder_.file("spill"));
    EXPECT_EQ(site.states.size(), 1U);
    EXPECT_EQ(site.open_transactions.size(), 1U);
}

TEST_F(States, SettingsOfAChargePointForItsSecurity) {
    const auto url = migrated_database("states_security");
    auto charge_point = saved_charge_point("CP1");
    charge_point.security_profile = 3;
    charge_point.serial_number = "S1";
    charge_point.quirks = R"({"rateUnit":"W"})";
    charge_point.password_hash_previous = "old";
    store(url, {{charge_point, saved_charge_point("CP2")}});
    const auto rows = load_site(url, folder_.file("spill")).charge_points;
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].security_profile, 3);
    EXPECT_EQ(rows[0].serial_number, "S1");
    EXPECT_EQ(rows[0].quirks, charge_point.quirks);
    EXPECT_EQ(rows[0].password_hash_previous, "old");
    EXPECT_EQ(rows[1].security_profile, 0);
    EXPECT_EQ(rows[1].quirks, std::nullopt);
}

TEST_F(States, ASecurityEventIsKeptOnceAndReadNewestFirst) {
    const auto url = migrated_database("states_events");
    auto long_event = event("CP1", std::string(5000, 'x'), noon);
    long_event.tech_info = std::string(5000, 'y');
    const auto stats = store(url, {{event("CP1", "A", noon)},
                                   {event("CP1", "A", noon), event("CP2", "A", noon)},
                                   {event("CP1", "A", noon + 1s), long_event, long_event},
                                   {event("CP1", "B", noon - 1h)}});
    EXPECT_EQ(stats.quarantined, 0U);
    Reader reader{url, loop_.executor()};
    const auto first = events(reader, {}, 3);
    ASSERT_EQ(first.items.size(), 3U);
    EXPECT_EQ(first.items[0].event.type, "B");
    EXPECT_EQ(first.items[1].event.tech_info, long_event.tech_info);
    EXPECT_EQ(first.items[2].event.at, noon + 1s);
    ASSERT_TRUE(first.next);
    const auto rest = events(reader, first.next, 3);
    ASSERT_EQ(rest.items.size(), 1U) << "the repeat wrote nothing";
    EXPECT_EQ(rest.items[0].event.at, noon);
    EXPECT_EQ(rest.items[0].event.received_at, noon + 1s);
    EXPECT_FALSE(rest.next);
}

}  // namespace
}  // namespace busbar::db::test
