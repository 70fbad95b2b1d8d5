// What is made of frames that are not right: mended where it is safe, counted by kind.
#include "ocpp/repair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <nlohmann/json.hpp>

#include "ocpp/session.hpp"

namespace busbar::ocpp {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const Now start{Instant{1h}, Timestamp{}};

std::vector<std::string> kinds_of(std::vector<Oddity> oddities) {
    std::vector<std::string> out;
    for (auto& oddity : oddities) out.push_back(std::move(oddity.kind));
    return out;
}

// "id action payload" of each call.
std::vector<std::string> calls_in(Session& session, const std::string& text) {
    std::vector<std::string> out;
    for (const auto& call : session.receive(start, text)) {
        EXPECT_TRUE(Json::accept(call.text)) << call.text;
        out.push_back(call.id + " " + call.action + " " + call.payload->dump());
    }
    return out;
}

struct MendedCall {
    std::string text;
    std::vector<std::string> calls;
    std::vector<std::string> kinds;
};

const std::vector<MendedCall> mended_calls{
    {R"([2,"1","A",{}][2,"2","B",{}])", {"1 A {}", "2 B {}"}, {"several_in_one_frame"}},
    {"[2,\"1\",\"A\",{}]\r\n, [2,\"2\",\"B\",{}]\n",
     {"1 A {}", "2 B {}"},
     {"stray_comma", "several_in_one_frame"}},
    {"\xEF\xBB\xBF[2,\"1\",\"A\",{}]", {"1 A {}"}, {"byte_order_mark"}},
    {"[2,\"1\",\"A\",{}]\0\0"s, {"1 A {}"}, {"nul_bytes"}},
    {"[2,\"1\",\"A\",{}]\0[2,\"2\",\"B\",{}]"s,
     {"1 A {}", "2 B {}"},
     {"nul_bytes", "several_in_one_frame"}},
    {"[2,\"1\",\"A\",{\"a\":\"x\0y\"}]"s, {R"(1 A {"a":"xy"})"}, {"nul_bytes"}},
    {"[2,\"1\",\"A\",{\"a\":\"x\x10\n\"}]",
     {"1 A {\"a\":\"x\\u0010\\n\"}"},
     {"raw_control_characters"}},
    {"[2,\"1\",\"A\",{\"a\":\"\\ud800\"}]", {"1 A {\"a\":\"\xEF\xBF\xBD\"}"}, {"lone_surrogate"}},
    {"[2,\"1\",\"A\",{\"a\":\"\\udc00\\ud83d\\ude00\"}]",
     {"1 A {\"a\":\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"}"},
     {"lone_surrogate"}},
    {"[2,\"1\",\"A\",{\"a\":\"\xE4\"}]", {"1 A {\"a\":\"\xEF\xBF\xBD\"}"}, {"invalid_utf8"}},
    {R"([2,"1","A",{"a":"C:\x\u12"}])", {R"(1 A {"a":"C:\\x\\u12"})"}, {"bad_escape"}},
    {R"([,2,"1","A",{"a":[,1,,2,],}])", {R"(1 A {"a":[1,2]})"}, {"stray_comma"}},
    {R"(,[2,"1","A",{}],)", {"1 A {}"}, {"stray_comma"}},
    {R"([2,"1","A",{}]])", {"1 A {}"}, {"trailing_garbage"}},
    {R"([2,"1","A",{}] OK)", {"1 A {}"}, {"trailing_garbage"}},
    // An answer in between is taken where it stands; what cannot be parsed spoils nothing else.
    {R"([2,"1","A",{}][3,"x",{}][2,"2" "B"][2,"3","C",{}])",
     {"1 A {}", "3 C {}"},
     {"several_in_one_frame", "late_or_unknown_answer", "not_ocpp_j"}},
    // Part of a call is no call.
    {R"([2,"1","A",{"a":1})", {}, {"not_ocpp_j"}},
    {R"([2,"1","A",{}][2,"2","B",{)", {"1 A {}"}, {"several_in_one_frame", "not_ocpp_j"}},
    {"hello [2,\"1\",\"A\",{}]", {}, {"not_ocpp_j"}},
    {"{\"a\":[2,\"1\",\"A\",{}]", {}, {"not_ocpp_j"}},
    {"\0\0"s, {}, {"not_ocpp_j"}},
};

TEST(Repair, MendsCallsAndCountsEachKind) {
    for (const auto& [text, calls, kinds] : mended_calls) {
        Session session;
        EXPECT_EQ(calls_in(session, text), calls) << text;
        EXPECT_EQ(kinds_of(session.take_oddities()), kinds) << text;
        EXPECT_FALSE(session.has_output()) << text;
    }
}

TEST(Repair, LeavesWhatIsRightAlone) {
    for (const std::string text : {R"([2,"1","A",{"a":"\u0000 \ud83d\ude00 \\ \" [,]"}])",
                                   "[2,\"1\",\"A\",{\"a\":\"\xC3\xA4\"}]"}) {
        Session session;
        EXPECT_EQ(session.receive(start, text).at(0).text, text);
        EXPECT_THAT(session.take_oddities(), IsEmpty());
        const auto mended = mend(text, 9);
        EXPECT_EQ(mended.text, text);
        EXPECT_THAT(mended.kinds, IsEmpty());
    }
}

