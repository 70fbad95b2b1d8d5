"""The message log of the real program: a session is found in it, with latencies; no secret is."""
import threading

import support
from charger import CallError, Charger
from support import IntegrationTest, eventually

API = "/api/v1"
SECRET = "c0ffee0123456789c0ffee0123456789c0ffee01"


class MessageLog(IntegrationTest):
    def begin(self, **settings):
        self.server = self.make_server(**settings)
        self.token = self.server.token("admin")
        self.server.start()
        status, answer, _ = self.server.rest("POST", API + "/charge-points", {"id": "CP1"},
                                             token=self.token)
        self.assertEqual(status, 201, answer)
        self.charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(self.charger.close)

    def ask(self, query=""):
        status, answer, fields = self.server.rest("GET", f"{API}/charge-points/CP1/messages{query}",
                                                  token=self.token)
        self.assertEqual(status, 200, answer)
        self.fields = fields
        return answer

    def find(self, query, count=1):
        """The messages, once there are so many; the newest first."""
        return eventually(lambda: len(found := self.ask(query)["items"]) >= count and found, 10,
                          f"{count} messages {query}")

    def command(self, action, payload):
        return self.server.rest("POST", f"{API}/charge-points/CP1/commands/{action}", payload,
                                token=self.token)

    def test_a_session_is_shown_and_found(self):
        self.begin()
        self.charger.boot(model="Pillar 100%_x")
        slow = threading.Event()  # nobody sets it: this charger takes its time

        def reset(_):
            slow.wait(0.2)
            return {"status": "Rejected"}
        self.charger.handlers["Reset"] = reset
        self.assertEqual(self.command("Reset", {"type": "Soft"})[0], 200)
        with self.assertRaises(CallError):
            self.charger.call("Nonsense", {"x": 1}, number="odd-1")
        self.charger.say("this is no JSON")
        self.charger.call("Heartbeat", {})

        asked, = self.find("?text=pillar%20100%25_x")
        self.assertEqual((asked["direction"], asked["type"], asked["action"], asked["chargePoint"]),
                         ("in", "CALL", "BootNotification", "CP1"))
        self.assertEqual(asked["payload"]["chargePointModel"], "Pillar 100%_x")
        self.assertIsNone(asked["latencyMs"])
        answer, = self.find("?action=BootNotification&direction=out")
        self.assertEqual((answer["type"], answer["messageId"], answer["payload"]["status"]),
                         ("CALLRESULT", asked["messageId"], "Accepted"))
        self.assertGreaterEqual(answer["latencyMs"], 0)

        answer, asked = self.find("?action=Reset", 2)
        self.assertEqual((asked["direction"], asked["type"], asked["payload"]),
                         ("out", "CALL", {"type": "Soft"}))
        self.assertEqual((answer["direction"], answer["type"], answer["payload"]),
                         ("in", "CALLRESULT", {"status": "Rejected"}))
        self.assertGreaterEqual(answer["latencyMs"], 200)
        self.assertLess(answer["latencyMs"], 5000)

        refusal, _ = self.find("?action=Nonsense", 2)
        self.assertEqual((refusal["type"], refusal["payload"][0]), ("CALLERROR", "NotImplemented"))
        self.assertIn("Nonsense", refusal["violation"])
        broken, = self.find("?text=no%20JSON")
        self.assertEqual((broken["type"], broken["payload"], broken["violation"]),
                         ("invalid", "this is no JSON", "not_ocpp_j"))
        self.assertEqual(self.ask("?text=Pillar%25x")["items"], [])

        # What is tolerated is told as well.
        self.charger.call("StatusNotification", {"connectorId": "1", "errorCode": "NoError",
                                                 "status": "Available", "colour": "green"})
        taken, = self.find("?action=StatusNotification&direction=in")
        for part in ("wrong_type /connectorId", "unknown_field /colour"):
            self.assertIn(part, taken["violation"])
        self.assertIsNone(asked["violation"])

        self.find("?action=Heartbeat", 2)
        line = self.ask("?action=Heartbeat&format=jsonl&limit=1")
        self.assertEqual((line["action"], line["direction"]), ("Heartbeat", "out"))
        self.assertIn('rel="next"', self.fields["Link"])
        times = [item["at"] for item in self.ask("?limit=1000")["items"]]
        self.assertEqual(times, sorted(times, reverse=True))

    def test_secrets_are_not_kept(self):
        self.begin()
        self.charger.boot()
        self.charger.handlers["GetConfiguration"] = lambda _: {"configurationKey": [
            {"key": "AuthorizationKey", "readonly": False, "value": SECRET}]}
        self.command("ChangeConfiguration", {"key": "authorizationKEY", "value": SECRET})
        self.command("GetConfiguration", {"key": ["AuthorizationKey"]})
        self.charger.say(f'[2,"x",{{"key":"AuthorizationKey","value":"{SECRET}"}}')
        asked = self.find("?action=ChangeConfiguration&direction=out&text=authorizationkey")[0]
        self.assertEqual(asked["payload"]["value"], "***")
        told = self.find("?action=GetConfiguration&direction=in&text=authorizationkey")[0]
        self.assertEqual(told["payload"]["configurationKey"][0]["value"], "***")
        self.find("?text=***")
        eventually(lambda: self.query("SELECT 1 FROM message_log WHERE type = 'invalid'"), 10,
                   "the broken frame is there")
        self.assertEqual(self.query(f"SELECT id FROM message_log m WHERE m::text LIKE "
                                    f"'%{SECRET[:12]}%'"), [])

    def test_it_can_be_turned_off(self):
        self.begin(BUSBAR_MESSAGE_LOG_ENABLED="false")
        self.charger.boot()
        self.charger.call("Heartbeat", {})
        self.server.stop()
        self.assertEqual(self.query("SELECT id FROM message_log"), [])


if __name__ == "__main__":
    support.main()
