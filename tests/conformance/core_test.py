"""OCTT, central system, Core profile: boot, sessions, remote actions, reset, unlock, configuration,
offline transactions.
"""
import time

import conformance
from conformance import ConformanceTest, eventually, utc
from scripted_charger import ACCEPTED, NOT_SUPPORTED, REJECTED

CORE_KEYS = (
    "AuthorizeRemoteTxRequests", "ClockAlignedDataInterval", "ConnectionTimeOut",
    "ConnectorPhaseRotation", "GetConfigurationMaxKeys", "HeartbeatInterval",
    "LocalAuthorizeOffline", "LocalPreAuthorize", "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "MeterValueSampleInterval", "NumberOfConnectors", "ResetRetries",
    "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData",
    "StopTxnSampledData", "SupportedFeatureProfiles", "TransactionMessageAttempts",
    "TransactionMessageRetryInterval", "UnlockConnectorOnEVSideDisconnect")
LIST_KEYS = ("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength")
PROFILE_KEYS = ("ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit",
                "ChargingScheduleMaxPeriods", "MaxChargingProfilesInstalled")


def all_keys():
    keys = ",".join(f'{{"key":"{name}","readonly":false,"value":"1"}}'
                    for name in CORE_KEYS + LIST_KEYS + PROFILE_KEYS)
    return f'[3,"$ID",{{"configurationKey":[{keys}],"unknownKey":[]}}]'


class BootAndSessions(ConformanceTest):
    def test_TC_001_cold_boot(self):
        """OCTT TC_001."""
        charger = self.booted("TC_001", connectors=2)
        for _ in range(2):
            self.assertIn("currentTime", charger.call("Heartbeat"))
        self.assertEqual([each["status"] for each in self.view(charger)["connectors"]],
                         ["Available", "Available"])
        self.assertEqual(self.view(charger)["overall"]["status"], "Available")

    def test_TC_003_plug_in_first(self):
        """OCTT TC_003."""
        charger = self.booted("TC_003")
        charger.status("Preparing")
        self.assertEqual(charger.authorize("VALID")["status"], "Accepted")
        answer = charger.start("VALID")
        self.assertEqual(answer["idTagInfo"]["status"], "Accepted")
        charger.status("Charging")
        self.assertIsNone(self.transaction(charger, answer["transactionId"])["stoppedAt"])

    def test_TC_004_1_identification_first(self):
        """OCTT TC_004_1."""
        charger, number = self.charging("TC_004_1")
        self.assertEqual(self.connector(charger)["transaction"]["idTag"], "VALID")
        self.assertEqual(self.transaction(charger, number)["meterStartWh"], 1000)

    def test_TC_004_2_connection_timeout(self):
        """OCTT TC_004_2: nothing is left of an authorization that was not used."""
        charger = self.booted("TC_004_2")
        self.assertEqual(charger.authorize("ONCE")["status"], "Accepted")
        charger.status("Preparing")
        charger.status("Available")
        self.assertEqual(self.transactions(charger), [])
        self.assertEqual(charger.authorize("ONCE")["status"], "Accepted")

    def test_TC_005_1_ev_side_disconnect(self):
        """OCTT TC_005_1."""
        charger, number = self.charging("TC_005_1")
        charger.status("SuspendedEV")
        charger.stop(number, 1500, reason="EVDisconnected")
        charger.status("Finishing")
        charger.status("Available")
        ended = self.transaction(charger, number)
        self.assertEqual((ended["stopReason"], ended["energyWh"], ended["meterStopWh"]),
                         ("EVDisconnected", 500, 1500))
        self.assertIsNone(self.connector(charger)["transaction"])

    def test_TC_007_start_from_the_cache(self):
        """OCTT TC_007: the tag is verified by the server itself."""
        charger = self.booted("TC_007")
        charger.status("Preparing")
        self.assertEqual(charger.start("VALID")["idTagInfo"]["status"], "Accepted")
        charger.status("Charging")

    def test_TC_061_clear_cache(self):
        """OCTT TC_061."""
        charger = self.booted("TC_061")
        self.assertEqual(self.does(charger, "ClearCache"), {})


