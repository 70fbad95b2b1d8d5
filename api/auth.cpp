#include "api/auth.hpp"

#include <algorithm>
#include <utility>

#include "base/secrets.hpp"
#include "base/text.hpp"

namespace busbar::api {

std::optional<Role> role_from_name(std::string_view name) {
    if (name == "admin") return Role::admin;
    if (name == "installer") return Role::installer;
    if (name == "operator") return Role::site_operator;
    if (name == "viewer") return Role::viewer;
    return std::nullopt;
}

bool permits(Role role, Access access) {
    if (role == Role::admin || access == Access::everyone || access == Access::read) return true;
    if (access == Access::administer) return false;
    if (access == Access::staff) return role != Role::viewer;
    return role == (access == Access::install ? Role::installer : Role::site_operator);
}

std::string_view roles_with(Access access) {
    switch (access) {
        case Access::everyone:
            return "everyone";
        case Access::read:
            return "viewer, operator, installer or admin";
        case Access::staff:
            return "operator, installer or admin";
        case Access::install:
            return "installer or admin";
        case Access::operate:
            return "operator or admin";
        case Access::administer:
            return "admin";
    }
    return "";
}

std::optional<std::string_view> bearer_secret(std::string_view authorization) {
    constexpr std::string_view scheme = "Bearer ";
    if (!equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return std::nullopt;
    const auto begin = authorization.find_first_not_of(' ', scheme.size());
    if (begin == std::string_view::npos) return std::nullopt;
    const auto end = authorization.find_last_not_of(' ');
    return authorization.substr(begin, end + 1 - begin);
}

void Tokens::replace(std::vector<db::Token> tokens) {
    const auto before = std::exchange(known_, {});
    for (auto& token : tokens) {
        const auto role = role_from_name(token.role);
        if (!role || token.revoked_at) continue;
        auto& known = known_.emplace_back();
        known.secret_hash = std::move(token.secret_hash);
        known.identity = {std::move(token.name), *role, token.id};
        const auto same = std::find_if(before.begin(), before.end(), [&](const Known& other) {
            return other.identity.token == token.id;
        });
        if (same != before.end()) known.noted_at = same->noted_at;
    }
}

std::optional<Role> Tokens::role_of(std::int64_t token) const {
    for (const auto& known : known_) {
        if (known.identity.token == token) return known.identity.role;
    }
    return std::nullopt;
}

bool Tokens::note_use(std::int64_t token, Instant now) {
    constexpr std::chrono::minutes interval{1};
    for (auto& known : known_) {
        if (known.identity.token != token) continue;
        if (known.noted_at && now < *known.noted_at + interval) return false;
        known.noted_at = now;
        return true;
    }
    return false;
}

const Identity* Tokens::find(std::string_view secret) const {
    const auto hash = token_hash(secret);
    const Identity* found = nullptr;
    for (const auto& known : known_) {
        if (equal_in_constant_time(known.secret_hash, hash)) found = &known.identity;
    }
    return found;
}

std::optional<std::chrono::seconds> FailureLimit::count(std::string_view peer_address,
                                                        Instant now) {
    auto it = by_address_.find(peer_address);
    if (it == by_address_.end()) {
        make_room(now);
        it = by_address_.emplace(peer_address, Failures{now}).first;
    }
    auto& failures = it->second;
    if (now - failures.since >= window) failures = {now};
    // Beyond the limit nothing more needs to be known.
    if (failures.count < failures_max) {
        ++failures.count;
        return std::nullopt;
    }
    return std::chrono::ceil<std::chrono::seconds>(failures.since + window - now);
}

void FailureLimit::make_room(Instant now) {
    if (by_address_.size() < addresses_max) return;
    std::erase_if(by_address_,
                  [&](const auto& entry) { return now - entry.second.since >= window; });
    if (by_address_.size() < addresses_max) return;
    by_address_.erase(std::min_element(
        by_address_.begin(), by_address_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
}

}  // namespace busbar::api
