// The one codec between described structs and JSON: OCPP messages, REST bodies, spilled rows.
//
// Boost.Describe turns every struct into a constant table (TypeInfo); decode and encode are two
// ordinary functions that walk the table. Nothing is instantiated per struct but its table.
// Pure and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <nlohmann/json_fwd.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "base/violation.hpp"

namespace busbar {

using Json = nlohmann::json;

// A JSON value carried as its text: embedded as it is when encoded, re-serialised when decoded.
struct RawJson {
    std::string text = "null";
};

// A member of a PATCH body: absent (leave alone), null (clear) or a value.
template <class T>
struct Patch {
    bool present = false;
    std::optional<T> value;
};

// An enumerator, or a name that is none of them: a lenient decoder keeps it instead of refusing it,
// where the value beside it is worth keeping whatever its name.
template <class E>
struct Open {
    E known{};
    std::optional<std::string> other;  // as sent; absent: it is `known`

    Open() = default;
    Open(E enumerator) : known(enumerator) {}
    friend bool operator==(const Open&, const Open&) = default;
};

// How forgiving a decoder is. Strict: every defect is an error. Lenient: what can be understood is
// taken (numbers as strings, over-long text, unknown fields, enumerators in another case, time
// without zone) and reported as a deviation.
struct DecodeOptions {
    bool lenient = false;
    bool empty_arrays = false;             // a required array may be empty
    std::optional<Timestamp> received_at;  // stands in for unreadable times when lenient
};

// How encode writes times: OCPP wants no fraction where there is none, REST always three digits.
enum class TimeStyle { shortest, milliseconds };

namespace codec {

struct TypeInfo;

struct FieldInfo {
    std::string_view name;
    std::string_view former_name;  // what older versions of OCPP called it; "" for none
    const TypeInfo* type;
    bool required;
    void* (*emplace)(void* object);           // engage the field, return its storage
    void (*clear)(void* object);              // make it absent again
    void (*set_null)(void* object);           // null was sent; nullptr: null means absent
    const void* (*find)(const void* object);  // its storage, or null when absent
};

struct EnumeratorInfo {
    const char* name;
    int value;
};

enum class Kind {
    text,
    boolean,
    int32,
    int64,
    real,
    tenths,
    timestamp,
    raw,
    enumeration,
    array,
    object
};

struct TypeInfo {
    Kind kind{};
    std::size_t size_max = 0;                                             // text, in characters
    char separator = '_';                                                 // enumeration
    std::span<const EnumeratorInfo> enumerators{};                        // enumeration
    std::optional<std::string>* (*other)(void* open) = nullptr;           // enumeration, if open
    const TypeInfo* item = nullptr;                                       // array
    void* (*append_item)(void* vector) = nullptr;                         // array
    void (*drop_item)(void* vector) = nullptr;                            // array
    std::pair<const void*, std::size_t> (*items)(const void*) = nullptr;  // array
    std::size_t item_size = 0;                                            // array
    std::span<const FieldInfo> fields{};                                  // object
    bool droppable = false;  // object: a lenient decoder may drop it from an array
};

// Overload for an enumeration whose wire names hold '.' or '-', which C++ names spell '_'.
constexpr char wire_separator(...) { return '_'; }
// Overload for a struct with fields that a lenient decoder also finds under another name.
template <class T>
constexpr std::string_view former_name(const T*, std::string_view) {
    return {};
}
// Overload for a struct that a lenient decoder drops from an array instead of refusing the whole.
constexpr bool droppable(...) { return false; }

template <class T>
struct TypeInfoOf;
template <class T>
inline constexpr TypeInfo type_info = TypeInfoOf<T>::make();

template <Kind kind>
struct Plain {
    static constexpr TypeInfo make() { return {.kind = kind}; }
};
template <>
struct TypeInfoOf<bool> : Plain<Kind::boolean> {};
template <>
struct TypeInfoOf<std::int32_t> : Plain<Kind::int32> {};
template <>
struct TypeInfoOf<std::int64_t> : Plain<Kind::int64> {};
template <>
struct TypeInfoOf<double> : Plain<Kind::real> {};
template <>
struct TypeInfoOf<Tenths> : Plain<Kind::tenths> {};
template <>
struct TypeInfoOf<Timestamp> : Plain<Kind::timestamp> {};
template <>
struct TypeInfoOf<RawJson> : Plain<Kind::raw> {};
template <>
struct TypeInfoOf<std::string> {
    static constexpr TypeInfo make() {
        return {.kind = Kind::text, .size_max = static_cast<std::size_t>(-1)};
    }
};
template <std::size_t N>
struct TypeInfoOf<CiString<N>> {
    // The interpreter writes a CiString<N> through a pointer to its only member.
    static_assert(sizeof(CiString<N>) == sizeof(std::string));
    static constexpr TypeInfo make() { return {.kind = Kind::text, .size_max = N}; }
};
template <class T>
struct TypeInfoOf<std::vector<T>> {
    static constexpr TypeInfo make() {
        return {.kind = Kind::array,
                .item = &type_info<T>,
                .append_item = [](void* v) -> void* {
                    return &static_cast<std::vector<T>*>(v)->emplace_back();
                },
                .drop_item = [](void* v) { static_cast<std::vector<T>*>(v)->pop_back(); },
                .items =
                    [](const void* v) {
                        const auto& vector = *static_cast<const std::vector<T>*>(v);
                        return std::pair<const void*, std::size_t>{vector.data(), vector.size()};
                    },
                .item_size = sizeof(T)};
    }
};

template <class... D>
constexpr auto enumerator_table(boost::mp11::mp_list<D...>) {
    return std::array<EnumeratorInfo, sizeof...(D)>{
        EnumeratorInfo{D::name, static_cast<int>(D::value)}...};
}

template <class E>
requires std::is_enum_v<E>
struct TypeInfoOf<E> {
    static_assert(sizeof(E) == sizeof(int));
    static constexpr auto table = enumerator_table(
        boost::mp11::mp_rename<boost::describe::describe_enumerators<E>, boost::mp11::mp_list>{});
    static constexpr TypeInfo make() {
        return {.kind = Kind::enumeration, .separator = wire_separator(E{}), .enumerators = table};
    }
};

template <class E>
struct TypeInfoOf<Open<E>> {
    static constexpr TypeInfo make() {
        // The interpreter writes the enumerator through a pointer to the whole.
        static_assert(std::is_standard_layout_v<Open<E>>);
        TypeInfo info = TypeInfoOf<E>::make();
        info.other = [](void* open) { return &static_cast<Open<E>*>(open)->other; };
        return info;
    }
};

template <class Member>
struct FieldTraits {
    using Type = Member;
    static constexpr bool required = true;
    static constexpr bool nullable = false;
    static void* emplace(Member& member) { return &member; }
    static void clear(Member&) {}
    static void set_null(Member&) {}
    static const void* find(const Member& member) { return &member; }
};
template <class T>
struct FieldTraits<std::optional<T>> {
    using Type = T;
    static constexpr bool required = false;
    static constexpr bool nullable = false;
    static void* emplace(std::optional<T>& member) { return &member.emplace(); }
    static void clear(std::optional<T>& member) { member.reset(); }
    static void set_null(std::optional<T>&) {}
    static const void* find(const std::optional<T>& member) { return member ? &*member : nullptr; }
};
template <class T>
struct FieldTraits<Patch<T>> {
    using Type = T;
    static constexpr bool required = false;
    static constexpr bool nullable = true;
    static void* emplace(Patch<T>& member) {
        member.present = true;
        return &member.value.emplace();
    }
    static void clear(Patch<T>& member) { member = {}; }
    static void set_null(Patch<T>& member) { member.present = true; }
    static const void* find(const Patch<T>& member) {
        return member.value ? &*member.value : nullptr;
    }
};

template <class T, class D>
constexpr FieldInfo field_info() {
    using Traits = FieldTraits<std::remove_cvref_t<decltype(std::declval<T&>().*D::pointer)>>;
    FieldInfo info{
        .name = D::name,
        .former_name = former_name(static_cast<const T*>(nullptr), std::string_view{D::name}),
        .type = &type_info<typename Traits::Type>,
        .required = Traits::required,
        .emplace = [](void* o) { return Traits::emplace(static_cast<T*>(o)->*D::pointer); },
        .clear = [](void* o) { Traits::clear(static_cast<T*>(o)->*D::pointer); },
        .set_null = nullptr,
        .find = [](const void* o) { return Traits::find(static_cast<const T*>(o)->*D::pointer); }};
    if constexpr (Traits::nullable) {
        info.set_null = [](void* o) { Traits::set_null(static_cast<T*>(o)->*D::pointer); };
    }
    return info;
}
template <class T, class... D>
constexpr auto field_table(boost::mp11::mp_list<D...>) {
    if constexpr (sizeof...(D) > 0) {
        static_assert(boost::pfr::tuple_size_v<T> == sizeof...(D),
                      "a member is missing in BOOST_DESCRIBE_STRUCT");
    }
    return std::array<FieldInfo, sizeof...(D)>{field_info<T, D>()...};
}

template <class T>
requires boost::describe::has_describe_members<T>::value struct TypeInfoOf<T> {
    static constexpr auto table = field_table<T>(
        boost::mp11::mp_rename<boost::describe::describe_members<T, boost::describe::mod_public>,
                               boost::mp11::mp_list>{});
    static constexpr TypeInfo make() {
        return {.kind = Kind::object,
                .fields = table,
                .droppable = droppable(static_cast<const T*>(nullptr))};
    }
};

bool decode(const Json& json, const TypeInfo& type, void* out, const DecodeOptions& options,
            DecodeReport& report);
bool decode_text(std::string_view text, const TypeInfo& type, void* out,
                 const DecodeOptions& options, DecodeReport& report);
void encode(std::string& out, const TypeInfo& type, const void* value, TimeStyle style);

}  // namespace codec

// The value, or nothing and every error in the report.
template <class T>
std::optional<T> decode(const Json& json, const DecodeOptions& options, DecodeReport& report) {
    std::optional<T> value{std::in_place};
    if (!codec::decode(json, codec::type_info<T>, &*value, options, report)) value.reset();
    return value;
}

// The same from JSON text. Text that is not JSON, or nested deeper than json_depth_max, is
// Defect::wrong_shape at "".
template <class T>
std::optional<T> decode_text(std::string_view text, const DecodeOptions& options,
                             DecodeReport& report) {
    std::optional<T> value{std::in_place};
    if (!codec::decode_text(text, codec::type_info<T>, &*value, options, report)) value.reset();
    return value;
}

// Appends the value as JSON. Members keep the struct's order; absent members are left out.
template <class T>
void encode(std::string& out, const T& value, TimeStyle style = TimeStyle::shortest) {
    codec::encode(out, codec::type_info<T>, &value, style);
}
template <class T>
std::string to_json(const T& value, TimeStyle style = TimeStyle::shortest) {
    std::string out;
    encode(out, value, style);
    return out;
}

// The wire name of an enumerator, and back (nothing if there is none of that name).
template <class E>
std::string enumerator_name(E value) {
    std::string out;
    codec::encode(out, codec::type_info<E>, &value, TimeStyle::shortest);
    return out.substr(1, out.size() - 2);
}
template <class E>
std::optional<E> enumerator_from_name(std::string_view name);

namespace codec {
std::optional<int> enumerator_value(const TypeInfo& type, std::string_view name, bool ignore_case);
}

template <class E>
std::optional<E> enumerator_from_name(std::string_view name) {
    const auto value = codec::enumerator_value(codec::type_info<E>, name, false);
    if (!value) return std::nullopt;
    return static_cast<E>(*value);
}

}  // namespace busbar
