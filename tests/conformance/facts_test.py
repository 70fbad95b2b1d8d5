"""What implementers of central systems get wrong: validation, time, boot, authorization,
transactions, status, metering.
"""
import time

import conformance
import validator
from conformance import FAR_AHEAD, ConformanceTest, eventually, utc
from scripted_charger import NOT_SUPPORTED, REJECTED

STRICT = {"validation": "strict"}
VALUES = ('{"connectorId":$CONNECTOR$MORE,"meterValue":[{"timestamp":"$NOW",'
          '"sampledValue":[$SAMPLES]}]}')
REASONS = ("EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot",
           "Remote", "SoftReset", "UnlockCommand", "DeAuthorized")


class Tolerance(ConformanceTest):
    def test_money_is_never_refused(self):
        """Items 12, 16, 31. Ruling R13: what can be understood is stored and answered."""
        charger = self.booted("RULING-13")
        number = charger.call("StartTransaction",
                              '{"connectorId":"1","idTag":"VALID","meterStart":"1000.0",'
                              '"timestamp":"$NOW","vendorExtra":{"a":1}}')["transactionId"]
        charger.confirmed("MeterValues", VALUES, CONNECTOR='"1"', SAMPLES='{"value":1200}',
                          MORE=f',"transactionId":"{number}"')
        charger.confirmed("MeterValues", VALUES, CONNECTOR=1, MORE="",
                          SAMPLES='{"value":"21","unit":"Celcius","measurand":"Temperature"},'
                                  '{"value":"21","unit":"Celsius","measurand":"Temperature"},'
                                  '{"value":"50","unit":"Hz","measurand":"Frequency"}')
        charger.call("StopTransaction",
                     '{"transactionId":"$TX","meterStop":"1500","timestamp":"$NOW",'
                     '"reason":"Because","transactionData":[]}', TX=number)
        self.assertEqual(self.transaction(charger, number)["energyWh"], 500)
        charger.call("BootNotification", '{"chargePointVendor":"%s","chargePointModel":"",'
                                         '"somethingNew":true}' % ("V" * 40))
        self.assertTrue(self.view(charger)["deviations"])

    def test_strict(self):
        """Item 16. Ruling R13: the same charger when it is taken at its word."""
        charger = self.booted("RULING-13s", settings=STRICT)
        self.assertEqual(self.call_refused(charger, "Authorize", '{"idTag":"VALID","extra":1}'),
                         "FormationViolation")
        number = charger.start("VALID")["transactionId"]
        for unit in ("Celsius", "Celcius"):
            charger.confirmed("MeterValues", VALUES, CONNECTOR=1, MORE="",
                              SAMPLES=f'{{"value":"21","measurand":"Temperature","unit":"{unit}"}}')
        self.assertEqual(charger.stop(number), {})
        # Money is not refused here, either, where it can be understood.
        number = charger.call("StartTransaction",
                              '{"connectorId":"1","idTag":"VALID","meterStart":1000,'
                              '"timestamp":"$NOW"}')["transactionId"]
        charger.confirmed("MeterValues", '{"connectorId":1,"meterValue":{"timestamp":"$NOW",'
                                         '"sampledValue":[{"value":"1500"}]}}')
        charger.confirmed("StopTransaction", '{"transactionId":$TX,"timestamp":"$NOW"}', TX=number)
        stored = self.transaction(charger, number)
        self.assertIsNotNone(stored["stoppedAt"])
        self.assertEqual(stored["energyWh"], 500)

    def test_timestamps(self):
        """Item 17. Ruling R14: fractions and offsets are understood, none means UTC."""
        charger = self.booted("RULING-14")
        for at, moment in (("2026-01-01T12:00:00.123456+02:00", "2026-01-01T10:00:00.123Z"),
                           ("2026-01-02T12:00:00-05:30", "2026-01-02T17:30:00.000Z"),
                           ("2026-01-03T12:00:00", "2026-01-03T12:00:00.000Z"),
                           ("2026-01-04T12:00:00.5Z", "2026-01-04T12:00:00.500Z")):
            number = charger.start("VALID", at=at)["transactionId"]
            self.assertEqual(self.transaction(charger, number)["startedAt"], moment)
            charger.stop(number)
        # Unreadable: when it was received, and flagged.
        number = charger.start("VALID", at="half past nine")["transactionId"]
        seen = validator.moment(self.transaction(charger, number)["startedAt"]).timestamp()
        self.assertLess(abs(seen - time.time()), 10)
        self.assertTrue(self.view(charger)["deviations"])

    def test_signs_of_life(self):
        """Item 15: any message is one."""
        charger = self.booted("ITEM-15")
        before = self.view(charger)["lastSeenAt"]
        eventually(lambda: (charger.confirmed("MeterValues", VALUES, CONNECTOR=1, MORE="",
                                              SAMPLES='{"value":"1"}'),
                            self.view(charger)["lastSeenAt"] > before)[1], 5, "it is seen")

    def test_data_transfer(self):
        """Item 32: no data for a vendor that nobody knows."""
        charger = self.booted("ITEM-32")
        self.assertEqual(charger.call("DataTransfer", '{"vendorId":"V"}'),
                         {"status": "UnknownVendorId"})


