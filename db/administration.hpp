// What the command line does to the database, beside a running server or without one: the server
// hears of it through the change listener. Blocking, one connection a call; every function throws
// DatabaseError when the database cannot be used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/error.hpp"
#include "db/rows.hpp"
#include "db/token.hpp"

namespace busbar::db {

// All badges, by idTag.
std::vector<BadgeSaved> badges(const std::string& url);
std::optional<BadgeSaved> badge(const std::string& url, const std::string& id_tag);
// Adds the badge or replaces the one with the same idTag.
void save_badge(const std::string& url, const BadgeSaved& badge);
// Adds the badge; false if there is one with this idTag already.
bool add_badge(const std::string& url, const BadgeSaved& badge);
// False if there is no such badge.
bool block_badge(const std::string& url, const std::string& id_tag);
bool remove_badge(const std::string& url, const std::string& id_tag);

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
// Adds the charge point or replaces the one with the same id.
void save_charge_point(const std::string& url, const ChargePointSaved& charge_point);
// `state` is "accepted", "rejected" or "pending". False if there is no such charge point.
bool set_charge_point_state(const std::string& url, const std::string& id,
                            const std::string& state);

}  // namespace busbar::db
