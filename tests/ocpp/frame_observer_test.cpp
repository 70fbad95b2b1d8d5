// What a FrameObserver sees of a session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "ocpp/session.hpp"

namespace busbar::ocpp {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Now start{Instant{1h}, Timestamp{}};
Now after(std::chrono::milliseconds d) { return {start.mono + d, start.wall + d}; }

struct Observed : testing::Test {
    Observed() {
        session.observe([this](const Frame& frame) {
            std::string line = frame.direction == Frame::Direction::in ? "in " : "out ";
            line += std::array{"CALL ", "CALLRESULT ", "CALLERROR ",
                               "invalid "}[static_cast<std::size_t>(frame.type)];
            line.append(frame.action).append("|").append(frame.id).append("|");
            line.append(frame.payload).append("|");
            if (frame.call_at) line += std::to_string((*frame.call_at - start.mono).count());
            frames.push_back(line.append("|").append(frame.violation));
        });
    }
    void call(std::string_view action) {
        session.call(start, action, "{}", {}, [](const auto&) {});
    }

    Session session;
    std::vector<std::string> frames;
};

TEST_F(Observed, SeesFramesInBothDirectionsWithTheCallsTheyAnswer) {
    call("Reset");
    session.receive(after(5ms), R"( [2, "a\",b" , "Heartbeat",  {"x" : "1,2]"} ] )");
    session.receive(after(6ms), R"([3,"1",{"status":"Accepted"}])");
    session.reply("a\",b", RawJson{R"({"currentTime":1})"});
    EXPECT_THAT(frames,
                ElementsAre("out CALL Reset|1|{}||", R"(in CALL Heartbeat|a",b|{"x" : "1,2]"}||)",
                            R"(in CALLRESULT Reset|1|{"status":"Accepted"}|0|)",
                            R"(out CALLRESULT Heartbeat|a",b|{"currentTime":1}|5|)"));
}

TEST_F(Observed, SeesWhatIsWrong) {
    session.receive(start, "hello");
    session.receive(start, R"([2,7,"Odd"])");
    session.refuse("7", {ErrorCode::NotImplemented, "unknown action Odd"});
    session.receive(start, R"([3,"9",{}])");
    session.receive(start, R"([2,"x",5,{}])");
    call("A");
    session.receive(start, R"([4,"1","NotSupported","no"])");
    EXPECT_THAT(
        frames,
        ElementsAre(
            "in invalid ||hello||not_ocpp_j", "in CALL Odd|7|||payload_missing",
            R"(out CALLERROR Odd|7|"NotImplemented","unknown action Odd",{}|0|unknown action Odd)",
            "in CALLRESULT |9|{}||late_or_unknown_answer",
            R"(in invalid |x|[2,"x",5,{}]||malformed_call)",
            R"(out CALLERROR |x|"FormationViolation","a CALL is [2, id, action, payload]",{}||)"
            "a CALL is [2, id, action, payload]",
            "out CALL A|1|{}||", R"(in CALLERROR A|1|"NotSupported","no"|0|malformed_call_error)"));
}

TEST_F(Observed, SeesOnlyWhatIsSentAndNothingAfterTheEnd) {
    call("A");
    call("B");
    EXPECT_EQ(frames.size(), 1u) << "B waits for A's answer";
    session.on_disconnect();
    session.reply("1", RawJson{"{}"});
    EXPECT_EQ(frames.size(), 1u);
}

TEST_F(Observed, SeesWhatWasToleratedInACallWithIt) {
    session.receive(start, R"([2,"a","A",{}][2,7,"B",{}][2,"c","C",{}])");
    EXPECT_THAT(frames, testing::IsEmpty());
    session.judged("a", "wrong_type /x");
    session.judged("a", "too late");
    session.reply("a", RawJson{"{}"});
    session.judged("7", "unknown_field /y");
    session.judged("c", "");
    session.judged("never", "was");
    EXPECT_THAT(frames, ElementsAre("in CALL A|a|{}||several_in_one_frame, wrong_type /x",
                                    "out CALLRESULT A|a|{}|0|",
                                    "in CALL B|7|{}||message_id_not_text, unknown_field /y",
                                    "in CALL C|c|{}||several_in_one_frame"));
}

TEST_F(Observed, SeesCallsThatNobodyJudges) {
    const std::string call = R"([2,"a","A",{}])";
    session.receive(start, call);
    session.receive(start, call);
    EXPECT_EQ(frames.size(), 2u) << "a repeat is nobody's to judge";
    session.receive(start, R"([2,"b","B",{}])");
    session.receive(start, " ");
    EXPECT_EQ(frames.size(), 3u);
    session.receive(start, R"([2,"c","C",{}])");
    session.on_disconnect();
    EXPECT_THAT(frames, ElementsAre("in CALL A|a|{}||", "in CALL A|a|{}||", "in CALL B|b|{}||",
                                    "in CALL C|c|{}||"));
}

TEST_F(Observed, ForgetsCallsThatAreNeverAnswered) {
    for (int i = 0; i < 1000; ++i) {
        session.receive(start, R"([2,")" + std::to_string(i) + R"(","Heartbeat",{}])");
    }
    session.judged("999", "");
    frames.clear();
    session.reply("0", RawJson{"{}"});
    session.reply("999", RawJson{"{}"});
    EXPECT_THAT(frames,
                ElementsAre("out CALLRESULT |0|{}||", "out CALLRESULT Heartbeat|999|{}|0|"));
}

}  // namespace
}  // namespace busbar::ocpp
