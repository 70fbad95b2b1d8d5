// Laws that hold for every message, and the edges of single ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/support/any_value.hpp"
#include "tests/support/messages.hpp"

namespace busbar {
namespace {

using namespace ocpp::v16;
using testing::IsEmpty;
using testing::SizeIs;

// Makes any value, writes it, reads it again with these options and writes that.
void check_round_trip(const test::Payload& payload, bool all_fields, bool lenient) {
    payload.with_object([&](void* made) {
        test::make_any(*payload.type, made, all_fields, [](std::uint32_t below) {
            return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0U, below));
        });
        std::string text;
        codec::encode(text, *payload.type, made, TimeStyle::shortest);
        payload.with_object([&](void* read) {
            DecodeReport report;
            RC_ASSERT(codec::decode_text(text, *payload.type, read, {.lenient = lenient}, report));
            RC_ASSERT(report.deviations.empty());
            RC_ASSERT(test::same(*payload.type, made, read));
            std::string again;
            codec::encode(again, *payload.type, read, TimeStyle::shortest);
            RC_ASSERT(again == text);
        });
    });
}

TEST(Messages, AreReadAsTheyWereWritten) {
    for (const auto& payload : test::all_payloads()) {
        for (const bool all_fields : {true, false}) {
            for (const bool lenient : {false, true}) {
                EXPECT_TRUE(rc::check(payload.name,
                                      [&] { check_round_trip(payload, all_fields, lenient); }));
            }
        }
    }
}

TEST(Messages, WithAllFieldsNameEachOfThem) {
    for (const auto& payload : test::all_payloads()) {
        payload.with_object([&](void* object) {
            test::make_any(*payload.type, object, true, [](std::uint32_t) { return 0U; });
            for (const auto& field : payload.type->fields) {
                EXPECT_TRUE(field.find(object)) << payload.name << "/" << field.name;
            }
        });
    }
}

template <class T>
std::optional<T> strict(std::string_view text) {
    DecodeReport report;
    return decode_text<T>(text, {}, report);
}

TEST(SendLocalList, TellsNoListFromAnEmptyOne) {
    using Request = SendLocalList::Request;
    const auto none = strict<Request>(R"({"listVersion":1,"updateType":"Full"})");
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->localAuthorizationList);

    constexpr std::string_view text =
        R"({"listVersion":1,"localAuthorizationList":[],"updateType":"Full"})";
    const auto empty = strict<Request>(text);
    ASSERT_TRUE(empty);
    ASSERT_TRUE(empty->localAuthorizationList);
    EXPECT_THAT(*empty->localAuthorizationList, IsEmpty());
    EXPECT_EQ(to_json(*empty), text);
}

TEST(SendLocalList, EntriesToRemoveHaveNoInfo) {
    const auto request = strict<SendLocalList::Request>(
        R"({"listVersion":2,"localAuthorizationList":[{"idTag":"A"},
            {"idTag":"B","idTagInfo":{"status":"Blocked"}}],"updateType":"Differential"})");
    ASSERT_TRUE(request);
    ASSERT_THAT(*request->localAuthorizationList, SizeIs(2));
    EXPECT_FALSE((*request->localAuthorizationList)[0].idTagInfo);
    EXPECT_EQ((*request->localAuthorizationList)[1].idTagInfo->status,
              AuthorizationStatus::Blocked);
}

TEST(GetConfiguration, TellsAllKeysFromAList) {
    EXPECT_EQ(to_json(GetConfiguration::Request{}), "{}");
    GetConfiguration::Request request;
    request.key.emplace();
    EXPECT_EQ(to_json(request), R"({"key":[]})");
    request.key->push_back({"HeartbeatInterval"});
    EXPECT_EQ(to_json(request), R"({"key":["HeartbeatInterval"]})");
}

TEST(Messages, KeepOverlongTextLeniently) {
    constexpr std::string_view text =
        R"({"type":"StartupOfTheDevice","timestamp":"2026-05-01T08:00:00Z","techInfo":")";
    const auto long_text = std::string{text} + std::string(300, 'x') + "\"}";
    EXPECT_FALSE(strict<SecurityEventNotification::Request>(long_text));
    DecodeReport report;
    const auto kept =
        decode_text<SecurityEventNotification::Request>(long_text, {.lenient = true}, report);
    ASSERT_TRUE(kept);
    EXPECT_THAT(std::string{*kept->techInfo}, SizeIs(300));
    EXPECT_THAT(report.deviations, SizeIs(1));
}

}  // namespace
}  // namespace busbar
