#include "site/charging_profiles.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "site/charger_keys.hpp"

namespace busbar::site {

namespace v16 = ocpp::v16;

namespace {

using Purpose = v16::ChargingProfilePurpose;
using Unit = v16::ChargingRateUnit;

// No clock that shows another zone is off by more.
constexpr std::chrono::hours any_zone{24};

// How many values a step count may have so that products stay far from overflow.
constexpr std::int64_t amps_max = 10'000;

bool contains_ignoring_case(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) { return ascii_lower(a) == ascii_lower(b); };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

// Keys say Current and Power where profiles say A and W (errata 3.88); chargers mix them up.
bool names_watts(std::string_view units) {
    return contains_ignoring_case(units, "power") || contains_ignoring_case(units, "w");
}
bool names_amps(std::string_view units) {
    return contains_ignoring_case(units, "current") || equal_ignoring_case(units, "a") ||
           units.starts_with("A,") || units.ends_with(",A");
}

Unit usual_unit(const ProfileAbilities& abilities) {
    if (abilities.quirks.rate_unit == Unit::W) return Unit::W;
    const bool watts_only = names_watts(abilities.rate_units) && !names_amps(abilities.rate_units);
    return watts_only ? Unit::W : Unit::A;
}

// The unit that is left if the usual one is refused; nothing if the charger says it has no other.
std::optional<Unit> other_unit(const ProfileAbilities& abilities) {
    if (usual_unit(abilities) == Unit::W) return Unit::A;
    const bool amps_only = names_amps(abilities.rate_units) && !names_watts(abilities.rate_units);
    return amps_only ? std::nullopt : std::optional{Unit::W};
}

bool has_purpose(const Quirks& quirks, Purpose purpose) {
    const auto& known = quirks.profile_purposes;
    return std::find(known.begin(), known.end(), purpose) != known.end();
}

void add(std::vector<ProfileShape>& shapes, const ProfileShape& shape) {
    if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(shape);
}

v16::ChargingProfileKind kind_of(const ProfileShape& shape) {
    return shape.kind == ProfileKind::Relative ? v16::ChargingProfileKind::Relative
                                               : v16::ChargingProfileKind::Absolute;
}

std::optional<std::int32_t> number_phases(const Quirks& quirks, int phases) {
    switch (quirks.number_phases) {
        case NumberPhases::omit:
            return std::nullopt;
        case NumberPhases::send:
            return phases;
        case NumberPhases::three:
            return 3;
    }
    return std::nullopt;
}

Amps stepped_down(Amps amps, const Quirks& quirks) {
    const auto wanted = std::max(amps.milliamps, 0);
    if (!quirks.allowed_amps.empty()) {
        Amps best;
        for (const double allowed : quirks.allowed_amps) {
            const Amps value = Amps::from_double(allowed);
            if (value.milliamps <= wanted) best = std::max(best, value);
        }
        return best;
    }
    auto step = std::max(Amps::from_double(quirks.current_step_amps).milliamps, 1);
    return {wanted / step * step};
}

// Where an Absolute schedule begins: in the charger's past, if its clock is right or nearly so.
std::chrono::seconds ago(const Quirks& quirks) {
    return std::chrono::seconds{quirks.start_schedule_seconds_ago};
}

v16::ChargingSchedulePeriod period(std::chrono::seconds start, Tenths limit,
                                   std::optional<std::int32_t> phases) {
    v16::ChargingSchedulePeriod out;
    out.startPeriod = static_cast<std::int32_t>(start.count());
    out.limit = limit;
    out.numberPhases = phases;
    return out;
}

// Where a limit stands that a TxDefaultProfile carries: above those of operators, which would count
// in its stead. Nothing if there is no room above.
std::optional<std::int32_t> default_limit_level(const ProfileAbilities& abilities) {
    const auto levels = stack_levels(abilities);
    const auto& taken = abilities.default_level_taken;
    if (!taken || *taken < levels.tx_default) return levels.tx_default;
    return *taken < levels.tx ? std::optional{*taken + 1} : std::nullopt;
}

}  // namespace

ProfileAbilities profile_abilities(const ChargePoint& charger) {
    ProfileAbilities abilities{
        charger.quirks, configuration_number(charger, "ChargeProfileMaxStackLevel"),
        configuration_value(charger, "ChargingScheduleAllowedChargingRateUnit").value_or(""), 0};
    // Where nothing lies beneath, the end of a schedule is the end of all limits (errata 3.43).
    bool falls_to_safe = charger.quirks.duration_then_default;
    for (const auto& [number, connector] : charger.connectors) {
        if (number == 0 || is_hidden(charger, number)) continue;
        ++abilities.connectors;
        falls_to_safe = falls_to_safe && connector.safe_profile_accepted;
    }
    abilities.needs_duration =
        falls_to_safe && configuration_number(charger, "ChargingScheduleMaxPeriods") == 1;
    for (const auto& profile : charger.operator_profiles) {
        constexpr auto any = std::numeric_limits<std::int32_t>::max();
        const bool is_whole = profile.purpose == Purpose::ChargePointMaxProfile;
        auto& taken = is_whole ? abilities.whole_level_taken : abilities.default_level_taken;
        // One of a single connector stands in for that of connector 0, on whatever level (3.13.1).
        const bool stands_above =
            !is_whole && charger.quirks.tx_default_on_connector_0 && profile.connector_id != 0;
        const auto level = stands_above ? any : profile.stack_level.value_or(any);
        taken = std::max(taken.value_or(0), level);
    }
    abilities.clock_is_unsure = is_clock_unsure(charger);
    return abilities;
}

bool is_clock_unsure(const ChargePoint& charger) {
    constexpr std::chrono::seconds quarter{900};
    constexpr std::chrono::seconds none{0};
    const auto offset = charger.clock.offset();
    if (!offset) return charger.quirks.timestamps != TimeQuirk::utc;
    return *offset > none || (*offset < none && *offset % quarter == none);
}

StackLevels stack_levels(const ProfileAbilities& abilities) {
    const auto& quirks = abilities.quirks;
    const std::int64_t highest = std::clamp<std::int64_t>(
        abilities.stack_level_max.value_or(quirks.stack_level), 0, quirks.stack_level_max);
    const auto tx = static_cast<std::int32_t>(highest);
    return {std::min(quirks.stack_level, tx), tx};
}

std::vector<ProfileShape> limit_shapes(const ProfileAbilities& abilities) {
    const auto& quirks = abilities.quirks;
    const auto levels = stack_levels(abilities);
    const auto unit = usual_unit(abilities);
    std::vector<ProfileShape> shapes;
    if (has_purpose(quirks, Purpose::TxProfile)) {
        const ProfileShape usual{Purpose::TxProfile, quirks.profile_kind, unit, levels.tx,
                                 abilities.needs_duration};
        if (abilities.clock_is_unsure) {
            auto without_clock = usual;
            without_clock.kind = ProfileKind::Relative;
            add(shapes, without_clock);
        }
        add(shapes, usual);
        ProfileShape bottom = usual;
        bottom.stack_level = 0;
        add(shapes, bottom);
        for (auto shape : {bottom, usual}) {
            if (const auto other = other_unit(abilities)) {
                shape.unit = *other;
                add(shapes, shape);
            }
        }
        bottom.kind =
            usual.kind == ProfileKind::Absolute ? ProfileKind::Relative : ProfileKind::Absolute;
        add(shapes, bottom);
    }
    // A Relative one would begin anew with the next transaction.
    const auto replacements = [&](Purpose purpose, std::int32_t level) {
        if (!has_purpose(quirks, purpose)) return;
        add(shapes, {purpose, ProfileKind::Absolute, unit, level});
        if (const auto other = other_unit(abilities)) {
            add(shapes, {purpose, ProfileKind::Absolute, *other, level});
        }
    };
    // One for connector 0 would give each connector what is meant for one of them.
    const bool is_for_one = !quirks.tx_default_on_connector_0 || abilities.connectors == 1;
    const auto default_level = default_limit_level(abilities);
    if (is_for_one && default_level) replacements(Purpose::TxDefaultProfile, *default_level);
    // It holds for all connectors together. An operator's on the same level or above would count in
    // its stead.
    const bool is_hidden =
        abilities.whole_level_taken && *abilities.whole_level_taken >= levels.tx_default;
    if (abilities.connectors == 1 && !is_hidden) {
        replacements(Purpose::ChargePointMaxProfile, levels.tx_default);
    }
    return shapes;
}

std::vector<ProfileShape> safe_shapes(const ProfileAbilities& abilities) {
    const auto level = stack_levels(abilities).tx_default;
    const auto unit = usual_unit(abilities);
    std::vector<ProfileShape> shapes;
    if (!has_purpose(abilities.quirks, Purpose::TxDefaultProfile)) return shapes;
    add(shapes, {Purpose::TxDefaultProfile, ProfileKind::Relative, unit, level});
    add(shapes, {Purpose::TxDefaultProfile, ProfileKind::Absolute, unit, level});
    if (const auto other = other_unit(abilities)) {
        add(shapes, {Purpose::TxDefaultProfile, ProfileKind::Relative, *other, level});
        add(shapes, {Purpose::TxDefaultProfile, ProfileKind::Absolute, *other, level});
    }
    return shapes;
}

std::optional<ProfileShape> next_shape(const std::vector<ProfileShape>& shapes,
                                       const std::vector<ProfileShape>& refused) {
    for (const auto& shape : shapes) {
        if (std::find(refused.begin(), refused.end(), shape) == refused.end()) return shape;
    }
    return std::nullopt;
}

Tenths rounded_down(Amps amps) { return {std::max(amps.milliamps, 0) / 100}; }

Tenths wire_limit(Amps amps, v16::ChargingRateUnit unit, int phases, const Quirks& quirks) {
    const std::int64_t milliamps =
        std::min<std::int64_t>(stepped_down(amps, quirks).milliamps, amps_max * 1000);
    std::int64_t tenths = milliamps / 100;
    if (unit == Unit::W) tenths = milliamps * phases * lowest_volts / 100;
    if (quirks.limit_as_integer) tenths = tenths / 10 * 10;
    return {static_cast<std::int32_t>(tenths)};
}

Amps most_on_one_phase(Tenths limit, v16::ChargingRateUnit unit) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const std::int64_t thousandths = std::int64_t{std::max(limit.value, 0)} * 100;
    const std::int64_t volts = unit == Unit::A ? 1 : lowest_volts;
    return {static_cast<std::int32_t>(std::min((thousandths + volts - 1) / volts, most))};
}

