#include "site/charging_profiles.hpp"

#include <algorithm>

namespace busbar::site {

namespace v16 = ocpp::v16;

namespace {

// Charger clocks differ from ours by seconds; the start must lie in their past.
constexpr std::chrono::seconds clock_difference_max{30};

v16::ChargingSchedulePeriod period(std::chrono::seconds start, Amps limit) {
    v16::ChargingSchedulePeriod out;
    out.startPeriod = static_cast<std::int32_t>(start.count());
    out.limit = rounded_down(limit);
    return out;
}

}  // namespace

Tenths rounded_down(Amps amps) { return {std::max(amps.milliamps, 0) / 100}; }

v16::SetChargingProfile::Request leased_profile(const LeasedLimit& limit, Timestamp now) {
    v16::SetChargingProfile::Request request;
    request.connectorId = limit.connector_id;
    auto& profile = request.csChargingProfiles;
    profile.chargingProfileId = 3000 + limit.connector_id;
    profile.transactionId = limit.transaction_id;
    profile.stackLevel = 0;
    profile.chargingProfilePurpose = v16::ChargingProfilePurpose::TxProfile;
    profile.chargingProfileKind = v16::ChargingProfileKind::Absolute;
    auto& schedule = profile.chargingSchedule;
    schedule.startSchedule = std::chrono::floor<std::chrono::seconds>(now - clock_difference_max);
    schedule.chargingRateUnit = v16::ChargingRateUnit::A;
    schedule.chargingSchedulePeriod = {period(std::chrono::seconds{0}, limit.limit),
                                       period(clock_difference_max + limit.lease, limit.safe)};
    return request;
}

v16::SetChargingProfile::Request safe_profile(std::int32_t connector_id, Amps safe) {
    v16::SetChargingProfile::Request request;
    request.connectorId = connector_id;
    auto& profile = request.csChargingProfiles;
    profile.chargingProfileId = 2000 + connector_id;
    profile.stackLevel = 0;
    profile.chargingProfilePurpose = v16::ChargingProfilePurpose::TxDefaultProfile;
    // Relative needs no start time: right whatever the charger's clock says.
    profile.chargingProfileKind = v16::ChargingProfileKind::Relative;
    profile.chargingSchedule.chargingRateUnit = v16::ChargingRateUnit::A;
    profile.chargingSchedule.chargingSchedulePeriod = {period(std::chrono::seconds{0}, safe)};
    return request;
}

}  // namespace busbar::site
