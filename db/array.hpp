// Values as PostgreSQL wants them in parameters: clean UTF-8 text, times, and array literals
// (PostgreSQL manual 8.15.2) for the unnest statements. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace busbar::db {

// The text without NUL characters and with U+FFFD for what is not UTF-8: PostgreSQL refuses both.
std::string clean_text(std::string_view text);

// The time as a timestamptz; times outside the years 1 to 9999 are moved to the nearest of them.
std::string time_text(Timestamp time);

// Builds one array literal. Every add appends one element.
class ArrayLiteral {
public:
    void add(std::string_view text);
    void add(const std::string& text) { add(std::string_view{text}); }
    void add(const char* text) { add(std::string_view{text}); }
    void add(std::int64_t value);
    void add(std::int32_t value) { add(std::int64_t{value}); }
    void add(bool value);
    void add(double value);  // NULL if not finite
    void add(Timestamp time);
    void add(const std::vector<std::string>& texts);  // as a text that holds an array literal
    void add_null();

    template <class T>
    void add(const std::optional<T>& value) {
        if (value) {
            add(*value);
        } else {
            add_null();
        }
    }

    // The literal; add nothing afterwards.
    std::string finish() &&;

private:
    void separate();
    void add_quoted(std::string_view clean);

    std::string out_ = "{";
};

}  // namespace busbar::db
