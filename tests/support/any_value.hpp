// Values of any described type, made from its TypeInfo alone: what a codec can carry, without code
// for each struct; and whether two are the same. Numbers come from the caller: a property test's
// generator or a fuzzer's bytes. Pure.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "base/codec.hpp"

namespace busbar::test {

// A number from 0 to below its argument.
using Choose = std::function<std::uint32_t(std::uint32_t below)>;

// Text of at most size_max characters: ASCII, what JSON escapes, and more than one byte.
inline std::string any_text(std::size_t size_max, const Choose& choose) {
    static constexpr std::string_view pieces[] = {"a", "Z", "7", " ",    "\"",   "\\",
                                                  "/", ":", "-", "\x01", "\x7F", "\xC3\xA9",
                                                  "%", "<", "0", "\n"};
    std::string out;
    const auto bound = static_cast<std::uint32_t>(std::min<std::size_t>(size_max, 24));
    for (auto left = choose(bound + 1); left > 0; --left) {
        out += pieces[choose(std::size(pieces))];
    }
    return out;
}

// Makes `out`, an object of this type, any value of it. Optional fields are there if
// `all_fields`, else now and then.
inline void make_any(const codec::TypeInfo& type, void* out, bool all_fields,
                     const Choose& choose) {
    using codec::Kind;
    const auto signed_number = [&] { return static_cast<std::int32_t>(choose(~0U)); };
    switch (type.kind) {
        case Kind::text:
            *static_cast<std::string*>(out) = any_text(type.size_max, choose);
            return;
        case Kind::boolean:
            *static_cast<bool*>(out) = choose(2) == 1;
            return;
        case Kind::int32:
            *static_cast<std::int32_t*>(out) = signed_number();
            return;
        case Kind::int64:
            *static_cast<std::int64_t*>(out) = std::int64_t{signed_number()} << choose(31);
            return;
        case Kind::real:
            *static_cast<double*>(out) = signed_number() / 64.0;
            return;
        case Kind::tenths:
            static_cast<Tenths*>(out)->value = signed_number() % 2'000'000'000;
            return;
        case Kind::timestamp: {
            // From 1902 to 2038, to the millisecond.
            const std::chrono::seconds seconds{signed_number()};
            *static_cast<Timestamp*>(out) =
                Timestamp{seconds + std::chrono::milliseconds{choose(1000)}};
            return;
        }
        case Kind::raw:
            static_cast<RawJson*>(out)->text = std::to_string(signed_number());
            return;
        case Kind::enumeration: {
            const auto count = static_cast<std::uint32_t>(type.enumerators.size());
            std::memcpy(out, &type.enumerators[choose(count)].value, sizeof(int));
            return;
        }
        case Kind::array:
            for (auto left = 1 + choose(3); left > 0; --left) {
                make_any(*type.item, type.append_item(out), all_fields, choose);
            }
            return;
        case Kind::object:
            for (const auto& field : type.fields) {
                if (!field.required && !all_fields && choose(2) == 0) continue;
                make_any(*field.type, field.emplace(out), all_fields, choose);
            }
            return;
    }
}

template <class T>
bool same_as(const void* a, const void* b) {
    return *static_cast<const T*>(a) == *static_cast<const T*>(b);
}

// Whether two objects of this type hold the same, absent fields included.
inline bool same(const codec::TypeInfo& type, const void* a, const void* b) {
    using codec::Kind;
    switch (type.kind) {
        case Kind::text:
            return same_as<std::string>(a, b);
        case Kind::boolean:
            return same_as<bool>(a, b);
        case Kind::int32:
            return same_as<std::int32_t>(a, b);
        case Kind::int64:
            return same_as<std::int64_t>(a, b);
        case Kind::real:
            return same_as<double>(a, b);
        case Kind::tenths:
            return same_as<Tenths>(a, b);
        case Kind::timestamp:
            return same_as<Timestamp>(a, b);
        case Kind::raw:
            return static_cast<const RawJson*>(a)->text == static_cast<const RawJson*>(b)->text;
        case Kind::enumeration:
            return std::memcmp(a, b, sizeof(int)) == 0 &&
                   (!type.other ||
                    *type.other(const_cast<void*>(a)) == *type.other(const_cast<void*>(b)));
        case Kind::array: {
            const auto [a_items, a_count] = type.items(a);
            const auto [b_items, b_count] = type.items(b);
            if (a_count != b_count) return false;
            for (std::size_t at = 0; at < a_count * type.item_size; at += type.item_size) {
                if (!same(*type.item, static_cast<const char*>(a_items) + at,
                          static_cast<const char*>(b_items) + at)) {
                    return false;
                }
            }
            return true;
        }
        case Kind::object:
            return std::all_of(type.fields.begin(), type.fields.end(), [&](const auto& field) {
                const void* a_field = field.find(a);
                const void* b_field = field.find(b);
                if (!a_field || !b_field) return a_field == b_field;
                return same(*field.type, a_field, b_field);
            });
    }
    return false;
}

}  // namespace busbar::test
