#include "meters/profile_check.hpp"

#include <algorithm>
#include <set>

namespace busbar::meters {
namespace {

class Check {
public:
    explicit Check(const Profile& profile) : profile_(profile) {}

    std::vector<ProfileProblem> run() {
        for (std::size_t at = 0; at < profile_.quantities.size(); ++at) {
            check_quantity(profile_.quantities[at], "/quantities/" + std::to_string(at));
        }
        for (std::size_t at = 0; at < profile_.sums.size(); ++at) {
            check_sum(profile_.sums[at], "/sums/" + std::to_string(at));
        }
        for (std::size_t at = 0; at < profile_.ratios.size(); ++at) {
            const Ratio& ratio = profile_.ratios[at];
            const std::string pointer = "/ratios/" + std::to_string(at);
            unique(ratio.name, pointer);
            readable(ratio.address, register_count(ratio.type), pointer + "/address");
        }
        for (std::size_t at = 0; at < profile_.identification.size(); ++at) {
            const Identification& item = profile_.identification[at];
            const std::string pointer = "/identification/" + std::to_string(at);
            readable(item.address, item.registers(), pointer + "/address");
            if (item.registers() > profile_.registers_per_read_max) {
                problem(pointer + "/registers", "must not be more than registersPerReadMax");
            }
        }
        return std::move(problems_);
    }

private:
    void problem(std::string pointer, std::string detail) {
        problems_.push_back({std::move(pointer), std::move(detail)});
    }

    void unique(const std::string& name, const std::string& pointer) {
        if (!names_.insert(name).second) problem(pointer + "/name", "is used twice: " + name);
    }

    void readable(int address, int count, const std::string& pointer) {
        for (const RegisterRange& range : profile_.never_read) {
            if (address > range.last || address + count - 1 < range.first) continue;
            problem(pointer, "lies in a range of /neverRead");
        }
        const bool outside = profile_.sunspec && address + count > profile_.sunspec->registers;
        if (outside) problem(pointer, "lies behind the registers of the SunSpec model");
    }

    void check_quantity(const Quantity& quantity, const std::string& pointer) {
        unique(quantity.name, pointer);
        readable(quantity.address, register_count(quantity.type), pointer + "/address");
        if (quantity.sign_register) {
            readable(quantity.sign_register->address, 1, pointer + "/signRegister/address");
        }
        if (quantity.scale_register) {
            readable(*quantity.scale_register, 1, pointer + "/scaleRegister");
        }
        if (quantity.condition) {
            readable(quantity.condition->address, register_count(quantity.condition->type),
                     pointer + "/when");
        }
        for (const std::string& ratio : quantity.times) {
            if (std::ranges::find(profile_.ratios, ratio, &Ratio::name) == profile_.ratios.end()) {
                problem(pointer + "/times", "names no ratio: " + ratio);
            }
        }
        if (!quantity.sign_from_phase_power) return;
        const bool has_phase = quantity.name.ends_with("L1") || quantity.name.ends_with("L2") ||
                               quantity.name.ends_with("L3");
        if (!has_phase) {
            problem(pointer + "/sign", "fromPhasePower needs a name that ends in L1, L2, L3");
            return;
        }
        const std::string power = "activePower" + quantity.name.substr(quantity.name.size() - 2);
        if (profile_.quantity(power) == nullptr && profile_.sum(power) == nullptr) {
            problem(pointer + "/sign", "fromPhasePower needs the quantity " + power);
        }
    }

    void check_sum(const Sum& sum, const std::string& pointer) {
        unique(sum.name, pointer);
        for (const auto& [parts, member] :
             {std::pair{&sum.of, "/of"}, std::pair{&sum.minus, "/minus"}}) {
            for (const std::string& part : *parts) {
                if (profile_.quantity(part) != nullptr) continue;
                problem(pointer + member, "names no quantity: " + part);
            }
        }
    }

    const Profile& profile_;
    std::vector<ProfileProblem> problems_;
    std::set<std::string, std::less<>> names_;
};

// Walks along a JSON text that is known to be valid, counting nothing but its bytes.
class JsonCursor {
public:
    explicit JsonCursor(std::string_view text) : text_(text) { skip_space(); }

    std::size_t at() const { return at_; }

    // Moves to the member of the object or the item of the array that begins here. False, without
    // moving, if there is none.
    bool enter(std::string_view token) {
        const std::size_t before = at_;
        const char opening = peek();
        if (opening != '{' && opening != '[') return false;
        ++at_;
        skip_space();
        for (std::size_t index = 0; peek() != '\0' && peek() != '}' && peek() != ']'; ++index) {
            bool wanted = token == std::to_string(index);
            if (opening == '{') {
                const std::size_t name = at_ + 1;
                skip_string();
                wanted = token == text_.substr(name, at_ - 1 - name);
                skip_space();
                ++at_;  // the colon
                skip_space();
            }
            if (wanted) return true;
            skip_value();
            skip_space();
            if (peek() == ',') ++at_;
            skip_space();
        }
        at_ = before;
        return false;
    }

private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space() {
        const auto found = text_.find_first_not_of(" \t\r\n", at_);
        at_ = found == std::string_view::npos ? text_.size() : found;
    }

    void skip_string() {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') ++at_;
        }
        at_ = std::min(at_ + 1, text_.size());
    }

    void skip_value() {
        int depth = 0;
        do {
            const char c = peek();
            if (c == '"') {
                skip_string();
            } else if (c == '{' || c == '[') {
                ++depth;
                ++at_;
            } else if (c == '}' || c == ']') {
                --depth;
                ++at_;
            } else if (depth > 0) {
                ++at_;
            } else {
                const auto end = text_.find_first_of(",]} \t\r\n", at_);
                at_ = end == std::string_view::npos ? text_.size() : end;
            }
        } while (depth > 0 && at_ < text_.size());
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<ProfileProblem> check_profile(const Profile& profile) { return Check{profile}.run(); }

int line_of_byte(std::string_view text, std::size_t byte) {
    const auto before = text.substr(0, std::min(byte, text.size()));
    return 1 + static_cast<int>(std::ranges::count(before, '\n'));
}

int line_of(std::string_view json_text, std::string_view pointer) {
    JsonCursor cursor{json_text};
    while (pointer.starts_with('/')) {
        pointer.remove_prefix(1);
        const std::size_t length = std::min(pointer.find('/'), pointer.size());
        if (!cursor.enter(pointer.substr(0, length))) break;
        pointer.remove_prefix(length);
    }
    return line_of_byte(json_text, cursor.at());
}

std::string to_string(const ProfileProblem& problem) {
    return (problem.pointer.empty() ? "the file" : problem.pointer) + ": " + problem.detail;
}

const Quantity* Profile::quantity(std::string_view quantity_name) const {
    const auto found = std::ranges::find(quantities, quantity_name, &Quantity::name);
    return found == quantities.end() ? nullptr : &*found;
}

const Sum* Profile::sum(std::string_view sum_name) const {
    const auto found = std::ranges::find(sums, sum_name, &Sum::name);
    return found == sums.end() ? nullptr : &*found;
}

std::vector<std::string> Profile::quantity_names() const {
    std::vector<std::string> names;
    for (const Quantity& item : quantities) names.push_back(item.name);
    for (const Sum& item : sums) names.push_back(item.name);
    return names;
}

bool Profile::measures_phase_currents() const {
    bool any = false;
    for (const std::string phase : {"L1", "L2", "L3"}) {
        const bool current = quantity("current" + phase) != nullptr;
        if (!current && quantity("voltage" + phase) != nullptr) return false;
        any = any || current;
    }
    return any;
}

}  // namespace busbar::meters
