#include "dlm/plan_file.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dlm/explain.hpp"

namespace busbar::dlm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr double amps_max = 10'000;
constexpr double power_w_max = 1e9;
constexpr std::size_t entries_max = 20'000;  // of nodes, of EVSEs
constexpr std::size_t groups_max = 1'000;
constexpr int depth_max = 64;
constexpr int class_max = 9;

struct Range {
    double from;
    double to;
};
constexpr Range amps_range{0, amps_max};
constexpr Range signed_amps_range{-amps_max, amps_max};

std::string in_words(double value) {
    if (value == std::floor(value)) return std::to_string(static_cast<std::int64_t>(value));
    return json(value).dump();
}

// JSON pointers escape ~ and /.
std::string escaped(const std::string& key) {
    std::string result;
    for (const char c : key) {
        if (c == '~') {
            result += "~0";
        } else if (c == '/') {
            result += "~1";
        } else {
            result += c;
        }
    }
    return result;
}

// One JSON object on the way to a struct. A member that is wrong is reported and leaves the
// default.
class Object {
public:
    Object(const json& value, std::string pointer, PlanProblems& problems)
        : value_(value), pointer_(std::move(pointer)), problems_(problems) {
        if (!value_.is_object()) add("", "must be an object");
    }

    bool is_object() const { return value_.is_object(); }

    // Call it last: the keys nobody asked for are unknown.
    void refuse_unknown_keys() const {
        if (!value_.is_object()) return;
        for (const auto& [key, member] : value_.items()) {
            if (!known_.contains(key)) add("/" + escaped(key), "unknown key");
        }
    }

    // Null if the member is absent.
    const json* find(const std::string& key) {
        known_.insert(key);
        if (!value_.is_object()) return nullptr;
        const auto at = value_.find(key);
        return at == value_.end() ? nullptr : &*at;
    }

    // The same, but null is as good as absent.
    const json* find_not_null(const std::string& key) {
        const json* member = find(key);
        return member == nullptr || member->is_null() ? nullptr : member;
    }

    const json* required(const std::string& key) {
        const json* member = find(key);
        if (member == nullptr && value_.is_object()) add("/" + key, "is missing");
        return member;
    }

    const json* required_array(const std::string& key) {
        const json* member = required(key);
        if (member != nullptr && !member->is_array()) {
            add("/" + key, "must be an array");
            return nullptr;
        }
        return member;
    }

    std::string required_id(const std::string& key) {
        const json* member = required(key);
        if (member == nullptr) return {};
        if (!member->is_string() || member->get_ref<const std::string&>().empty()) {
            add("/" + key, "must be a string that is not empty");
            return {};
        }
        return member->get<std::string>();
    }

    double number(const std::string& key, const json* member, Range range, double fallback) {
        if (member == nullptr) return fallback;
        return checked("/" + key, *member, range).value_or(fallback);
    }

    double number(const std::string& key, Range range, double fallback) {
        return number(key, find(key), range, fallback);
    }

    std::int32_t integer(const std::string& key, Range range, std::int32_t fallback) {
        const double value = number(key, range, fallback);
        if (value != std::floor(value)) {
            add("/" + key, "must be a whole number");
            return fallback;
        }
        return static_cast<std::int32_t>(value);
    }

    PhaseAmps phase_amps(const std::string& key, const json* member, Range range) {
        PhaseAmps result{};
        if (member == nullptr) return result;
        if (!member->is_array() || member->size() != result.size()) {
            add("/" + key, "must be an array of three numbers: L1, L2, L3");
            return result;
        }
        for (std::size_t p = 0; p < result.size(); ++p) {
            const auto value = checked("/" + key + "/" + std::to_string(p), (*member)[p], range);
            result[p] = Amps::from_double(value.value_or(0));
        }
        return result;
    }

    // An id, or nothing if it is no string (reported).
    const std::string* text(const std::string& suffix, const json& member) const {
        if (member.is_string()) return &member.get_ref<const std::string&>();
        add(suffix, "must be a string");
        return nullptr;
    }

    void add(const std::string& suffix, const std::string& problem) const {
        problems_.push_back(pointer_ + suffix + ": " + problem);
    }

private:
    std::optional<double> checked(const std::string& suffix, const json& member,
                                  Range range) const {
        if (!member.is_number()) {
            add(suffix, "must be a number");
            return std::nullopt;
        }
        const double value = member.get<double>();
        if (!(value >= range.from && value <= range.to)) {
            add(suffix, "must be from " + in_words(range.from) + " to " + in_words(range.to));
            return std::nullopt;
        }
        return value;
    }

    const json& value_;
    std::string pointer_;
    PlanProblems& problems_;
    std::set<std::string> known_;
};

class ProblemReader {
public:
    explicit ProblemReader(PlanProblems& problems) : problems_(problems) {}