class RemoteActions(ConformanceTest):
    REMOTE = '{"idTag":"VALID","connectorId":1}'

    def test_TC_010_remote_start_cable_first(self):
        """OCTT TC_010."""
        charger = self.booted("TC_010")
        charger.status("Preparing")
        self.does(charger, "RemoteStartTransaction", self.REMOTE)
        self.assertEqual(charger.authorize("VALID")["status"], "Accepted")
        self.assertEqual(charger.start("VALID")["idTagInfo"]["status"], "Accepted")
        charger.status("Charging")
        self.follows(charger, "RemoteStartTransaction", "succeeded")

    def test_TC_011_1_remote_start_then_cable(self):
        """OCTT TC_011_1."""
        charger = self.booted("TC_011_1")
        self.does(charger, "RemoteStartTransaction", self.REMOTE)
        self.assertEqual(charger.authorize("VALID")["status"], "Accepted")
        charger.status("Preparing")
        waits = self.follows(charger, "RemoteStartTransaction", "waiting")
        self.assertTrue(0 < waits["secondsLeft"] <= 60, waits)
        self.assertEqual(charger.start("VALID")["idTagInfo"]["status"], "Accepted")
        charger.status("Charging")
        self.follows(charger, "RemoteStartTransaction", "succeeded")

    def test_TC_011_2_remote_start_timeout(self):
        """OCTT TC_011_2."""
        charger = self.booted("TC_011_2")
        self.does(charger, "RemoteStartTransaction", self.REMOTE)
        self.assertEqual(charger.authorize("VALID")["status"], "Accepted")
        charger.status("Preparing")
        charger.status("Available")
        self.assertEqual(self.transactions(charger), [])

    def test_TC_012_remote_stop(self):
        """OCTT TC_012."""
        charger, number = self.charging("TC_012")
        self.does(charger, "RemoteStopTransaction", '{"transactionId":$TX}')
        charger.stop(number, reason="Remote")
        charger.status("Finishing")
        charger.status("Available")
        self.assertEqual(self.transaction(charger, number)["stopReason"], "Remote")

    def test_TC_012_remote_stop_of_the_transaction(self):
        """OCTT TC_012 through the transaction: the charger gets the number it was given."""
        charger, number = self.charging("TC_012b")
        charger.answer("RemoteStopTransaction", ACCEPTED)
        key = self.transaction(charger, number)["id"]
        self.assertEqual(self.rest(200, "POST", f"/transactions/{key}/stop"),
                         {"status": "Accepted"})
        self.assertEqual(charger.expect("RemoteStopTransaction").payload,
                         {"transactionId": number})

    def reset(self, identity, kind):
        charger = self.booted(identity, connectors=2)
        self.assertEqual(self.does(charger, "Reset", '{"type":"$KIND"}', KIND=kind),
                         {"type": kind})
        self.follows(charger, "Reset", "waiting")
        charger.close()
        charger = self.boot(self.connect(identity), 2)
        self.follows(charger, "Reset", "succeeded")

    def test_TC_013_hard_reset(self):
        """OCTT TC_013."""
        self.reset("TC_013", "Hard")

    def test_TC_014_soft_reset(self):
        """OCTT TC_014."""
        self.reset("TC_014", "Soft")

    UNLOCK = '{"connectorId":1}'

    def test_TC_017_1_unlock_without_a_session(self):
        """OCTT TC_017_1."""
        charger = self.booted("TC_017_1")
        self.does(charger, "UnlockConnector", self.UNLOCK, '[3,"$ID",{"status":"Unlocked"}]')

    def test_TC_017_2_unlock_a_fixed_cable(self):
        """OCTT TC_017_2."""
        charger = self.booted("TC_017_2")
        self.does(charger, "UnlockConnector", self.UNLOCK, NOT_SUPPORTED)

    def test_TC_018_1_unlock_during_a_session(self):
        """OCTT TC_018_1."""
        charger, number = self.charging("TC_018_1")
        self.does(charger, "UnlockConnector", self.UNLOCK, '[3,"$ID",{"status":"Unlocked"}]')
        charger.status("Finishing")
        charger.stop(number, reason="UnlockCommand")
        charger.status("Available")
        self.assertEqual(self.transaction(charger, number)["stopReason"], "UnlockCommand")

    def test_TC_026_remote_start_rejected(self):
        """OCTT TC_026."""
        charger = self.booted("TC_026")
        self.does(charger, "RemoteStartTransaction", self.REMOTE, REJECTED)
        self.assertEqual(self.operations(charger, "RemoteStartTransaction"), [])
        self.assertEqual(self.transactions(charger), [])

    def test_TC_028_remote_stop_rejected(self):
        """OCTT TC_028."""
        charger, number = self.charging("TC_028")
        self.does(charger, "RemoteStopTransaction", '{"transactionId":123456789}', REJECTED)
        self.assertIsNone(self.transaction(charger, number)["stoppedAt"])
        self.assertEqual(self.connector(charger)["transaction"]["idTag"], "VALID")

    def test_TC_030_unlock_failed(self):
        """OCTT TC_030."""
        charger = self.booted("TC_030")
        self.does(charger, "UnlockConnector", self.UNLOCK, '[3,"$ID",{"status":"UnlockFailed"}]')

    def test_TC_031_unlock_an_unknown_connector(self):
        """OCTT TC_031."""
        charger = self.booted("TC_031")
        self.does(charger, "UnlockConnector", '{"connectorId":7}', NOT_SUPPORTED)


