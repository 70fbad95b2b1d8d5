"""What OCPP 1.6 (edition 2 with its errata) and the security white paper (edition 3) allow in every
message, as tables of this test's own. Nothing of Busbar's sources is used here.

A message is a list of fields, `name type` or `name! type` for a required one. Types: `int`, `bool`,
`time`, `uri`, `decimal` (at most one digit behind the point), `text` and `text20` (at most 20
characters), the name of a list of words, the name of a group of fields, and `[type]` or `[type]+`
for a list that may, or may not, be empty.
"""
import collections
import re

Field = collections.namedtuple("Field", "required kind limit item may_be_empty")

WORDS = {
    "AuthorizationStatus": "Accepted Blocked Expired Invalid ConcurrentTx",
    "AvailabilityStatus": "Accepted Rejected Scheduled",
    "AvailabilityType": "Inoperative Operative",
    "CertificateStatus": "Accepted Rejected",
    "CertificateUse": "CentralSystemRootCertificate ManufacturerRootCertificate",
    "ClearProfileStatus": "Accepted Unknown",
    "ConfigurationStatus": "Accepted Rejected RebootRequired NotSupported",
    "DataTransferStatus": "Accepted Rejected UnknownMessageId UnknownVendorId",
    "DeleteCertificateStatus": "Accepted Failed NotFound",
    "DiagnosticsStatus": "Idle Uploaded UploadFailed Uploading",
    "ErrorCode": "ConnectorLockFailure EVCommunicationError GroundFailure HighTemperature "
                 "InternalError LocalListConflict NoError OtherError OverCurrentFailure "
                 "PowerMeterFailure PowerSwitchFailure ReaderFailure ResetFailure UnderVoltage "
                 "OverVoltage WeakSignal",
    "ExtendedTrigger": "BootNotification LogStatusNotification FirmwareStatusNotification "
                       "Heartbeat MeterValues SignChargePointCertificate StatusNotification",
    "FirmwareStatus": "Downloaded DownloadFailed Downloading Idle InstallationFailed Installing "
                      "Installed",
    "Found": "Accepted NotFound",
    "HashAlgorithm": "SHA256 SHA384 SHA512",
    "InstallStatus": "Accepted Failed Rejected",
    "ListStatus": "Accepted Failed NotSupported VersionMismatch",
    "Location": "Cable EV Inlet Outlet Body",
    "LogStatus": "Accepted Rejected AcceptedCanceled",
    "LogType": "DiagnosticsLog SecurityLog",
    "Measurand": "Energy.Active.Export.Register Energy.Active.Import.Register "
                 "Energy.Reactive.Export.Register Energy.Reactive.Import.Register "
                 "Energy.Active.Export.Interval Energy.Active.Import.Interval "
                 "Energy.Reactive.Export.Interval Energy.Reactive.Import.Interval "
                 "Power.Active.Export Power.Active.Import Power.Offered Power.Reactive.Export "
                 "Power.Reactive.Import Power.Factor Current.Import Current.Export "
                 "Current.Offered Voltage Frequency Temperature SoC RPM",
    "Phase": "L1 L2 L3 N L1-N L2-N L3-N L1-L2 L2-L3 L3-L1",
    "ProfileKind": "Absolute Recurring Relative",
    "ProfilePurpose": "ChargePointMaxProfile TxDefaultProfile TxProfile",
    "ProfileStatus": "Accepted Rejected NotSupported",
    "RateUnit": "A W",
    "ReadingContext": "Interruption.Begin Interruption.End Sample.Clock Sample.Periodic "
                      "Transaction.Begin Transaction.End Trigger Other",
    "Recurrency": "Daily Weekly",
    "RegistrationStatus": "Accepted Pending Rejected",
    "ReservationStatus": "Accepted Faulted Occupied Rejected Unavailable",
    "ResetType": "Hard Soft",
    "SignedFirmwareStatus": "Downloaded DownloadFailed Downloading DownloadScheduled "
                            "DownloadPaused Idle InstallationFailed Installing Installed "
                            "InstallRebooting InstallScheduled InstallVerificationFailed "
                            "InvalidSignature SignatureVerified",
    "Status": "Available Preparing Charging SuspendedEVSE SuspendedEV Finishing Reserved "
              "Unavailable Faulted",
    "StopReason": "EmergencyStop EVDisconnected HardReset Local Other PowerLoss Reboot Remote "
                  "SoftReset UnlockCommand DeAuthorized",
    "Trigger": "BootNotification DiagnosticsStatusNotification FirmwareStatusNotification "
               "Heartbeat MeterValues StatusNotification",
    "TriggerStatus": "Accepted Rejected NotImplemented",
    "Unit": "Wh kWh varh kvarh W kW VA kVA var kvar A V K Celcius Celsius Fahrenheit Percent",
    "UnlockStatus": "Unlocked UnlockFailed NotSupported",
    "UpdateStatus": "Accepted Rejected AcceptedCanceled InvalidCertificate RevokedCertificate",
    "UpdateType": "Differential Full",
    "UploadStatus": "BadMessage Idle NotSupportedOperation PermissionDenied Uploaded "
                    "UploadFailure Uploading",
    "ValueFormat": "Raw SignedData",
    "YesNo": "Accepted Rejected",
}

