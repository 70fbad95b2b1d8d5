// Every described message against the official JSON schemas, in both directions: nothing missing,
// nothing extra. The schema files are not part of this repository; where there are none, only the
// comparison itself is tested.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/messages.hpp"

namespace busbar::test {

BOOST_DEFINE_ENUM_CLASS(Shade, Light_Grey, Black)
constexpr char wire_separator(Shade) { return '.'; }
struct Sheet {
    CiString<5> name;
    std::optional<std::int32_t> count;
    std::optional<Tenths> width;
    std::optional<bool> ruled;
    std::optional<Shade> shade;
    std::optional<Timestamp> cut_at;
    std::vector<CiString<5>> holes;
};
BOOST_DESCRIBE_STRUCT(Sheet, (), (name, count, width, ruled, shade, cut_at, holes))

namespace {

using codec::Kind;
using codec::TypeInfo;
using testing::ElementsAre;
using testing::IsEmpty;

// One difference a line: "Authorize/idTag: maxLength 20, described 25".
class Comparison {
public:
    explicit Comparison(const Json& schema) : root_(schema) {}

    std::vector<std::string> run(const TypeInfo& type, const std::string& name) {
        compare(root_, type, name);
        return std::move(differences_);
    }

private:
    void differ(const std::string& at, const std::string& what) {
        differences_.push_back(at + ": " + what);
    }

    // White paper schemas name their parts: {"$ref": "#/definitions/X"}.
    const Json& resolved(const Json& schema) {
        const auto reference = schema.find("$ref");
        if (reference == schema.end()) return schema;
        return root_.at(Json::json_pointer{reference->get<std::string>().substr(1)});
    }

    static std::string kind_in(const Json& schema) {
        const auto type = schema.value("type", "");
        if (type == "string" && schema.contains("enum")) return "enumeration";
        if (type == "string" && schema.value("format", "") == "date-time") return "timestamp";
        if (type == "string") return "text";
        if (type == "number" && schema.contains("multipleOf")) {
            return schema["multipleOf"] == 0.1 ? "tenths" : "number of another step";
        }
        return type;
    }

    static std::string kind_of(const TypeInfo& type) {
        switch (type.kind) {
            case Kind::text:
                return "text";
            case Kind::boolean:
                return "boolean";
            case Kind::int32:
                return "integer";
            case Kind::real:
                return "number";
            case Kind::tenths:
                return "tenths";
            case Kind::timestamp:
                return "timestamp";
            case Kind::enumeration:
                return "enumeration";
            case Kind::array:
                return "array";
            case Kind::object:
                return "object";
            case Kind::int64:
            case Kind::raw:
                break;
        }
        return "a kind that OCPP does not have";
    }

    void compare(const Json& unresolved, const TypeInfo& type, const std::string& at) {
        const Json& schema = resolved(unresolved);
        const auto kind = kind_in(schema);
        if (kind != kind_of(type)) return differ(at, kind + ", described " + kind_of(type));
        if (type.kind == Kind::text) compare_length(schema, type, at);
        if (type.kind == Kind::enumeration) compare_values(schema, type, at);
        if (type.kind == Kind::array) compare(schema.at("items"), *type.item, at + "/0");
        if (type.kind == Kind::object) compare_fields(schema, type, at);
    }

    void compare_length(const Json& schema, const TypeInfo& type, const std::string& at) {
        const auto length = schema.value("maxLength", static_cast<std::size_t>(-1));
        if (length == type.size_max) return;
        const auto text = [](std::size_t size) {
            return size + 1 == 0 ? std::string{"unlimited"} : std::to_string(size);
        };
        differ(at, "maxLength " + text(length) + ", described " + text(type.size_max));
    }

    void compare_values(const Json& schema, const TypeInfo& type, const std::string& at) {
        const auto listed = schema.at("enum").get<std::set<std::string>>();
        std::set<std::string> described;
        for (const auto& enumerator : type.enumerators) {
            std::string name{enumerator.name};
            std::replace(name.begin(), name.end(), '_', type.separator);
            described.insert(name);
        }
        compare_sets(listed, described, at, "value");
    }

    void compare_sets(const std::set<std::string>& listed, const std::set<std::string>& described,
                      const std::string& at, const std::string& what) {
        for (const auto& name : listed) {
            if (!described.contains(name)) differ(at, what + " " + name + " is not described");
        }
        for (const auto& name : described) {
            if (!listed.contains(name)) differ(at, what + " " + name + " is not in the schema");
        }
    }

    void compare_fields(const Json& schema, const TypeInfo& type, const std::string& at) {
        if (schema.value("additionalProperties", true)) differ(at, "additional fields are allowed");
        const auto properties = schema.value("properties", Json::object());
        const auto required = schema.value("required", std::set<std::string>{});
        std::set<std::string> listed;
        for (const auto& entry : properties.items()) listed.insert(entry.key());
        std::set<std::string> described;
        for (const auto& field : type.fields) described.insert(std::string{field.name});
        compare_sets(listed, described, at, "field");
        for (const auto& field : type.fields) {
            const std::string name{field.name};
            if (!listed.contains(name)) continue;
            const auto there = at + "/" + name;
            if (required.contains(name) != field.required) {
                differ(there, field.required ? "optional, described as required"
                                             : "required, described as optional");
            }
            compare_least(resolved(properties[name]), field, there);
            compare(properties[name], *field.type, there);
        }
    }

    // The decoder asks for an element in every array that is required, and in no other.
    void compare_least(const Json& schema, const codec::FieldInfo& field, const std::string& at) {
        if (field.type->kind != Kind::array) return;
        const int least = schema.value("minItems", 0);
        const int described = field.required ? 1 : 0;
        if (least == described) return;
        differ(at,
               "minItems " + std::to_string(least) + ", described " + std::to_string(described));
    }