    Problem read(const json& document) {
        Object root{document, "", problems_};
        read_list(root, root.required_array("nodes"), "nodes", entries_max, &ProblemReader::node);
        resolve_parents(document);
        read_list(root, root.required_array("evses"), "evses", entries_max, &ProblemReader::evse);
        read_optional_list(root, "classes", entries_max, &ProblemReader::add_class);
        read_optional_list(root, "groups", groups_max, &ProblemReader::group);
        const double volts = root.number("voltage", {1, 1000}, 230);
        result_.voltage_millivolts = static_cast<std::int32_t>(std::lround(volts * 1000));
        root.refuse_unknown_keys();
        return std::move(result_);
    }

private:
    using ReadEntry = void (ProblemReader::*)(Object&, std::size_t);
    using Index = std::map<std::string, int>;

    void read_list(Object& root, const json* list, const std::string& key, std::size_t size_max,
                   ReadEntry read_entry) {
        if (list == nullptr) return;
        if (list->size() > size_max) {
            root.add("/" + key, "has more than " + std::to_string(size_max) + " entries");
            return;
        }
        for (std::size_t i = 0; i < list->size(); ++i) {
            Object entry{(*list)[i], "/" + key + "/" + std::to_string(i), problems_};
            (this->*read_entry)(entry, i);
            entry.refuse_unknown_keys();
        }
    }

    void read_optional_list(Object& root, const std::string& key, std::size_t size_max,
                            ReadEntry read_entry) {
        const json* list = root.find(key);
        if (list != nullptr && !list->is_array()) {
            root.add("/" + key, "must be an array");
            return;
        }
        read_list(root, list, key, size_max, read_entry);
    }

    static void add_to_index(Object& entry, Index& index, const std::string& id, std::size_t i) {
        if (!id.empty() && !index.emplace(id, static_cast<int>(i)).second) {
            entry.add("/id", "\"" + id + "\" is used twice");
        }
    }

    void node(Object& entry, std::size_t i) {
        Node node;
        node.id = entry.required_id("id");
        add_to_index(entry, nodes_, node.id, i);
        entry.find("parent");
        node.limit = entry.phase_amps("limitAmps", entry.required("limitAmps"), amps_range);
        const double derate = entry.number("derate", {0, 1}, 1);
        node.derate_millionths = static_cast<std::int32_t>(std::lround(derate * 1e6));
        node.margin = entry.phase_amps("marginAmps", entry.find("marginAmps"), amps_range);
        node.background =
            entry.phase_amps("backgroundAmps", entry.find("backgroundAmps"), signed_amps_range);
        if (const json* power = entry.find_not_null("powerLimitW")) {
            node.power_limit_milliwatts = milliwatts(entry, power);
        }
        if (const json* amps = entry.find_not_null("asymmetryLimitAmps")) {
            node.asymmetry_limit =
                Amps::from_double(entry.number("asymmetryLimitAmps", amps, amps_range, 0));
        }
        result_.nodes.push_back(std::move(node));
    }

    static std::int64_t milliwatts(Object& entry, const json* power) {
        return std::llround(entry.number("powerLimitW", power, {0, power_w_max}, 0) * 1000);
    }

    void resolve_parents(const json& document) {
        for (std::size_t i = 0; i < result_.nodes.size(); ++i) {
            const std::string pointer = "/nodes/" + std::to_string(i);
            Object entry{document["nodes"][i], pointer, problems_};
            const json* parent = entry.find_not_null("parent");
            const std::string* id = parent == nullptr ? nullptr : entry.text("/parent", *parent);
            if (id == nullptr) continue;
            const auto known = nodes_.find(*id);
            if (known == nodes_.end()) {
                entry.add("/parent", "there is no node \"" + *id + "\"");
            } else {
                result_.nodes[i].parent = known->second;
            }
        }
        for (std::size_t i = 0; i < result_.nodes.size(); ++i) check_path(i);
    }

    void check_path(std::size_t from) {
        const std::string pointer = "/nodes/" + std::to_string(from) + "/parent: ";
        int depth = 1;
        for (int above = result_.nodes[from].parent; above >= 0;
             above = result_.nodes[static_cast<std::size_t>(above)].parent) {
            if (above == static_cast<int>(from)) {
                problems_.push_back(pointer + "the node is above itself");
                return;
            }
            if (++depth > depth_max) {
                problems_.push_back(pointer + "more than " + std::to_string(depth_max) +
                                    " nodes above each other, or a cycle above");
                return;
            }
        }
    }

    void evse(Object& entry, std::size_t i) {
        Evse evse;
        evse.id = entry.required_id("id");
        add_to_index(entry, evses_, evse.id, i);
        const std::string node = entry.required_id("node");
        if (const auto known = nodes_.find(node); known != nodes_.end()) {
            evse.node = known->second;
        } else if (!node.empty()) {
            entry.add("/node", "there is no node \"" + node + "\"");
        }
        evse.phases = phases(entry);
        const json* maximum = entry.required("maxAmps");
        evse.maximum = Amps::from_double(entry.number("maxAmps", maximum, amps_range, 0));
        evse.minimum = Amps::from_double(entry.number("minAmps", amps_range, 6));
        const double weight = entry.number("weight", {0.001, 1000}, 1);
        evse.weight_thousandths = static_cast<std::int32_t>(std::lround(weight * 1000));
        evse.class_id = entry.integer("class", {0, class_max}, 0);
        evse.rank = entry.integer("rank", {-1e9, 1e9}, static_cast<std::int32_t>(i));
        evse.step = Amps::from_double(entry.number("stepAmps", {0.001, 100}, 0.1));
        if (const json* reserved = entry.find_not_null("reservedAmps")) {
            evse.reserved =
                Amps::from_double(entry.number("reservedAmps", reserved, amps_range, 0));
        }
        result_.evses.push_back(std::move(evse));
    }

