#include "site/authorization.hpp"

#include <algorithm>

namespace busbar::site {

namespace v16 = ocpp::v16;

Authorization authorize(const AuthorizationQuestion& question) {
    using enum v16::AuthorizationStatus;
    const auto refuse = [](v16::AuthorizationStatus status, std::string reason) {
        v16::IdTagInfo info;
        info.status = status;
        return Authorization{std::move(info), std::move(reason)};
    };
    if (!question.badge) return refuse(Invalid, "unknown_badge");
    const auto& badge = *question.badge;
    if (badge.status != "active") return refuse(Blocked, "badge_blocked");
    if (badge.valid_until && *badge.valid_until <= question.at) {
        auto expired = refuse(Expired, "badge_expired");
        expired.id_tag_info.expiryDate = badge.valid_until;
        return expired;
    }
    if (badge.valid_from && question.at < *badge.valid_from) {
        return refuse(Invalid, "badge_not_valid_yet");
    }
    if (badge.charge_points && std::find(badge.charge_points->begin(), badge.charge_points->end(),
                                         question.charge_point) == badge.charge_points->end()) {
        return refuse(Invalid, "badge_not_for_this_charge_point");
    }
    if (question.active_transactions >= badge.max_active_transactions) {
        return refuse(ConcurrentTx, "badge_in_use");
    }
    Authorization answer = refuse(Accepted, "accepted");
    answer.id_tag_info.expiryDate = badge.valid_until;
    // The charger compares parents to let one of a group stop another's transaction (3.10).
    if (badge.group) answer.id_tag_info.parentIdTag = v16::IdToken{*badge.group};
    return answer;
}

}  // namespace busbar::site