bool has_own_profile_ids(std::int32_t connector_id, const Quirks& quirks) {
    const bool is_small = quirks.charging_profile_id_max < own_profile_id_max;
    if (!is_small) return connector_id < 1000;
    const auto last = std::min(quirks.charging_profile_id_max, own_small_profile_id_max);
    return connector_id <= (last - 1) / 2;
}

std::int32_t own_profile_id(v16::ChargingProfilePurpose purpose, std::int32_t connector_id,
                            const Quirks& quirks) {
    const bool is_small = quirks.charging_profile_id_max < own_profile_id_max;
    switch (purpose) {
        case Purpose::TxProfile:
            return is_small ? 2 * connector_id : 3000 + connector_id;
        case Purpose::TxDefaultProfile:
            // That of connector 0 stands for those of all others.
            return is_small ? 2 * std::max(connector_id, 1) + 1 : 2000 + connector_id;
        case Purpose::ChargePointMaxProfile:
            break;
    }
    return is_small ? 1 : own_profile_id_min;
}

std::int32_t profile_connector(v16::ChargingProfilePurpose purpose, std::int32_t connector_id,
                               const Quirks& quirks) {
    const bool is_whole =
        purpose == Purpose::ChargePointMaxProfile ||
        (purpose == Purpose::TxDefaultProfile && quirks.tx_default_on_connector_0);
    return is_whole ? 0 : connector_id;
}

