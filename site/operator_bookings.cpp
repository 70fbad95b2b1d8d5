// What operators' profiles allow, booked from before they are sent until they are sure to be gone.
#include <algorithm>
#include <limits>

#include <boost/describe/class.hpp>

#include "site/charging_profiles.hpp"
#include "site/load_management.hpp"
#include "site/operator_profiles.hpp"

namespace busbar::site {
namespace {

using Purpose = v16::ChargingProfilePurpose;

constexpr std::string_view state_kind = "operator_profiles";
constexpr std::size_t profiles_max = 100;
// All that is beyond what any charger has room for counts as one, which is never lowered.
constexpr std::int32_t all_others = std::numeric_limits<std::int32_t>::min();

// A profile as it is stored. Releases before had TxDefaultProfiles only, one row a connector.
struct Booking {
    std::int32_t connectorId = 0;
    std::int32_t chargingProfileId = 0;
    std::int32_t milliamps = 0;
    std::optional<Purpose> purpose;
    std::optional<std::int32_t> stackLevel;
    std::optional<bool> certain;
};
BOOST_DESCRIBE_STRUCT(Booking, (),
                      (connectorId, chargingProfileId, milliamps, purpose, stackLevel, certain))

// Chargers keep profiles over our restarts (errata 3.37): so must the bookings.
void record_bookings(Site& site, const ChargePoint& charger) {
    std::vector<Booking> bookings;
    for (const auto& profile : charger.operator_profiles) {
        bookings.push_back({profile.connector_id, profile.id, profile.highest.milliamps,
                            profile.purpose, profile.stack_level, profile.is_certain});
    }
    site.record(
        {db::StateSaved{std::string{state_kind}, charger.settings.id, {to_json(bookings)}}});
}

// TxProfiles end with their transaction, and are never above the safe current that is booked for
// it.
bool outlives_transactions(const v16::ChargingProfile& profile) {
    return profile.chargingProfilePurpose != Purpose::TxProfile;
}

OperatorProfile profile_of(const v16::SetChargingProfile::Request& request) {
    const auto& profile = request.csChargingProfiles;
    return {.id = profile.chargingProfileId,
            .connector_id = request.connectorId,
            .purpose = profile.chargingProfilePurpose,
            .stack_level = profile.stackLevel,
            .highest = highest_limit(profile.chargingSchedule),
            .is_certain = false,
            .on_its_way = 1};
}

// The booking of a request that has been settled: one that waits for an answer, or else one that
// has waited in vain. Null if it was counted with others or is gone.
OperatorProfile* booking_of(ChargePoint& charger, const OperatorProfile& asked) {
    const auto is_of = [&](const OperatorProfile& known, bool waits) {
        return known.id == asked.id && known.connector_id == asked.connector_id &&
               known.purpose == asked.purpose && known.stack_level == asked.stack_level &&
               known.highest == asked.highest && !known.is_certain &&
               (known.on_its_way > 0) == waits;
    };
    auto& known = charger.operator_profiles;
    for (const bool waits : {true, false}) {
        const auto found = std::find_if(known.begin(), known.end(),
                                        [&](const auto& one) { return is_of(one, waits); });
        if (found != known.end()) return &*found;
    }
    return nullptr;
}

// One that is counted with others is not on its way any more.
void settle_among_others(ChargePoint& charger) {
    auto& known = charger.operator_profiles;
    if (known.empty() || known.back().id != all_others) return;
    known.back().on_its_way = std::max(known.back().on_its_way - 1, 0);
}

// Whether clearing by these criteria is sure to have met it. Connector 0 means the whole to some
// chargers and itself to others. One that is not answered yet stands in the queue behind the
// clearing, which has been: one call goes after the other.
bool is_met(const OperatorProfile& profile, const v16::ClearChargingProfile::Request& request) {
    if (profile.on_its_way > 0) return false;
    if (profile.id == all_others) {
        return !request.id && !request.connectorId && !request.chargingProfilePurpose &&
               !request.stackLevel;
    }
    return (!request.id || *request.id == profile.id) &&
           (!request.connectorId || *request.connectorId == profile.connector_id) &&
           (!request.chargingProfilePurpose ||
            *request.chargingProfilePurpose == profile.purpose) &&
           (!request.stackLevel || request.stackLevel == profile.stack_level);
}

}  // namespace

void operator_profile_sent(Site& site, ChargePoint& charger,
                           const v16::SetChargingProfile::Request& request) {
    if (!outlives_transactions(request.csChargingProfiles)) return;
    auto sent = profile_of(request);
    auto& known = charger.operator_profiles;
    if (known.size() < profiles_max) {
        known.push_back(sent);
    } else {
        auto& rest = known.back();
        rest = {.id = all_others,
                .connector_id = 0,
                .purpose = Purpose::TxDefaultProfile,
                .stack_level = {},
                .highest = std::max(rest.highest, sent.highest),
                .is_certain = true,
                .on_its_way = rest.on_its_way + 1};
    }
    record_bookings(site, charger);
    // It counts before it is on its way: others make room for it now.
    site.step_wanted = true;
    site.next_step = site.now.mono;
    manage_load(site, site.now);
}

void operator_profile_taken(Site& site, ChargePoint& charger,
                            const v16::SetChargingProfile::Request& request) {
    if (!outlives_transactions(request.csChargingProfiles)) return;
    auto taken = profile_of(request);
    auto& known = charger.operator_profiles;
    if (auto* booked = booking_of(charger, taken)) {
        known.erase(known.begin() + (booked - known.data()));
    } else {
        settle_among_others(charger);
    }
    // The same number on the same connector has been replaced, unless it comes only later. Of a
    // number that moved to another connector nobody knows.
    std::erase_if(known, [&](const OperatorProfile& old) {
        return old.id == taken.id && old.connector_id == taken.connector_id && old.on_its_way == 0;
    });
    taken.is_certain = true;
    taken.on_its_way = 0;
    if (known.size() < profiles_max) {
        // What stands for all others stays the last.
        const bool has_rest = !known.empty() && known.back().id == all_others;
        known.insert(has_rest ? std::prev(known.end()) : known.end(), taken);
    }
    record_bookings(site, charger);
    site.step_wanted = true;
}

void operator_profile_refused(Site& site, ChargePoint& charger,
                              const v16::SetChargingProfile::Request& request) {
    if (!outlives_transactions(request.csChargingProfiles)) return;
    auto& known = charger.operator_profiles;
    const auto* booked = booking_of(charger, profile_of(request));
    if (!booked) return settle_among_others(charger);
    known.erase(known.begin() + (booked - known.data()));
    if (!site.journal.full()) record_bookings(site, charger);
    site.step_wanted = true;
}

void operator_profile_unanswered(ChargePoint& charger,
                                 const v16::SetChargingProfile::Request& request) {
    if (!outlives_transactions(request.csChargingProfiles)) return;
    auto* booked = booking_of(charger, profile_of(request));
    if (!booked) return settle_among_others(charger);
    booked->on_its_way = 0;
}

void operator_profiles_cleared(Site& site, ChargePoint& charger,
                               const v16::ClearChargingProfile::Request& request) {
    // What such a model says of clearing means nothing.
    if (charger.quirks.clear_profiles == ClearProfiles::overwrite) return;
    const auto gone = std::erase_if(charger.operator_profiles, [&](const OperatorProfile& profile) {
        return is_met(profile, request);
    });
    if (gone == 0) return;
    if (!site.journal.full()) record_bookings(site, charger);
    site.step_wanted = true;
}

Amps held_by_operators(const ChargePoint& charger, std::int32_t connector_id) {
    Amps most;
    for (const auto& profile : charger.operator_profiles) {
        // A ChargePointMaxProfile can only lower.
        if (profile.purpose != Purpose::TxDefaultProfile) continue;
        if (profile.connector_id != 0 && profile.connector_id != connector_id) continue;
        most = std::max(most, profile.highest);
    }
    return most;
}

void restore_operator_profiles(Site& site, const db::StateSaved& row) {
    ChargePoint* charger = row.kind == state_kind ? site.find(row.key) : nullptr;
    if (!charger) return;
    DecodeReport report;
    const auto bookings =
        decode_text<std::vector<Booking>>(row.body.text, {.empty_arrays = true}, report);
    for (const auto& booking : bookings.value_or(std::vector<Booking>{})) {
        if (charger->operator_profiles.size() == profiles_max) break;
        charger->operator_profiles.push_back(
            {.id = booking.chargingProfileId,
             .connector_id = booking.connectorId,
             .purpose = booking.purpose.value_or(Purpose::TxDefaultProfile),
             .stack_level = booking.stackLevel,
             .highest = Amps::from_milliamps(booking.milliamps),
             .is_certain = booking.certain.value_or(true)});
    }
}

}  // namespace busbar::site