GROUPS = {
    "IdTagInfo": "status! AuthorizationStatus, expiryDate time, parentIdTag text20",
    "ListEntry": "idTag! text20, idTagInfo IdTagInfo",
    "KeyValue": "key! text50, readonly! bool, value text500",
    "Period": "startPeriod! int, limit! decimal, numberPhases int",
    "Schedule": "chargingRateUnit! RateUnit, chargingSchedulePeriod! [Period]+, duration int, "
                "startSchedule time, minChargingRate decimal",
    "Profile": "chargingProfileId! int, stackLevel! int, chargingProfilePurpose! ProfilePurpose, "
               "chargingProfileKind! ProfileKind, chargingSchedule! Schedule, transactionId int, "
               "recurrencyKind Recurrency, validFrom time, validTo time",
    "SampledValue": "value! text, context ReadingContext, format ValueFormat, "
                    "measurand Measurand, phase Phase, location Location, unit Unit",
    "MeterValue": "timestamp! time, sampledValue! [SampledValue]+",
    "CertificateHash": "hashAlgorithm! HashAlgorithm, issuerNameHash! text128, "
                       "issuerKeyHash! text128, serialNumber! text40",
    "LogParameters": "remoteLocation! text512, oldestTimestamp time, latestTimestamp time",
    "Firmware": "location! text512, retrieveDateTime! time, installDateTime time, "
                "signingCertificate! text5500, signature! text800",
}

