#include <algorithm>
#include <set>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

struct Span {
    int address = 0;
    int count = 0;
    int end() const { return address + count; }
    friend auto operator<=>(const Span&, const Span&) = default;
};
using Spans = std::set<Span>;

// Quantities load management lives on; the others may be older.
bool is_fast(std::string_view name) {
    for (const std::string_view kind : {"voltage", "current", "activePower"}) {
        if (!name.starts_with(kind)) continue;
        const auto phase = name.substr(kind.size());
        if (phase == "L1" || phase == "L2" || phase == "L3") return true;
    }
    return name == "activePowerTotal";
}

// The names of what is read with every poll, parts of sums included.
std::set<std::string, std::less<>> fast_names(const Profile& profile) {
    std::set<std::string, std::less<>> names;
    for (const Quantity& quantity : profile.quantities) {
        if (quantity.pace ? *quantity.pace == Pace::fast : is_fast(quantity.name)) {
            names.insert(quantity.name);
        }
    }
    for (const Sum& sum : profile.sums) {
        if (!is_fast(sum.name)) continue;
        names.insert(sum.of.begin(), sum.of.end());
        names.insert(sum.minus.begin(), sum.minus.end());
    }
    return names;
}

// Collects what must be read and cuts it into requests.
class Planner {
public:
    Planner(const Profile& profile, bool only_listed)
        : profile_(profile), unlisted_max_(only_listed ? 0 : profile.unlisted_registers_max) {
        for (const Quantity& quantity : profile.quantities) {
            for (const Span& part : parts(quantity)) list(part);
        }
    }

    // What to read for a quantity. A number, its scale and its sign belong to one moment: where
    // the limits allow it they are one span, which no request cuts.
    void add(const Quantity& quantity, Spans& spans) const {
        const std::vector<Span> all = parts(quantity);
        const int first = std::ranges::min(all, {}, &Span::address).address;
        const int end = std::ranges::max(all, {}, &Span::end).end();
        const Span together{first, end - first};
        if (together.count <= profile_.registers_per_read_max && may_span(together)) {
            spans.insert(together);
        } else {
            spans.insert(all.begin(), all.end());
        }
        if (quantity.condition) {
            const Condition& condition = *quantity.condition;
            spans.insert({condition.address, register_count(condition.type)});
        }
    }

    // Blocks over the spans; whole spans only.
    std::vector<Block> cut(const Spans& spans) const {
        std::vector<Block> blocks;
        for (const Span& span : spans) {
            if (!blocks.empty()) {
                Block& block = blocks.back();
                const int block_end = block.address + block.count;
                if (span.end() <= block_end) continue;
                const int wider = span.end() - block.address;
                if (wider <= profile_.registers_per_read_max &&
                    may_span({block_end, span.address - block_end})) {
                    block.count = static_cast<std::uint16_t>(wider);
                    continue;
                }
            }
            blocks.push_back(
                {static_cast<std::uint16_t>(span.address), static_cast<std::uint16_t>(span.count)});
        }
        return blocks;
    }

private:
    static std::vector<Span> parts(const Quantity& quantity) {
        std::vector<Span> all{{quantity.address, register_count(quantity.type)}};
        if (quantity.sign_register) all.push_back({quantity.sign_register->address, 1});
        if (quantity.scale_register) all.push_back({*quantity.scale_register, 1});
        return all;
    }

    void list(const Span& span) {
        for (int at = span.address; at < span.end(); ++at) listed_.insert(at);
    }

    // Whether a request may reach over these registers.
    bool may_span(const Span& span) const {
        for (const RegisterRange& range : profile_.never_read) {
            if (span.count > 0 && span.address <= range.last && span.end() > range.first) {
                return false;
            }
        }
        int in_a_row = 0;
        for (int at = span.address; at < span.end(); ++at) {
            in_a_row = listed_.contains(at) ? 0 : in_a_row + 1;
            if (in_a_row > unlisted_max_) return false;
        }
        return true;
    }

    const Profile& profile_;
    int unlisted_max_;
    std::set<int> listed_;
};

bool covered(const std::vector<Block>& blocks, const Span& span) {
    return std::ranges::any_of(blocks, [&](const Block& block) {
        return span.address >= block.address && span.end() <= block.address + block.count;
    });
}

}  // namespace

ReadPlan plan_reads(const Profile& profile, bool only_listed) {
    const Planner planner{profile, only_listed};
    ReadPlan plan;
    Spans once;
    for (const Ratio& ratio : profile.ratios) {
        once.insert({ratio.address, register_count(ratio.type)});
    }
    for (const Identification& item : profile.identification) {
        once.insert({item.address, item.registers()});
    }
    plan.once = planner.cut(once);

    const auto fast_quantities = fast_names(profile);
    Spans fast;
    Spans slow;
    for (const Quantity& quantity : profile.quantities) {
        planner.add(quantity, fast_quantities.contains(quantity.name) ? fast : slow);
    }
    // A meter without per-phase values: everything it has is what we live on.
    if (fast.empty()) std::swap(fast, slow);
    plan.fast = planner.cut(fast);
    std::erase_if(slow, [&](const Span& span) { return covered(plan.fast, span); });
    plan.slow = planner.cut(slow);
    return plan;
}

}  // namespace busbar::meters
