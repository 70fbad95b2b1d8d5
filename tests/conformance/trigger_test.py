"""OCTT, central system, remote trigger: the right message of the right connector."""
import conformance
from conformance import ConformanceTest
from scripted_charger import ACCEPTED, REJECTED

METER_VALUES = ('{"connectorId":1,"meterValue":[{"timestamp":"$NOW","sampledValue":'
                '[{"value":"1234","context":"Trigger"}]}]}')
# requestedMessage, whether it names a connector, the message that follows
MESSAGES = (("MeterValues", True, METER_VALUES),
            ("Heartbeat", False, "{}"),
            ("StatusNotification", True,
             '{"connectorId":1,"errorCode":"NoError","status":"Available"}'),
            ("DiagnosticsStatusNotification", False, '{"status":"Idle"}'),
            ("FirmwareStatusNotification", False, '{"status":"Idle"}'))


class Trigger(ConformanceTest):
    def trigger(self, charger, message, connector=None, answer=ACCEPTED):
        more = "" if connector is None else f',"connectorId":{connector}'
        return self.does(charger, "TriggerMessage", '{"requestedMessage":"$MESSAGE"$MORE}', answer,
                         MESSAGE=message, MORE=more)

    def test_TC_054_five_messages(self):
        """OCTT TC_054."""
        charger = self.booted("TC_054")
        for message, with_connector, payload in MESSAGES:
            with self.subTest(message):
                sent = self.trigger(charger, message, 1 if with_connector else None)
                self.assertEqual(sent.get("connectorId"), 1 if with_connector else None)
                answer = charger.call(message, payload)
                self.assertEqual(set(answer), {"currentTime"} if message == "Heartbeat" else set())

    def test_TC_055_rejected(self):
        """OCTT TC_055, both editions: an unknown connector, and none."""
        charger = self.booted("TC_055")
        self.trigger(charger, "MeterValues", 2, REJECTED)
        self.trigger(charger, "MeterValues", None, REJECTED)

    def test_all_connectors(self):
        """Item 65: without a connector all of them and the charge point itself report, after the
        answer; NotImplemented is not Rejected."""
        charger = self.booted("ITEM-65", connectors=2)
        self.assertNotIn("connectorId", self.trigger(charger, "StatusNotification"))
        for connector in range(3):
            charger.status("Available", connector)
        self.trigger(charger, "DiagnosticsStatusNotification", None,
                     '[3,"$ID",{"status":"NotImplemented"}]')
        self.refuses(charger, "TriggerMessage", '{"requestedMessage":"Authorize"}',
                     "/requestedMessage")

    def test_no_trigger_of_a_boot(self):
        """Item 20: a charger that is accepted is not asked to boot."""
        charger = self.booted("ITEM-20")
        self.command(charger, "TriggerMessage", '{"requestedMessage":"BootNotification"}',
                     status=409)
        self.does(charger, "TriggerMessage", '{"requestedMessage":"Heartbeat"}')
        self.assertEqual(charger.heard(
            "TriggerMessage", lambda asked: asked["requestedMessage"] == "BootNotification"), [])


if __name__ == "__main__":
    conformance.main()
