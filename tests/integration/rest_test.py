"""The REST interface of the real program: tokens and roles, charge points, badges, transactions,
and commands to a charger that is there, refuses, is silent, or is gone.
"""
import json
import socket
import threading
import time

import support
from charger import CallError, Charger, HandshakeRefused, utc
from support import IntegrationTest, eventually

API = "/api/v1"
NOT_JSON = b"{\"idTag\": "


class CommandLine(IntegrationTest):
    def test_json_alone_on_a_fresh_database(self):
        """The first command makes the schema; what it prints is for programs all the same."""
        for arguments in (["token", "create", "--name", "N", "--role", "admin", "--json"],
                          ["badge", "list", "--json"], ["charge-point", "list", "--json"]):
            with self.subTest(arguments):
                self.database = self.cluster.empty_database()
                json.loads(self.make_server().command(*arguments).stdout)


class Rest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.make_server()
        # Before the start: a running server hears of tokens a moment later.
        self.tokens = {role: self.server.token(role)
                       for role in ("admin", "installer", "operator", "viewer")}
        self.server.start()

    def ask(self, method, path, body=None, role="admin", **options):
        status, answer, _ = self.server.rest(method, API + path, body,
                                             token=self.tokens.get(role), **options)
        return status, answer

    def expect(self, status, method, path, body=None, **options):
        found, answer = self.ask(method, path, body, **options)
        self.assertEqual(found, status, answer)
        if status >= 400:
            self.assertEqual(answer["status"], status)
            self.assertTrue(answer["title"] and answer["detail"], answer)
        return answer

    def pointers(self, answer):
        return sorted(error["pointer"] for error in answer["errors"])

    def connect(self, identity, **options):
        charger = Charger(self.server.ocpp_port, identity, **options)
        self.addCleanup(charger.close)
        return charger

    def test_health(self):
        self.assertEqual(self.server.rest("GET", "/healthz")[:2], (200, {"status": "ok"}))
        status, ready, _ = self.server.rest("GET", "/readyz")
        self.assertEqual((status, ready["status"], ready["reasons"]), (200, "ready", []))
        self.assertIn(ready["maintenance"]["state"], ("starting", "normal"))
        self.assertEqual(self.server.rest("POST", "/healthz")[0], 405)
        self.assertEqual(self.server.rest("GET", "/nothing")[0], 404)
        self.assertEqual(self.server.rest("HEAD", "/healthz")[:2], (200, ""))

    def test_tokens(self):
        for role in (None, "nobody"):
            self.tokens["nobody"] = "wrong"
            status, answer, fields = self.server.rest("GET", API + "/badges",
                                                      token=self.tokens.get(role))
            self.assertEqual((status, answer["status"]), (401, 401))
            self.assertIn("Bearer", fields["WWW-Authenticate"])
        # Made while it runs: counts within a second; and so does its end.
        done = self.server.command("token", "create", "--name", "new", "--role", "viewer", "--json")
        made = json.loads(done.stdout)
        self.assertEqual((made["name"], made["role"]), ("new", "viewer"))
        self.tokens["new"] = made["secret"]
        eventually(lambda: self.ask("GET", "/badges", role="new")[0] == 200, 1, "the token counts")
        self.server.command("token", "revoke", str(made["id"]))
        eventually(lambda: self.ask("GET", "/badges", role="new")[0] == 401, 1, "it is revoked")
        rows = self.query("SELECT secret_hash FROM api_token")
        self.assertEqual(len(rows), 5)
        for row in rows:
            self.assertNotIn(row["secret_hash"], self.tokens.values())
        listed = json.loads(self.server.command("token", "list", "--json").stdout)
        self.assertNotIn("secret", json.dumps(listed))

    def test_roles(self):
        for role, badges, chargers in (("viewer", 403, 403), ("operator", 201, 403),
                                       ("installer", 403, 201), ("admin", 201, 201)):
            with self.subTest(role):
                self.expect(200, "GET", "/badges", role=role)
                self.expect(200, "GET", "/charge-points", role=role)
                self.expect(200, "GET", "/transactions", role=role)
                self.expect(badges, "POST", "/badges", {"idTag": f"B-{role}"}, role=role)
                self.expect(chargers, "POST", "/charge-points", {"id": f"C-{role}"}, role=role)
                told = 403 if role == "viewer" else 404
                self.expect(told, "POST", "/charge-points/NOBODY/commands/Reset",
                            {"type": "Soft"}, role=role)
                self.expect(told, "PUT", "/charge-points/NOBODY/configuration/A", {"value": "1"},
                            role=role)
                erased = 404 if role == "admin" else 403
                self.expect(erased, "POST", "/badges/NOBODY/erase", role=role)

    def test_charge_points(self):
        made = self.expect(201, "POST", "/charge-points", {
            "id": "CP 1", "label": "Garage", "maxAmps": 16, "phaseMap": "STR",
            "password": "0123456789abcdef"})
        self.assertEqual((made["id"], made["state"], made["maxAmps"], made["hasPassword"],
                          made["connected"]), ("CP 1", "accepted", 16, True, False))
        self.assertNotIn("password", made)
        self.expect(409, "POST", "/charge-points", {"id": "CP 1"})
        wrong = self.expect(422, "POST", "/charge-points", {
            "id": "a/b", "state": "maybe", "maxAmps": 1, "phaseMap": "XYZ", "colour": "red"})
        self.assertEqual(self.pointers(wrong),
                         ["/colour", "/id", "/maxAmps", "/phaseMap", "/state"])
        self.expect(400, "POST", "/charge-points", raw=NOT_JSON)
        self.expect(404, "GET", "/charge-points/NOBODY")
        with self.assertRaises(HandshakeRefused) as caught:
            self.connect("CP%201")
        self.assertEqual(caught.exception.status, 401)
        charger = self.connect("CP%201", user="CP 1", password="0123456789abcdef")
        charger.boot("Pillar")
        charger.status("Charging")
        seen = self.expect(200, "GET", "/charge-points/CP%201")
        self.assertEqual((seen["connected"], seen["model"], seen["vendor"]),
                         (True, "Pillar", "Test"))
        self.assertEqual([(each["connectorId"], each["status"]) for each in seen["connectors"]],
                         [(1, "Charging")])
        # A new password ends the connection, and so does a rejection.
        self.expect(200, "PATCH", "/charge-points/CP%201", {"password": "fedcba9876543210"})
        charger.wait_closed()
        charger = self.connect("CP%201", user="CP 1", password="fedcba9876543210")
        self.expect(200, "PATCH", "/charge-points/CP%201", {"state": "rejected", "password": None})
        charger.wait_closed()
        charger = self.connect("CP%201")
        self.assertEqual(charger.boot()["status"], "Rejected")
        self.expect(204, "DELETE", "/charge-points/CP%201")
        charger.wait_closed()
        self.assertEqual(self.query("SELECT * FROM charge_point"), [])

    def test_pages(self):
        for number in range(5):
            self.expect(201, "POST", "/badges", {"idTag": f"B{number}"})
        found, path = [], "/badges?limit=2"
        while path:
            page = self.expect(200, "GET", path)
            self.assertLessEqual(len(page["items"]), 2)
            found += [item["idTag"] for item in page["items"]]
            path = page["next"] and f"/badges?limit=2&cursor={page['next']}"
        self.assertEqual(found, [f"B{number}" for number in range(5)])
        wrong = self.expect(422, "GET", "/badges?limit=0&colour=red&cursor=zz")
        self.assertEqual(self.pointers(wrong), ["/colour", "/cursor", "/limit"])

    def test_badges(self):
        made = self.expect(201, "POST", "/badges", {"idTag": "Tag1", "holder": "Anna",
                                                    "maxActiveTransactions": 2})
        self.assertEqual((made["status"], made["holder"]), ("active", "Anna"))
        self.expect(409, "POST", "/badges", {"idTag": "TAG1"})
        self.assertEqual(self.expect(200, "GET", "/badges/tag1")["idTag"], "Tag1")
        wrong = self.expect(422, "POST", "/badges", {
            "idTag": "X" * 21, "status": "lost", "validUntil": "soon", "maxActiveTransactions": -1})
        self.assertEqual(self.pointers(wrong),
                         ["/idTag", "/maxActiveTransactions", "/status", "/validUntil"])
        self.expect(201, "POST", "/charge-points", {"id": "CP1"})
        charger = self.connect("CP1")
        charger.boot()
        self.assertEqual(self.verdict(charger), "Accepted")
        self.expect(200, "PATCH", "/badges/Tag1", {"status": "blocked"})
        self.assertEqual(self.verdict(charger), "Blocked")
        self.expect(200, "PATCH", "/badges/Tag1", {"status": "active", "validUntil":
                                                   "2020-01-01T00:00:00Z"})
        self.assertEqual(self.verdict(charger), "Expired")
        self.expect(200, "PATCH", "/badges/Tag1", {"validUntil": None, "chargePoints": ["CP2"]})
        self.assertEqual(self.verdict(charger), "Invalid")
        self.expect(422, "PATCH", "/badges/Tag1", {"idTag": "Other"})
        self.expect(204, "DELETE", "/badges/Tag1")
        self.expect(404, "GET", "/badges/Tag1")
        self.assertEqual(self.verdict(charger), "Invalid")
        self.assertEqual(self.query("SELECT * FROM badge"), [])

    def verdict(self, charger):
        return charger.call("Authorize", {"idTag": "TAG1"})["idTagInfo"]["status"]

    def charging(self, identity="CP1", connectors=1):
        """A connected charger with a badge of the same name, charging on each connector."""
        self.expect(201, "POST", "/charge-points", {"id": identity})
        self.expect(201, "POST", "/badges", {"idTag": identity, "maxActiveTransactions": 9})
        charger = self.connect(identity)
        charger.boot()
        charger.numbers = {}
        for connector in range(1, connectors + 1):
            charger.status("Charging", connector)
            charger.numbers[connector] = charger.start(identity, 100, connector)["transactionId"]
        return charger

    def test_transactions(self):
        charger = self.charging(connectors=2)
        charger.meter_values(1, charger.numbers[1], [{"value": "0.350", "unit": "kWh"}])
        active = self.expect(200, "GET", "/transactions?active=true")["items"]
        self.assertEqual([each["transactionId"] for each in active],
                         [charger.numbers[2], charger.numbers[1]])
        self.assertEqual((active[1]["energyWh"], active[1]["stoppedAt"]), (250, None))
        values = self.expect(200, "GET", f"/transactions/{active[1]['id']}/meter-values")["items"]
        self.assertEqual([(each["value"], each["number"], each["unit"]) for each in values],
                         [("0.350", 350, "Wh")])
        charger.stop(charger.numbers[1], 600, reason="EVDisconnected")
        ended = self.expect(200, "GET", f"/transactions/{active[1]['id']}")
        self.assertEqual((ended["energyWh"], ended["stopReason"], ended["estimated"]),
                         (500, "EVDisconnected", False))
        for query, count in (("active=false", 1), ("idTag=cp1", 2), ("idTag=other", 0),
                             ("chargePoint=CP1", 2), ("from=2100-01-01T00:00:00Z", 0)):
            items = self.expect(200, "GET", f"/transactions?{query}")["items"]
            self.assertEqual(len(items), count, query)
        self.expect(422, "GET", "/transactions?active=perhaps")
        self.expect(404, "GET", "/transactions/999")
        self.expect(404, "GET", "/transactions/one")
        self.check_stops(charger, active[0]["id"], active[1]["id"])

    def check_stops(self, charger, running, ended):
        self.expect(409, "POST", f"/transactions/{ended}/stop")
        self.assertEqual(self.expect(200, "POST", f"/transactions/{running}/stop"),
                         {"status": "Accepted"})
        asked = charger.asked("RemoteStopTransaction")[-1].payload
        self.assertEqual(asked, {"transactionId": charger.numbers[2]})
        # Closed by force, then the charger tells the truth after all.
        closed = self.expect(200, "POST", f"/transactions/{running}/stop", {"force": True})
        self.assertEqual((closed["estimated"], closed["meterStopWh"]), (True, 100))
        charger.stop(charger.numbers[2], 900)
        seen = self.expect(200, "GET", f"/transactions/{running}")
        self.assertEqual((seen["estimated"], seen["meterStopWh"]), (False, 900))

    def test_commands_to_a_charger(self):
        charger = self.charging()
        commands = "/charge-points/CP1/commands/"
        for action, payload, answer in (
                ("RemoteStartTransaction", {"idTag": "CP1", "connectorId": 1},
                 {"status": "Accepted"}),
                ("RemoteStopTransaction", {"transactionId": charger.numbers[1]},
                 {"status": "Rejected"}),
                ("Reset", {"type": "Soft"}, {"status": "Accepted"}),
                ("TriggerMessage", {"requestedMessage": "Heartbeat"},
                 {"status": "NotImplemented"})):
            with self.subTest(action):
                charger.handlers[action] = lambda _, answer=answer: answer
                self.assertEqual(self.expect(200, "POST", commands + action, payload), answer)
                self.assertEqual(charger.asked(action)[-1].payload, payload)

        def refuse(_):
            raise CallError("InternalError", "a fuse has blown")
        charger.handlers["Reset"] = refuse
        answer = self.expect(502, "POST", commands + "Reset", {"type": "Hard"})
        self.assertEqual((answer["errorCode"], answer["errorDescription"]),
                         ("InternalError", "a fuse has blown"))
        # An answer that is no answer is the charger's fault too.
        charger.handlers["Reset"] = lambda _: {"status": "Perhaps"}
        self.expect(502, "POST", commands + "Reset", {"type": "Hard"})
        wrong = self.expect(422, "POST", commands + "Reset", {"type": "Gently", "when": "now"})
        self.assertEqual(self.pointers(wrong), ["/type", "/when"])
        self.expect(422, "POST", commands + "Reset")
        self.expect(400, "POST", commands + "Reset", raw=NOT_JSON)
        self.expect(404, "POST", commands + "FlyToTheMoon", {})
        self.expect(404, "POST", "/charge-points/NOBODY/commands/Reset", {"type": "Soft"})
        # A badge that could not charge is not sent to a charger.
        self.expect(409, "POST", commands + "RemoteStartTransaction", {"idTag": "NOBODY"})
        charger.close()
        eventually(lambda: not self.expect(200, "GET", "/charge-points/CP1")["connected"], 5,
                   "the server notices")
        self.expect(409, "POST", commands + "Reset", {"type": "Soft"})

    def test_commands_without_an_answer(self):
        # Nobody charges: a limit that waits behind a command would cut its time short.
        silent, leaving = self.charging("CP1", 0), self.charging("CP2", 0)
        for charger in (silent, leaving):
            charger.silent.add("Reset")
        answers = {}

        def command(identity):
            began = time.monotonic()
            status, _ = self.ask("POST", f"/charge-points/{identity}/commands/Reset",
                                 {"type": "Soft"})
            answers[identity] = status, time.monotonic() - began
        threads = [threading.Thread(target=command, args=(name,)) for name in ("CP1", "CP2")]
        for thread in threads:
            thread.start()
        leaving.wait(lambda: leaving.asked("Reset"), 10, "the command arrives")
        leaving.link.cut()
        # A charger that says nothing is still heard when it has something to say.
        silent.wait(lambda: silent.asked("Reset"), 10, "the command arrives")
        silent.call("Heartbeat", {})
        for thread in threads:
            thread.join(45)
        self.assertEqual(answers["CP2"][0], 504)
        self.assertLess(answers["CP2"][1], 10)
        self.assertEqual(answers["CP1"][0], 504)
        self.assertGreater(answers["CP1"][1], 25)
        # The connection stays, and the next command goes out.
        silent.silent.clear()
        self.expect(200, "POST", "/charge-points/CP1/commands/Reset", {"type": "Soft"})

    def test_bad_http(self):
        self.expect(413, "POST", "/badges", raw=b"{\"idTag\":\"" + b"x" * (2 << 20) + b"\"}")
        for head in (b"GET / HTTP/9.9\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET /" + b"x" * 20000,
                     b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.web_port), 10) as raw:
                raw.sendall(head)
                raw.shutdown(socket.SHUT_WR)
                try:
                    answer = raw.recv(4096)
                except ConnectionResetError:
                    answer = b""
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer)
        self.assertEqual(self.server.rest("GET", "/healthz")[0], 200)

    def test_load(self):
        charger = self.charging()
        charger.wait(lambda: charger.limits.get(1), 10, "a limit")
        load = eventually(lambda: self.limited(), 5, "GET /load knows the limit")
        self.assertEqual(load["nodes"][0]["limitAmps"], [63, 63, 63])
        self.assertIn("text", load["evses"][0]["reason"])
        charger.stop(charger.numbers[1], 200, at=utc())

    def limited(self):
        load = self.expect(200, "GET", "/load")
        found = [each for each in load["evses"] if each["id"] == "CP1/1" and each["offeredAmps"]]
        return load if found else None


if __name__ == "__main__":
    support.main()
