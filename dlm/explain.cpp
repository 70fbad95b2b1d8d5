#include "dlm/explain.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

namespace busbar::dlm {
namespace {

std::string value_text(const ReasonValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* amps = std::get_if<Amps>(&value)) return to_text(*amps);
    return std::to_string(std::get<std::int64_t>(value));
}

struct Sentence {
    std::string_view code;
    std::string_view text;  // {name} stands for a parameter
};

constexpr std::array sentences{
    Sentence{"max_charger", "Gets all it can take: {amps}"},
    Sentence{"max_below_minimum",
             "Paused: its maximum of {maximum} is below its minimum of {minimum}"},
    Sentence{"node_current",
             "{node}/{phase}: {limit} less {other_load} other load leaves {available}, shared by "
             "{share_of}"},
    Sentence{"node_power", "{node}: power limit of {limit_w} W, shared by {share_of}"},
    Sentence{"unbalance",
             "{node}/{phase}: cars that do not use all phases may draw {limit} there, shared by "
             "{share_of}"},
    Sentence{"group_power", "Group {group}: power limit of {limit_w} W, shared by {share_of}"},
    Sentence{"below_min_queued",
             "Paused, number {position} in the queue: needs {minimum}, {limited_by} has {free} "
             "free"},
    Sentence{"charger_offline_reserve",
             "Does not answer: {amps} are kept free, the most it may draw"},
    Sentence{"charger_not_controllable",
             "Does not take limits: {amps} are kept free, the most it may draw"},
    Sentence{"ended_reserve",
             "No transaction is known there any more: {amps} are kept free for another "
             "{remaining_s} s, in case its car still draws"},
    Sentence{"ev_takes_less",
             "The car draws {measured} at most; {amps} are offered, the rest goes to others"},
    Sentence{"meter_stale_fallback",
             "The meter is silent for {age_s} s: {node}/{phase} has {available} to share until it "
             "returns"},
    Sentence{"ramp_up_hold", "On the way to {target}: raised in steps while there is room"},
    Sentence{"resume_wait", "Paused: waits until {minimum} have stayed free for a minute"},
    Sentence{"safe_current", "Falls back to its safe current of {amps}"},
    Sentence{"not_charging", "No transaction is running"},
};

}  // namespace

std::string to_text(Amps amps) {
    const long milliamps = amps.milliamps;
    std::string text = std::to_string(std::labs(milliamps) / 1000);
    if (milliamps < 0) text.insert(0, "-");
    if (milliamps % 1000 != 0) {
        std::string decimals = std::to_string(1000 + std::labs(milliamps) % 1000).substr(1);
        while (decimals.back() == '0') decimals.pop_back();
        text += "." + decimals;
    }
    return text + " A";
}

std::string explain(const Reason& reason) {
    std::string text;
    for (const Sentence& sentence : sentences) {
        if (sentence.code == reason.code) text = sentence.text;
    }
    if (text.empty()) {
        text = reason.code;
        for (const auto& [name, value] : reason.params)
            text += " " + name + "=" + value_text(value);
        return text;
    }
    for (const auto& [name, value] : reason.params) {
        const std::string placeholder = "{" + name + "}";
        const std::size_t at = text.find(placeholder);
        if (at != std::string::npos) text.replace(at, placeholder.size(), value_text(value));
    }
    return text;
}

}  // namespace busbar::dlm