# action: (who sends it, request, response); `up` is from the charger, `down` from the server.
MESSAGES = {
    "Authorize": ("up", "idTag! text20", "idTagInfo! IdTagInfo"),
    "BootNotification": (
        "up", "chargePointVendor! text20, chargePointModel! text20, "
              "chargePointSerialNumber text25, chargeBoxSerialNumber text25, "
              "firmwareVersion text50, iccid text20, imsi text20, meterType text25, "
              "meterSerialNumber text25",
        "status! RegistrationStatus, currentTime! time, interval! int"),
    "CancelReservation": ("down", "reservationId! int", "status! YesNo"),
    "CertificateSigned": ("down", "certificateChain! text10000", "status! CertificateStatus"),
    "ChangeAvailability": ("down", "connectorId! int, type! AvailabilityType",
                           "status! AvailabilityStatus"),
    "ChangeConfiguration": ("down", "key! text50, value! text500", "status! ConfigurationStatus"),
    "ClearCache": ("down", "", "status! YesNo"),
    "ClearChargingProfile": (
        "down", "id int, connectorId int, chargingProfilePurpose ProfilePurpose, stackLevel int",
        "status! ClearProfileStatus"),
    "DataTransfer": ("both", "vendorId! text255, messageId text50, data text",
                     "status! DataTransferStatus, data text"),
    "DeleteCertificate": ("down", "certificateHashData! CertificateHash",
                          "status! DeleteCertificateStatus"),
    "DiagnosticsStatusNotification": ("up", "status! DiagnosticsStatus", ""),
    "ExtendedTriggerMessage": ("down", "requestedMessage! ExtendedTrigger, connectorId int",
                               "status! TriggerStatus"),
    "FirmwareStatusNotification": ("up", "status! FirmwareStatus", ""),
    "GetCompositeSchedule": (
        "down", "connectorId! int, duration! int, chargingRateUnit RateUnit",
        "status! YesNo, connectorId int, scheduleStart time, chargingSchedule Schedule"),
    "GetConfiguration": ("down", "key [text50]",
                         "configurationKey [KeyValue], unknownKey [text50]"),
    "GetDiagnostics": (
        "down", "location! uri, retries int, retryInterval int, startTime time, stopTime time",
        "fileName text255"),
    "GetInstalledCertificateIds": (
        "down", "certificateType! CertificateUse",
        "status! Found, certificateHashData [CertificateHash]+"),
    "GetLocalListVersion": ("down", "", "listVersion! int"),
    "GetLog": ("down", "log! LogParameters, logType! LogType, requestId! int, retries int, "
                       "retryInterval int",
               "status! LogStatus, filename text255"),
    "Heartbeat": ("up", "", "currentTime! time"),
    "InstallCertificate": ("down", "certificateType! CertificateUse, certificate! text5500",
                           "status! InstallStatus"),
    "LogStatusNotification": ("up", "status! UploadStatus, requestId int", ""),
    "MeterValues": ("up", "connectorId! int, transactionId int, meterValue! [MeterValue]+", ""),
    "RemoteStartTransaction": (
        "down", "idTag! text20, connectorId int, chargingProfile Profile", "status! YesNo"),
    "RemoteStopTransaction": ("down", "transactionId! int", "status! YesNo"),
    "ReserveNow": ("down", "connectorId! int, expiryDate! time, idTag! text20, "
                           "parentIdTag text20, reservationId! int",
                   "status! ReservationStatus"),
    "Reset": ("down", "type! ResetType", "status! YesNo"),
    "SecurityEventNotification": ("up", "type! text50, timestamp! time, techInfo text255", ""),
    "SendLocalList": ("down", "listVersion! int, updateType! UpdateType, "
                              "localAuthorizationList [ListEntry]",
                      "status! ListStatus"),
    "SetChargingProfile": ("down", "connectorId! int, csChargingProfiles! Profile",
                           "status! ProfileStatus"),
    "SignCertificate": ("up", "csr! text5500", "status! YesNo"),
    "SignedFirmwareStatusNotification": ("up", "status! SignedFirmwareStatus, requestId int", ""),
    "SignedUpdateFirmware": (
        "down", "requestId! int, firmware! Firmware, retries int, retryInterval int",
        "status! UpdateStatus"),
    "StartTransaction": (
        "up", "connectorId! int, idTag! text20, meterStart! int, timestamp! time, "
              "reservationId int",
        "idTagInfo! IdTagInfo, transactionId! int"),
    "StatusNotification": (
        "up", "connectorId! int, errorCode! ErrorCode, status! Status, info text50, "
              "timestamp time, vendorId text255, vendorErrorCode text50", ""),
    "StopTransaction": (
        "up", "transactionId! int, meterStop! int, timestamp! time, idTag text20, "
              "reason StopReason, transactionData [MeterValue]",
        "idTagInfo IdTagInfo"),
    "TriggerMessage": ("down", "requestedMessage! Trigger, connectorId int",
                       "status! TriggerStatus"),
    "UnlockConnector": ("down", "connectorId! int", "status! UnlockStatus"),
    "UpdateFirmware": ("down", "location! uri, retrieveDate! time, retries int, "
                               "retryInterval int", ""),
}

CALL_ERRORS = set("NotImplemented NotSupported InternalError ProtocolError SecurityError "
                  "FormationViolation PropertyConstraintViolation OccurenceConstraintViolation "
                  "TypeConstraintViolation GenericError".split())


def _field(required, kind):
    if kind.startswith("["):
        return Field(required, "list", None, _field(False, kind.strip("[]+")), kind[-1] != "+")
    text = re.fullmatch(r"text(\d*)", kind)
    if text:
        return Field(required, "text", int(text[1]) if text[1] else None, None, True)
    if kind in WORDS:
        return Field(required, "word", None, frozenset(WORDS[kind].split()), True)
    if kind in GROUPS:
        return Field(required, "group", None, fields(GROUPS[kind]), True)
    if kind not in ("int", "bool", "time", "uri", "decimal"):
        raise ValueError(f"no such type: {kind}")
    return Field(required, kind, None, None, True)


def fields(line):
    """name -> Field of a line like those above."""
    found = {}
    for each in filter(None, line.split(", ")):
        name, kind = each.split()
        found[name.rstrip("!")] = _field(name.endswith("!"), kind)
    return found


REQUESTS = {action: fields(line) for action, (_, line, _) in MESSAGES.items()}
RESPONSES = {action: fields(line) for action, (_, _, line) in MESSAGES.items()}
FROM_SERVER = {action for action, (sender, _, _) in MESSAGES.items() if sender != "up"}
FROM_CHARGER = {action for action, (sender, _, _) in MESSAGES.items() if sender != "down"}