class Boot(ConformanceTest):
    def test_intervals(self):
        """Item 18: the heartbeat's when accepted, else the wait before the next boot."""
        for identity, state in (("ITEM-18p", "pending"), ("ITEM-18r", "rejected")):
            self.register(identity, state=state)
            answer = self.connect(identity).boot()
            self.assertEqual(answer["status"], state.capitalize())
            self.assertGreater(answer["interval"], 0)

    def test_pending_and_rejected(self):
        """Item 19: a pending charger may be configured, but does not charge; a rejected one hears
        nothing."""
        self.register("ITEM-19", state="pending")
        charger = self.connect("ITEM-19")
        charger.boot()
        for action, payload in (("RemoteStartTransaction", '{"idTag":"VALID","connectorId":1}'),
                                ("RemoteStopTransaction", '{"transactionId":1}')):
            self.refuses(charger, action, payload, status=409)
        self.does(charger, "ChangeConfiguration", '{"key":"HeartbeatInterval","value":"60"}')
        self.does(charger, "TriggerMessage", '{"requestedMessage":"BootNotification"}')
        self.assertEqual(charger.boot()["status"], "Pending")
        self.assertIsNone(charger.end)
        self.assertEqual(charger.heard("SetChargingProfile"), [])
        self.register("ITEM-19r", state="rejected")
        charger = self.connect("ITEM-19r")
        charger.boot()
        self.refuses(charger, "Reset", '{"type":"Soft"}', status=409)
        self.assertEqual(charger.boot()["status"], "Rejected")
        self.assertEqual(charger.asked, [])

    def test_reset_is_not_done_when_accepted(self):
        """Item 37: the stop comes before a soft reset, and perhaps after a hard one."""
        charger, number = self.charging("ITEM-37")
        self.does(charger, "Reset", '{"type":"Soft"}')
        self.assertIsNone(self.transaction(charger, number)["stoppedAt"])
        charger.stop(number, reason="SoftReset")
        number = self.charge(charger)
        self.does(charger, "Reset", '{"type":"Hard"}')
        charger.link.cut()
        charger = self.boot(self.connect("ITEM-37"))
        self.assertIsNone(self.transaction(charger, number)["stoppedAt"])
        charger.stop(number, reason="HardReset")
        self.assertEqual(self.transaction(charger, number)["stopReason"], "HardReset")

    def test_measurands(self):
        """Item 42: a list that is refused is tried once more, shorter, and not probed."""
        self.register("ITEM-42")
        charger = self.connect("ITEM-42")

        def measurands(payload):
            return payload["key"] == "MeterValuesSampledData"
        charger.answer("GetConfiguration", '[3,"$ID",{"configurationKey":[{"key":'
                       '"MeterValuesSampledData","readonly":false,"value":'
                       '"Energy.Active.Import.Register"},{"key":"NumberOfConnectors",'
                       '"readonly":true,"value":"1"}]}]')
        charger.answer("ChangeConfiguration", REJECTED, when=measurands)
        self.boot(charger)
        charger.expect("ChangeConfiguration", measurands, seconds=20)
        charger.close()
        self.assertLessEqual(len(charger.heard("ChangeConfiguration", measurands)), 2)
        again = self.connect("ITEM-42")
        self.does(again, "ChangeConfiguration",
                  '{"key":"MeterValuesSampledData","value":"Current.Import,SoC"}', REJECTED)

    def test_configuration_cut_short(self):
        """Item 43: unknown keys, keys without a value, fewer keys than there are."""
        charger = self.booted("ITEM-43")
        self.does(charger, "GetConfiguration", '{"key":["A","B"]}',
                  '[3,"$ID",{"configurationKey":[{"key":"A","readonly":true}],"unknownKey":["B"]}]')
        self.does(charger, "GetConfiguration", '{"key":["A"]}', '[3,"$ID",{}]')

    def test_rate_unit(self):
        """Item 52: a charger that only knows W gets limits in W."""
        self.register("ITEM-52")
        charger = self.connect("ITEM-52")
        charger.answer("GetConfiguration", '[3,"$ID",{"configurationKey":[{"key":'
                       '"ChargingScheduleAllowedChargingRateUnit","readonly":true,"value":"Power"},'
                       '{"key":"SupportedFeatureProfiles","readonly":true,'
                       '"value":"Core,SmartCharging"}]}]')

        def in_amps(payload):
            return payload["csChargingProfiles"]["chargingSchedule"]["chargingRateUnit"] == "A"
        charger.answer("SetChargingProfile", REJECTED, when=in_amps)
        self.boot(charger)
        self.charge(charger)
        charger.expect("SetChargingProfile", lambda payload: not in_amps(payload), seconds=20)


