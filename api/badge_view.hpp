// Badges and their groups as the REST interface, the command line and the audit log show them.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "api/call.hpp"
#include "db/rows.hpp"
#include "site/badge_table.hpp"

namespace busbar::api {

struct BadgeView {
    std::string idTag;
    Nullable<std::string> printedNumber;
    Nullable<std::string> label;
    Nullable<std::string> holder;
    Nullable<std::string> email;
    Nullable<std::string> group;
    Nullable<std::string> costCentre;
    std::string status;
    Nullable<Timestamp> validFrom;
    Nullable<Timestamp> validUntil;
    Nullable<std::vector<std::string>> chargePoints;
    Nullable<std::vector<std::string>> chargePointGroups;
    Nullable<std::string> schedule;
    std::int32_t maxActiveTransactions = 1;
    Nullable<std::int64_t> monthlyEnergyQuotaWh;
    Nullable<std::string> chargeMode;
    Nullable<std::int32_t> priorityClass;
    Nullable<std::string> note;
};
BOOST_DESCRIBE_STRUCT(BadgeView, (),
                      (idTag, printedNumber, label, holder, email, group, costCentre, status,
                       validFrom, validUntil, chargePoints, chargePointGroups, schedule,
                       maxActiveTransactions, monthlyEnergyQuotaWh, chargeMode, priorityClass,
                       note))

BadgeView badge_view(const db::BadgeSaved& badge);

// What a list is narrowed to.
struct BadgeFilter {
    std::optional<std::string> text;  // in any of its texts, whatever the case of its letters
    std::optional<std::string> group;
    std::optional<std::string> status;
};
bool fits(const db::BadgeSaved& badge, const BadgeFilter& filter);

// What an audit entry says of a badge or a group: the same without what people are called or write.
// Of that only that it is there, "(set)", or that it is not what stood there `before`, "(changed)".
std::string audit_json(db::BadgeSaved badge, const db::BadgeSaved* before = nullptr);
std::string audit_json(db::BadgeGroupSaved group, const db::BadgeGroupSaved* before = nullptr);

// The entries for an import and for each badge it changes. `pattern` says who does it and when.
std::vector<db::AuditEntry> import_entries(const db::AuditEntry& pattern,
                                           const site::BadgesByIdTag& present,
                                           const site::BadgeImport& import);

struct BadgeGroupView {
    std::string name;
    Nullable<std::string> label;
    Nullable<std::string> costCentre;
    Nullable<std::int32_t> maxActiveTransactions;
    Nullable<std::string> note;
};
BOOST_DESCRIBE_STRUCT(BadgeGroupView, (), (name, label, costCentre, maxActiveTransactions, note))

BadgeGroupView badge_group_view(const db::BadgeGroupSaved& group);

// The JSON object with further members behind its own.
std::string extended(std::string object, const std::string& members);

}  // namespace busbar::api
