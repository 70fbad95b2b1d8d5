// Every message of OCPP 1.6 and its security white paper, as two lists by direction. What is done
// for all messages alike (commands, tests, fuzzing) walks these. Plain types.
#pragma once

#include <boost/mp11/list.hpp>
#include <boost/mp11/set.hpp>

#include "ocpp/v16/core.hpp"
#include "ocpp/v16/firmware.hpp"
#include "ocpp/v16/local_list.hpp"
#include "ocpp/v16/remote_trigger.hpp"
#include "ocpp/v16/reservation.hpp"
#include "ocpp/v16/security.hpp"
#include "ocpp/v16/smart_charging.hpp"

namespace busbar::ocpp::v16 {

// What a charge point asks the central system (chapter 4, and the white paper's).
using FromChargePoint =
    boost::mp11::mp_list<Authorize, BootNotification, DataTransfer, DiagnosticsStatusNotification,
                         FirmwareStatusNotification, Heartbeat, LogStatusNotification, MeterValues,
                         SecurityEventNotification, SignCertificate,
                         SignedFirmwareStatusNotification, StartTransaction, StatusNotification,
                         StopTransaction>;

// What the central system asks a charge point (chapter 5, and the white paper's).
using ToChargePoint = boost::mp11::mp_list<
    CancelReservation, CertificateSigned, ChangeAvailability, ChangeConfiguration, ClearCache,
    ClearChargingProfile, DataTransfer, DeleteCertificate, ExtendedTriggerMessage,
    GetCompositeSchedule, GetConfiguration, GetDiagnostics, GetInstalledCertificateIds,
    GetLocalListVersion, GetLog, InstallCertificate, RemoteStartTransaction, RemoteStopTransaction,
    ReserveNow, Reset, SendLocalList, SetChargingProfile, SignedUpdateFirmware, TriggerMessage,
    UnlockConnector, UpdateFirmware>;

// Each of them once: DataTransfer goes both ways.
using AllMessages = boost::mp11::mp_set_union<FromChargePoint, ToChargePoint>;
static_assert(boost::mp11::mp_size<AllMessages>::value == 28 + 11);

}  // namespace busbar::ocpp::v16
