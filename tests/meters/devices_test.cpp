#include "meters/devices.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meters/profile.hpp"

namespace busbar::meters {
namespace {

TEST(Devices, EachHasAProfileOrAReaderOrAReason) {
    const auto devices = known_devices();
    EXPECT_EQ(devices.size(), 69u);
    std::set<std::string> names;
    for (const MeterDevice& device : devices) {
        EXPECT_TRUE(names.insert(device.vendor + " " + device.model).second) << device.model;
        EXPECT_TRUE(device.profile || device.reader || device.note) << device.model;
        EXPECT_FALSE(device.profile && device.reader) << device.model;
        if (device.profile) {
            EXPECT_TRUE(find_profile(*device.profile)) << *device.profile;
        }
    }
}

TEST(Devices, StandNoBetterThanTheirProfiles) {
    for (const MeterDevice& device : known_devices()) {
        if (!device.profile) continue;
        const Profile profile = find_profile(*device.profile).value();
        const bool confirmed = device.standing == Standing::twoSources;
        const bool known = device.standing == Standing::oneSource;
        if (confirmed) {
            EXPECT_EQ(profile.confidence, Confidence::two_sources) << device.model;
        }
        if (known) {
            EXPECT_NE(profile.confidence, Confidence::unverified) << device.model;
        }
        EXPECT_EQ(device.needs_confirmation(), !confirmed && !known) << device.model;
    }
}

TEST(Devices, CandidatesAreNamedByTheProfileAndNeverAmongItsModels) {
    for (const MeterDevice& device : known_devices()) {
        if (device.standing != Standing::candidate) continue;
        ASSERT_TRUE(device.profile && device.note) << device.model;
        const Profile profile = find_profile(*device.profile).value();
        std::string model = device.model;
        if (const auto bracket = model.find('('); bracket != std::string::npos) {
            model.resize(bracket);
        }
        const auto names = [&](const std::vector<std::string>& models) {
            return std::ranges::any_of(models, [&](const std::string& each) {
                return each == model || each == device.vendor + " " + model;
            });
        };
        EXPECT_TRUE(names(profile.candidate_models)) << device.model;
        EXPECT_FALSE(names(profile.models)) << device.model;
    }
}

TEST(Devices, SomeProfilesCannotProtectAConnection) {
    std::set<std::string> without;
    for (const Profile& profile : builtin_profiles()) {
        if (!profile.measures_phase_currents()) without.insert(profile.name);
    }
    EXPECT_THAT(without, testing::ElementsAre("eastron-sdm72-v1", "ime-conto-d2",
                                              "socomec-countis-p", "solax-x1-hybrid-g4",
                                              "sunspec-inverter-float", "sunspec-inverter-int"));
}

}  // namespace
}  // namespace busbar::meters
