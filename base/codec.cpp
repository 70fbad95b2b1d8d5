#include "base/codec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include <nlohmann/json.hpp>

namespace busbar::codec {
namespace {

// Enumerator identifiers cannot hold '.' or '-': the wire separator is written '_' in C++.
bool wire_equal(const char* name, char separator, std::string_view text, bool ignore_case) {
    for (const char c : text) {
        if (*name == '\0') return false;
        const char expected = *name == '_' ? separator : *name;
        if (expected != c && !(ignore_case && ascii_lower(expected) == ascii_lower(c))) {
            return false;
        }
        ++name;
    }
    return *name == '\0';
}

std::string allowed_values(const TypeInfo& type) {
    std::string out;
    for (const auto& enumerator : type.enumerators) {
        if (!out.empty()) out += ", ";
        for (const char* c = enumerator.name; *c; ++c) out += *c == '_' ? type.separator : *c;
    }
    return out;
}

// In the sense of JSON schema's maxLength: code points. The text is UTF-8, the parser has seen to
// it.
std::size_t character_count(std::string_view text) {
    const auto is_first_byte = [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    };
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_first_byte));
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

class Decoder {
public:
    Decoder(const DecodeOptions& options, DecodeReport& report)
        : options_(options), report_(report) {}

    bool read(const Json& json, const TypeInfo& type, void* out) {
        switch (type.kind) {
            case Kind::text:
                return read_text(json, type, *static_cast<std::string*>(out));
            case Kind::boolean:
                return read_boolean(json, *static_cast<bool*>(out));
            case Kind::int32:
                return read_integer(json, *static_cast<std::int32_t*>(out));
            case Kind::int64:
                return read_integer(json, *static_cast<std::int64_t*>(out));
            case Kind::real:
                return read_real(json, *static_cast<double*>(out));
            case Kind::tenths:
                return read_tenths(json, *static_cast<Tenths*>(out));
            case Kind::timestamp:
                return read_timestamp(json, *static_cast<Timestamp*>(out));
            case Kind::raw:
                return read_raw(json, *static_cast<RawJson*>(out));
            case Kind::enumeration:
                return read_enumeration(json, type, out);
            case Kind::array:
                return read_array(json, type, out);
            case Kind::object:
                return read_object(json, type, out);
        }
        return false;
    }

private:
    bool fail(Defect defect, std::string detail) {
        report_.errors.push_back({defect, pointer_, std::move(detail)});
        return false;
    }

    // A defect that a lenient decoder lives with; true if it may.
    bool tolerate(Defect defect, std::string detail) {
        if (!options_.lenient) return fail(defect, std::move(detail));
        report_.deviations.push_back({defect, pointer_, std::move(detail)});
        return true;
    }

    bool read_text(const Json& json, const TypeInfo& type, std::string& out) {
        if (const auto* text = json.get_ptr<const std::string*>()) {
            out = *text;
        } else if (!json.is_number() && !json.is_boolean()) {
            return fail(Defect::wrong_type, "must be a string");
        } else {
            if (!tolerate(Defect::wrong_type, "must be a string")) return false;
            out = json.dump();
        }
        if (out.size() > type.size_max && character_count(out) > type.size_max) {
            const auto bound = std::to_string(type.size_max);
            return tolerate(Defect::bad_value, "longer than " + bound + " characters");
        }
        return true;
    }

    bool read_boolean(const Json& json, bool& out) {
        if (json.is_boolean()) {
            out = json.get<bool>();
            return true;
        }
        const auto* text = json.get_ptr<const std::string*>();
        const bool yes = text && equal_ignoring_case(*text, "true");
        if (!yes && !(text && equal_ignoring_case(*text, "false"))) {
            return fail(Defect::wrong_type, "must be true or false");
        }
        out = yes;
        return tolerate(Defect::wrong_type, "must be true or false, not text");
    }

