#include "db/spill.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

Unit unit(std::uint64_t sequence, std::vector<Record> records) {
    Unit out;
    out.sequence = sequence;
    out.records = std::move(records);
    return out;
}

// One record of each kind, with text that hurts.
std::vector<Record> one_of_each() {
    const std::string nasty = "\"\\\n\xF0\x9F\x94\x8C{}";
    auto badge = saved_badge(nasty);
    badge.charge_points = std::vector<std::string>{};
    badge.valid_from = noon + 1ms;
    auto value = sample(7, 1, 0.1);
    value.value = nasty;
    return {saved_charge_point("CP1"),
            ChargePointRemoved{.id = "CP2"},
            ChargePointBooted{.id = "CP1",
                              .vendor = nasty,
                              .model = "m",
                              .serial_number = {},
                              .firmware_version = "1",
                              .at = noon},
            ConnectorStatus{.charge_point = "CP1",
                            .connector_id = 1,
                            .status = "Available",
                            .error_code = "NoError",
                            .info = nasty,
                            .vendor_error_code = {},
                            .at = noon,
                            .received_at = noon},
            start(9'000'000'000),
            stop(9'000'000'000),
            OrphanStop{.charge_point = "CP1",
                       .transaction_id = -1,
                       .meter_stop_wh = 0,
                       .stopped_at = noon,
                       .received_at = noon,
                       .reason = "Other",
                       .id_tag = {}},
            value,
            LimitCommanded{.charge_point = "CP1",
                           .connector_id = 1,
                           .sequence = 1,
                           .limit_milliamps = 6000,
                           .safe_milliamps = 0,
                           .sent_at = noon,
                           .lease_end = noon,
                           .kind = "raise",
                           .reason = "r"},
            LimitAnswered{.sequence = 1, .status = "Accepted", .at = noon},
            badge,
            BadgeRemoved{.id_tag = "T"},
            StateSaved{.kind = "reservation", .key = nasty, .body = {R"({"until":[1,"x"]})"}},
            StateRemoved{.kind = "reservation", .key = nasty},
            SecurityEventReceived{.charge_point = "CP1",
                                  .type = "TamperDetectionActivated",
                                  .tech_info = nasty,
                                  .at = noon,
                                  .received_at = noon}};
}

// The same of what operators do.
std::vector<Record> one_of_each_edit() {
    const std::string nasty = "\"\\\n\xF0\x9F\x94\x8C{}";
    return {BadgeGroupSaved{.name = "G",
                            .label = nasty,
                            .cost_centre = "C",
                            .max_active_transactions = 2,
                            .note = {}},
            BadgeGroupRemoved{.name = "G"},
            TransactionCorrected{.id = 9'000'000'000,
                                 .badge = nasty,
                                 .meter_start_wh = -1,
                                 .meter_stop_wh = {},
                                 .started_at = noon,
                                 .stopped_at = {},
                                 .energy_wh = 9'000'000'000,
                                 .note = nasty,
                                 .at = noon,
                                 .by = "anna"},
            AuditEntry{.at = noon,
                       .actor = "anna",
                       .action = "update",
                       .object_kind = "badge",
                       .object_id = nasty,
                       .before = {},
                       .after = RawJson{R"({"label":[1,"x"]})"},
                       .note = {}},
            BadgeErased{.id_tag = "T", .pseudonym = "anon-1"}};
}

TEST(Spill, GivesBackEveryKindOfRecordInOrder) {
    const Folder folder;
    auto records = one_of_each();
    for (auto& record : one_of_each_edit()) records.push_back(std::move(record));
    ASSERT_EQ(records.size(), std::variant_size_v<Record>);
    {
        Spill spill{folder.file("spill")};
        const std::vector<Unit> units{unit(5, records), unit(6, {start(1), stop(1)})};
        spill.append(units);
    }
    Spill spill{folder.file("spill")};
    EXPECT_EQ(spill.last_sequence(), 6U);
    EXPECT_EQ(spill.count(0), 2U);
    EXPECT_EQ(spill.count(5), 1U);
    const auto units = spill.read(0, 10, 1 << 20);
    ASSERT_EQ(units.size(), 2U);
    EXPECT_EQ(describe(units[0]), describe(unit(5, records)));
    EXPECT_EQ(units[1].sequence, 6U);
    EXPECT_EQ(spill.read(5, 10, 1 << 20).size(), 1U);
    EXPECT_EQ(spill.read(0, 1, 1 << 20).size(), 1U);
    EXPECT_EQ(spill.read(0, 10, 1).size(), 1U);
    EXPECT_EQ(std::filesystem::status(folder.file("spill")).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Spill, AppendingAgainReplaces) {
    const Folder folder;
    Spill spill{folder.file("spill")};
    const std::vector<Unit> units{unit(1, {start(1)})};
    spill.append(units);
    spill.append(units);
    EXPECT_EQ(spill.count(0), 1U);
    EXPECT_EQ(spill.read(0, 9, 1 << 20)[0].records.size(), 1U);
}

TEST(Spill, FullThenUsableAgain) {
    const Folder folder;
    std::uint64_t last = 0;
    {
        Spill spill{folder.file("spill"), 40};
        EXPECT_THROW(
            for (std::uint64_t n = 1; n < 100'000; ++n) {
                const std::vector<Unit> units{unit(n, {start(static_cast<std::int64_t>(n))})};
                spill.append(units);
                last = n;
            },
            SpillError);
    }
    Spill spill{folder.file("spill"), 1000};
    EXPECT_EQ(spill.last_sequence(), last) << "what was acknowledged is there, and nothing else";
    const std::vector<Unit> units{unit(last + 1, {start(1)})};
    spill.append(units);
    EXPECT_EQ(spill.count(0), last + 1);
}

TEST(Spill, ADamagedFileIsMovedAsideNotDeleted) {
    const Folder folder;
    {
        std::ofstream file{folder.file("spill")};
        file << "this was never a database, and it is long enough to be looked at as one ....."
             << std::string(5000, 'x');
    }
    Spill spill{folder.file("spill")};
    EXPECT_EQ(spill.last_sequence(), 0U);
    EXPECT_TRUE(std::filesystem::exists(folder.file("spill.damaged-1")));
    const std::vector<Unit> units{unit(1, {start(1)})};
    spill.append(units);
    EXPECT_EQ(spill.count(0), 1U);
}

TEST(Spill, UnwritableFolderIsAnError) { EXPECT_THROW(Spill{"/proc/busbar/spill"}, SpillError); }

TEST(Spill, UnitsOfAnotherDatabaseAreNumberedAnew) {
    const Folder folder;
    Spill spill{folder.file("spill")};
    spill.adopt("first", 0);
    const std::vector<Unit> units{unit(1001, {start(1)}), unit(1002, {start(2)}),
                                  unit(1004, {start(3)})};
    spill.append(units);
    spill.adopt("first", 5000);
    EXPECT_EQ(spill.last_sequence(), 1004U) << "its own database: the numbers hold";
    spill.adopt("second", 5000);
    EXPECT_EQ(spill.count(5000), 3U);
    EXPECT_EQ(spill.last_sequence(), 5004U);
    spill.adopt("third", 10);
    EXPECT_EQ(spill.count(10), 3U);
    EXPECT_EQ(spill.last_sequence(), 14U);
    EXPECT_EQ(std::get<TransactionStarted>(spill.read(0, 9, 1 << 20)[2].records[0]).id, 3);
}

// A charge point as the first version spilled it.
TEST(Spill, RowsOfAnEarlierVersionAreUnderstood) {
    const Folder folder;
    {
        Spill spill{folder.file("spill")};
        const std::vector<Unit> units{unit(1, {saved_charge_point("CP1")})};
        spill.append(units);
    }
    const auto edit =
        "sqlite3 '" + folder.file("spill") +
        "' \"UPDATE record SET json = replace(json, ',\\\"security_profile\\\":0', '')\"";
    if (std::system(edit.c_str()) != 0) GTEST_SKIP() << "needs the program sqlite3";
    Spill spill{folder.file("spill")};
    const auto units = spill.read(0, 9, 1 << 20);
    ASSERT_EQ(units.size(), 1U);
    EXPECT_EQ(units[0].unreadable, "");
    ASSERT_EQ(units[0].records.size(), 1U);
    EXPECT_EQ(std::get<ChargePointSaved>(units[0].records[0]).security_profile, 0);
}

}  // namespace
}  // namespace busbar::db::test
