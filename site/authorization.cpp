#include "site/authorization.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "site/opening_hours.hpp"

namespace busbar::site {
namespace {

namespace v16 = ocpp::v16;
using enum v16::AuthorizationStatus;

Authorization answer(v16::AuthorizationStatus status, std::string_view reason, std::string words) {
    Authorization out;
    out.id_tag_info.status = status;
    out.reason = reason;
    out.words = std::move(words);
    return out;
}

void end_by(std::optional<Timestamp>& expiry, const std::optional<Timestamp>& end) {
    if (end && (!expiry || *end < *expiry)) expiry = end;
}

// Whose badge it is, and where it is shown. Nothing: no objection.
std::optional<Authorization> badge_objection(const AuthorizationQuestion& question) {
    if (!question.badge) return answer(Invalid, "unknown_badge", "no such badge");
    const auto& badge = *question.badge;
    if (badge.valid_until && *badge.valid_until <= question.at) {
        auto expired =
            answer(Expired, "badge_expired", "valid until " + to_string(*badge.valid_until));
        expired.id_tag_info.expiryDate = badge.valid_until;
        return expired;
    }
    if (badge.valid_from && question.at < *badge.valid_from) {
        return answer(Invalid, "badge_not_valid_yet", "valid from " + to_string(*badge.valid_from));
    }
    if (badge.max_active_transactions <= 0) {
        return answer(Blocked, "badge_may_not_charge", "it may run no transactions at all");
    }
    if (!is_for(badge, question.charge_point)) {
        return answer(Invalid, "badge_not_for_this_charge_point",
                      "neither this charge point nor a group of it is among those it is for");
    }
    return std::nullopt;
}

// Hours that are not open, or until when they are in `expiry`.
std::optional<Authorization> hours_objection(const std::optional<std::string>& hours,
                                             const AuthorizationQuestion& question,
                                             std::string_view reason, std::string_view whose,
                                             std::optional<Timestamp>& expiry) {
    if (!hours) return std::nullopt;
    const auto state = question.hours ? question.hours->at(*hours, question.at, question.zone)
                                      : hours_at(*hours, question.at, question.zone);
    if (!state.is_open) {
        return answer(Invalid, reason, std::string{whose} + " hours are " + *hours);
    }
    end_by(expiry, state.until);
    return std::nullopt;
}

std::optional<Authorization> use_objection(const AuthorizationQuestion& question) {
    const auto& badge = *question.badge;
    const auto& use = question.use;
    const auto& quota = badge.monthly_energy_quota_wh;
    if (quota && use.energy_wh >= *quota) {
        return answer(Invalid, "quota_reached",
                      std::to_string(use.energy_wh) + " of " + std::to_string(*quota) +
                          " Wh are used this month");
    }
    if (!question.is_start) return std::nullopt;
    if (use.active >= badge.max_active_transactions) {
        return answer(ConcurrentTx, "badge_in_use",
                      std::to_string(use.active) + " of " +
                          std::to_string(badge.max_active_transactions) +
                          " transactions are running");
    }
    const auto* group = question.group;
    const auto most = group ? group->max_active_transactions : std::nullopt;
    if (most && use.active_in_group >= *most) {
        return answer(ConcurrentTx, "group_in_use",
                      std::to_string(use.active_in_group) + " of " + std::to_string(*most) +
                          " transactions of its group are running");
    }
    return std::nullopt;
}

}  // namespace

std::string Authorization::explained() const {
    return words.empty() ? reason : reason + " detail=\"" + words + "\"";
}

bool is_for(const db::BadgeSaved& badge, const db::ChargePointSaved& charge_point) {
    if (!badge.charge_points && !badge.charge_point_groups) return true;
    const auto among = [](const std::optional<std::vector<std::string>>& texts, const auto& is) {
        return texts && std::any_of(texts->begin(), texts->end(), is);
    };
    if (among(badge.charge_points,
              [&](const auto& id) { return equal_ignoring_case(id, charge_point.id); })) {
        return true;
    }
    return among(badge.charge_point_groups, [&](const auto& wanted) {
        return among(charge_point.groups,
                     [&](const auto& group) { return equal_ignoring_case(group, wanted); });
    });
}

Authorization authorize(const AuthorizationQuestion& question) {
    const auto* badge = question.badge;
    const auto& place = question.charge_point;
    // Who was blocked by hand is kept out where nobody needs a badge, too.
    if (badge && badge->status != "active") {
        return answer(Blocked, "badge_blocked", "an operator has blocked it");
    }
    const bool is_free = place.access == "free" || question.is_nobody;
    if (!is_free) {
        if (auto objection = badge_objection(question)) return std::move(*objection);
    }
    std::optional<Timestamp> expiry;
    if (badge && !is_free) expiry = badge->valid_until;
    if (auto closed = hours_objection(place.opening_hours, question, "charge_point_closed",
                                      "the charge point's", expiry)) {
        return std::move(*closed);
    }
    if (badge && !is_free) {
        if (auto outside = hours_objection(badge->schedule, question, "outside_schedule",
                                           "the badge's", expiry)) {
            return std::move(*outside);
        }
    }
    if (question.is_reserved_for_others) {
        return answer(Invalid, "connector_reserved", "the connector is kept for another badge");
    }
    if (!is_free) {
        if (auto objection = use_objection(question)) return std::move(*objection);
    }
    auto accepted = is_free ? answer(Accepted, "no_badge_needed", "nobody needs a badge here")
                            : answer(Accepted, "accepted", "");
    accepted.id_tag_info.expiryDate = expiry;
    // The charger compares parents to let one of a group stop another's transaction (3.10).
    if (badge && badge->group) {
        // Some compare letter by letter: one spelling for all badges, where the group has its own.
        const bool has_own =
            question.group && equal_ignoring_case(question.group->name, *badge->group);
        accepted.id_tag_info.parentIdTag =
            v16::IdToken{has_own ? question.group->name : *badge->group};
    }
    return accepted;
}

int charging_class(const db::BadgeSaved* badge) {
    constexpr int modes = 3;
    constexpr int patient = 0;
    constexpr int fair = 1;
    constexpr int fast = 2;
    if (!badge) return fair;
    const auto mode = badge->charge_mode.value_or("fair");
    const int within = mode == "fast" ? fast : mode == "fair" ? fair : patient;
    return modes * std::clamp(badge->priority_class.value_or(0), 0, 9) + within;
}

}  // namespace busbar::site
