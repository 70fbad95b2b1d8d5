// The configuration keys of a charger as the rest of Busbar and its operators use them: looked up,
// wished for, stored over restarts. Site loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ocpp/v16/core.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The kinds of StateSaved rows, by charge point id: what the charger reported, what operators want.
inline constexpr std::string_view configuration_kind = "configuration";
inline constexpr std::string_view desired_configuration_kind = "desired_configuration";

// A key's value as the charger last reported it, whatever case the key is spelled in, without
// blanks and quotation marks; nothing if it is not known.
std::optional<std::string_view> configuration_value(const ChargePoint& charger,
                                                    std::string_view key);
// The same as a whole number.
std::optional<std::int64_t> configuration_number(const ChargePoint& charger, std::string_view key);

// All that is wanted of this charger, by operators and by Busbar itself.
std::vector<KeyWish> wishes_for(const Site& site, const ChargePoint& charger);
// Both sides of every key, by key.
std::vector<KeyLine> configuration_lines(const Site& site, const ChargePoint& charger);

// How far a wish got.
struct WishAnswer {
    std::optional<std::string> status;  // the charger's; nothing: not asked, or no answer
    KeyState state{};
    std::string detail;  // why there is no status, in words
};

// An operator wants this value. Durable before it is sent; sent now if the charger is connected,
// otherwise when it connects. Preconditions: the key is not AuthorizationKey, the journal has room,
// and there is room for another key (has_room_for_wish).
void set_wish(Site& site, ChargePoint& charger, const std::string& key, const std::string& value,
              Now now, std::function<void(WishAnswer)> done);
bool has_room_for_wish(const ChargePoint& charger, std::string_view key);
// Takes the wish back; what Busbar wants of the key counts again. Nothing if there is none.
// Precondition: the journal has room.
std::optional<db::Journal::Ticket> remove_wish(Site& site, ChargePoint& charger,
                                               std::string_view key, Now now);

// The charger has answered a command of an operator: what it agreed to is wanted from now on.
void configuration_commanded(Site& site, ChargePoint& charger,
                             const v16::ChangeConfiguration::Request& request,
                             const v16::ChangeConfiguration::Response& response, Now now);
// What it told is kept.
void configuration_told(Site& site, ChargePoint& charger,
                        const v16::GetConfiguration::Request& request,
                        const v16::GetConfiguration::Response& response, Now now);

// Records what the charger reported. Left out while the journal is full: it is of use after a
// restart only, and read again with the next boot.
void store_reported_keys(Site& site, const ChargePoint& charger);

// At start: takes over rows of the two kinds; others, and those of unknown charge points, are
// ignored.
void restore_configuration(Site& site, const db::StateSaved& row);
// Takes the charger's rows out of the database; the caller forgets the charger.
void forget_configuration(Site& site, const ChargePoint& charger);

}  // namespace busbar::site
