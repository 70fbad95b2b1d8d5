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

TEST(Salvage, StrictChargersAreToldWhereNothingIsUnderstood) {
    for (const auto& [action, payload] : std::vector<std::pair<std::string, std::string>>{
             {"StartTransaction", R"({"idTag":"TAG"})"},
             {"StartTransaction",
              R"({"connectorId":1,"idTag":"TAG","meterStart":1,"timestamp":"soon"})"},
             {"StopTransaction", "{}"},
             {"StopTransaction", R"({"transactionId":1001,"meterStop":5,"timestamp":"soon"})"},
             {"MeterValues", "{}"},
             {"MeterValues", R"({"connectorId":1,"meterValue":[]})"},
             {"MeterValues", R"({"connectorId":1,"meterValue":[{"timestamp":"soon",)"
                             R"("sampledValue":[{"value":"7"}]}]})"}}) {
        OneCharger one;
        one.charger().settings.validation = "strict";
        EXPECT_THAT(one.send(action, payload), ElementsAre(StartsWith(R"([4,"x",)")));
        EXPECT_THAT(one.journal.rows, IsEmpty());
    }
}

// Ruling R13: money is never refused.
TEST(Salvage, StrictChargersMoneyIsTaken) {
    OneCharger one;
    one.charger().settings.validation = "strict";
    EXPECT_THAT(
        one.send("StartTransaction", R"({"connectorId":"1","idTag":"TAG","meterStart":1000,)"
                                     R"("timestamp":"2026-05-01T08:00:00Z"})"),
        ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_THAT(one.journal.all<db::TransactionStarted>(), SizeIs(1));
    EXPECT_TRUE(one.charger().deviations.contains("StartTransaction:wrong_type"));
    EXPECT_THAT(one.send("MeterValues",
                         R"({"connectorId":1,"transactionId":1001,"meterValue":)"
                         R"({"timestamp":"2026-05-01T08:00:00Z","sampledValue":[{"value":"7"}]}})",
                         "y"),
                ElementsAre(R"([3,"y",{}])"));
    EXPECT_THAT(one.journal.all<db::MeterSample>(), SizeIs(1));
    EXPECT_THAT(one.send("StopTransaction",
                         R"({"transactionId":1001,"timestamp":"2026-05-01T09:00:00Z","x":1})", "z"),
                ElementsAre(R"([3,"z",{}])"));
    EXPECT_THAT(one.journal.all<db::TransactionStopped>(), SizeIs(1));
    EXPECT_TRUE(one.charger().deviations.contains("salvaged:meterStop"));
    EXPECT_THAT(one.charger().open, IsEmpty());
}

// --- Reports -------------------------------------------------------------------------------------

std::string status_with(const std::string& members) {
    return R"({"connectorId":1,)" + members + R"(,"timestamp":"2026-05-01T08:00:00Z"})";
}

TEST(Salvage, AStateIsKnownWhateverItsErrorIsCalled) {
    struct Case {
        std::string error;
        std::string known_as;
        std::optional<std::string> info;
    };
    for (const auto& [error, known_as, info] :
         std::vector<Case>{{R"("errorCode":"Error",)", "OtherError", "Error"},
                           {R"("errorCode":7,)", "OtherError", "7"},
                           {R"("errorCode":"",)", "NoError", {}},
                           {R"("errorCode":null,)", "NoError", {}},
                           {"", "NoError", {}}}) {
        OneCharger one;
        one.charger().setup_due.reset();
        SCOPED_TRACE(error);
        EXPECT_THAT(one.send("StatusNotification", status_with(error + R"("status":"Available")")),
                    ElementsAre(R"([3,"x",{}])"));
        ASSERT_TRUE(one.charger().connectors.contains(1));
        const auto& status = one.charger().connectors.at(1).status;
        ASSERT_TRUE(status);
        EXPECT_EQ(status->status, "Available");
        EXPECT_EQ(status->error_code, known_as);
        EXPECT_EQ(status->info, info);
        EXPECT_TRUE(one.charger().setup_due) << "it needs its safe profile";
        EXPECT_TRUE(one.charger().deviations.contains("salvaged:errorCode"));
    }
    OneCharger one;
    one.send("StatusNotification",
             status_with(R"("errorCode":"Error","info":"hot","status":"Faulted")"));
    const auto& status = one.charger().connectors.at(1).status;
    EXPECT_EQ(status->info, "hot");
    EXPECT_EQ(status->vendor_error_code, "Error");
    one.charger().settings.validation = "strict";
    EXPECT_THAT(one.send("StatusNotification",
                         status_with(R"("errorCode":"Error","status":"Available")"), "y"),
                ElementsAre(HasSubstr("PropertyConstraintViolation")));
}

TEST(Salvage, AStateOfOlderVersionsIsTranslated) {
    OneCharger one;
    one.charger().setup_due.reset();
    const auto say = [&](const std::string& state, const std::string& id) {
        EXPECT_THAT(one.send("StatusNotification",
                             status_with(R"("errorCode":"NoError","status":")" + state + "\""), id),
                    ElementsAre("[3,\"" + id + "\",{}]"));
        const auto& status = one.charger().connectors.at(1).status;
        return status ? status->status : "";
    };
    EXPECT_EQ(say("Sleeping", "1"), "") << "nobody knows what that is";
    EXPECT_TRUE(one.charger().setup_due) << "the connector is there";
    EXPECT_EQ(say("Occupied", "2"), "Preparing");
    one.send("StartTransaction", object(start), "3");
    EXPECT_EQ(say("occupied", "4"), "Charging");
    EXPECT_EQ(say("Sleeping", "5"), "Charging") << "it is not known better";
    // No connector, no state.
    EXPECT_THAT(one.send("StatusNotification", R"({"status":"Available"})", "6"),
                ElementsAre(StartsWith(R"([4,"6",)")));
}

TEST(Salvage, ConnectorsThatAreMadeUpAreLimitedWhateverTheirState) {
    OneCharger one;
    for (int i = 1; i <= 30; ++i) {
        one.send("StatusNotification",
                 R"({"connectorId":)" + std::to_string(i) + R"(,"status":"Sleeping"})");
    }
    EXPECT_THAT(one.charger().connectors, SizeIs(16));
}

TEST(Salvage, WordsForProgressThatAreNoneAreAnsweredAndEndNothing) {
    OneCharger one;
    one.send("FirmwareStatusNotification", R"({"status":"Downloading"})");
    for (const auto* action : {"FirmwareStatusNotification", "SignedFirmwareStatusNotification",
                               "DiagnosticsStatusNotification", "LogStatusNotification"}) {
        for (const auto* payload : {R"({"status":"Foo","requestId":1})", "{}"}) {
            EXPECT_THAT(one.send(action, payload, "x"), ElementsAre(R"([3,"x",{}])")) << action;
        }
        EXPECT_TRUE(one.charger().deviations.contains(std::string{action} + ":bad_value"));
        EXPECT_THAT(one.send(action, "[]"), ElementsAre(HasSubstr("FormationViolation")));
        one.charger().settings.validation = "strict";
        EXPECT_THAT(one.send(action, "{}", "y"), ElementsAre(HasSubstr("ProtocolError")));
        one.charger().settings.validation = "lenient";
    }
    EXPECT_EQ(one.charger().firmware_status->status, "Downloading");
    EXPECT_FALSE(one.charger().diagnostics_status);
    EXPECT_FALSE(one.charger().log_status);
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
