"""OCTT, central system, smart charging: an operator's own profiles beside those of load management,
and what must be refused before it reaches a charger.
"""
import time

import conformance
import validator
from conformance import (FAR_AHEAD, RESERVED_PROFILES, ConformanceTest, eventually, segment,
                         utc)

# $MORE: further members of the profile; $SCHEDULE: of its schedule.
PROFILE = ('{"chargingProfileId":$ID,"stackLevel":$LEVEL,"chargingProfilePurpose":"$PURPOSE",'
           '"chargingProfileKind":"$KIND"$MORE,"chargingSchedule":{"chargingRateUnit":"$UNIT"'
           '$SCHEDULE,"chargingSchedulePeriod":[$PERIODS]}}')
SET = '{"connectorId":$CONNECTOR,"csChargingProfiles":' + PROFILE + "}"
VALID = ',"validFrom":"2026-01-01T00:00:00Z","validTo":"2099-01-01T00:00:00Z"'
SINCE = ',"duration":86400,"startSchedule":"$START"'


def is_own(payload):
    """Whether a profile is load management's."""
    return payload["csChargingProfiles"]["chargingProfileId"] in RESERVED_PROFILES


class ProfileTest(ConformanceTest):
    """The steps that both groups of cases below are made of."""

    PLACE = "/csChargingProfiles"

    def ready(self, identity, charging=False, **options):
        """A charger that has load management's safe profile, and perhaps a transaction with its
        limit: an operator's profiles come on top."""
        charger = self.booted(identity, **options)
        self.own_default(charger)
        # Load management stands at the top of the stack levels, which it must know first.
        eventually(lambda: self.knows_levels(charger), 10, "the configuration is read")
        if charging:
            number = self.charge(charger)
            charger.expect("SetChargingProfile", lambda payload: payload[
                "csChargingProfiles"].get("transactionId") == number)
        return charger

    def knows_levels(self, charger):
        known = self.rest(200, "GET", f"/charge-points/{segment(charger.identity)}/configuration"
                          "?cached=true")
        return any(each["key"] == "ChargeProfileMaxStackLevel" and each.get("value")
                   for each in known["keys"])

    def own_default(self, charger):
        """The profile that holds whatever happens to the server."""
        found = charger.expect("SetChargingProfile", lambda payload: is_own(payload) and payload[
            "csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile").payload
        profile = found["csChargingProfiles"]
        self.assertNotIn("duration", profile["chargingSchedule"])
        self.assertFalse({"validTo", "recurrencyKind"} & profile.keys())
        return found

    def values(self, **changed):
        """What the $NAMES of PROFILE stand for: an absolute profile of a day that has begun."""
        values = {"ID": 77, "CONNECTOR": 1, "LEVEL": 3, "PURPOSE": "TxDefaultProfile",
                  "KIND": "Absolute", "MORE": VALID, "UNIT": "A",
                  "PERIODS": '{"startPeriod":0,"limit":6.0,"numberPhases":3}',
                  "SCHEDULE": SINCE.replace("$START", utc(time.time() - 60)), **changed}
        if values["PURPOSE"] == "TxProfile":
            values["MORE"] += ',"transactionId":$TX'
        return values

    def set_profile(self, charger, **changed):
        values = self.values(**changed)
        values["MORE"] = values["MORE"].replace("$TX", str(charger.values.get("TX")))
        return self.does(charger, "SetChargingProfile", SET, **values)["csChargingProfiles"]

    def refuses_profile(self, charger, *pointers, status=422, **changed):
        values = self.values(**changed)
        values["MORE"] = values["MORE"].replace("$TX", str(charger.values.get("TX", 4711)))
        return self.refuses(charger, "SetChargingProfile", SET, *pointers, status=status, **values)


class SmartCharging(ProfileTest):
    def test_TC_056_default_profile(self):
        """OCTT TC_056: a limit in A, as it was set."""
        charger = self.ready("TC_056")
        for phases in (',"numberPhases":3', ',"numberPhases":1', ""):
            self.check_default(self.set_profile(
                charger, PERIODS=f'{{"startPeriod":0,"limit":6.0{phases}}}'))

    def check_default(self, sent):
        self.assertEqual(sent["chargingProfileKind"], "Absolute")
        for name in ("validFrom", "validTo", "stackLevel"):
            self.assertIn(name, sent)
        self.assertFalse({"transactionId", "recurrencyKind"} & sent.keys())
        for name in ("startSchedule", "duration"):
            self.assertIn(name, sent["chargingSchedule"])

    def test_TC_056_in_watts(self):
        """OCTT TC_056 where the unit is W: 6 kW."""
        charger = self.ready("TC_056w")
        self.check_default(self.set_profile(charger, UNIT="W",
                                            PERIODS='{"startPeriod":0,"limit":6000.0}'))

    def test_TC_057_transaction_profile(self):
        """OCTT TC_057: absolute and relative, with the number of the transaction."""
        charger = self.ready("TC_057", charging=True)
        sent = self.set_profile(charger, PURPOSE="TxProfile")
        self.assertEqual(sent["transactionId"], charger.values["TX"])
        self.assertNotIn("recurrencyKind", sent)
        sent = self.set_profile(charger, PURPOSE="TxProfile", KIND="Relative",
                                SCHEDULE=',"duration":3600')
        self.assertNotIn("startSchedule", sent["chargingSchedule"])

    def test_TC_059_remote_start_with_a_profile(self):
        """OCTT TC_059. Item 56."""
        charger = self.ready("TC_059")
        sent = self.does(charger, "RemoteStartTransaction",
                         '{"idTag":"VALID","connectorId":1,"chargingProfile":' + PROFILE + "}",
                         **self.values(PURPOSE="TxProfile", KIND="Relative", SCHEDULE="") |
                         {"MORE": ""})["chargingProfile"]
        self.assertNotIn("transactionId", sent)
        self.assertEqual(sent["chargingProfilePurpose"], "TxProfile")
        self.assertEqual(sent["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"], 0)
        number = self.charge(charger)
        # Load management still sets the limit of the transaction.
        limit = charger.expect("SetChargingProfile", lambda payload: is_own(payload) and
                               payload["csChargingProfiles"].get("transactionId") == number)
        self.assertEqual(limit.payload["connectorId"], 1)

    def test_remote_start_with_a_wrong_profile(self):
        """Item 56: no other purpose, no transaction, periods from 0."""
        charger = self.ready("ITEM-56")
        start = '{"idTag":"VALID","chargingProfile":' + PROFILE + "}"
        good = self.values(PURPOSE="TxProfile", KIND="Relative", SCHEDULE="") | {"MORE": ""}
        for pointer, changed in (
                ("/chargingProfile/chargingProfilePurpose", {"PURPOSE": "TxDefaultProfile"}),
                ("/chargingProfile/transactionId", {"MORE": ',"transactionId":5'}),
                ("/chargingProfile/chargingSchedule/chargingSchedulePeriod/0/startPeriod",
                 {"PERIODS": '{"startPeriod":1,"limit":6.0}'}),
                ("/chargingProfile/chargingProfileId", {"ID": 1000})):
            with self.subTest(pointer):
                self.refuses(charger, "RemoteStartTransaction", start, pointer, **good | changed)

    def test_TC_066_composite_schedule(self):
        """OCTT TC_066. Item 59: the schedule comes back as the charger gave it."""
        charger = self.ready("TC_066")
        for unit in ("A", "W"):
            self.does(charger, "GetCompositeSchedule",
                      '{"connectorId":1,"duration":300,"chargingRateUnit":"$UNIT"}',
                      '[3,"$ID",{"status":"Accepted","connectorId":1,"scheduleStart":'
                      '"2026-01-01T00:00:00Z","chargingSchedule":{"duration":300,'
                      '"chargingRateUnit":"$UNIT","chargingSchedulePeriod":'
                      '[{"startPeriod":0,"limit":8.1},{"startPeriod":60,"limit":0}]}}]'
                      .replace("$UNIT", unit), UNIT=unit)
        self.does(charger, "GetCompositeSchedule", '{"connectorId":0,"duration":60}',
                  '[3,"$ID",{"status":"Rejected"}]')

    def test_TC_067_clear_profiles(self):
        """OCTT TC_067, both editions: by number, by criteria, all. Item 58."""
        charger = self.ready("TC_067", charging=True)
        for level in (3, 4, 5):
            self.set_profile(charger, ID=70 + level, LEVEL=level)
        self.set_profile(charger, ID=81, CONNECTOR=0, PURPOSE="ChargePointMaxProfile")
        self.set_profile(charger, ID=82)
        self.set_profile(charger, ID=83, PURPOSE="TxProfile")
        self.does(charger, "ClearChargingProfile", '{"id":73}')
        self.does(charger, "ClearChargingProfile",
                  '{"connectorId":1,"chargingProfilePurpose":"TxDefaultProfile","stackLevel":4}')
        self.does(charger, "ClearChargingProfile", "{}")
        self.does(charger, "ClearChargingProfile", '{"id":4711}',
                  '[3,"$ID",{"status":"Unknown"}]')


class Rules(ProfileTest):
    """What is refused, and what load management itself sends."""

    def test_connectors_and_purposes(self):
        """Item 44: ChargePointMaxProfile only on 0, TxProfile only on the connector of a running
        transaction."""
        charger = self.ready("ITEM-44")
        self.refuses_profile(charger, "/connectorId", PURPOSE="ChargePointMaxProfile")
        self.refuses_profile(charger, "/connectorId", PURPOSE="TxProfile", CONNECTOR=0)
        self.refuses_profile(charger, PURPOSE="TxProfile", status=409)
        self.charge(charger)
        self.refuses_profile(charger, self.PLACE + "/transactionId",
                             MORE=VALID + ',"transactionId":$TX')
        self.set_profile(charger, PURPOSE="TxProfile")

    def test_numbers_of_load_management(self):
        """Item 46: a profile with the number of another would replace it."""
        charger = self.ready("ITEM-46")
        for number in (1000, 2500, 3999):
            self.refuses_profile(charger, self.PLACE + "/chargingProfileId", ID=number)
        for number in (999, 4000):
            self.set_profile(charger, ID=number, CONNECTOR=0, PURPOSE="ChargePointMaxProfile")
        own = [payload["csChargingProfiles"]["chargingProfileId"]
               for payload in charger.heard("SetChargingProfile", is_own)]
        self.assertEqual(len(own), len(set(own)), "one number for two profiles")

    def test_periods_begin_at_0(self):
        """Item 48."""
        charger = self.ready("ITEM-48")
        place = self.PLACE + "/chargingSchedule/chargingSchedulePeriod"
        self.refuses_profile(charger, place + "/0/startPeriod",
                             PERIODS='{"startPeriod":5,"limit":6.0}')
        self.refuses_profile(charger, place + "/1/startPeriod", PERIODS='{"startPeriod":0,'
                             '"limit":6.0},{"startPeriod":0,"limit":5.0}')
        self.refuses_profile(charger, place, PERIODS="")
        self.set_profile(charger, PERIODS='{"startPeriod":0,"limit":6.0},'
                                          '{"startPeriod":3600,"limit":0}')

    def test_one_decimal(self):
        """Item 53: 8.1 goes out as 8.1, more decimals are refused."""
        charger = self.ready("ITEM-53")
        place = self.PLACE + "/chargingSchedule/chargingSchedulePeriod/0/limit"
        whole = {"CONNECTOR": 0, "PURPOSE": "ChargePointMaxProfile"}
        for limit in ("8.1", "16.1", "6", "0.3", "31.9"):
            self.set_profile(charger, **whole, PERIODS=f'{{"startPeriod":0,"limit":{limit}}}')
        for limit in ("6.05", "-1"):
            self.refuses_profile(charger, place, **whole,
                                 PERIODS=f'{{"startPeriod":0,"limit":{limit}}}')

    def test_recurrency(self):
        """Item 54."""
        charger = self.ready("ITEM-54")
        place = self.PLACE + "/recurrencyKind"
        self.refuses_profile(charger, place, MORE=VALID + ',"recurrencyKind":"Daily"')
        self.refuses_profile(charger, place, KIND="Recurring")
        self.set_profile(charger, KIND="Recurring", MORE=VALID + ',"recurrencyKind":"Weekly"')

    def test_start_of_the_schedule(self):
        """Item 55."""
        charger = self.ready("ITEM-55")
        place = self.PLACE + "/chargingSchedule/startSchedule"
        self.refuses_profile(charger, place, SCHEDULE="")
        self.refuses_profile(charger, place, KIND="Recurring", SCHEDULE="",
                             MORE=VALID + ',"recurrencyKind":"Daily"')
        self.refuses_profile(charger, place, KIND="Relative")

    def test_a_safe_profile_beneath(self):
        """Items 49, 50: a permanent TxDefaultProfile after every boot, for every connector."""
        charger = self.booted("ITEM-49", connectors=2)
        connectors = {self.own_default(charger)["connectorId"] for _ in range(2)}
        self.assertEqual(connectors, {1, 2})
        charger.close()
        charger = self.boot(self.connect("ITEM-49"), 2)
        self.assertEqual({self.own_default(charger)["connectorId"] for _ in range(2)}, {1, 2})

    def test_safe_profiles_come_back(self):
        """Items 49, 57, 58: what an operator clears, load management restores."""
        charger = self.ready("ITEM-58", charging=True)
        self.does(charger, "ClearChargingProfile", "{}")
        self.own_default(charger)
        charger.expect("SetChargingProfile", lambda payload: payload["csChargingProfiles"].get(
            "transactionId") == charger.values["TX"])

    def test_limits_of_load_management(self):
        """Items 44, 47, 51, 53, 60: valid at once, in A a phase, no phase switched."""
        charger, number = self.charging("ITEM-47")
        payload = charger.expect("SetChargingProfile", lambda payload: is_own(payload) and payload[
            "csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile").payload
        for sent in [payload, *charger.heard("SetChargingProfile", is_own)]:
            profile = sent["csChargingProfiles"]
            schedule = profile["chargingSchedule"]
            for start in (profile.get("validFrom"), schedule.get("startSchedule")):
                if start:
                    self.assertLessEqual(validator.moment(start).timestamp(), time.time())
            self.assertEqual(schedule["chargingRateUnit"], "A")
            for period in schedule["chargingSchedulePeriod"]:
                self.assertEqual(period.get("numberPhases", 3), 3)
        self.assertEqual(payload["csChargingProfiles"]["transactionId"], number)
        self.assertEqual(payload["connectorId"], 1)
        self.assertLessEqual(payload["csChargingProfiles"]["chargingSchedule"][
            "chargingSchedulePeriod"][0]["limit"], 32)

    def test_a_transaction_that_is_over(self):
        """Item 30: no profile for a transaction that ended while the charger was away."""
        charger = self.ready("ITEM-30")
        begun = charger.send("StartTransaction", '{"connectorId":1,"idTag":"VALID","meterStart":0,'
                             '"timestamp":"$AT"}', AT=utc(time.time() - 7200))
        number = charger.result(begun)["transactionId"]
        charger.stop(number, 500, at=utc(time.time() - 3600))
        self.set_profile(charger, ID=78)
        late = charger.heard("SetChargingProfile", lambda payload: payload[
            "csChargingProfiles"].get("transactionId") == number)
        self.assertLessEqual(len(late), 1)
        self.refuses_profile(charger, PURPOSE="TxProfile", status=409)

    def test_validity(self):
        """Item 47, 54: a profile that ends before it begins, and one with validity on a
        transaction."""
        charger = self.ready("ITEM-54b", charging=True)
        self.refuses_profile(charger, self.PLACE + "/validTo",
                             MORE=f',"validFrom":"{FAR_AHEAD}","validTo":"2026-01-01T00:00:00Z"')
        self.set_profile(charger, PURPOSE="TxProfile")


if __name__ == "__main__":
    conformance.main()
