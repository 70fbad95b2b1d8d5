"""OCTT, central system, local authorization list: versions and lists as an operator sends them, and
the list that is kept like the badges by itself.
"""
import conformance
from conformance import ConformanceTest
from scripted_charger import ACCEPTED, NOT_SUPPORTED

FAILED = '[3,"$ID",{"status":"Failed"}]'
MISMATCH = '[3,"$ID",{"status":"VersionMismatch"}]'
ENTRY = '{"idTag":"VALID","idTagInfo":{"status":"Accepted"}}'
FULL = '{"listVersion":1001,"updateType":"Full","localAuthorizationList":[' + ENTRY + "]}"
KEYS = ('[3,"$ID",{"configurationKey":['
        '{"key":"SupportedFeatureProfiles","readonly":true,'
        '"value":"Core,LocalAuthListManagement,SmartCharging,RemoteTrigger"},'
        '{"key":"LocalAuthListEnabled","readonly":false,"value":"true"},'
        '{"key":"LocalAuthListMaxLength","readonly":true,"value":"100"},'
        '{"key":"SendLocalListMaxLength","readonly":true,"value":"3"},'
        '{"key":"NumberOfConnectors","readonly":true,"value":"1"}],"unknownKey":[]}]')
SYNCHRONISED_SECONDS = 20


class ByHand(ConformanceTest):
    def test_TC_042_1_version_not_supported(self):
        """OCTT TC_042_1."""
        charger = self.booted("TC_042_1")
        self.does(charger, "GetLocalListVersion", "{}", '[3,"$ID",{"listVersion":-1}]')

    def test_TC_042_2_version_of_an_empty_list(self):
        """OCTT TC_042_2."""
        charger = self.booted("TC_042_2")
        self.does(charger, "GetLocalListVersion", "{}", '[3,"$ID",{"listVersion":0}]')

    def test_TC_043_1_not_supported(self):
        """OCTT TC_043_1."""
        charger = self.booted("TC_043_1")
        self.does(charger, "SendLocalList", FULL, NOT_SUPPORTED)

    def test_TC_043_3_failed(self):
        """OCTT TC_043_3."""
        charger = self.booted("TC_043_3")
        self.does(charger, "SendLocalList", FULL, FAILED)

    def test_TC_043_4_full(self):
        """OCTT TC_043_4."""
        charger = self.booted("TC_043_4")
        sent = self.does(charger, "SendLocalList", FULL)
        self.assertEqual(sent["updateType"], "Full")
        self.assertTrue(all("idTagInfo" in each for each in sent["localAuthorizationList"]))

    def test_TC_043_5_differential(self):
        """OCTT TC_043_5."""
        charger = self.booted("TC_043_5")
        self.does(charger, "SendLocalList", FULL)
        self.does(charger, "GetLocalListVersion", "{}", '[3,"$ID",{"listVersion":1001}]')
        sent = self.does(charger, "SendLocalList",
                         '{"listVersion":1002,"updateType":"Differential",'
                         '"localAuthorizationList":[{"idTag":"GROUP-A","idTagInfo":'
                         '{"status":"Accepted","parentIdTag":"FAMILY"}}]}')
        self.assertEqual([each["idTag"] for each in sent["localAuthorizationList"]], ["GROUP-A"])

    def test_version_does_not_fall(self):
        """OCTT TC_043_5, its rule from the other side: a version must rise."""
        charger = self.booted("LIST-FALL")
        self.does(charger, "SendLocalList", FULL)
        for version in (1001, 1000):
            self.refuses(charger, "SendLocalList",
                         '{"listVersion":$VERSION,"updateType":"Differential",'
                         '"localAuthorizationList":[' + ENTRY + "]}", "/listVersion",
                         VERSION=version)

    def test_lists_that_no_charger_may_get(self):
        """Item 62: versions 0 and -1, a full list without idTagInfo, one tag twice."""
        charger = self.booted("ITEM-62")
        for version in (0, -1):
            self.refuses(charger, "SendLocalList", '{"listVersion":$VERSION,"updateType":"Full",'
                         '"localAuthorizationList":[' + ENTRY + "]}", "/listVersion",
                         VERSION=version)
        self.refuses(charger, "SendLocalList", '{"listVersion":7,"updateType":"Full",'
                     '"localAuthorizationList":[{"idTag":"VALID"}]}',
                     "/localAuthorizationList/0/idTagInfo")
        self.refuses(charger, "SendLocalList", '{"listVersion":7,"updateType":"Full",'
                     '"localAuthorizationList":[' + ENTRY + "," + ENTRY.replace("VALID", "valid") +
                     "]}", "/localAuthorizationList/1/idTag")
        # Without a list everything goes; an entry without idTagInfo takes its tag away.
        self.does(charger, "SendLocalList", '{"listVersion":7,"updateType":"Full"}')
        self.does(charger, "SendLocalList", '{"listVersion":8,"updateType":"Differential",'
                                            '"localAuthorizationList":[{"idTag":"VALID"}]}')


