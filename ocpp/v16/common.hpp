// Data types shared by several OCPP 1.6 messages (chapter 7). Member names are the JSON names,
// enumerators the wire names, with '_' where the wire has '.' or '-'. Plain values.
#pragma once

#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/codec.hpp"

namespace busbar::ocpp::v16 {

// An idTag (7.28).
using IdToken = CiString<20>;

BOOST_DEFINE_ENUM_CLASS(AuthorizationStatus, Accepted, Blocked, Expired, Invalid, ConcurrentTx)

// The verdict on an idTag (7.27); expiryDate is when the charger's cache must ask again.
struct IdTagInfo {
    std::optional<Timestamp> expiryDate;
    std::optional<IdToken> parentIdTag;
    AuthorizationStatus status{};
};
BOOST_DESCRIBE_STRUCT(IdTagInfo, (), (expiryDate, parentIdTag, status))

BOOST_DEFINE_ENUM_CLASS(GenericStatus, Accepted, Rejected)

BOOST_DEFINE_ENUM_CLASS(ReadingContext, Interruption_Begin, Interruption_End, Sample_Clock,
                        Sample_Periodic, Transaction_Begin, Transaction_End, Trigger, Other)
constexpr char wire_separator(ReadingContext) { return '.'; }

BOOST_DEFINE_ENUM_CLASS(ValueFormat, Raw, SignedData)

BOOST_DEFINE_ENUM_CLASS(Measurand, Energy_Active_Export_Register, Energy_Active_Import_Register,
                        Energy_Reactive_Export_Register, Energy_Reactive_Import_Register,
                        Energy_Active_Export_Interval, Energy_Active_Import_Interval,
                        Energy_Reactive_Export_Interval, Energy_Reactive_Import_Interval,
                        Power_Active_Export, Power_Active_Import, Power_Offered,
                        Power_Reactive_Export, Power_Reactive_Import, Power_Factor, Current_Import,
                        Current_Export, Current_Offered, Voltage, Frequency, Temperature, SoC, RPM)
constexpr char wire_separator(Measurand) { return '.'; }

BOOST_DEFINE_ENUM_CLASS(Phase, L1, L2, L3, N, L1_N, L2_N, L3_N, L1_L2, L2_L3, L3_L1)
constexpr char wire_separator(Phase) { return '-'; }

BOOST_DEFINE_ENUM_CLASS(Location, Cable, EV, Inlet, Outlet, Body)

BOOST_DEFINE_ENUM_CLASS(Unit, Wh, kWh, varh, kvarh, W, kW, VA, kVA, var, kvar, A, V, K, Celcius,
                        Celsius, Fahrenheit, Percent, Hertz)

// A sample (7.43). Absent members have defaults: see site/meter_values. What is named wrongly is
// kept all the same: a register reading is worth money.
struct SampledValue {
    std::string value;
    std::optional<Open<ReadingContext>> context;
    std::optional<Open<ValueFormat>> format;
    std::optional<Open<Measurand>> measurand;
    std::optional<Open<Phase>> phase;
    std::optional<Open<Location>> location;
    std::optional<Open<Unit>> unit;
};
BOOST_DESCRIBE_STRUCT(SampledValue, (), (value, context, format, measurand, phase, location, unit))
// A sample whose measurand is no text must not be taken for the default measurand: leniently it is
// dropped, and the message is kept.
constexpr bool droppable(const SampledValue*) { return true; }

// Samples taken at one time (7.33).
struct MeterValue {
    Timestamp timestamp;
    std::vector<SampledValue> sampledValue;
};
BOOST_DESCRIBE_STRUCT(MeterValue, (), (timestamp, sampledValue))
// One without samples is no reason to refuse the others.
constexpr bool droppable(const MeterValue*) { return true; }
constexpr std::string_view former_name(const MeterValue*, std::string_view name) {
    return name == "sampledValue" ? "values" : "";
}

BOOST_DEFINE_ENUM_CLASS(ChargingProfilePurpose, ChargePointMaxProfile, TxDefaultProfile, TxProfile)
BOOST_DEFINE_ENUM_CLASS(ChargingProfileKind, Absolute, Recurring, Relative)
BOOST_DEFINE_ENUM_CLASS(RecurrencyKind, Daily, Weekly)
BOOST_DEFINE_ENUM_CLASS(ChargingRateUnit, A, W)

// From startPeriod seconds on (7.14); numberPhases absent means 3.
struct ChargingSchedulePeriod {
    std::int32_t startPeriod = 0;
    Tenths limit;
    std::optional<std::int32_t> numberPhases;
};
BOOST_DESCRIBE_STRUCT(ChargingSchedulePeriod, (), (startPeriod, limit, numberPhases))

// Limits over time (7.13), in A per phase or W in total.
struct ChargingSchedule {
    std::optional<std::int32_t> duration;
    std::optional<Timestamp> startSchedule;
    ChargingRateUnit chargingRateUnit{};
    std::vector<ChargingSchedulePeriod> chargingSchedulePeriod;
    std::optional<Tenths> minChargingRate;
};
BOOST_DESCRIBE_STRUCT(ChargingSchedule, (),
                      (duration, startSchedule, chargingRateUnit, chargingSchedulePeriod,
                       minChargingRate))

// A stack of limits (7.8).
struct ChargingProfile {
    std::int32_t chargingProfileId = 0;
    std::optional<std::int32_t> transactionId;
    std::int32_t stackLevel = 0;
    ChargingProfilePurpose chargingProfilePurpose{};
    ChargingProfileKind chargingProfileKind{};
    std::optional<RecurrencyKind> recurrencyKind;
    std::optional<Timestamp> validFrom;
    std::optional<Timestamp> validTo;
    ChargingSchedule chargingSchedule;
};
BOOST_DESCRIBE_STRUCT(ChargingProfile, (),
                      (chargingProfileId, transactionId, stackLevel, chargingProfilePurpose,
                       chargingProfileKind, recurrencyKind, validFrom, validTo, chargingSchedule))

}  // namespace busbar::ocpp::v16
