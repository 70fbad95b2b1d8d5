#include "dlm/worst_case.hpp"

#include <gtest/gtest.h>

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{std::chrono::hours{1}};
constexpr auto lease = 600s;

class WorstCaseTest : public testing::Test {
protected:
    WorstCaseTest() { books.set_safe(6_A); }
    void send(std::uint64_t sequence, Amps limit, Instant at = start) {
        books.on_sent(sequence, limit, 6_A, at + lease);
    }
    WorstCase books;
};

TEST_F(WorstCaseTest, NothingSentMeansSafe) {
    EXPECT_EQ(books.worst_case(start), 6_A);
    EXPECT_FALSE(books.has_lease(start));
    EXPECT_FALSE(books.next_change(start));
}

TEST_F(WorstCaseTest, ALimitCountsFromSendingUntilItsLeaseAndGraceAreOver) {
    send(1, 16_A);
    EXPECT_EQ(books.worst_case(start), 16_A);
    EXPECT_FALSE(books.acknowledged(start));
    EXPECT_TRUE(books.on_acknowledged(1));
    EXPECT_EQ(books.acknowledged(start), 16_A);
    EXPECT_EQ(books.next_change(start), start + 605s);
    EXPECT_EQ(books.worst_case(start + 605s - 1ms), 16_A);
    EXPECT_EQ(books.worst_case(start + 605s), 6_A);
    EXPECT_FALSE(books.acknowledged(start + 600s));
}

TEST_F(WorstCaseTest, ALoweringFreesNothingBeforeItsAcknowledgement) {
    send(1, 16_A);
    books.on_acknowledged(1);
    send(2, 8_A, start + 10s);
    EXPECT_EQ(books.worst_case(start + 10s), 16_A);
    books.on_acknowledged(2);
    EXPECT_EQ(books.worst_case(start + 11s), 8_A);
}

TEST_F(WorstCaseTest, AnAcknowledgementVoidsOnlyOlderLimits) {
    send(1, 10_A);
    send(2, 20_A);
    send(3, 8_A);
    books.on_acknowledged(1);
    EXPECT_EQ(books.worst_case(start), 20_A);
    books.on_acknowledged(3);
    EXPECT_EQ(books.worst_case(start), 8_A);
    EXPECT_FALSE(books.on_acknowledged(2));
    EXPECT_EQ(books.worst_case(start), 8_A);
}

TEST_F(WorstCaseTest, ARefusedRaiseLeavesTheOldLimit) {
    send(1, 10_A);
    books.on_acknowledged(1);
    send(2, 13_A);
    EXPECT_EQ(books.worst_case(start), 13_A);
    books.on_refused(2);
    EXPECT_EQ(books.worst_case(start), 10_A);
    books.on_refused(1);
    EXPECT_EQ(books.worst_case(start), 10_A) << "an accepted limit cannot be refused later";
}

TEST_F(WorstCaseTest, AfterADisconnectionOldLimitsStayUntilANewerOneIsAcknowledged) {
    send(1, 10_A);
    books.on_acknowledged(1);
    send(2, 20_A, start + 5s);
    books.on_disconnected();
    books.on_refused(2);
    EXPECT_EQ(books.worst_case(start + 10s), 20_A);
    send(3, 8_A, start + 60s);
    EXPECT_EQ(books.worst_case(start + 60s), 20_A);
    books.on_acknowledged(3);
    EXPECT_EQ(books.worst_case(start + 60s), 8_A);
}

TEST_F(WorstCaseTest, WithoutAnAnswerEachLeaseEndsByItself) {
    send(1, 20_A);
    send(2, 10_A, start + 100s);
    EXPECT_EQ(books.next_change(start), start + 605s);
    EXPECT_EQ(books.worst_case(start + 605s), 10_A);
    EXPECT_EQ(books.worst_case(start + 705s), 6_A);
}

TEST_F(WorstCaseTest, APausedChargerMayFallBackToSafe) {
    send(1, 0_A);
    books.on_acknowledged(1);
    EXPECT_EQ(books.worst_case(start), 6_A);
    EXPECT_EQ(books.worst_case_connected(start), 0_A);
    EXPECT_EQ(books.worst_case_connected(start + 594s), 0_A);
    EXPECT_EQ(books.worst_case_connected(start + 595s), 6_A) << "its clock may be ahead";
}

TEST_F(WorstCaseTest, TheLimitThatRunsIsLessThanWhatMayFollowIt) {
    books.set_safe(32_A);
    send(1, 8_A);
    EXPECT_FALSE(books.leased(start)) << "it may not have arrived";
    books.on_acknowledged(1);
    EXPECT_EQ(books.leased(start), 8_A);
    books.on_disconnected();
    EXPECT_EQ(books.worst_case_connected(start), 32_A);
    EXPECT_EQ(books.leased(start), 8_A);
    send(2, 10_A, start + 10s);
    EXPECT_EQ(books.leased(start + 10s), 10_A);
    books.on_refused(2);
    EXPECT_EQ(books.leased(start + 594s), 8_A);
    EXPECT_FALSE(books.leased(start + 595s)) << "its clock may be ahead";
}

TEST_F(WorstCaseTest, TheSafeCurrentOfAnOldLeaseOutlivesIt) {
    books.on_sent(1, 16_A, 8_A, start + lease);
    books.on_acknowledged(1);
    EXPECT_EQ(books.worst_case(start + 700s), 8_A);
    books.clear();
    EXPECT_EQ(books.worst_case(start + 700s), 6_A);
}

TEST_F(WorstCaseTest, ARestoredLimitCountsUntilTheGivenMoment) {
    books.restore(16_A, 6_A, start + 605s);
    EXPECT_EQ(books.worst_case(start), 16_A);
    EXPECT_FALSE(books.acknowledged(start));
    EXPECT_EQ(books.worst_case(start + 605s), 6_A);
    send(1, 8_A);
    books.on_acknowledged(1);
    EXPECT_EQ(books.worst_case(start), 8_A);
}

TEST_F(WorstCaseTest, NeverForgetsTheLargestOfManyUnansweredLimits) {
    send(1, 32_A);
    for (std::uint64_t sequence = 2; sequence < 1000; ++sequence) send(sequence, 7_A);
    EXPECT_EQ(books.worst_case(start), 32_A);
    books.on_acknowledged(999);
    EXPECT_EQ(books.worst_case(start), 7_A);
}

TEST_F(WorstCaseTest, ALateStartMovesTheEnd) {
    send(1, 16_A);
    books.on_delayed(1, start + 20s + lease);
    EXPECT_EQ(books.worst_case(start + 624s), 16_A);
    EXPECT_EQ(books.worst_case(start + 625s), 6_A);
}

}  // namespace
}  // namespace busbar::dlm
