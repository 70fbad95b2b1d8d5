#include "meters/sunspec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace busbar::meters {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::uint16_t>;

// Runs the search on a device with these registers; what it does not have is refused.
SunspecSearch search(const Registers& device, std::vector<int> ids) {
    SunspecSearch running{std::move(ids)};
    for (int step = 0; step < 1000; ++step) {
        const auto block = running.next();
        if (!block) return running;
        if (const auto words = device.read(block->address, block->count)) {
            running.take(*words);
        } else {
            running.refuse();
        }
    }
    ADD_FAILURE() << "the search does not end";
    return running;
}

Registers device_at(std::uint16_t base) {
    Registers device;
    device.store(base, Words{0x5375, 0x6E53, 1, 66});
    device.store(static_cast<std::uint16_t>(base + 70), Words{103, 50});
    device.store(static_cast<std::uint16_t>(base + 122), Words{203, 105});
    device.store(static_cast<std::uint16_t>(base + 229), Words{0xFFFF, 0});
    return device;
}

TEST(Sunspec, FindsAModelBehindTheMarkerAtEachBase) {
    for (const std::uint16_t base : sunspec_bases) {
        const auto done = search(device_at(base), {201, 202, 203, 204});
        ASSERT_TRUE(done.found()) << base;
        EXPECT_EQ(done.found()->id, 203);
        EXPECT_EQ(done.found()->address, base + 122);
        EXPECT_EQ(done.found()->length, 105);
        EXPECT_EQ(done.models().size(), 3u);
    }
}

TEST(Sunspec, SaysWhatTheDeviceHasInstead) {
    const auto done = search(device_at(40000), {211, 213});
    EXPECT_FALSE(done.found());
    EXPECT_EQ(done.failure(), "has the SunSpec models 1, 103, 203, but none of 211, 213");
    EXPECT_THAT(search({}, {201}).failure(), HasSubstr("no marker"));
    Registers other;
    other.store(40000, Words{0x1234, 0x5678});
    EXPECT_THAT(search(other, {201}).failure(), HasSubstr("no marker"));
    Registers broken;
    broken.store(40000, Words{0x5375, 0x6E53, 1, 66});
    EXPECT_THAT(search(broken, {201}).failure(), HasSubstr("breaks off at register 40070"));
}

TEST(Sunspec, ListsThatDoNotEndAreGivenUp) {
    Registers endless;
    endless.store(40000, Words{0x5375, 0x6E53});
    for (int at = 40002; at < 40402; at += 2) {
        endless.store(static_cast<std::uint16_t>(at), Words{7, 0});
    }
    EXPECT_THAT(search(endless, {201}).failure(), HasSubstr("does not end"));
    Registers far;
    far.store(40000, Words{0x5375, 0x6E53, 7, 65000});
    EXPECT_THAT(search(far, {201}).failure(), HasSubstr("does not end"));
}

RC_GTEST_PROP(Sunspec, AnyWordsEndTheSearch, (std::vector<std::uint16_t> words)) {
    SunspecSearch running{{203}};
    std::size_t at = 0;
    int steps = 0;
    while (running.next()) {
        RC_ASSERT(++steps <= sunspec_models_max + 4);
        if (at + 2 <= words.size()) {
            running.take(Words{words[at], words[at + 1]});
            at += 2;
        } else {
            running.refuse();
        }
    }
    RC_ASSERT(running.found().has_value() != !running.failure().empty());
}

TEST(Sunspec, MovesEveryAddressOfAProfile) {
    const Profile profile = find_profile("sunspec-meter-int").value();
    const Profile moved = at_model(profile, 40122);
    EXPECT_EQ(moved.quantity("voltageL1")->address, 40130);
    EXPECT_EQ(moved.quantity("voltageL1")->scale_register, 40137);
    EXPECT_FALSE(moved.sunspec);
    // One request for all that is needed, so that values and their scales are of one moment.
    EXPECT_THAT(plan_reads(moved).fast, testing::ElementsAre(Block{40125, 20}));
}

}  // namespace
}  // namespace busbar::meters