    const Json& root_;
    std::vector<std::string> differences_;
};

// Where the descriptions differ from the schema files on purpose.
const std::set<std::string> allowed_differences{
    // The specification's tables say 1..* for these (7.13, 7.33); the files forgot minItems.
    "RemoteStartTransaction/chargingProfile/chargingSchedule/chargingSchedulePeriod: "
    "minItems 0, described 1",
    "SetChargingProfile/csChargingProfiles/chargingSchedule/chargingSchedulePeriod: "
    "minItems 0, described 1",
    "GetCompositeScheduleResponse/chargingSchedule/chargingSchedulePeriod: "
    "minItems 0, described 1",
    "StopTransaction/transactionData/0/sampledValue: minItems 0, described 1",
    // One SampledValue for both messages; MeterValues' file has the unit of Frequency.
    "StopTransaction/transactionData/0/sampledValue/0/unit: value Hertz is not in the schema",
    // A charge point without certificates that says so with an empty list is understood.
    "GetInstalledCertificateIdsResponse/certificateHashData: minItems 1, described 0",
};

std::filesystem::path schema_folder() {
    const char* named = std::getenv("BUSBAR_OCPP_SCHEMAS");
    return named ? named : BUSBAR_OCPP_SCHEMAS;
}

TEST(Schemas, AreWhatTheMessagesDescribe) {
    const auto folder = schema_folder();
    if (!std::filesystem::is_directory(folder)) {
        GTEST_SKIP() << "no OCPP 1.6 schema files in " << folder
                     << ": BUSBAR_OCPP_SCHEMAS names the folder that holds Authorize.json ...";
    }
    std::set<std::string> unused = allowed_differences;
    std::set<std::string> described;
    for (const auto& payload : all_payloads()) {
        described.insert(payload.name + ".json");
        std::ifstream file{folder / (payload.name + ".json")};
        ASSERT_TRUE(file) << payload.name << " has no schema file";
        const auto schema = Json::parse(file);
        for (const auto& difference : Comparison{schema}.run(*payload.type, payload.name)) {
            if (unused.erase(difference) == 0) ADD_FAILURE() << difference;
        }
    }
    EXPECT_THAT(unused, IsEmpty()) << "allowed, but no longer there";
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        if (entry.path().extension() != ".json") continue;
        EXPECT_TRUE(described.contains(entry.path().filename().string())) << entry.path();
    }
}

Json sheet_schema() {
    return Json::parse(R"({
        "type": "object", "additionalProperties": false,
        "definitions": {"Shade": {"type": "string", "enum": ["Light.Grey", "Black"]}},
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "count": {"type": "integer"},
            "width": {"type": "number", "multipleOf": 0.1},
            "ruled": {"type": "boolean"},
            "shade": {"$ref": "#/definitions/Shade"},
            "cut_at": {"type": "string", "format": "date-time"},
            "holes": {"type": "array", "minItems": 1,
                      "items": {"type": "string", "maxLength": 5}}},
        "required": ["name", "holes"]})");
}

// What the comparison says once `value` stands at `pointer` of a schema that fits.
std::vector<std::string> changed(const std::string& pointer, const Json& value) {
    auto schema = sheet_schema();
    schema[Json::json_pointer{pointer}] = value;
    return Comparison{schema}.run(codec::type_info<Sheet>, "Sheet");
}

TEST(SchemaComparison, FindsEveryKindOfDifference) {
    const auto schema = sheet_schema();
    EXPECT_THAT(Comparison{schema}.run(codec::type_info<Sheet>, "Sheet"), IsEmpty());
    EXPECT_THAT(changed("/properties/name/maxLength", 6),
                ElementsAre("Sheet/name: maxLength 6, described 5"));
    EXPECT_THAT(changed("/properties/holes/items/maxLength", 6),
                ElementsAre("Sheet/holes/0: maxLength 6, described 5"));
    EXPECT_THAT(changed("/properties/count/type", "number"),
                ElementsAre("Sheet/count: number, described integer"));
    EXPECT_THAT(changed("/properties/width/multipleOf", 0.01),
                ElementsAre("Sheet/width: number of another step, described tenths"));
    EXPECT_THAT(changed("/properties/cut_at/format", "uri"),
                ElementsAre("Sheet/cut_at: text, described timestamp"));
    EXPECT_THAT(changed("/definitions/Shade/enum", {"Light.Grey", "White"}),
                ElementsAre("Sheet/shade: value White is not described",
                            "Sheet/shade: value Black is not in the schema"));
    EXPECT_THAT(changed("/properties/holes/minItems", 0),
                ElementsAre("Sheet/holes: minItems 0, described 1"));
    EXPECT_THAT(changed("/required", {"name", "holes", "count"}),
                ElementsAre("Sheet/count: required, described as optional"));
    EXPECT_THAT(changed("/required", {"holes"}),
                ElementsAre("Sheet/name: optional, described as required"));
    EXPECT_THAT(changed("/properties/extra", {{"type", "string"}}),
                ElementsAre("Sheet: field extra is not described"));
    EXPECT_THAT(changed("/additionalProperties", true),
                ElementsAre("Sheet: additional fields are allowed"));
    auto without = sheet_schema();
    without["properties"].erase("ruled");
    EXPECT_THAT(Comparison{without}.run(codec::type_info<Sheet>, "Sheet"),
                ElementsAre("Sheet: field ruled is not in the schema"));
}

}  // namespace
}  // namespace busbar::test