struct CutAnswer {
    std::string text;
    bool is_taken;
};

TEST(Repair, TakesACutAnswerOnlyIfNothingButBracketsIsMissing) {
    for (const auto& [text, is_taken] : std::vector<CutAnswer>{
             {R"([3,"1",{"configurationKey":[])", true},
             {R"([3,"1",{"configurationKey":[{"key":"a","readonly":false},)", true},
             {R"([3,"1",{"status":"Accepted")", true},
             {R"([3,"1",{)", true},
             // More than brackets may be missing.
             {R"([3,"1",{"status":"Acce)", false},
             {R"([3,"1",{"status")", false},
             {R"([3,"1",{"listVersion":1)", false},
             {R"([3,"1",{"readonly":tru)", false},
             {R"([3,"1",)", false}}) {
        Session session;
        std::string outcome;
        session.call(start, "GetConfiguration", "{}", {}, [&](const auto& answer) {
            outcome = std::holds_alternative<CallFailure>(answer) ? "failed" : "taken";
        });
        session.receive(start, text);
        EXPECT_EQ(outcome, is_taken ? "taken" : text.back() == ',' ? "" : "failed") << text;
        EXPECT_EQ(kinds_of(session.take_oddities()).back(),
                  is_taken ? "missing_brackets" : "not_ocpp_j")
            << text;
    }
}

TEST(Repair, TakesACutCallOnlyIfItCarriesMoney) {
    for (const auto& [text, is_taken] :
         std::vector<CutAnswer>{{R"([2,"1","StartTransaction",{"idTag":"T")", true},
                                {R"([2,"1","StopTransaction",{"reason":"Local"})", true},
                                {R"([2,"1","MeterValues",{"meterValue":[])", true},
                                {R"([2,"1","StopTransaction",{"meterStop":12)", false},
                                {R"([2,"1","StopTransaction")", false},
                                {R"([2,"1","BootNotification",{"chargePointModel":"M")", false},
                                {R"([2,"1","StatusNotification",{"status":"Available")", false}}) {
        Session session;
        EXPECT_EQ(session.receive(start, text).size(), is_taken ? 1u : 0u) << text;
        EXPECT_EQ(kinds_of(session.take_oddities()).back(),
                  is_taken ? "missing_brackets" : "not_ocpp_j")
            << text;
    }
}

struct Grouped {
    std::string payload;
    std::string mended;  // "" if nobody can tell what is meant
};