class Synchronised(ConformanceTest):
    """The list of a charger that supports one follows the badges."""

    def setUp(self):
        super().setUp()
        self.known = {}
        self.version = 0

    def charger(self, identity):
        self.register(identity)
        charger = self.connect(identity)
        charger.answer("GetConfiguration", KEYS)
        charger.answer("GetLocalListVersion", '[3,"$ID",{"listVersion":$VERSION}]')
        charger.answer("SendLocalList", ACCEPTED)
        charger.values["VERSION"] = 0
        return self.boot(charger)

    def follow(self, charger, until, what):
        """Keeps the list as the charger would, until a condition holds for it."""
        while not until(self.known):
            call = charger.expect("SendLocalList", seconds=SYNCHRONISED_SECONDS)
            entries = call.payload.get("localAuthorizationList", [])
            self.assertLessEqual(len(entries), 3, "more than SendLocalListMaxLength")
            if call.payload["updateType"] == "Full":
                self.known = {}
            else:
                self.assertGreater(call.payload["listVersion"], self.version, what)
            for entry in entries:
                if "idTagInfo" in entry:
                    self.known[entry["idTag"]] = entry["idTagInfo"]
                else:
                    self.known.pop(entry["idTag"], None)
            self.version = charger.values["VERSION"] = call.payload["listVersion"]

    def test_the_list_follows_the_badges(self):
        """Items 62, 63: in pieces of SendLocalListMaxLength, rising versions, and from the start
        again after a mismatch."""
        self.rest(201, "POST", "/badges", {"idTag": "LATER", "group": "FAMILY"})
        charger = self.charger("ITEM-63")
        self.follow(charger, lambda known: {"VALID", "GROUP-A", "LATER"} <= known.keys(),
                    "the badges are in the list")
        self.assertEqual(self.known["LATER"],
                         {"status": "Accepted", "parentIdTag": "FAMILY"})
        self.assertEqual(self.known.get("BLOCKED", {"status": "Blocked"})["status"], "Blocked")
        charger.answer("SendLocalList", MISMATCH,
                       when=lambda payload: payload["updateType"] == "Differential")
        self.rest(200, "PATCH", "/badges/LATER", {"status": "blocked"})
        charger.expect("SendLocalList", lambda payload: payload["updateType"] == "Differential",
                       seconds=SYNCHRONISED_SECONDS)
        charger.answer("SendLocalList", ACCEPTED)
        full = charger.expect("SendLocalList", lambda payload: payload["updateType"] == "Full",
                              seconds=SYNCHRONISED_SECONDS)
        self.assertGreater(full.payload["listVersion"], self.version)

    def test_the_list_is_not_sent_again_after_a_boot(self):
        """Item 63: a charger that has the newest list is left alone."""
        charger = self.charger("LIST-AGAIN")
        self.follow(charger, lambda known: {"VALID", "GROUP-A"} <= known.keys(), "the list")
        charger.expect("GetLocalListVersion")
        charger.close()
        again = self.connect("LIST-AGAIN")
        again.answer("GetConfiguration", KEYS)
        again.values["VERSION"] = self.version
        again.answer("GetLocalListVersion", '[3,"$ID",{"listVersion":$VERSION}]')
        again.answer("SendLocalList", ACCEPTED)
        self.boot(again)
        again.expect("GetLocalListVersion", seconds=SYNCHRONISED_SECONDS)
        self.does(again, "ClearCache")
        self.assertEqual(again.heard("SendLocalList"), [])


if __name__ == "__main__":
    conformance.main()
