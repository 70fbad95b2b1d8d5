// What the command line does to the database, beside a running server or without one: the server
// hears of it through the change listener. Every change is noted in the audit log. Blocking, one
// connection a call; every function throws DatabaseError when the database cannot be used.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/error.hpp"
#include "db/rows.hpp"
#include "db/token.hpp"

namespace busbar::db {

// An entry of the audit log for what is done now on the command line.
AuditEntry command_line_entry(std::string_view action, std::string_view object_kind,
                              std::string object_id);

// All badges, by idTag.
std::vector<BadgeSaved> badges(const std::string& url);
// Nothing if there is no such badge, whatever its letters' case.
std::optional<BadgeSaved> badge(const std::string& url, const std::string& id_tag);

// Writes, as one unit, what `edit` returns for the badges of now; nobody else changes badges
// meanwhile.
using EditBadges = std::function<std::vector<Record>(const std::vector<BadgeSaved>& present)>;
void edit_badges(const std::string& url, const EditBadges& edit);

// Stores a token by the hash of its secret and returns its id.
std::int64_t create_token(const std::string& url, const std::string& name, const std::string& role,
                          const std::string& secret_hash);
// All tokens, revoked ones included, by id.
std::vector<Token> tokens(const std::string& url);
// Revokes a token; false if there is none of this id, or it is revoked already.
bool revoke_token(const std::string& url, std::int64_t id);
// The same for all tokens of this name; returns how many.
int revoke_tokens(const std::string& url, const std::string& name);

// All charge points, by id.
std::vector<ChargePointSaved> charge_points(const std::string& url);
// The same as edit_badges for charge points.
using EditChargePoints =
    std::function<std::vector<Record>(const std::vector<ChargePointSaved>& present)>;
void edit_charge_points(const std::string& url, const EditChargePoints& edit);

}  // namespace busbar::db