    // Any number the JSON holds, also as text when lenient.
    std::optional<double> number(const Json& json) {
        if (json.is_number()) return json.get<double>();
        if (const auto* text = json.get_ptr<const std::string*>()) {
            const auto digits = trimmed(*text);
            double value = 0;
            const auto [end, error] =
                std::from_chars(digits.data(), digits.data() + digits.size(), value);
            if (error == std::errc{} && end == digits.data() + digits.size() &&
                std::isfinite(value)) {
                if (!tolerate(Defect::wrong_type, "must be a number, not text")) return {};
                return value;
            }
        }
        fail(Defect::wrong_type, "must be a number");
        return {};
    }

    template <class Integer>
    bool read_integer(const Json& json, Integer& out) {
        if (json.is_number_unsigned() && json.get<std::uint64_t>() > in_range_max<Integer>()) {
            return fail(Defect::bad_value, "out of range");
        }
        if (json.is_number_integer()) {
            const auto wide = json.get<std::int64_t>();
            using limits = std::numeric_limits<Integer>;
            if (wide < limits::min() || wide > limits::max()) {
                return fail(Defect::bad_value, "out of range");
            }
            out = static_cast<Integer>(wide);
            return true;
        }
        const auto value = number(json);
        if (!value) return false;
        const double rounded = std::round(*value);
        // 2^53: beyond it a double no longer holds every integer.
        const double bound =
            std::min(9007199254740992.0, static_cast<double>(std::numeric_limits<Integer>::max()));
        if (!(std::abs(rounded) <= bound)) return fail(Defect::bad_value, "out of range");
        out = static_cast<Integer>(rounded);
        return rounded == *value || tolerate(Defect::wrong_type, "must be an integer");
    }
    template <class Integer>
    static constexpr std::uint64_t in_range_max() {
        return static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
    }

    bool read_real(const Json& json, double& out) {
        const auto value = number(json);
        if (!value) return false;
        if (!std::isfinite(*value)) return fail(Defect::bad_value, "out of range");
        out = *value;
        return true;
    }

    bool read_tenths(const Json& json, Tenths& out) {
        const auto value = number(json);
        if (!value) return false;
        const double tenths = std::round(*value * 10);
        if (!(std::abs(tenths) <= 2e9)) return fail(Defect::bad_value, "out of range");
        out.value = static_cast<std::int32_t>(tenths);
        // Binary fractions are off by less than this.
        const bool exact = std::abs(*value * 10 - tenths) < 1e-6;
        return exact || tolerate(Defect::bad_value, "has more than one decimal");
    }

    bool read_timestamp(const Json& json, Timestamp& out) {
        const auto* text = json.get_ptr<const std::string*>();
        const auto parsed = text ? parse_timestamp(trimmed(*text)) : std::nullopt;
        if (!parsed) {
            if (!options_.received_at || !options_.lenient) {
                return text ? fail(Defect::bad_value, "not an RFC 3339 date-time")
                            : fail(Defect::wrong_type, "must be a string");
            }
            out = *options_.received_at;
            return tolerate(Defect::bad_value, "not an RFC 3339 date-time: arrival time taken");
        }
        out = parsed->time;
        return parsed->has_offset || tolerate(Defect::bad_value, "no time zone: read as UTC");
    }

    bool read_raw(const Json& json, RawJson& out) {
        out.text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
        return true;
    }

    bool read_enumeration(const Json& json, const TypeInfo& type, void* out) {
        const auto* text = json.get_ptr<const std::string*>();
        if (!text) return fail(Defect::wrong_type, "must be a string");
        auto value = enumerator_value(type, *text, false);
        if (!value && options_.lenient) {
            value = enumerator_value(type, trimmed(*text), true);
            if (value) tolerate(Defect::bad_value, "'" + *text + "' is spelt differently");
        }
        if (!value) {
            const auto detail = "'" + *text + "' is not one of: " + allowed_values(type);
            if (!type.other) return fail(Defect::bad_value, detail);
            *type.other(out) = *text;
            return tolerate(Defect::bad_value, detail);
        }
        std::memcpy(out, &*value, sizeof(int));
        return true;
    }