bool is_own_profile_id(std::int32_t id, const Quirks& quirks) {
    if (quirks.charging_profile_id_max < own_profile_id_max) return id <= own_small_profile_id_max;
    return id >= own_profile_id_min && id <= own_profile_id_max;
}

v16::SetChargingProfile::Request leased_profile(const LeasedLimit& limit, const ProfileShape& shape,
                                                const Quirks& quirks, Timestamp now) {
    v16::SetChargingProfile::Request request;
    request.connectorId = profile_connector(shape.purpose, limit.connector_id, quirks);
    auto& profile = request.csChargingProfiles;
    profile.chargingProfileId = own_profile_id(shape.purpose, request.connectorId, quirks);
    if (shape.purpose == Purpose::TxProfile) profile.transactionId = limit.transaction_id;
    profile.stackLevel = shape.stack_level;
    profile.chargingProfilePurpose = shape.purpose;
    profile.chargingProfileKind = kind_of(shape);
    auto& schedule = profile.chargingSchedule;
    auto passed = limit.running;
    if (shape.kind == ProfileKind::Absolute) {
        passed = ago(quirks);
        schedule.startSchedule = std::chrono::floor<std::chrono::seconds>(now - passed);
    }
    schedule.chargingRateUnit = shape.unit;
    const auto phases = number_phases(quirks, shape.unit == Unit::W ? limit.phases : limit.wired);
    const auto on_wire = [&](Amps amps) {
        return wire_limit(amps, shape.unit, limit.phases, quirks);
    };
    schedule.chargingSchedulePeriod = {
        period(std::chrono::seconds{0}, on_wire(limit.limit), phases)};
    if (shape.has_duration) {
        schedule.duration = static_cast<std::int32_t>((passed + limit.lease).count());
    } else {
        schedule.chargingSchedulePeriod.push_back(
            period(passed + limit.lease, on_wire(limit.safe), phases));
    }
    return request;
}

