// The charging profiles a charge point holds and what they allow at a moment (OCPP 1.6, 3.13):
// purposes, stack levels, kinds, periods, duration, validity, and the composite schedule.
// Pure: time is a parameter. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "ocpp/v16/smart_charging.hpp"

namespace busbar::sim {

// What a charge point can store (9.4): the values of its Smart Charging keys.
struct ProfileCapacity {
    int stack_level_max = 8;
    int periods_max = 24;
    int profiles_max = 20;
};

// How a connector is in use when its limit is looked up.
struct ConnectorUse {
    bool transaction_running = false;
    std::optional<std::int32_t> transaction_id;    // once StartTransaction has been answered
    std::optional<Timestamp> transaction_started;  // base of Relative profiles
    int phases = 3;                                // of the car: turns W into A
    double volts = 230;
};

// A limit and how long it is sure to hold.
struct Allowed {
    std::optional<Amps> limit;       // per phase; nothing: no profile applies
    std::optional<Timestamp> until;  // look again then; nothing: it holds until profiles change
};

// What one profile says at `at`, whatever its purpose.
Allowed evaluate(const ocpp::v16::ChargingProfile& profile, Timestamp at, const ConnectorUse& use);

// What is wrong with a profile in itself, or nothing (7.8, 7.13, errata 3.45).
std::optional<std::string> defect(const ocpp::v16::ChargingProfile& profile,
                                  const ProfileCapacity& capacity);

class ProfileStore {
public:
    explicit ProfileStore(ProfileCapacity capacity = {}) : capacity_(capacity) {}

    // Installs or replaces (5.16): the same id, or the same purpose, level and connector, goes.
    // Accepted, or Rejected with the reason in `why`.
    ocpp::v16::SetChargingProfileStatus set(int connector,
                                            const ocpp::v16::ChargingProfile& profile,
                                            const ConnectorUse& use, std::string* why = nullptr);
    // Removes what matches (5.5); false if nothing did.
    bool clear(const ocpp::v16::ClearChargingProfile::Request& request);
    // The TxProfiles of a connector go with its transaction.
    void transaction_ended(int connector);

    // What TxProfiles, or else TxDefaultProfiles, allow a connector.
    Allowed connector_limit(int connector, Timestamp at, const ConnectorUse& use) const;
    // What ChargePointMaxProfiles allow all connectors together.
    Allowed charge_point_limit(Timestamp at) const;
    // The lower of both; connector 0 has only the second.
    Allowed composite(int connector, Timestamp at, const ConnectorUse& use) const;

    // The composite over a span, in the unit asked for; `hardware_max` where no profile applies.
    ocpp::v16::ChargingSchedule composite_schedule(int connector, Timestamp from,
                                                   std::chrono::seconds duration,
                                                   ocpp::v16::ChargingRateUnit unit,
                                                   const ConnectorUse& use,
                                                   Amps hardware_max) const;

    std::size_t size() const { return installed_.size(); }
    const ProfileCapacity& capacity() const { return capacity_; }

private:
    struct Installed {
        int connector;
        ocpp::v16::ChargingProfile profile;
    };

    Allowed highest(ocpp::v16::ChargingProfilePurpose purpose, int connector, Timestamp at,
                    const ConnectorUse& use) const;

    ProfileCapacity capacity_;
    std::vector<Installed> installed_;
};

}  // namespace busbar::sim