    static Phases phases(Object& entry) {
        Phases result{};
        const json* list = entry.required("phases");
        if (list == nullptr) return result;
        bool valid = list->is_array() && !list->empty();
        if (valid) {
            for (const json& phase : *list) {
                const bool known = phase.is_number_integer() && phase >= 1 && phase <= 3;
                if (!known || result[phase.get<std::size_t>() - 1]) {
                    valid = false;
                    break;
                }
                result[phase.get<std::size_t>() - 1] = true;
            }
        }
        if (!valid) entry.add("/phases", "must list one to three of 1, 2, 3, each once");
        return result;
    }

    void add_class(Object& entry, std::size_t) {
        Class added;
        if (entry.required("id") != nullptr) added.id = entry.integer("id", {0, class_max}, 0);
        if (!classes_.insert(added.id).second) {
            entry.add("/id", std::to_string(added.id) + " is used twice");
        }
        if (const json* preemptive = entry.find("preemptive")) {
            if (preemptive->is_boolean()) {
                added.preemptive = preemptive->get<bool>();
            } else {
                entry.add("/preemptive", "must be true or false");
            }
        }
        result_.classes.push_back(added);
    }

    void group(Object& entry, std::size_t i) {
        Group group;
        group.id = entry.required_id("id");
        add_to_index(entry, groups_, group.id, i);
        if (const json* members = entry.required_array("members")) {
            std::set<int> seen;
            for (std::size_t m = 0; m < members->size(); ++m) {
                const std::string suffix = "/members/" + std::to_string(m);
                const std::string* id = entry.text(suffix, (*members)[m]);
                if (id == nullptr) continue;
                const auto known = evses_.find(*id);
                if (known == evses_.end()) {
                    entry.add(suffix, "there is no EVSE \"" + *id + "\"");
                } else if (!seen.insert(known->second).second) {
                    entry.add(suffix, "\"" + *id + "\" is listed twice");
                } else {
                    group.members.push_back(known->second);
                }
            }
        }
        group.power_limit_milliwatts = milliwatts(entry, entry.required("powerLimitW"));
        result_.groups.push_back(std::move(group));
    }

    PlanProblems& problems_;
    Problem result_;
    Index nodes_;
    Index evses_;
    Index groups_;
    std::set<int> classes_;
};

ordered_json number(Amps amps) {
    if (amps.milliamps % 1000 == 0) return amps.milliamps / 1000;
    return amps.to_double();
}

ordered_json number(const PhaseAmps& amps) {
    ordered_json result = ordered_json::array();
    for (const Amps phase : amps) result.push_back(number(phase));
    return result;
}

ordered_json to_document(const Reason& reason) {
    ordered_json params = ordered_json::object();
    for (const auto& [name, value] : reason.params) {
        if (const auto* text = std::get_if<std::string>(&value)) {
            params[name] = *text;
        } else if (const auto* amps = std::get_if<Amps>(&value)) {
            params[name] = number(*amps);
        } else {
            params[name] = std::get<std::int64_t>(value);
        }
    }
    return {{"code", reason.code}, {"params", std::move(params)}, {"text", explain(reason)}};
}

// Ids may come from callers that have not checked their encoding.
std::string dump(const ordered_json& document) {
    return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::variant<Problem, PlanProblems> parse_problem(std::string_view text) {
    PlanProblems problems;
    json document;
    try {
        document = json::parse(text);
    } catch (const json::exception& error) {
        problems.push_back(std::string{": is not valid JSON: "} + error.what());
        return problems;
    }
    Problem problem = ProblemReader{problems}.read(document);
    if (!problems.empty()) return problems;
    return problem;
}

std::string to_json(const Plan& plan) {
    ordered_json allocations = ordered_json::array();
    for (const Allocation& allocation : plan.allocations) {
        allocations.push_back({{"evse", allocation.evse},
                               {"amps", number(allocation.amps)},
                               {"limitedBy", allocation.limited_by},
                               {"reason", to_document(allocation.reason)}});
    }
    ordered_json nodes = ordered_json::array();
    for (const NodePlan& node : plan.nodes) {
        nodes.push_back({{"id", node.id},
                         {"capacityAmps", number(node.capacity)},
                         {"allocatedAmps", number(node.allocated)}});
    }
    return dump({{"allocations", std::move(allocations)}, {"nodes", std::move(nodes)}});
}

std::string to_json(const Reason& reason) { return dump(to_document(reason)); }

}  // namespace busbar::dlm