v16::SetChargingProfile::Request safe_profile(std::int32_t connector_id, Amps safe, int wired,
                                              const ProfileShape& shape, const Quirks& quirks,
                                              Timestamp now) {
    v16::SetChargingProfile::Request request;
    request.connectorId = profile_connector(Purpose::TxDefaultProfile, connector_id, quirks);
    auto& profile = request.csChargingProfiles;
    profile.chargingProfileId =
        own_profile_id(Purpose::TxDefaultProfile, request.connectorId, quirks);
    profile.stackLevel = shape.stack_level;
    profile.chargingProfilePurpose = Purpose::TxDefaultProfile;
    profile.chargingProfileKind = kind_of(shape);
    auto& schedule = profile.chargingSchedule;
    if (shape.kind == ProfileKind::Absolute) {
        // With one period for ever, it does not matter when it began.
        const auto past = std::max<std::chrono::seconds>(ago(quirks), any_zone);
        schedule.startSchedule = std::chrono::floor<std::chrono::seconds>(now - past);
    }
    schedule.chargingRateUnit = shape.unit;
    // The next car's phases are not known: one may take all watts.
    schedule.chargingSchedulePeriod = {
        period(std::chrono::seconds{0}, wire_limit(safe, shape.unit, 1, quirks),
               number_phases(quirks, shape.unit == Unit::W ? 1 : wired))};
    return request;
}

std::string profile_text(const v16::SetChargingProfile::Request& request, const Quirks& quirks) {
    std::string text = to_json(request);
    if (!quirks.limit_as_integer) return text;
    constexpr std::string_view member = "\"limit\":";
    for (auto at = text.find(member); at != std::string::npos; at = text.find(member, at)) {
        at += member.size();
        const auto end = text.find_first_of(",}", at);
        if (end != std::string::npos && text.compare(end - 2, 2, ".0") == 0) text.erase(end - 2, 2);
    }
    return text;
}

}  // namespace busbar::site