class Authorization(ConformanceTest):
    def test_any_text_in_any_case(self):
        """Item 21."""
        charger = self.booted("ITEM-21")
        for tag in ("04A1b2C3d4E5f6", "Anna's card #1", "+49 170 1234567", "x" * 20):
            self.rest(201, "POST", "/badges", {"idTag": tag})
            for presented in (tag, tag.upper(), tag.lower()):
                self.assertEqual(charger.authorize(presented)["status"], "Accepted", presented)

    def test_concurrent_transactions(self):
        """Item 22. Ruling R12: only from StartTransaction, and never for the same connector."""
        first, second = self.booted("ITEM-22a"), self.booted("ITEM-22b")
        self.assertEqual(first.start("ONCE")["idTagInfo"]["status"], "Accepted")
        self.assertEqual(second.authorize("ONCE")["status"], "Accepted")
        self.assertEqual(second.start("ONCE")["idTagInfo"]["status"], "ConcurrentTx")
        again = first.start("ONCE", meter=1500)
        self.assertEqual(again["idTagInfo"]["status"], "Accepted")
        first.stop(again["transactionId"])

    def test_numbers(self):
        """Items 23, 24: always a number, positive, never twice; the tag is checked again."""
        charger = self.booted("ITEM-23")
        numbers = []
        for tag, status in (("NOBODY", "Invalid"), ("BLOCKED", "Blocked"), ("EXPIRED", "Expired"),
                            ("VALID", "Accepted"), ("", "Invalid")):
            answer = charger.start(tag, meter=len(numbers))
            self.assertEqual(answer["idTagInfo"]["status"], status, tag)
            numbers.append(answer["transactionId"])
        self.assertTrue(all(number > 0 for number in numbers), numbers)
        self.assertEqual(len(set(numbers)), len(numbers))

    def test_no_number(self):
        """Item 25: a charger that never got a number says -1, and is answered."""
        charger = self.booted("ITEM-25")
        charger.confirmed("MeterValues", VALUES, CONNECTOR=1, MORE=',"transactionId":-1',
                          SAMPLES='{"value":"7"}')
        self.assertEqual(charger.stop(-1, tag="VALID")["idTagInfo"]["status"], "Accepted")
        self.assertEqual(charger.stop(-1), {})

    def test_groups(self):
        """Item 28: the parent comes with Authorize, start and stop; it is no tag itself."""
        charger = self.booted("ITEM-28")
        self.assertEqual(charger.authorize("GROUP-A")["parentIdTag"], "FAMILY")
        answer = charger.start("GROUP-A")
        self.assertEqual(answer["idTagInfo"]["parentIdTag"], "FAMILY")
        ended = charger.stop(answer["transactionId"], tag="GROUP-B")
        self.assertEqual(ended["idTagInfo"]["parentIdTag"], "FAMILY")
        self.assertEqual(charger.authorize("FAMILY")["status"], "Invalid")

    def test_end_of_the_cache(self):
        """Item 29: a tag that will expire carries its end, wherever it is confirmed."""
        charger = self.booted("ITEM-29")
        answer = charger.start("ENDS")
        ended = charger.stop(answer["transactionId"], tag="ENDS")
        for info in (charger.authorize("ENDS"), answer["idTagInfo"], ended["idTagInfo"]):
            self.assertEqual(validator.moment(info["expiryDate"]), validator.moment(FAR_AHEAD))
        self.assertNotIn("expiryDate", charger.authorize("VALID"))


