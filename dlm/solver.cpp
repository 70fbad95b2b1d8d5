#include "dlm/solver.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <queue>
#include <span>
#include <vector>

#include "dlm/rows.hpp"

namespace busbar::dlm {
namespace {

__extension__ typedef __int128 Wide;

// A point on the common water level (mA per 1/1000 of weight) as an exact fraction.
struct Level {
    std::int64_t numerator = 0;
    std::int64_t denominator = 1;
    friend bool operator<(const Level& a, const Level& b) {
        return Wide{a.numerator} * b.denominator < Wide{b.numerator} * a.denominator;
    }
    friend bool operator==(const Level& a, const Level& b) { return !(a < b) && !(b < a); }
};

constexpr std::int64_t coarse_step = 500;

// Caps lie before rows, so that an EVSE which reaches its maximum in a row that fills at the same
// moment names the maximum.
enum class EventKind { floor, cap, row };

struct Event {
    Level level;
    EventKind kind = EventKind::floor;
    int index = 0;
    std::uint32_t version = 0;
};

struct Later {
    bool operator()(const Event& a, const Event& b) const {
        if (b.level < a.level) return true;
        if (a.level < b.level) return false;
        if (a.kind != b.kind) return a.kind > b.kind;
        return a.index > b.index;
    }
};

class Solver {
public:
    explicit Solver(const Problem& problem) : problem_(problem), system_(problem) {}

    Plan run() {
        const auto classes = split_by_class();
        for (const auto& group : classes) {
            if (!is_preemptive(group)) continue;
            admit(group);
            fill(group);
        }
        for (const auto& group : classes) {
            if (!is_preemptive(group)) admit(group);
        }
        for (const auto& group : classes) {
            if (!is_preemptive(group)) fill(group);
        }
        quantise();
        number_the_queue();
        return describe(system_);
    }

private:
    using ClassMembers = std::span<const int>;
    using Events = std::priority_queue<Event, std::vector<Event>, Later>;

    // The EVSEs of each class in the order of admission, the highest class first.
    std::vector<ClassMembers> split_by_class() {
        order_.resize(problem_.evses.size());
        std::iota(order_.begin(), order_.end(), 0);
        std::erase_if(order_, [&](int e) { return member(e).stage == Stage::reserved; });
        std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) {
            const Evse& left = problem_.evses[static_cast<std::size_t>(a)];
            const Evse& right = problem_.evses[static_cast<std::size_t>(b)];
            if (left.class_id != right.class_id) return left.class_id > right.class_id;
            if (left.rank != right.rank) return left.rank < right.rank;
            return left.id < right.id;
        });
        std::vector<ClassMembers> result;
        for (std::size_t begin = 0; begin < order_.size();) {
            std::size_t end = begin;
            while (end < order_.size() && class_of(order_[end]) == class_of(order_[begin])) ++end;
            result.emplace_back(order_.data() + begin, end - begin);
            begin = end;
        }
        return result;
    }

    // --- admission and filling ------------------------------------------------------------------

    void admit(ClassMembers group) {
        for (const int e : group) {
            Member& candidate = member(e);
            if (candidate.maximum < candidate.minimum) {
                candidate.stage = Stage::refused;
                continue;
            }
            const Term* refusing = system_.first_without_room(candidate, candidate.minimum);
            if (refusing != nullptr) {
                const Row& full = row(refusing->row);
                candidate.stage = Stage::refused;
                candidate.limiting_row = refusing->row;
                candidate.free =
                    std::max<std::int64_t>(0, full.capacity - full.used) / refusing->coefficient;
                continue;
            }
            candidate.stage = Stage::admitted;
            candidate.current = candidate.minimum;
            system_.use(candidate, candidate.minimum);
        }
    }

    // Raises x = level * weight for all at once, from the minima up, until each one meets its
    // maximum or a full row.
    void fill(ClassMembers group) {
        Events events;
        for (const int e : group) {
            const Member& candidate = member(e);
            if (candidate.stage != Stage::admitted) continue;
            events.push({{candidate.minimum, candidate.weight}, EventKind::floor, e});
        }
        while (!events.empty()) {
            const Event event = events.top();
            switch (event.kind) {
                case EventKind::floor:
                    start_rising(events, event.level);
                    break;
                case EventKind::cap:
                    events.pop();
                    if (member(event.index).stage == Stage::rising) {
                        freeze(member(event.index), member(event.index).maximum, -1);
                    }
                    break;
                case EventKind::row:
                    saturate(events, event.level);
                    break;
            }
        }
        give_remainders(group);
    }