    bool read_array(const Json& json, const TypeInfo& type, void* out) {
        if (json.is_array()) {
            bool good = true;
            for (std::size_t i = 0; i < json.size(); ++i) {
                good &= read_item(json[i], std::to_string(i), type, out);
            }
            return good;
        }
        if (!json.is_object()) return fail(Defect::wrong_type, "must be an array");
        return tolerate(Defect::wrong_type, "must be an array") && read_item(json, "0", type, out);
    }

    bool read_item(const Json& json, std::string_view index, const TypeInfo& type, void* out) {
        const auto errors_before = report_.errors.size();
        const auto length = enter(index);
        bool good = read(json, *type.item, type.append_item(out));
        if (!good && options_.lenient && type.item->droppable) {
            type.drop_item(out);
            forgive(errors_before);
            good = true;
        }
        pointer_.resize(length);
        return good;
    }

    bool read_object(const Json& json, const TypeInfo& type, void* out) {
        // "null" and "{}" mean the same where nothing is required (OCPP-J 1.6, 4.2.1).
        if (!json.is_object() && !json.is_null()) {
            return fail(Defect::wrong_shape, "must be an object");
        }
        bool good = true;
        std::size_t known = 0;
        for (const auto& field : type.fields) {
            const auto length = enter(field.name);
            auto it = json.find(field.name);
            known += it != json.end();
            if (it == json.end() && options_.lenient && !field.former_name.empty()) {
                it = json.find(field.former_name);
            }
            const bool sent = it != json.end();
            good &= read_field(sent ? &*it : nullptr, field, type, out);
            pointer_.resize(length);
        }
        if (known != json.size()) good &= report_unknown(json, type);
        return good;
    }

    bool read_field(const Json* json, const FieldInfo& field, const TypeInfo& owner, void* object) {
        if (json && json->is_null() && field.set_null) {
            field.set_null(object);
            return true;
        }
        if (!json || json->is_null()) {
            if (!field.required) return true;
            if (field.type->kind == Kind::timestamp && options_.lenient && options_.received_at) {
                *static_cast<Timestamp*>(field.emplace(object)) = *options_.received_at;
                return tolerate(Defect::missing_field, "required field is missing");
            }
            return fail(Defect::missing_field, "required field is missing");
        }
        if (field.required && field.type->kind == Kind::array && json->is_array() &&
            json->empty() && !options_.empty_arrays) {
            return tolerate(Defect::empty_array, "needs at least one element");
        }
        const auto errors_before = report_.errors.size();
        if (read(*json, *field.type, field.emplace(object))) return true;
        // Leniently what may be absent is absent, rather than the whole refused. Not in a value
        // that would mean something else without it: that one goes as a whole.
        if (!options_.lenient || field.required || owner.droppable) return false;
        field.clear(object);
        forgive(errors_before);
        return true;
    }

    // What was an error turned out to be something to live with.
    void forgive(std::size_t errors_before) {
        const auto first = report_.errors.begin() + static_cast<std::ptrdiff_t>(errors_before);
        report_.deviations.insert(report_.deviations.end(), first, report_.errors.end());
        report_.errors.resize(errors_before);
    }

    bool report_unknown(const Json& json, const TypeInfo& type) {
        bool good = true;
        for (const auto& entry : json.items()) {
            const auto same = [&](const FieldInfo& field) { return field.name == entry.key(); };
            if (std::any_of(type.fields.begin(), type.fields.end(), same)) continue;
            const auto length = enter(entry.key());
            good &= tolerate(Defect::unknown_field, "unknown field");
            pointer_.resize(length);
        }
        return good;
    }

    std::size_t enter(std::string_view step) {
        const auto length = pointer_.size();
        pointer_ += '/';
        for (const char c : step) {  // RFC 6901, section 3
            if (c == '~')
                pointer_ += "~0";
            else if (c == '/')
                pointer_ += "~1";
            else
                pointer_ += c;
        }
        return length;
    }