TEST(Repair, JoinsTheThousandsOfAnIntegerWhereNothingElseCanBeMeant) {
    for (const auto& [payload, meant] : std::vector<Grouped>{
             {R"({"meterStop":1,234,"reason":"Local"})", R"({"meterStop":1234,"reason":"Local"})"},
             {R"({"meterStop": 12,345 , "reason":"Local"})",
              R"({"meterStop":12345,"reason":"Local"})"},
             {R"({"meterStop":123,456})", R"({"meterStop":123456})"},
             {R"({"meterStop":1,234,567})", R"({"meterStop":1234567})"},
             {R"({"meterStop":-1,234 })", R"({"meterStop":-1234})"},
             {R"({"a":[{"b":1,000}],"c":2,000})", R"({"a":[{"b":1000}],"c":2000})"},
             // A group is three digits, the first one to three and no zero before them.
             {R"({"meterStop":1,23})", ""},
             {R"({"meterStop":1,2345})", ""},
             {R"({"meterStop":1234,567})", ""},
             {R"({"meterStop":0,123})", ""},
             {R"({"meterStop":1,234,56})", ""},
             {R"({"meterStop":1.5,234})", ""},
             {R"({"meterStop":1, 234})", ""},
             {R"({"meterStop":1,234.5})", ""},
             {R"({"meterStop":1,234e2})", ""},
             // What follows must be a member or the end.
             {R"({"meterStop":1,234,reason})", ""},
             {R"({"meterStop":1,234]})", ""},
             {R"({"meterStop":1,234)", ""},
             // Only the value of a member is one number: a list may have three.
             {R"({"a":[1,234,"b"],"meterStop":1,5})", ""},
             {R"({"a":"1,234,","meterStop":5,})", R"({"a":"1,234,","meterStop":5})"},
             // Amperes have decimals, so that the comma may be the decimal one.
             {R"({"limit":16,000})", ""},
             {R"({"minChargingRate" : 6,000})", ""}}) {
        Session session;
        const auto calls = calls_in(session, R"([2,"1","StopTransaction",)" + payload + "]");
        if (meant.empty()) {
            EXPECT_THAT(calls, IsEmpty()) << payload;
            continue;
        }
        EXPECT_THAT(calls, ElementsAre("1 StopTransaction " + meant));
        const auto kinds = kinds_of(session.take_oddities());
        EXPECT_THAT(kinds,
                    ElementsAre(payload.find(",}") == std::string::npos ? "thousands_separator"
                                                                        : "stray_comma"))
            << payload;
    }
}

rc::Gen<Json> any_json(int depth) {
    const auto number = rc::gen::map(rc::gen::arbitrary<std::int32_t>(),
                                     [](std::int32_t value) { return Json(value); });
    const auto small = rc::gen::map(rc::gen::inRange(-999, 1000), [](int v) { return Json(v); });
    const auto text = rc::gen::map(
        rc::gen::container<std::string>(rc::gen::element('1', ',', '"', '\\', '{', ']', '\n', 'a')),
        [](const std::string& value) { return Json(value); });
    const auto other = rc::gen::element(Json(nullptr), Json(true), Json(1.5), Json(1e100));
    if (depth == 0) return rc::gen::oneOf(number, small, text, other);
    const auto list = rc::gen::map(
        rc::gen::container<std::vector<Json>>(rc::gen::lazy([=] { return any_json(depth - 1); })),
        [](const std::vector<Json>& items) { return Json(items); });
    const auto object = rc::gen::map(
        rc::gen::container<std::vector<Json>>(rc::gen::lazy([=] { return any_json(depth - 1); })),
        [](const std::vector<Json>& items) {
            Json out = Json::object();
            for (const auto& item : items) out["m" + std::to_string(out.size())] = item;
            return out;
        });
    return rc::gen::oneOf(number, small, text, other, list, object);
}

TEST(Repair, NeverChangesWhatIsValid) {
    EXPECT_TRUE(rc::check([] {
        Json frame = Json::array();
        for (int i = *rc::gen::inRange(0, 4); i > 0; --i) frame.push_back(*any_json(3));
        const auto text = frame.dump(*rc::gen::inRange(-1, 3));
        const auto mended = mend(text, 1);
        RC_ASSERT(mended.text == text);
        RC_ASSERT(mended.kinds.empty());
        RC_ASSERT(mended.arrays.size() == 1u);
        RC_ASSERT(mended.part(mended.arrays[0]) == text);
    }));
}

TEST(Repair, DropsNothingWithinANumber) {
    Session session;
    EXPECT_THAT(session.receive(start,
                                "[2,\"1\",\"A\",{\"a\":12\0"
                                "34}]"s),
                IsEmpty());
    EXPECT_THAT(session.receive(start,
                                "[2,\"2\",\"A\",{\"a\":12\x01"
                                "34}]"s),
                IsEmpty());
    EXPECT_THAT(calls_in(session, "[2,\"3\",\"A\",{\"a\":12\0}]"s), ElementsAre(R"(3 A {"a":12})"));
}

TEST(Repair, IsBounded) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += R"([2,"a","A",{}])";
    EXPECT_EQ(mend(text, 100).arrays.size(), 100u);
    Session session;
    EXPECT_EQ(session.receive(start, text).size(), 1u) << "the others repeat the first";
    EXPECT_EQ(session.take_oddities().size(), 64u);
    const std::string deep = "[2,\"1\",\"A\"," + std::string(20, '[') + std::string(20, ']') + "],";
    EXPECT_THAT(session.receive(start, deep), IsEmpty());
    EXPECT_EQ(session.take_oddities().back().kind, "nested_too_deeply");
}

