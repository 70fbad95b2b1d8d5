// What the fields of badges and their groups may hold, as the tables' constraints have it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/violation.hpp"

namespace busbar::site {

inline constexpr std::size_t id_tag_size_max = 20;  // OCPP 1.6, 7.28
inline constexpr std::size_t badge_text_size_max = 200;
inline constexpr std::size_t note_size_max = 2000;
inline constexpr std::int32_t active_transactions_max = 1000;

// Characters as PostgreSQL counts them. Nothing if the text is not UTF-8.
std::optional<std::size_t> characters_in(std::string_view text);

// Adds what is wrong with one line of text of at most `size_max` characters.
void check_text(std::vector<Violation>& out, std::string pointer,
                const std::optional<std::string>& text, std::size_t size_max);

// The same of an idTag or a group's name, where OCPP counts bytes.
void check_id_token(std::vector<Violation>& out, std::string pointer,
                    const std::optional<std::string>& text);

// The same of a note, which may have several lines.
void check_note(std::vector<Violation>& out, std::string pointer,
                const std::optional<std::string>& text);

// Adds what keeps mail from arriving at this address, as far as can be seen.
void check_email(std::vector<Violation>& out, std::string pointer,
                 const std::optional<std::string>& text);

// Adds what is wrong with weekly hours, and where.
void check_hours(std::vector<Violation>& out, std::string pointer,
                 const std::optional<std::string>& text);

}  // namespace busbar::site
