// Signed meter values are evidence: not a byte of them may change on the way to the database.
#include <gtest/gtest.h>

#include "db/postgres_journal.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

// What formats of signed values are made of, and what upsets encoders.
std::string blob() {
    std::string out =
        "OCMF|{\"FV\" : \"1.0\",\"RV\":  1.50,\"x\":\"\\\\n\"}|{\"SD\":\"3045==\"}\r\n\t";
    out += "'; {NULL,\"a\"} \\x41 $1 \u00e9\U0001F50C\u2028 ";
    for (int i = 1; i < 128; ++i) out += static_cast<char>(i);
    return out + std::string(100'000, 'Q') + " ";
}

MeterSample signed_sample(int minute) {
    MeterSample row;
    row.charge_point = "CP1";
    row.connector_id = 1;
    row.transaction = 1;
    row.measured_at = row.received_at = noon + std::chrono::minutes{minute};
    row.context = "Transaction.End";
    row.measurand = "Energy.Active.Import.Register";
    row.location = "Outlet";
    row.format = "SignedData";
    row.value = blob();
    return row;
}

std::string hex_of(const std::string& text) {
    constexpr const char* digits = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

TEST(SignedValues, ReachTheDatabaseByteForByteAlsoThroughTheSpill) {
    const std::string database = "signed_" + std::to_string(::getpid());
    Folder folder;
    Loop loop;
    PostgresJournal::Options options;
    options.url = migrated_database(database);
    options.spill_path = folder.file("spill");
    options.call_timeout = 700ms;
    options.reconnect_wait = 20ms;
    options.reconnect_wait_max = 200ms;
    PostgresJournal journal{options, loop.executor()};
    const auto write = [&](int minute) {
        bool durable = false;
        const auto ticket = journal.append({signed_sample(minute)});
        journal.when_durable(ticket, [&] { durable = true; });
        return loop.run_until([&] { return durable; });
    };
    ASSERT_TRUE(write(1));
    cluster().stop();
    ASSERT_TRUE(write(2));
    ASSERT_GT(journal.health().spilled_units, 0U);
    cluster().start();
    ASSERT_TRUE(
        loop.run_until([&] { return journal.health().state == PostgresJournal::State::normal; }));
    const auto found = cluster().sql(
        "SELECT encode(convert_to(value, 'UTF8'), 'hex') FROM meter_sample "
        "WHERE format = 'SignedData' ORDER BY measured_at",
        database);
    const auto wanted = hex_of(blob());
    EXPECT_EQ(found.size(), 2 * wanted.size() + 1);
    EXPECT_TRUE(found == wanted + "\n" + wanted);
}

}  // namespace
}  // namespace busbar::db::test