TEST(Repair, AnyTextGivesArraysThatStandAlone) {
    EXPECT_TRUE(rc::check([] {
        const auto alphabet = rc::gen::element('[', ']', '{', '}', '"', ',', ':', '2', 'a', 'u',
                                               'd', '8', '\\', ' ', '\0', '\x10', '\xE4');
        const auto text = *rc::gen::container<std::string>(alphabet);
        const auto mended = mend(text, 5);
        RC_ASSERT(mended.arrays.size() <= 5u);
        std::size_t end = 0;
        for (const auto& part : mended.arrays) {
            RC_ASSERT(part.offset >= end && part.size >= 2);
            end = part.offset + part.size;
            RC_ASSERT(mended.text.at(part.offset) == '[');
        }
        RC_ASSERT(end <= mended.text.size());
        RC_ASSERT(mended.text.find('\0') == std::string::npos);
    }));
}

// --- Repeats (ruling R7) -------------------------------------------------------------------------

struct RepeatTest : testing::Test {
    std::size_t receive(const std::string& text, Now now = start) {
        return session.receive(now, text).size();
    }
    void answer(const std::string& id, const std::string& payload) {
        session.reply(id, RawJson{payload});
    }
    Session session;
    const std::string call = R"([2,"a","MeterValues",{"connectorId":1}])";
    const std::string other = R"([2,"a","MeterValues",{"connectorId":2}])";
};

TEST_F(RepeatTest, GetTheEarlierAnswer) {
    EXPECT_EQ(receive(call), 1u);
    answer("a", "{}");
    session.take_output();
    EXPECT_EQ(receive(call), 0u);
    EXPECT_THAT(session.take_output(), ElementsAre(R"([3,"a",{}])"));
    EXPECT_THAT(kinds_of(session.take_oddities()), ElementsAre("repeated_call"));
    EXPECT_EQ(receive(call, {start.mono + 10min, start.wall}), 1u) << "too long ago";
}

TEST_F(RepeatTest, OfWhatIsNotAnsweredYetAreAnsweredOnceWithIt) {
    EXPECT_EQ(receive(call), 1u);
    EXPECT_EQ(receive(call), 0u);
    EXPECT_FALSE(session.has_output());
    answer("a", "{}");
    EXPECT_EQ(session.take_output().size(), 1u);
}

TEST_F(RepeatTest, AreOnlyWhatIsTheSame) {
    EXPECT_EQ(receive(call), 1u);
    answer("a", "{}");
    EXPECT_EQ(receive(other), 1u) << "another payload";
    answer("a", "{}");
    EXPECT_EQ(receive(other), 1u) << "an id for everything says nothing";
    EXPECT_EQ(receive(call), 1u);
    EXPECT_EQ(receive(R"([2,"b","MeterValues",{"connectorId":1}])"), 1u) << "another id";
}

TEST_F(RepeatTest, OfQuestionsAboutTheMomentAreAnsweredAnew) {
    for (const auto* text : {R"([2,"h","Heartbeat",{}])", R"([2,"i","Authorize",{"idTag":"T"}])",
                             R"([2,"j","BootNotification",{}])"}) {
        EXPECT_EQ(receive(text), 1u);
        EXPECT_EQ(receive(text), 1u);
    }
    // And show an id for everything to be one.
    EXPECT_EQ(receive(call), 1u);
    EXPECT_EQ(receive(R"([2,"a","Heartbeat",{}])"), 1u);
    EXPECT_EQ(receive(call), 1u);
}

TEST_F(RepeatTest, OfRefusedCallsAreHandledAgain) {
    EXPECT_EQ(receive(call), 1u);
    session.refuse("a", {ErrorCode::SecurityError, ""});
    EXPECT_EQ(receive(call), 1u);
}

TEST_F(RepeatTest, AreKnownForTheNewestTwentyOfOneConnection) {
    receive(call);
    answer("a", "{}");
    for (std::size_t i = 1; i < Session::answers_max; ++i) {
        receive("[2,\"x" + std::to_string(i) + R"(","MeterValues",{}])");
    }
    EXPECT_EQ(receive(call), 0u);
    receive(R"([2,"y","MeterValues",{}])");
    EXPECT_EQ(receive(call), 1u);
    session.on_disconnect();
    EXPECT_EQ(receive(call), 1u);
}

}  // namespace
}  // namespace busbar::ocpp
