// The inequalities behind a problem: one row per breaker phase, power limit, asymmetry limit and
// group, each with its members. Shared by the solver and by the texts that explain its answer; not
// meant for other folders. Values only; the Problem must outlive a System made from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dlm/model.hpp"

namespace busbar::dlm {

// One inequality: the sum of coefficient * current over its members stays within `capacity`.
struct Row {
    std::int64_t capacity = 0;
    std::int64_t used = 0;           // by reservations and by members that do not rise now
    std::int64_t rising_weight = 0;  // sum of coefficient * weight of the members that rise
    std::uint32_t version = 0;       // of its newest entry in the solver's event queue
    bool full = false;
};

// A row an EVSE belongs to, and how often its current counts there (power rows add up phases).
struct Term {
    int row = 0;
    std::int64_t coefficient = 1;
};

// How far the solver has come with an EVSE.
enum class Stage { waiting, reserved, refused, admitted, rising, frozen };

// What the solver knows of one EVSE, in mA. Bounds are whole steps, so that rounding keeps them.
struct Member {
    Stage stage = Stage::waiting;
    std::int64_t minimum = 0;
    std::int64_t maximum = 0;
    std::int64_t weight = 1;
    std::int64_t step = 1;
    std::int64_t current = 0;
    std::int64_t free = 0;   // in the row that refused the minimum
    int limiting_row = -1;   // -1: its own maximum
    std::int64_t queue = 0;  // place among the refused, from 1
    std::span<const Term> terms;
};

// Rows stand in the order in which chapter 16 names them: per node L1, L2, L3, W, A1, A2, A3, then
// the groups.
inline constexpr int rows_per_node = 7;
inline constexpr int power_row = 3;
inline constexpr int asymmetry_row = 4;

// All rows and members of a problem; reservations are already counted in `used`.
class System {
public:
    explicit System(const Problem& problem);
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    const Problem& problem;
    std::vector<Row> rows;
    std::vector<Member> members;                // as Problem::evses
    std::vector<std::vector<int>> row_members;  // indices of members, ascending

    Row& row(int r) { return rows[static_cast<std::size_t>(r)]; }
    const Row& row(int r) const { return rows[static_cast<std::size_t>(r)]; }
    Member& member(int e) { return members[static_cast<std::size_t>(e)]; }
    const Member& member(int e) const { return members[static_cast<std::size_t>(e)]; }

    // Index of a group's row.
    std::size_t group_row(std::size_t group) const {
        return problem.nodes.size() * rows_per_node + group;
    }
    // Counts `current` (it may be negative) in all rows of a member.
    void use(const Member& member, std::int64_t current);
    // The first row in which a member cannot have `current` more; null if it can.
    const Term* first_without_room(const Member& member, std::int64_t current) const;

private:
    void add_capacities();
    void add_terms();
    void append_terms(const Evse& evse, const std::vector<int>& path,
                      const std::vector<int>& groups);
    void add_member(std::size_t index, std::span<const Term> terms);
    std::vector<std::vector<int>> paths() const;

    std::vector<Term> terms_;
};

// The plan that a solved system stands for, with a reason for each EVSE.
Plan describe(const System& system);

}  // namespace busbar::dlm
