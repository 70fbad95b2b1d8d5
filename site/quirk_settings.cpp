#include "site/quirk_settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include <boost/pfr/tuple_size.hpp>

#include "ocpp/v16/all.hpp"

namespace busbar::site {
namespace {

constexpr std::size_t text_size_max = 100;
constexpr std::size_t items_max = 50;
constexpr std::int32_t day = 86'400;

template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;

template <class... M>
constexpr auto names_of(boost::mp11::mp_list<M...>) {
    return std::array{M::action...};
}

// What a central system may send.
std::span<const std::string_view> known_actions() {
    static constexpr auto names = names_of(ocpp::v16::ToChargePoint{});
    return names;
}

// What TriggerMessage may ask for.
std::span<const std::string_view> known_triggers() {
    static constexpr std::array<std::string_view, 6> names{"BootNotification",
                                                           "DiagnosticsStatusNotification",
                                                           "FirmwareStatusNotification",
                                                           "Heartbeat",
                                                           "MeterValues",
                                                           "StatusNotification"};
    return names;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(std::span<const std::string_view> names) {
    std::string out;
    for (const auto name : names) out.append(out.empty() ? "" : ", ").append(name);
    return out;
}

// Whether a value whose type is right is a sensible one; reports at `pointer` if not.
template <class T>
bool is_sensible(const QuirkSetting& setting, const T& value, const std::string& pointer,
                 DecodeReport& report) {
    const auto refuse = [&](std::string detail) {
        report.errors.push_back({Defect::bad_value, pointer, std::move(detail)});
        return false;
    };
    if constexpr (is_list<T>) {
        if (value.size() > items_max) return refuse("has more than 50 elements");
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (!is_sensible(setting, value[i], pointer + "/" + std::to_string(i), report)) {
                return false;
            }
        }
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (value.size() > text_size_max) return refuse("longer than 100 characters");
        if (!is_printable(value)) return refuse("holds control characters");
        if (setting.known && !contains(setting.known(), value)) {
            return refuse("must be one of " + listed(setting.known()));
        }
    } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
        const auto number = static_cast<double>(value);
        if (number < setting.min || number > setting.max) {
            return refuse("must be " + busbar::to_json(setting.min) + " to " +
                          busbar::to_json(setting.max));
        }
    }
    return true;
}

template <class T>
bool contains_all(const std::vector<T>& some, const std::vector<T>& all) {
    return std::all_of(some.begin(), some.end(), [&](const T& item) {
        return std::find(all.begin(), all.end(), item) != all.end();
    });
}

template <class T>
bool is_lesson(Learning learning, const T& present, const T& wanted) {
    if (learning == Learning::never || present == wanted) return false;
    if (learning == Learning::any) return true;
    if constexpr (std::is_same_v<T, bool>) {
        return wanted == (learning == Learning::to_true);
    } else if constexpr (is_list<T>) {
        if (learning == Learning::fewer) return contains_all(wanted, present);
        return learning == Learning::more && contains_all(present, wanted);
    } else if constexpr (!std::is_same_v<T, std::string>) {
        return learning == Learning::lower ? wanted < present
                                           : learning == Learning::higher && present < wanted;
    }
    return false;
}

template <class>
struct MemberOf;
template <class T>
struct MemberOf<T Quirks::*> {
    using Type = T;
};

// A row of the table.
template <auto member>
constexpr QuirkSetting row(std::string_view name, Learning learning = Learning::never,
                           double min = 0, double max = day) {
    using T = typename MemberOf<decltype(member)>::Type;
    QuirkSetting setting{.name = name, .learning = learning, .min = min, .max = max};
    setting.read = [](const QuirkSetting& self, std::string_view json, Quirks& out,
                      DecodeReport& report) {
        auto value = decode_text<T>(json, {}, report);
        if (!value || !is_sensible(self, *value, "", report)) return false;
        out.*member = std::move(*value);
        return true;
    };
    setting.write = [](std::string& out, const Quirks& quirks) { encode(out, quirks.*member); };
    setting.is_lesson = [](Learning how, const Quirks& present, const Quirks& wanted) {
        return site::is_lesson<T>(how, present.*member, wanted.*member);
    };
    return setting;
}

constexpr QuirkSetting one_of(KnownNames known, QuirkSetting setting) {
    setting.known = known;
    return setting;
}

// A setting that nothing acts on yet.
constexpr QuirkSetting noted(QuirkSetting setting) {
    setting.in_force = false;
    return setting;
}

using L = Learning;
using Q = Quirks;

constexpr std::array table{
    row<&Q::assume_ocpp16>("assumeOcpp16"),
    row<&Q::websocket_ping_interval_seconds>("websocketPingIntervalSeconds"),
    row<&Q::charger_ping_interval_seconds>("chargerPingIntervalSeconds"),
    row<&Q::offline_after_seconds>("offlineAfterSeconds"),
    row<&Q::refuse_rather_than_close>("refuseRatherThanClose"),
    row<&Q::call_timeout_seconds>("callTimeoutSeconds", L::higher, 5, 300),
    row<&Q::accept_answer_with_wrong_id>("acceptAnswerWithWrongId"),
    one_of(&known_actions, row<&Q::unsupported_actions>("unsupportedActions", L::more)),
    row<&Q::validation>("validation"),
    row<&Q::timestamps>("timestamps"),
    row<&Q::clock_tolerance_seconds>("clockToleranceSeconds"),

    row<&Q::heartbeat_interval_max_seconds>("heartbeatIntervalMaxSeconds", L::lower, 10),
    row<&Q::setup_delay_seconds>("setupDelaySeconds", L::higher, 0, 600),
    row<&Q::setup_delay_without_boot_seconds>("setupDelayWithoutBootSeconds", L::higher, 0, 600),
    row<&Q::setup_interval_min_seconds>("setupIntervalMinSeconds", L::higher, 0, 3600),
    row<&Q::change_availability_at_boot>("changeAvailabilityAtBoot", L::to_false),
    row<&Q::connector_0_availability>("connector0Availability", L::to_false),
    one_of(&known_triggers, row<&Q::trigger_messages>("triggerMessages", L::fewer)),
    row<&Q::trigger_connector_id>("triggerConnectorId", L::to_false),
    row<&Q::trigger_poll_interval_seconds>("triggerPollIntervalSeconds", L::higher),
    row<&Q::configuration_keys_per_request>("configurationKeysPerRequest", L::any, 0, 1000),
    row<&Q::read_back_configuration>("readBackConfiguration", L::to_false),
    row<&Q::quoted_configuration_values>("quotedConfigurationValues", L::to_true),
    row<&Q::local_list>("localList", L::to_false),
    row<&Q::data_transfer_ignored>("dataTransferIgnored"),

    row<&Q::connector_0_faults_informational>("connector0FaultsInformational"),
    row<&Q::connector_0_values>("connector0Values"),
    row<&Q::cluster>("cluster"),
    row<&Q::phantom_connectors>("phantomConnectors"),
    row<&Q::hidden_connectors>("hiddenConnectors", L::never, 1, 1000),

    row<&Q::measurands>("measurands", L::fewer),
    row<&Q::set_measurands>("setMeasurands", L::to_false),
    row<&Q::meter_sample_interval_min_seconds>("meterSampleIntervalMinSeconds", L::higher, 1),
    row<&Q::live_values>("liveValues"),
    row<&Q::energy_register>("energyRegister", L::any),
    row<&Q::energy_unit>("energyUnit", L::any),
    row<&Q::power_unit>("powerUnit", L::any),

    row<&Q::id_tag_suffix_separator>("idTagSuffixSeparator"),
    row<&Q::id_tag_prefix_separator>("idTagPrefixSeparator"),
    row<&Q::empty_id_tag_allowed>("emptyIdTagAllowed"),
    noted(row<&Q::plug_and_charge_id_tag_key>("plugAndChargeIdTagKey")),
    row<&Q::echoes_transaction_ids>("echoesTransactionIds", L::to_false),
    row<&Q::close_after_available_seconds>("closeAfterAvailableSeconds"),
    noted(row<&Q::remote_start_needed>("remoteStartNeeded")),
    noted(row<&Q::remote_start_with_profile>("remoteStartWithProfile", L::to_false)),
    noted(row<&Q::after_finishing>("afterFinishing")),

    row<&Q::profile_purposes>("profilePurposes", L::fewer),
    row<&Q::tx_default_on_connector_0>("txDefaultOnConnector0", L::any),
    row<&Q::profile_kind>("profileKind", L::any),
    row<&Q::start_schedule_seconds_ago>("startScheduleSecondsAgo", L::higher, 0, 3600),
    row<&Q::stack_level>("stackLevel", L::any, 0, 1'000'000),
    row<&Q::stack_level_max>("stackLevelMax", L::lower, 0, 1'000'000),
    row<&Q::charging_profile_id_max>("chargingProfileIdMax", L::lower, 3, 2'147'483'647),
    row<&Q::rate_unit>("rateUnit", L::any),
    row<&Q::current_step_amps>("currentStepAmps", L::higher, 0.1, 16),
    row<&Q::allowed_amps>("allowedAmps", L::never, 0, 1000),
    row<&Q::limit_as_integer>("limitAsInteger", L::to_true),
    row<&Q::number_phases>("numberPhases", L::any),
    noted(row<&Q::phase_switching>("phaseSwitching", L::to_false)),
    row<&Q::minimum_amps_policy>("minimumAmpsPolicy", L::any),
    row<&Q::reassert_after_zero>("reassertAfterZero", L::to_true),
    row<&Q::pauses_per_hour_max>("pausesPerHourMax", L::lower, 0, 60),
    row<&Q::min_profile_interval_seconds>("minProfileIntervalSeconds", L::higher, 0, 3600),
    row<&Q::profile_dead_band_amps>("profileDeadBandAmps", L::higher, 0, 32),
    row<&Q::trust_accepted_limit>("trustAcceptedLimit", L::to_false),
    row<&Q::duration_then_default>("durationThenDefault", L::to_false),
    row<&Q::keeps_profiles_over_reboot>("keepsProfilesOverReboot", L::to_false),
    row<&Q::clear_profiles>("clearProfiles", L::any),
    row<&Q::limit_key>("limitKey"),
    row<&Q::limit_key_units_per_amp>("limitKeyUnitsPerAmp", L::never, 1, 1000),
    row<&Q::limit_key_interval_min_seconds>("limitKeyIntervalMinSeconds", L::higher, 1),
};
static_assert(boost::pfr::tuple_size_v<Quirks> == table.size(),
              "each setting needs a row, in the order of the members");

// An object of settings, its values still to be looked at: the codec names unknown members.
struct RawValues {
    std::array<std::optional<RawJson>, table.size()> values;
};

template <std::size_t I>
constexpr codec::FieldInfo raw_field() {
    return {.name = table[I].name,
            .type = &codec::type_info<RawJson>,
            .required = false,
            .emplace = [](void* o) -> void* {
                return &static_cast<RawValues*>(o)->values[I].emplace();
            },
            .clear = [](void* o) { static_cast<RawValues*>(o)->values[I].reset(); },
            .set_null = nullptr,
            .find = [](const void* o) -> const void* {
                const auto& value = static_cast<const RawValues*>(o)->values[I];
                return value ? &*value : nullptr;
            }};
}
template <std::size_t... I>
constexpr auto raw_fields(std::index_sequence<I...>) {
    return std::array{raw_field<I>()...};
}
constexpr auto raw_field_table = raw_fields(std::make_index_sequence<table.size()>{});
constexpr codec::TypeInfo raw_values_type{.kind = codec::Kind::object, .fields = raw_field_table};

}  // namespace

std::vector<std::string> all_triggers() {
    return {"BootNotification", "Heartbeat", "MeterValues", "StatusNotification"};
}

// The shortest list that load management and accounts can live with: long ones are refused by some
// chargers and cut off by others.
std::vector<std::string> usual_measurands() {
    return {"Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage",
            "Current.Offered"};
}

std::vector<ocpp::v16::ChargingProfilePurpose> all_purposes() {
    using Purpose = ocpp::v16::ChargingProfilePurpose;
    return {Purpose::TxProfile, Purpose::TxDefaultProfile, Purpose::ChargePointMaxProfile};
}

std::span<const QuirkSetting> quirk_settings() { return table; }

const QuirkSetting* find_quirk_setting(std::string_view name) {
    const auto it = std::find_if(table.begin(), table.end(),
                                 [&](const QuirkSetting& setting) { return setting.name == name; });
    return it == table.end() ? nullptr : &*it;
}

QuirkValues parse_quirk_values(std::string_view json, std::string_view pointer,
                               std::vector<Violation>& violations) {
    const auto complain = [&](const DecodeReport& report, std::string_view below) {
        for (const auto& error : report.errors) {
            violations.push_back({error.defect,
                                  std::string{pointer}.append(below).append(error.pointer),
                                  error.detail});
        }
    };
    RawValues raw;
    DecodeReport report;
    codec::decode_text(json, raw_values_type, &raw, {}, report);
    complain(report, "");
    QuirkValues out;
    Quirks scratch;
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (!raw.values[i]) continue;
        DecodeReport found;
        if (table[i].read(table[i], raw.values[i]->text, scratch, found)) {
            std::string value;  // as we write it, so that equal values are equal texts
            table[i].write(value, scratch);
            out.emplace(table[i].name, std::move(value));
        } else {
            complain(found, "/" + std::string{table[i].name});
        }
    }
    return out;
}

