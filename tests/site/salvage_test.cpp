// Messages that carry money with each of their fields missing, of every wrong type and out of every
// range: they are answered, and what can be known of them is kept.
#include "site/salvage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

using Fields = std::map<std::string, std::string>;  // name to JSON

const Fields start{{"connectorId", "1"},
                   {"idTag", R"("TAG")"},
                   {"meterStart", "1000"},
                   {"reservationId", "7"},
                   {"timestamp", R"("2026-05-01T08:00:00Z")"}};
const std::string values =
    R"([{"timestamp":"2026-05-01T08:30:00Z","sampledValue":[{"value":"1500"}]}])";
const Fields stop{
    {"transactionId", "1001"}, {"meterStop", "2000"},    {"timestamp", R"("2026-05-01T09:00:00Z")"},
    {"idTag", R"("TAG")"},     {"reason", R"("Local")"}, {"transactionData", values}};
const Fields meter_values{{"connectorId", "1"}, {"transactionId", "1001"}, {"meterValue", values}};

// What a field may hold instead of what it should; "" is no field at all.
const std::vector<std::string> wrong_values{
    "",           "null",          "true",    R"("")",     R"("text")",     "{}",
    "[]",         "[[]]",          "-1",      "1.5",       "2147483648",    "1e300",
    R"("7")",     R"("1,234 Wh")", R"([{}])", R"([null])", R"({"a":[{}]})", R"(["text",3])",
    R"("\u0000")"};

std::string object(const Fields& fields) {
    std::string out = "{";
    for (const auto& [name, value] : fields) {
        if (value.empty()) continue;
        out += (out.size() > 1 ? ",\"" : "\"") + name + "\":" + value;
    }
    return out + "}";
}

// `check(one, payload)` for a charger of its own and each payload that is wrong in one field.
template <class Check>
void for_each_defect(const Fields& fields, const Check& check) {
    for (const auto& [name, right] : fields) {
        for (const auto& wrong : wrong_values) {
            auto changed = fields;
            changed[name] = wrong;
            OneCharger one;
            const auto payload = object(changed);
            SCOPED_TRACE(payload);
            check(one, payload);
        }
    }
}

TEST(Salvage, EveryStartIsATransaction) {
    for_each_defect(start, [](OneCharger& one, const std::string& payload) {
        EXPECT_THAT(one.send("StartTransaction", payload),
                    ElementsAre(testing::AllOf(StartsWith(R"([3,"x",)"),
                                               HasSubstr(R"("transactionId":1001)"),
                                               HasSubstr(R"("idTagInfo":{"status":)"))));
        EXPECT_THAT(one.journal.all<db::TransactionStarted>(), SizeIs(1));
        // The same again, on another connection: the same transaction.
        one.link = one.connect("CP1");
        EXPECT_THAT(one.send("StartTransaction", payload, "y"),
                    ElementsAre(HasSubstr(R"("transactionId":1001)")));
        EXPECT_THAT(one.charger().open, SizeIs(1));
    });
}

TEST(Salvage, EveryStopEndsItsTransactionOrIsKept) {
    for_each_defect(stop, [](OneCharger& one, const std::string& payload) {
        one.send("StartTransaction", object(start));
        EXPECT_THAT(one.send("StopTransaction", payload, "y"),
                    ElementsAre(StartsWith(R"([3,"y",)")));
        const auto stops = one.journal.all<db::TransactionStopped>();
        const auto orphans = one.journal.all<db::OrphanStop>();
        // A guess is kept beside what it ends.
        const bool is_guess = !stops.empty() && stops[0].estimated && !orphans.empty();
        EXPECT_EQ(stops.size() + orphans.size(), is_guess ? 2u : 1u);
        // What cannot be read is not less than what was read before.
        for (const auto& row : stops) EXPECT_TRUE(!row.estimated || row.meter_stop_wh >= 1000);
    });
}

TEST(Salvage, OfMeterValuesEveryReadableOneIsKept) {
    for_each_defect(meter_values, [](OneCharger& one, const std::string& payload) {
        one.send("StartTransaction", object(start));
        EXPECT_THAT(one.send("MeterValues", payload, "y"), ElementsAre(R"([3,"y",{}])"));
        const bool has_values = payload.find(values) != std::string::npos;
        EXPECT_THAT(one.journal.all<db::MeterSample>(), SizeIs(has_values ? 1 : 0));
    });
}

TEST(Salvage, CountsWhatItHadToReplace) {
    OneCharger one;
    one.send("StartTransaction", R"({"meterStart":{},"timestamp":7})");
    for (const auto* field : {"connectorId", "idTag", "meterStart", "timestamp"}) {
        EXPECT_TRUE(one.charger().deviations.contains(std::string{"salvaged:"} + field)) << field;
    }
    EXPECT_FALSE(one.charger().deviations.contains("salvaged:reservationId"));
}

TEST(Salvage, StrictChargersAreToldInstead) {
    for (const auto& [action, payload] : std::vector<std::pair<std::string, std::string>>{
             {"StartTransaction", R"({"idTag":"TAG"})"},
             {"StopTransaction", "{}"},
             {"MeterValues", "{}"}}) {
        OneCharger one;
        one.charger().settings.validation = "strict";
        EXPECT_THAT(one.send(action, payload), ElementsAre(StartsWith(R"([4,"x",)")));
        EXPECT_THAT(one.journal.rows, IsEmpty());
    }
}

// --- The parts -----------------------------------------------------------------------------------

TEST(Salvage, ReadsNumbersThatMeanOneThingOnly) {
    struct Case {
        std::string json;
        std::optional<std::int32_t> energy;
        std::optional<std::int32_t> other;
    };
    const std::optional<std::int32_t> no;
    for (const auto& [json, energy, other] :
         std::vector<Case>{{"12", 12, 12},
                           {R"("12")", 12, 12},
                           {R"(" +12 ")", 12, 12},
                           {R"("-12")", -12, -12},
                           {R"("1,234")", 1234, 1234},
                           {R"("1 234 567")", 1234567, 1234567},
                           {R"("1'234")", 1234, 1234},
                           {R"("1,234 567")", no, no},
                           {R"("12,34")", no, no},
                           {R"("1234,567")", no, no},
                           {R"("12.5")", 13, 13},
                           {R"("1.234")", no, no},
                           {R"("1234.567")", 1235, 1235},
                           {R"("12 Wh")", 12, no},
                           {R"("1.5kWh")", 1500, no},
                           {R"("1.234 kWh")", 1234, no},
                           {R"("1,234 kWh")", no, no},
                           {R"("12 A")", no, no},
                           {R"("Wh")", no, no},
                           {R"("")", no, no},
                           {"{}", no, no},
                           {"null", no, no},
                           {"2147483647", 2147483647, 2147483647},
                           {"2147483648", no, no},
                           {"-2147483649", no, no},
                           {R"("3000000 kWh")", no, no},
                           {R"("1e3")", no, no},
                           {R"("0x10")", no, no},
                           {R"("--1")", no, no}}) {
        EXPECT_EQ(salvage_number(json, true), energy) << json;
        EXPECT_EQ(salvage_number(json, false), other) << json;
    }
}

}  // namespace
}  // namespace busbar::site::test