class Transactions(ConformanceTest):
    def test_reasons(self):
        """Item 26: every reason, none means Local, and what nobody knows is answered."""
        charger = self.booted("ITEM-26")
        for reason in (*REASONS, None):
            number = charger.start("VALID")["transactionId"]
            charger.stop(number, reason=reason)
            self.assertEqual(self.transaction(charger, number)["stopReason"], reason or "Local")
        self.assertEqual(charger.stop(987654321), {})
        self.assertIn("idTagInfo", charger.stop(987654322, tag="NOBODY"))

    def test_energy(self):
        """Item 27: the difference of two readings of the register."""
        charger = self.booted("ITEM-27")
        number = charger.start("VALID", meter=123456789)["transactionId"]
        charger.stop(number, 123461789)
        self.assertEqual(self.transaction(charger, number)["energyWh"], 5000)

    def test_queued_messages(self):
        """Item 30: late and overtaken, judged by their own time."""
        charger = self.booted("ITEM-30q")
        begun, read, ended = (utc(time.time() - 86400 + hour * 3600) for hour in range(3))
        number = charger.start("VALID", at=begun)["transactionId"]
        charger.status("Available")
        charger.call("Heartbeat")
        charger.confirmed("MeterValues", VALUES.replace("$NOW", read), CONNECTOR=1,
                          MORE=f',"transactionId":{number}', SAMPLES='{"value":"1500"}')
        charger.stop(number, 2500, at=ended)
        seen = self.transaction(charger, number)
        self.assertEqual((seen["startedAt"], seen["stoppedAt"], seen["energyWh"]),
                         (begun, ended, 1500))

    def test_implausible(self):
        """Item 31: no doubt keeps an answer back."""
        charger = self.booted("ITEM-31")
        for connector, meter, at in ((99, 5, utc()), (1, -5, utc()), (1, 5, "1970-01-01T00:00:00Z"),
                                     (1, 2147483647, "2099-01-01T00:00:00Z"), (0, 7, utc())):
            number = charger.start("VALID", connector, meter, at)["transactionId"]
            charger.stop(number, meter - 3, at=at)
            self.assertIsNotNone(self.transaction(charger, number)["stoppedAt"])

    def test_connector_0(self):
        """Item 33: nothing starts at, or is unlocked on, the charge point itself."""
        charger = self.booted("ITEM-33")
        self.refuses(charger, "RemoteStartTransaction", '{"idTag":"VALID","connectorId":0}',
                     "/connectorId")
        self.refuses(charger, "UnlockConnector", '{"connectorId":0}', "/connectorId")
        self.does(charger, "ChangeAvailability", '{"connectorId":0,"type":"Operative"}')