class Configuration(ConformanceTest):
    def test_TC_019_1_all_keys(self):
        """OCTT TC_019_1: all keys of three feature profiles come back."""
        charger = self.booted("TC_019_1")
        self.assertEqual(self.does(charger, "GetConfiguration", "{}", all_keys()), {})
        self.assertEqual(len(CORE_KEYS + LIST_KEYS + PROFILE_KEYS), 28)

    def test_TC_019_2_one_key(self):
        """OCTT TC_019_2."""
        charger = self.booted("TC_019_2")
        sent = self.does(charger, "GetConfiguration", '{"key":["SupportedFeatureProfiles"]}',
                         '[3,"$ID",{"configurationKey":[{"key":"SupportedFeatureProfiles",'
                         '"readonly":true,"value":"Core"}]}]')
        self.assertEqual(sent["key"], ["SupportedFeatureProfiles"])

    def test_TC_021_set_a_key(self):
        """OCTT TC_021: the value is text."""
        charger = self.booted("TC_021")
        sent = self.does(charger, "ChangeConfiguration",
                         '{"key":"MeterValueSampleInterval","value":"60"}')
        self.assertEqual(sent["value"], "60")
        self.refuses(charger, "ChangeConfiguration",
                     '{"key":"MeterValueSampleInterval","value":61}', "/value")

    def test_TC_040_1_key_not_supported(self):
        """OCTT TC_040_1."""
        charger = self.booted("TC_040_1")
        self.does(charger, "ChangeConfiguration", '{"key":"NoSuchKey","value":"1"}', NOT_SUPPORTED)

    def test_TC_040_2_value_rejected(self):
        """OCTT TC_040_2: sent as it was given."""
        charger = self.booted("TC_040_2")
        self.does(charger, "ChangeConfiguration",
                  '{"key":"MeterValueSampleInterval","value":"-1"}', REJECTED)

    def test_TC_064_unknown_vendor(self):
        """OCTT TC_064."""
        charger = self.booted("TC_064")
        self.assertEqual(charger.call("DataTransfer", '{"vendorId":"com.example.nobody",'
                                                      '"messageId":"m","data":"d"}'),
                         {"status": "UnknownVendorId"})


class Refusals(ConformanceTest):
    def authorized(self, identity, tag):
        return self.booted(identity).authorize(tag)["status"]

    def test_TC_023_1_unknown_tag(self):
        """OCTT TC_023_1."""
        self.assertEqual(self.authorized("TC_023_1", "NOBODY"), "Invalid")

    def test_TC_023_2_expired_tag(self):
        """OCTT TC_023_2."""
        self.assertEqual(self.authorized("TC_023_2", "EXPIRED"), "Expired")

    def test_TC_023_3_blocked_tag(self):
        """OCTT TC_023_3."""
        self.assertEqual(self.authorized("TC_023_3", "BLOCKED"), "Blocked")

    def test_TC_024_lock_failure(self):
        """OCTT TC_024: the fault is shown."""
        charger = self.booted("TC_024")
        charger.authorize("VALID")
        charger.status("Preparing")
        charger.status("Faulted", error="ConnectorLockFailure")
        seen = self.connector(charger)
        self.assertEqual((seen["status"], seen["errorCode"]), ("Faulted", "ConnectorLockFailure"))


class Offline(ConformanceTest):
    def test_TC_032_1_power_failure(self):
        """OCTT TC_032_1."""
        charger, number = self.charging("TC_032_1", connectors=2)
        charger.link.cut()
        eventually(lambda: not self.view(charger)["connected"], 5, "the server notices")
        self.assertIsNone(self.transaction(charger, number)["stoppedAt"])
        charger = self.connect("TC_032_1")
        self.assertEqual(charger.boot()["status"], "Accepted")
        charger.status("Finishing", 1)
        charger.status("Available", 2)
        charger.status("Available", 0)
        charger.stop(number, reason="PowerLoss")
        ended = self.transaction(charger, number)
        self.assertEqual((ended["stopReason"], ended["energyWh"]), ("PowerLoss", 1000))

    def offline(self, identity):
        charger = self.booted(identity)
        charger.link.cut()
        return self.connect(identity)

    def test_TC_037_1_offline_start_with_a_valid_tag(self):
        """OCTT TC_037_1: no objection to the age."""
        charger = self.offline("TC_037_1")
        answer = charger.start("VALID", at=utc(time.time() - 86400))
        self.assertEqual(answer["idTagInfo"]["status"], "Accepted")
        charger.status("Charging")

    def test_TC_037_3_offline_start_with_an_invalid_tag(self):
        """OCTT TC_037_3: refused, and yet with a number."""
        charger = self.offline("TC_037_3")
        answer = charger.start("NOBODY", at=utc(time.time() - 600))
        self.assertEqual(answer["idTagInfo"]["status"], "Invalid")
        self.assertGreater(answer["transactionId"], 0)
        charger.status("Charging")
        charger.stop(answer["transactionId"], reason="DeAuthorized")
        charger.status("Finishing")
        self.assertEqual(self.transaction(charger, answer["transactionId"])["stopReason"],
                         "DeAuthorized")

    def test_TC_039_offline_transaction(self):
        """OCTT TC_039."""
        charger = self.offline("TC_039")
        begun, ended = utc(time.time() - 7200), utc(time.time() - 3600)
        answer = charger.start("VALID", at=begun)
        self.assertEqual(answer["idTagInfo"]["status"], "Accepted")
        charger.stop(answer["transactionId"], 8000, reason="Local", at=ended)
        seen = self.transaction(charger, answer["transactionId"])
        self.assertEqual((seen["startedAt"], seen["stoppedAt"], seen["energyWh"]),
                         (begun, ended, 7000))


if __name__ == "__main__":
    conformance.main()