    const DecodeOptions& options_;
    DecodeReport& report_;
    std::string pointer_;
};

void append_integer(std::string& out, std::int64_t value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_real(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";  // JSON has no NaN: "no value" is the only honest rendering
        return;
    }
    char digits[32];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_tenths(std::string& out, Tenths tenths) {
    if (tenths.value < 0) out += '-';
    append_integer(out, std::abs(tenths.value) / 10);
    out += '.';
    out += static_cast<char>('0' + std::abs(tenths.value) % 10);
}

void append_enumeration(std::string& out, const TypeInfo& type, const void* value) {
    if (type.other) {
        const auto& other = *type.other(const_cast<void*>(value));
        if (other) return append_json_string(out, *other);
    }
    int number;
    std::memcpy(&number, value, sizeof number);
    out += '"';
    for (const auto& enumerator : type.enumerators) {
        if (enumerator.value != number) continue;
        for (const char* c = enumerator.name; *c; ++c) out += *c == '_' ? type.separator : *c;
    }
    out += '"';
}

void append_array(std::string& out, const TypeInfo& type, const void* value, TimeStyle style) {
    const auto [data, count] = type.items(value);
    out += '[';
    for (std::size_t i = 0; i < count; ++i) {
        if (i) out += ',';
        encode(out, *type.item, static_cast<const char*>(data) + i * type.item_size, style);
    }
    out += ']';
}

void append_object(std::string& out, const TypeInfo& type, const void* value, TimeStyle style) {
    char before = '{';
    for (const auto& field : type.fields) {
        const void* member = field.find(value);
        if (!member) continue;
        out += before;
        before = ',';
        out += '"';
        out += field.name;
        out += "\":";
        encode(out, *field.type, member, style);
    }
    if (before == '{') out += '{';
    out += '}';
}

}  // namespace

std::optional<int> enumerator_value(const TypeInfo& type, std::string_view name, bool ignore_case) {
    for (const auto& enumerator : type.enumerators) {
        if (wire_equal(enumerator.name, type.separator, name, ignore_case)) {
            return enumerator.value;
        }
    }
    return std::nullopt;
}

bool decode(const Json& json, const TypeInfo& type, void* out, const DecodeOptions& options,
            DecodeReport& report) {
    return Decoder{options, report}.read(json, type, out);
}

bool decode_text(std::string_view text, const TypeInfo& type, void* out,
                 const DecodeOptions& options, DecodeReport& report) {
    if (json_depth(text) > json_depth_max) {
        report.errors.push_back({Defect::wrong_shape, "", "nested too deeply"});
        return false;
    }
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
        report.errors.push_back({Defect::wrong_shape, "", "not JSON"});
        return false;
    }
    return decode(json, type, out, options, report);
}

void encode(std::string& out, const TypeInfo& type, const void* value, TimeStyle style) {
    switch (type.kind) {
        case Kind::text:
            return append_json_string(out, *static_cast<const std::string*>(value));
        case Kind::boolean:
            out += *static_cast<const bool*>(value) ? "true" : "false";
            return;
        case Kind::int32:
            return append_integer(out, *static_cast<const std::int32_t*>(value));
        case Kind::int64:
            return append_integer(out, *static_cast<const std::int64_t*>(value));
        case Kind::real:
            return append_real(out, *static_cast<const double*>(value));
        case Kind::tenths:
            return append_tenths(out, *static_cast<const Tenths*>(value));
        case Kind::raw:
            out += static_cast<const RawJson*>(value)->text;
            return;
        case Kind::enumeration:
            return append_enumeration(out, type, value);
        case Kind::array:
            return append_array(out, type, value, style);
        case Kind::object:
            return append_object(out, type, value, style);
        case Kind::timestamp: {
            const auto time = *static_cast<const Timestamp*>(value);
            out += '"';
            if (style == TimeStyle::shortest)
                append_timestamp(out, time);
            else
                out += to_string_milliseconds(time);
            out += '"';
            return;
        }
    }
}

}  // namespace busbar::codec