class Status(ConformanceTest):
    def test_connector_0_is_of_its_own(self):
        """Item 34: its state is not that of the connectors; an error may be a warning."""
        charger = self.booted("ITEM-34", connectors=2)
        charger.status("Unavailable", 0)
        charger.status("Charging", 1, "WeakSignal")
        seen = self.view(charger)
        self.assertEqual(seen["overall"]["status"], "Unavailable")
        self.assertEqual([(each["status"], each["errorCode"]) for each in seen["connectors"]],
                         [("Charging", "WeakSignal"), ("Available", "NoError")])

    def test_any_order(self):
        """Item 35: no state follows from the one before."""
        charger = self.booted("ITEM-35")
        for status in ("Finishing", "Preparing", "Finishing", "Charging", "Available", "Reserved",
                       "SuspendedEV", "SuspendedEVSE", "Unavailable", "Charging", "Faulted",
                       "Available"):
            charger.status(status)
            self.assertEqual(self.connector(charger)["status"], status)

    def test_availability(self):
        """Item 36: Scheduled is passed on, and the state follows the charger's word."""
        charger, number = self.charging("ITEM-36")
        self.does(charger, "ChangeAvailability", '{"connectorId":1,"type":"Inoperative"}',
                  '[3,"$ID",{"status":"Scheduled"}]')
        self.assertEqual(self.connector(charger)["status"], "Charging")
        self.follows(charger, "ChangeAvailability", "waiting")
        charger.stop(number)
        charger.status("Unavailable")
        self.follows(charger, "ChangeAvailability", "succeeded")
        self.assertEqual(self.connector(charger)["status"], "Unavailable")
        for _ in range(2):
            self.does(charger, "ChangeAvailability", '{"connectorId":1,"type":"Operative"}')
        self.refuses(charger, "ChangeAvailability", '{"connectorId":1,"type":"Off"}', "/type")

    def test_unlock_stops_nothing(self):
        """Item 38."""
        charger, number = self.charging("ITEM-38")
        for answer in ('[3,"$ID",{"status":"Unlocked"}]', NOT_SUPPORTED):
            self.does(charger, "UnlockConnector", '{"connectorId":1}', answer)
        self.assertIsNone(self.transaction(charger, number)["stoppedAt"])


class Metering(ConformanceTest):
    def values(self, charger, samples, connector=1, more=""):
        charger.confirmed("MeterValues", VALUES, CONNECTOR=connector, MORE=more, SAMPLES=samples)

    def test_aligned_values(self):
        """Item 39: outside transactions, and of the charge point itself."""
        charger = self.booted("ITEM-39")
        for connector in (0, 1):
            self.values(charger, '{"value":"5","context":"Sample.Clock"}', connector)
        self.values(charger, '{"value":"5","context":"Sample.Clock"}', 0, ',"transactionId":0')

    def test_defaults(self):
        """Item 40: a bare value is the register in Wh; the unit of a frequency is missing."""
        charger, number = self.charging("ITEM-40")
        of = f',"transactionId":{number}'
        self.values(charger, '{"value":"1250"},{"value":"49.98","measurand":"Frequency"}', more=of)
        self.assertEqual(self.transaction(charger, number)["energyWh"], 250)
        self.values(charger, '{"value":"1.350","unit":"kWh"}', more=of)
        self.assertEqual(self.transaction(charger, number)["energyWh"], 350)
        self.values(charger, '{"value":"31.5","measurand":"Voltage","location":"Inlet",'
                             '"context":"Interruption.Begin","format":"SignedData"}', more=of)
        self.assertEqual(self.transaction(charger, number)["energyWh"], 350)

    def test_phases(self):
        """Item 41: each phase is a value of its own."""
        charger, number = self.charging("ITEM-41")
        self.values(charger, ",".join(
            f'{{"value":"{amps}","measurand":"Current.Import","unit":"A","phase":"{phase}"}}'
            for phase, amps in (("L1", 9.5), ("L2", 12.25), ("L3", 0))),
            more=f',"transactionId":{number}')
        self.assertEqual(self.connector(charger)["measuredAmps"], 12.25)


if __name__ == "__main__":
    conformance.main()
