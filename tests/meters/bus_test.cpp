#include "meters/bus.hpp"

#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus_fixtures.hpp"
#include "meters/bus_server.hpp"

namespace busbar::meters {
namespace {

using namespace testing_support;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Profile pac() { return find_profile("siemens-pac2200").value(); }
Profile nemo() { return find_profile("ime-nemo-d4-le").value(); }

// Everything quick, so that a test takes milliseconds.
BusSettings quick(std::uint16_t port) {
    BusSettings settings;
    settings.host = "127.0.0.1";
    settings.port = port;
    settings.timeout = 2s;
    settings.retry_first = 20ms;
    settings.retry_max = 50ms;
    settings.slow_period = 40ms;
    return settings;
}
MeterSettings main_meter(Profile profile) { return {"main", std::move(profile), 1, 20ms}; }

std::chrono::milliseconds elapsed_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
}

TEST(ReadOnce, GivesEveryQuantityOfEveryProfile) {
    for (Profile profile : builtin_profiles()) {
        profile.timing = {};  // the simulated one needs no time
        MeterServer server{profile, "127.0.0.1", 0};
        Values values;
        for (const Quantity& quantity : profile.quantities) {
            const auto& steps = quantity.scale_steps;
            values[quantity.name] = 70 * (steps.empty() ? quantity.scale : steps.front().scale);
        }
        server.set(values);
        const auto outcome = read_once(profile, "127.0.0.1", server.port(), profile.unit_id, 1s);
        ASSERT_TRUE(outcome.reading) << profile.name << ": " << outcome.error;
        EXPECT_THAT(outcome.warnings, IsEmpty()) << profile.name;
        EXPECT_THAT(outcome.identity.mismatches, IsEmpty()) << profile.name;
        EXPECT_THAT(outcome.reading->quantities, SizeIs(profile.quantity_names().size()))
            << profile.name;
    }
}

TEST(ReadOnce, ADeviceWithoutTheSunspecModelIsRefusedWithWhatItHas) {
    Profile integers = find_profile("sunspec-meter-int").value();
    MeterServer server{integers, "127.0.0.1", 0};
    const Profile floats = find_profile("sunspec-meter-float").value();
    EXPECT_THAT(read_once(floats, "127.0.0.1", server.port(), 1, 1s).error,
                HasSubstr("has the SunSpec models 201, but none of 211, 212, 213, 214"));
    MeterServer other{pac(), "127.0.0.1", 0};
    EXPECT_THAT(read_once(integers, "127.0.0.1", other.port(), 1, 1s).error,
                HasSubstr("is no SunSpec device"));
}

TEST(ReadOnce, GivesTheValuesThatWereSet) {
    for (const Profile& profile : {pac(), nemo()}) {
        MeterServer server{profile, "127.0.0.1", 0};
        Values values;
        double next = 1;
        for (const Quantity& quantity : profile.quantities) values[quantity.name] = next++ * 1000;
        for (const char* small :
             {"powerFactorTotal", "powerFactorL1", "powerFactorL2", "powerFactorL3", "frequency"}) {
            values[small] = 0.5;
        }
        server.set(values);
        const auto outcome = read_once(profile, "127.0.0.1", server.port(), profile.unit_id, 1s);
        ASSERT_TRUE(outcome.reading) << outcome.error;
        EXPECT_THAT(outcome.warnings, IsEmpty());
        EXPECT_THAT(outcome.reading->quantities, SizeIs(profile.quantity_names().size()));
        EXPECT_EQ(outcome.reading->current_amps[1], values["currentL2"]);
        EXPECT_EQ(outcome.reading->active_power_watts[2], values["activePowerL3"]);
        EXPECT_TRUE(outcome.reading->energy_import_wh);
    }
}

TEST(Bus, ADeviceThatNeedsTimeGetsIt) {
    Profile slow = pac();
    slow.timing.connect_delay = 150ms;
    slow.timing.request_gap = 30ms;
    slow.timing.poll_period_min = 100ms;
    MeterServer server{slow, "127.0.0.1", 0};
    server.set({{"currentL1", 5}, {"energyImport", 7000}});
    Results results;
    const auto start = std::chrono::steady_clock::now();
    Bus bus{quick(server.port()), {main_meter(slow)}, results.post()};
    ASSERT_TRUE(results.wait(is_reading));
    EXPECT_GE(elapsed_since(start), 145ms);
    // One of its slow requests a poll: the last of them in the third reading at the latest.
    const auto complete = results.wait([](const PollResult& result) {
        return result.reading && result.reading->energy_import_wh.has_value();
    });
    ASSERT_TRUE(complete);
    EXPECT_GE(elapsed_since(start), 245ms);
    EXPECT_EQ(complete->reading->energy_import_wh, 7000);
}

TEST(ReadOnce, ResolvesHostNames) {
    MeterServer server{pac(), "localhost", 0};
    server.set({{"currentL1", 12.5}});
    const auto outcome = read_once(pac(), "localhost", server.port(), 1, 2s);
    ASSERT_TRUE(outcome.reading) << outcome.error;
    EXPECT_EQ(outcome.reading->current_amps[0], 12.5);
}

TEST(ReadOnce, SaysWhyThereIsNoReading) {
    std::uint16_t free_port = 0;
    {
        const MeterServer server{pac(), "127.0.0.1", 0};
        free_port = server.port();
    }
    EXPECT_THAT(read_once(pac(), "127.0.0.1", free_port, 1, 500ms).error,
                HasSubstr("Connection refused"));

    RawServer silent{[](const RawRequest&) { return RawReply{}; }};
    EXPECT_THAT(read_once(pac(), "127.0.0.1", silent.port(), 1, 100ms).error,
                HasSubstr("no complete answer within 100 ms"));

    EXPECT_THAT(read_once(pac(), "127.0.0.1", silent.port(), 250, 100ms).error,
                HasSubstr("unit id 250 cannot be addressed"));
}

TEST(ReadOnce, KeepsItsDeadlineWhenAnAnswerTrickles) {
    RawServer slow{[](const RawRequest& request) {
        return RawReply{.bytes = request.answer(0), .pause = 50ms};
    }};
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = read_once(pac(), "127.0.0.1", slow.port(), 1, 200ms);
    EXPECT_THAT(outcome.error, HasSubstr("no complete answer within 200 ms"));
    EXPECT_LT(elapsed_since(start), 2s);
}

TEST(ReadOnce, AMeterWithoutTheSlowRegistersIsStillRead) {
    RawServer server{[](const RawRequest& request) {
        return RawReply{.bytes = request.address() > 100 ? request.exception(2)
                                                         : request.answer(0x4120)};
    }};
    const auto outcome = read_once(pac(), "127.0.0.1", server.port(), 1, 1s);
    ASSERT_TRUE(outcome.reading) << outcome.error;
    EXPECT_NEAR(outcome.reading->current_amps[0].value(), 10.0, 0.1);
    EXPECT_FALSE(outcome.reading->energy_import_wh);
    EXPECT_THAT(outcome.warnings, Contains(HasSubstr("registers 801 to 816")));
}

TEST(ReadOnce, AMeterThatRefusesGapsIsReadWithoutThem) {
    RawServer server{[](const RawRequest& request) {
        const int end = request.address() + request.count();
        const bool spans_gap = request.address() < 43 && end > 43;
        return RawReply{.bytes = spans_gap ? request.exception(2) : request.answer(0x4120)};
    }};
    const auto outcome = read_once(pac(), "127.0.0.1", server.port(), 1, 1s);
    ASSERT_TRUE(outcome.reading) << outcome.error;
    EXPECT_TRUE(outcome.reading->active_power_watts_total);
    EXPECT_TRUE(outcome.reading->frequency_hz);
}

TEST(MeterServer, RefusesWhatAMeterRefuses) {
    Profile elsewhere = pac();
    for (Quantity& quantity : elsewhere.quantities) {
        quantity.address = static_cast<std::uint16_t>(quantity.address + 2000);
    }
    const MeterServer server{pac(), "127.0.0.1", 0};
    EXPECT_THAT(read_once(elsewhere, "127.0.0.1", server.port(), 1, 1s).error,
                HasSubstr("exception 2"));
    EXPECT_THROW(MeterServer(pac(), "127.0.0.1", server.port()), std::system_error);
}

TEST(MeterServer, ServesSeveralClientsAndChangesInOneStep) {
    MeterServer server{pac(), "127.0.0.1", 0};
    std::vector<std::unique_ptr<Results>> results;
    std::vector<std::unique_ptr<Bus>> buses;
    for (int client = 0; client < 4; ++client) {
        results.push_back(std::make_unique<Results>());
        buses.push_back(std::make_unique<Bus>(quick(server.port()), std::vector{main_meter(pac())},
                                              results.back()->post()));
    }
    for (int value = 1; value <= 50; ++value) {
        server.set({{"currentL1", value}, {"currentL2", value}, {"currentL3", value}});
    }
    for (auto& each : results) {
        const auto last = each->wait([](const PollResult& result) {
            return result.reading && result.reading->current_amps[0] == 50.0;
        });
        EXPECT_TRUE(last);
    }
    buses.clear();
    for (auto& each : results) {
        for (const PollResult& result : each->all()) {
            ASSERT_TRUE(result.reading) << result.error;
            EXPECT_EQ(result.reading->current_amps[0], result.reading->current_amps[2]);
        }
    }
}

TEST(Bus, FollowsTheMeter) {
    MeterServer server{nemo(), "127.0.0.1", 0};
    server.set({{"currentTransformerRatio", 60},
                {"voltageL1", 230.1},
                {"currentL1", 40.5},
                {"activePowerL1", -9300},
                {"energyImport", 123'400}});
    Results results;
    const Bus bus{quick(server.port()), {main_meter(nemo())}, results.post()};
    const auto first = results.wait(is_reading);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->meter, "main");
    EXPECT_EQ(first->reading->meter, "main");
    EXPECT_EQ(first->reading->current_amps[0], -40.5);
    EXPECT_EQ(first->reading->voltage_volts[0], 230.1);
    EXPECT_FALSE(first->failing_since);
    const auto with_energy = results.wait([](const PollResult& result) {
        return result.reading && result.reading->energy_import_wh;
    });
    ASSERT_TRUE(with_energy);
    EXPECT_EQ(with_energy->reading->energy_import_wh, 123'400);

    server.set({{"activePowerL1", 9300}, {"currentL2", nan}});
    EXPECT_TRUE(results.wait([](const PollResult& result) {
        return result.reading && result.reading->current_amps[0] == 40.5 &&
               !result.reading->current_amps[1];
    }));
}

TEST(Bus, ReportsAMeterThatIsGoneAndReadsItWhenItIsBack) {
    auto server = std::make_unique<MeterServer>(pac(), "127.0.0.1", 0);
    const std::uint16_t port = server->port();
    Results results;
    const Bus bus{quick(port), {main_meter(pac())}, results.post()};
    ASSERT_TRUE(results.wait(is_reading));

    server.reset();
    const auto failure = results.wait(is_failure);
    ASSERT_TRUE(failure);
    EXPECT_NE(failure->error, "");
    EXPECT_EQ(failure->failing_since->mono, failure->at.mono);
    const std::size_t seen = results.count();
    const auto later = results.wait(is_failure, seen);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->failing_since->mono, failure->failing_since->mono);
    EXPECT_GT(later->at.mono, failure->at.mono);

    const std::size_t before = results.count();
    server = std::make_unique<MeterServer>(pac(), "127.0.0.1", port);
    server->set({{"currentL3", 7}});
    const auto back = results.wait(
        [](const PollResult& result) {
            return result.reading && result.reading->current_amps[2] == 7.0;
        },
        before);
    ASSERT_TRUE(back);
    EXPECT_FALSE(back->failing_since);
}

TEST(Bus, AConnectionTheMeterClosedIsNoFailure) {
    RawServer server{[](const RawRequest& request) {
        return RawReply{.bytes = request.answer(0x4120), .close = request.number % 3 == 2};
    }};
    Results results;
    {
        const Bus bus{quick(server.port()), {main_meter(pac())}, results.post()};
        std::size_t readings = 0;
        ASSERT_TRUE(results.wait([&](const PollResult&) { return ++readings == 12; }));
    }
    EXPECT_GT(server.connections(), 3);
    for (const PollResult& result : results.all()) EXPECT_EQ(result.error, "");
}

TEST(Bus, ALateAnswerIsNeverTakenForAnotherOne) {
    // Leaves one request unanswered, and sends its answer in front of the next one.
    Bytes kept;
    RawServer server{[&kept](const RawRequest& request) {
        RawReply reply;
        if (request.number == 4) {
            kept = request.answer(0x4248);
        } else {
            reply.bytes = request.answer(0x4120);
            if (!kept.empty() && request.number == 5) {
                reply.bytes.insert(reply.bytes.begin(), kept.begin(), kept.end());
            }
        }
        return reply;
    }};
    Results results;
    BusSettings settings = quick(server.port());
    settings.timeout = 60ms;
    const Bus bus{settings, {main_meter(pac())}, results.post()};
    const auto failure = results.wait(is_failure);
    ASSERT_TRUE(failure);
    EXPECT_THAT(failure->error, HasSubstr("no complete answer within 60 ms"));
    const std::size_t before = results.count();
    ASSERT_TRUE(results.wait(is_reading, before));
    for (const PollResult& result : results.all()) {
        if (!result.reading) continue;
        EXPECT_NEAR(result.reading->current_amps[0].value(), 10.0, 0.1);
    }
}

TEST(Bus, GarbageIsAFailureAndANewConnection) {
    RawServer server{[](const RawRequest& request) {
        RawReply reply{.bytes = request.answer(0x4120)};
        if (request.connection == 0) reply.bytes = Bytes(40, 0xA5);
        if (request.connection == 1) reply.bytes[8] = 2;      // says one register
        if (request.connection == 2) reply.bytes[1] ^= 0xFF;  // another transaction
        if (request.connection == 3) reply.bytes.resize(20);  // only half
        return reply;
    }};
    Results results;
    BusSettings settings = quick(server.port());
    settings.timeout = 300ms;
    const Bus bus{settings, {main_meter(pac())}, results.post()};
    const auto reading = results.wait(is_reading);
    ASSERT_TRUE(reading);
    EXPECT_NEAR(reading->reading->current_amps[0].value(), 10.0, 0.1);
    EXPECT_GE(server.connections(), 5);
    EXPECT_GE(results.count(), 5u);
}

TEST(Bus, AnExceptionKeepsTheConnection) {
    RawServer server{[](const RawRequest& request) {
        return RawReply{.bytes =
                            request.number < 4 ? request.exception(6) : request.answer(0x4120)};
    }};
    Results results;
    const Bus bus{quick(server.port()), {main_meter(pac())}, results.post()};
    const auto failure = results.wait(is_failure);
    ASSERT_TRUE(failure);
    EXPECT_THAT(failure->error, HasSubstr("busy"));
    ASSERT_TRUE(results.wait(is_reading));
    EXPECT_EQ(server.connections(), 1);
}

TEST(Bus, PollsEachMeterByItsOwnPeriod) {
    MeterServer server{pac(), "127.0.0.1", 0};
    Results results;
    std::vector<MeterSettings> meters{main_meter(pac()), main_meter(pac())};
    meters[1].name = "slow";
    meters[1].poll_period = 200ms;
    {
        const Bus bus{quick(server.port()), meters, results.post()};
        int slow = 0;
        ASSERT_TRUE(results.wait(
            [&](const PollResult& result) { return result.meter == "slow" && ++slow == 3; }));
    }
    int fast = 0;
    std::optional<Instant> first;
    Instant last{};
    for (const PollResult& result : results.all()) {
        if (result.meter == "main") ++fast;
        if (result.meter != "slow") continue;
        if (!first) first = result.at.mono;
        last = result.at.mono;
    }
    EXPECT_GE(fast, 8);
    EXPECT_GE(last - *first, 350ms);
}

TEST(Bus, ThePeriodCountsFromStartToStart) {
    RawServer server{[](const RawRequest& request) {
        return RawReply{.bytes = request.answer(0x4120), .delay = 150ms};
    }};
    Results results;
    MeterSettings meter = main_meter(pac());
    meter.poll_period = 200ms;
    BusSettings settings = quick(server.port());
    settings.slow_period = 1h;
    {
        const Bus bus{settings, {meter}, results.post()};
        std::size_t readings = 0;
        ASSERT_TRUE(results.wait([&](const PollResult&) { return ++readings == 6; }));
    }
    const auto all = results.all();
    const auto span = all[5].at.mono - all[0].at.mono;
    EXPECT_GE(span, 900ms);
    EXPECT_LT(span, 1500ms);
}

TEST(Bus, StopsAtOnceWhateverItIsDoing) {
    RawServer silent{[](const RawRequest&) { return RawReply{}; }};
    Results results;
    BusSettings settings = quick(silent.port());
    settings.timeout = 30s;
    Bus bus{settings, {main_meter(pac())}, results.post()};
    while (silent.connections() == 0) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    bus.stop();
    EXPECT_LT(elapsed_since(start), 1s);
    EXPECT_EQ(results.count(), 0u);
}

}  // namespace
}  // namespace busbar::meters