    void start_rising(Events& events, const Level& level) {
        std::vector<int> touched;
        while (!events.empty() && events.top().kind == EventKind::floor &&
               events.top().level == level) {
            const int e = events.top().index;
            events.pop();
            Member& starting = member(e);
            const auto full = std::find_if(starting.terms.begin(), starting.terms.end(),
                                           [&](const Term& term) { return row(term.row).full; });
            if (full != starting.terms.end()) {
                starting.stage = Stage::frozen;
                starting.limiting_row = full->row;
                continue;
            }
            starting.stage = Stage::rising;
            for (const Term& term : starting.terms) {
                Row& on = row(term.row);
                on.used -= term.coefficient * starting.current;
                on.rising_weight += term.coefficient * starting.weight;
                touched.push_back(term.row);
            }
            events.push({{starting.maximum, starting.weight}, EventKind::cap, e});
        }
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        for (const int r : touched) events.push(saturation(r, ++row(r).version));
    }

    // Freezes the members of all rows that fill at `level`. All of them at once: were it one by
    // one, the fractions that rounding frees would make the result depend on the order of nodes.
    void saturate(Events& events, const Level& level) {
        std::vector<int> filled;
        while (!events.empty() && events.top().kind == EventKind::row &&
               events.top().level == level) {
            const Event event = events.top();
            events.pop();
            const Row& candidate = row(event.index);
            if (candidate.version != event.version || candidate.rising_weight == 0) continue;
            const Event current = saturation(event.index, event.version);
            // Members that froze elsewhere left room behind: look again later.
            if (level < current.level) {
                events.push(current);
            } else {
                filled.push_back(event.index);
            }
        }
        for (const int r : filled) row(r).full = true;
        std::sort(filled.begin(), filled.end());
        for (const int r : filled) {
            for (const int e : system_.row_members[static_cast<std::size_t>(r)]) {
                Member& rising = member(e);
                if (rising.stage != Stage::rising) continue;
                const Wide current = Wide{level.numerator} * rising.weight / level.denominator;
                freeze(rising, static_cast<std::int64_t>(current), r);
            }
        }
    }

    Event saturation(int r, std::uint32_t version) const {
        const Row& of = system_.row(r);
        return {{of.capacity - of.used, of.rising_weight}, EventKind::row, r, version};
    }

    void freeze(Member& rising, std::int64_t current, int limiting_row) {
        rising.stage = Stage::frozen;
        rising.current = current;
        rising.limiting_row = limiting_row;
        for (const Term& term : rising.terms) {
            Row& on = row(term.row);
            on.used += term.coefficient * current;
            on.rising_weight -= term.coefficient * rising.weight;
        }
    }

    // Hands out the milliamps that rounding left in full rows, one each in the order of admission
    // until none is left. Whoever is blocked once stays blocked: rows only get fuller.
    void give_remainders(ClassMembers group) {
        std::vector<int> candidates;
        for (const int e : group) {
            if (member(e).stage == Stage::frozen && member(e).limiting_row >= 0) {
                candidates.push_back(e);
            }
        }
        while (!candidates.empty()) {
            std::erase_if(candidates, [&](int e) { return !raise(member(e), 1); });
        }
    }

    // --- rounding -------------------------------------------------------------------------------

    void quantise() {
        std::vector<std::pair<std::int64_t, int>> losses;  // negative, so that the largest is first
        for (std::size_t i = 0; i < order_.size(); ++i) {
            Member& rounded = member(order_[i]);
            const std::int64_t loss = rounded.current % rounded.step;
            if (loss == 0) continue;
            rounded.current -= loss;
            system_.use(rounded, -loss);
            if (rounded.step >= coarse_step) losses.emplace_back(-loss, static_cast<int>(i));
        }
        std::sort(losses.begin(), losses.end());
        for (const auto& [loss, position] : losses) {
            Member& loser = member(order_[static_cast<std::size_t>(position)]);
            raise(loser, loser.step);
        }
    }

    // --- helpers --------------------------------------------------------------------------------

    Member& member(int e) { return system_.member(e); }
    Row& row(int r) { return system_.row(r); }
    int class_of(int e) const { return problem_.evses[static_cast<std::size_t>(e)].class_id; }

    bool is_preemptive(ClassMembers group) const {
        return std::any_of(problem_.classes.begin(), problem_.classes.end(), [&](const Class& c) {
            return c.preemptive && c.id == class_of(group.front());
        });
    }

    bool raise(Member& frozen, std::int64_t amount) {
        if (frozen.current + amount > frozen.maximum) return false;
        if (system_.first_without_room(frozen, amount) != nullptr) return false;
        frozen.current += amount;
        system_.use(frozen, amount);
        if (frozen.current == frozen.maximum) frozen.limiting_row = -1;
        return true;
    }

    void number_the_queue() {
        std::int64_t queued = 0;
        for (const int e : order_) {
            if (member(e).stage == Stage::refused && member(e).limiting_row >= 0) {
                member(e).queue = ++queued;
            }
        }
    }

    const Problem& problem_;
    System system_;
    std::vector<int> order_;
};

}  // namespace

Plan solve(const Problem& problem) { return Solver{problem}.run(); }

}  // namespace busbar::dlm
