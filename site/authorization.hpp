// May this badge charge here and now? One pure function, asked by Authorize, StartTransaction and
// RemoteStartTransaction alike.
#pragma once

#include <string>
#include <string_view>

#include "db/rows.hpp"
#include "ocpp/v16/common.hpp"

namespace busbar::site {

// What the answer depends on.
struct AuthorizationQuestion {
    const db::BadgeSaved* badge = nullptr;  // null: unknown idTag
    std::string_view charge_point;
    Timestamp at;
    // Transactions of this badge that run elsewhere; only StartTransaction may answer ConcurrentTx
    // (OCPP 1.6, 7.2), so others ask with 0.
    int active_transactions = 0;
};

// The answer, and why, as a stable word for logs and the interface.
struct Authorization {
    ocpp::v16::IdTagInfo id_tag_info;
    std::string reason;
    bool accepted() const { return id_tag_info.status == ocpp::v16::AuthorizationStatus::Accepted; }
};

Authorization authorize(const AuthorizationQuestion& question);

}  // namespace busbar::site
