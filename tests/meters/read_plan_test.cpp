// Laws of the read plan, for profiles of all shapes.
#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

constexpr NumberType types[] = {NumberType::u16, NumberType::s16, NumberType::u32, NumberType::s32,
                                NumberType::u48, NumberType::u64, NumberType::s64, NumberType::f32,
                                NumberType::f64, NumberType::m16, NumberType::m32};
constexpr const char* names[] = {"voltageL1",    "currentL2",    "activePowerTotal", "frequency",
                                 "energyImport", "energyExport", "temperature"};
constexpr int space = 300;  // registers from here on are never used

bool is_forbidden(const Profile& profile, int from, int end) {
    for (const RegisterRange& range : profile.never_read) {
        if (from <= range.last && end > range.first) return true;
    }
    return false;
}

Quantity any_quantity() {
    Quantity quantity;
    quantity.name =
        *rc::gen::elementOf(std::vector<std::string>(std::begin(names), std::end(names)));
    quantity.type =
        *rc::gen::elementOf(std::vector<NumberType>(std::begin(types), std::end(types)));
    const auto address = [] { return *rc::gen::inRange<std::uint16_t>(0, space - 4); };
    quantity.address = address();
    if (*rc::gen::arbitrary<bool>()) quantity.scale_register = address();
    if (*rc::gen::arbitrary<bool>()) quantity.sign_register = SignRegister{.address = address()};
    if (*rc::gen::arbitrary<bool>()) {
        quantity.condition = Condition{.address = address(), .type = quantity.type, .values = {}};
    }
    return quantity;
}

// All spans that have to be read for a quantity, whole.
std::vector<std::pair<int, int>> wanted(const Quantity& quantity) {
    std::vector<std::pair<int, int>> spans{{quantity.address, register_count(quantity.type)}};
    if (quantity.scale_register) spans.emplace_back(*quantity.scale_register, 1);
    if (quantity.sign_register) spans.emplace_back(quantity.sign_register->address, 1);
    if (quantity.condition) {
        spans.emplace_back(quantity.condition->address, register_count(quantity.condition->type));
    }
    return spans;
}

Profile any_profile() {
    Profile profile;
    profile.registers_per_read_max = *rc::gen::inRange(4, 126);
    profile.unlisted_registers_max = *rc::gen::inRange(0, 40);
    for (int ranges = *rc::gen::inRange(0, 4); ranges > 0; --ranges) {
        const auto first = *rc::gen::inRange<std::uint16_t>(0, space);
        const auto last = static_cast<std::uint16_t>(first + *rc::gen::inRange(0, 9));
        profile.never_read.push_back({first, last});
    }
    for (int count = *rc::gen::inRange(1, 25); count > 0; --count) {
        const Quantity quantity = any_quantity();
        bool allowed = true;
        for (const auto& [address, registers] : wanted(quantity)) {
            allowed = allowed && !is_forbidden(profile, address, address + registers);
        }
        if (allowed) profile.quantities.push_back(quantity);
    }
    return profile;
}

std::vector<Block> blocks_of(const ReadPlan& plan) {
    std::vector<Block> blocks;
    for (const auto* part : {&plan.once, &plan.fast, &plan.slow}) {
        blocks.insert(blocks.end(), part->begin(), part->end());
    }
    return blocks;
}

bool is_covered(const std::vector<Block>& blocks, int address, int count) {
    return std::ranges::any_of(blocks, [&](const Block& block) {
        return address >= block.address && address + count <= block.address + block.count;
    });
}

RC_GTEST_PROP(ReadPlanLaw, EverythingWantedIsReadWholeAndNothingForbidden, (bool only_listed)) {
    const Profile profile = any_profile();
    const auto blocks = blocks_of(plan_reads(profile, only_listed));
    for (const Quantity& quantity : profile.quantities) {
        for (const auto& [address, count] : wanted(quantity)) {
            RC_ASSERT(is_covered(blocks, address, count));
        }
    }
    for (const Block& block : blocks) {
        RC_ASSERT(block.count >= 1 && block.count <= profile.registers_per_read_max);
        RC_ASSERT(!is_forbidden(profile, block.address, block.address + block.count));
    }
}

RC_GTEST_PROP(ReadPlanLaw, NoRequestSpansMoreUnlistedRegistersThanAllowed, (bool only_listed)) {
    const Profile profile = any_profile();
    std::vector<bool> listed(space + 1);
    for (const Quantity& quantity : profile.quantities) {
        for (const auto& [address, count] : wanted(quantity)) {
            for (int at = address; at < address + count; ++at) {
                listed[static_cast<std::size_t>(at)] = true;
            }
        }
    }
    const int allowed = only_listed ? 0 : profile.unlisted_registers_max;
    for (const Block& block : blocks_of(plan_reads(profile, only_listed))) {
        int in_a_row = 0;
        for (int at = block.address; at < block.address + block.count; ++at) {
            in_a_row = listed[static_cast<std::size_t>(at)] ? 0 : in_a_row + 1;
            RC_ASSERT(in_a_row <= allowed);
        }
    }
}

RC_GTEST_PROP(ReadPlanLaw, WhatIsReadIsWhatIsAskedForFirstAndAlwaysTheSame, ()) {
    const Profile profile = any_profile();
    RC_ASSERT(plan_reads(profile) == plan_reads(profile));
    for (const Block& block : plan_reads(profile).fast) {
        const bool begins = std::ranges::any_of(profile.quantities, [&](const Quantity& quantity) {
            return std::ranges::any_of(
                wanted(quantity), [&](const auto& span) { return span.first == block.address; });
        });
        RC_ASSERT(begins);
    }
}

TEST(ReadPlan, EveryBuiltInProfileKeepsItsLimits) {
    for (const Profile& profile : builtin_profiles()) {
        const auto plan = plan_reads(profile);
        for (const Block& block : blocks_of(plan)) {
            EXPECT_LE(block.count, profile.registers_per_read_max) << profile.name;
        }
        EXPECT_LE(plan.fast.size(), 5u) << profile.name;
    }
}

TEST(ReadPlan, ARegisterThatMustNotBeReadCutsTheRequest) {
    Profile profile = find_profile("siemens-pac2200").value();
    EXPECT_EQ(plan_reads(profile).fast, (std::vector{Block{1, 66}}));
    profile.never_read = {{45, 45}};
    EXPECT_EQ(plan_reads(profile).fast, (std::vector{Block{1, 30}, Block{65, 2}}));
}

}  // namespace
}  // namespace busbar::meters