std::string quirk_values_json(const QuirkValues& values) {
    std::string out{"{"};
    for (const auto& setting : table) {
        const auto it = values.find(setting.name);
        if (it == values.end()) continue;
        if (out.size() > 1) out += ',';
        out.append("\"").append(setting.name).append("\":").append(it->second);
    }
    return out + '}';
}

void apply_quirks(const QuirkValues& values, Quirks& quirks) {
    for (const auto& [name, json] : values) {
        DecodeReport ignored;
        if (const auto* setting = find_quirk_setting(name)) {
            setting->read(*setting, json, quirks, ignored);
        }
    }
}

std::string_view badge_within(const Quirks& quirks, std::string_view id_tag) {
    auto badge = id_tag;
    if (const auto& mark = quirks.id_tag_prefix_separator; !mark.empty()) {
        const auto at = badge.find(mark);
        if (at != std::string_view::npos) badge.remove_prefix(at + mark.size());
    }
    if (const auto& mark = quirks.id_tag_suffix_separator; !mark.empty()) {
        // The last one: what is appended stands at the end, whatever the badge holds.
        const auto at = badge.rfind(mark);
        if (at != std::string_view::npos) badge = badge.substr(0, at);
    }
    return badge.empty() ? id_tag : badge;
}

}  // namespace busbar::site
