"""Badges as an operator handles them, with the real program: a table of them in and out, learning
one at a charger while a client listens to events, two operators at once, and who did what.
"""
import http.client
import json
import queue
import threading
import time

import support
from charger import Charger
from support import IntegrationTest, eventually, say

API = "/api/v1"
BADGES = 500
IMPORT_SECONDS_MAX = 3


class EventClient:
    """A client of /events: reads the stream line by line on a thread of its own."""

    def __init__(self, port, token, last_id=None):
        self.events = queue.Queue()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.connection.request("GET", API + "/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.first_line = self.answer.readline().decode()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        fields = {}
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    self.events.put({**fields, "data": json.loads(fields["data"])})
                    fields = {}
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.events.put(None)

    def next(self, kind, seconds=10):
        """The next event of this type; None at the end of the stream."""
        deadline = time.monotonic() + seconds
        while True:
            event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if event is None or event["event"] == kind:
                return event

    def close(self):
        self.connection.sock and self.connection.sock.close()
        self.answer.close()


def table(count, label="Label"):
    rows = ["idTag;printedNumber;label;holder;group;chargePoints;schedule"]
    rows += [f'TAG{n:05d};{n};"{label} {n}";Näme {n};Staff;CP1|CP2;Mo-Fr 07:00-19:00'
             for n in range(count)]
    return ("\ufeff" + "\r\n".join(rows) + "\r\n").encode()


class Badges(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.make_server()
        self.tokens = {role: self.server.token(role) for role in ("admin", "operator", "viewer")}
        self.server.start()

    def ask(self, status, method, path, body=None, role="operator", raw=None):
        found, answer, fields = self.server.rest(method, API + path, body,
                                                 token=self.tokens[role], raw=raw)
        self.assertEqual(found, status, answer)
        self.fields = fields
        return answer

    def audit(self, **filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return self.ask(200, "GET", f"/audit?limit=1000&{query}")["items"]

    def send_with_tag(self, method, path, body, tag):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.web_port, timeout=10)
        connection.request(method, API + path, json.dumps(body),
                           {"Authorization": f"Bearer {self.tokens['operator']}",
                            "Content-Type": "application/json", "If-Match": tag})
        answer = connection.getresponse()
        result = answer.status, json.loads(answer.read() or b"null"), answer.headers
        connection.close()
        return result

    def test_a_table_comes_in_and_goes_out(self):
        begun = time.monotonic()
        report = self.ask(200, "POST", "/badges/import", raw=table(BADGES))
        took = time.monotonic() - begun
        say(f"  imported {BADGES} badges in {took * 1000:.0f} ms, durable and audited")
        self.assertLess(took, IMPORT_SECONDS_MAX)
        self.assertEqual((report["created"], report["refused"]), (BADGES, 0))
        self.assertEqual(len(self.audit(objectKind="badge")), BADGES + 1)
        self.assertEqual(
            self.cluster.execute(self.database, "SELECT count(*) FROM badge WHERE holder = "
                                                "'Näme ' || printed_number"), str(BADGES))

        report = self.ask(200, "POST", "/badges/import", raw=table(BADGES))
        self.assertEqual(report["unchanged"], BADGES)
        report = self.ask(200, "POST", "/badges/import?dryRun=true", raw=table(BADGES, "New"))
        self.assertEqual(report["changed"], BADGES)
        self.assertEqual(report["lines"][3]["changes"],
                         [{"field": "label", "from": "Label 3", "to": "New 3"}])

        bad = table(BADGES, "New") + b"TAG00007;;;;;;\r\nX;;;;;;Mo-Xx\r\n"
        problem = self.ask(422, "POST", "/badges/import", raw=bad)
        self.assertEqual([error["pointer"] for error in problem["errors"]],
                         [f"/lines/{BADGES + 2}/idTag", f"/lines/{BADGES + 3}/schedule"])
        self.assertEqual(self.ask(200, "GET", "/badges/TAG00003")["label"], "Label 3")

        exported = self.ask(200, "GET", "/badges/export?format=csv")
        self.assertTrue(self.fields["Content-Type"].startswith("text/csv"))
        report = self.ask(200, "POST", "/badges/import", raw=exported.encode())
        self.assertEqual(report["unchanged"], BADGES)

    def test_the_command_line_has_the_same_table(self):
        file = self.server.folder / "badges.csv"
        file.write_bytes(table(20))
        done = self.server.command("badge", "import", str(file), "--dry-run")
        self.assertIn("20 created", done.stdout)
        self.assertEqual(self.ask(200, "GET", "/badges")["items"], [])
        self.server.command("badge", "import", str(file))
        eventually(lambda: len(self.ask(200, "GET", "/badges")["items"]) == 20, 1,
                   "the running server knows the badges")
        self.assertIn("20 unchanged", self.server.command("badge", "import", str(file)).stdout)
        file.write_text("idTag,validUntil\nTAG00001,soon\n")
        refused = self.server.command("badge", "import", str(file), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"{file}:2: validUntil:", refused.stderr)

        self.server.command(
            "badge", "add", "04A1B2C3", "--printed-number", "17", "--email", "a@example.org",
            "--cost-centre", "4711", "--charge-point-group", "north", "--schedule",
            "Mo-Fr 07:00-19:00", "--monthly-quota-wh", "250000", "--priority-class", "3",
            "--charge-mode", "solar", "--valid-from", "2026-01-01T00:00:00Z", "--note", "n")
        shown = json.loads(self.server.command("badge", "show", "04a1b2c3", "--json").stdout)
        listed = json.loads(self.server.command("badge", "list", "--json").stdout)
        self.assertIn(shown, listed)
        eventually(lambda: any(badge["idTag"] == "04A1B2C3"
                               for badge in self.ask(200, "GET", "/badges")["items"]), 1,
                   "the running server knows the badge")
        answered = self.ask(200, "GET", "/badges/04A1B2C3")
        self.assertEqual({name: answered[name] for name in shown}, shown)
        self.assertEqual(shown["chargePointGroups"], ["north"])

        target = self.server.folder / "out.csv"
        self.server.command("badge", "export", str(target))
        self.assertIn("21 unchanged", self.server.command("badge", "import", str(target)).stdout)
        self.server.command("badge", "block", "TAG00001")
        self.server.command("badge", "remove", "TAG00002")
        actions = [(row["action"], row["objectId"])
                   for row in self.audit(actor="command%20line", objectKind="badge")]
        self.assertEqual(actions[:3], [("delete", "TAG00002"), ("update", "TAG00001"),
                                       ("create", "04A1B2C3")])
        self.assertEqual(len(actions), 3 + 20 + 1)

    def test_a_badge_is_learned_at_a_charger(self):
        client = EventClient(self.server.web_port, self.tokens["operator"])
        self.addCleanup(client.close)
        self.assertEqual(client.answer.status, 200)
        self.assertEqual(client.first_line, ": listening\n")
        viewer = EventClient(self.server.web_port, self.tokens["viewer"])
        self.addCleanup(viewer.close)
        self.ask(201, "POST", "/charge-points", {"id": "CP1"}, role="admin")
        charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(charger.close)
        charger.boot()

        state = self.ask(202, "POST", "/badges/learn", {"chargePointId": "CP1", "seconds": 30})
        self.assertTrue(state["active"] and state["until"])
        self.ask(409, "POST", "/badges/learn", {"seconds": 30})
        self.assertEqual(charger.call("Authorize", {"idTag": "04A1B2C3"})["idTagInfo"]["status"],
                         "Invalid")
        event = client.next("badge-tap")
        tap = event["data"]["data"]
        self.assertEqual((tap["idTag"], tap["chargePoint"], tap["known"], tap["learned"]),
                         ("04A1B2C3", "CP1", False, True))
        self.assertEqual(event["id"], str(event["data"]["id"]))
        self.assertEqual(self.ask(200, "GET", "/badges/learn")["learned"]["idTag"], "04A1B2C3")
        self.assertEqual(self.ask(200, "GET", "/unknown-badges")["items"][0]["idTag"], "04A1B2C3")

        self.ask(201, "POST", "/unknown-badges/04A1B2C3", {"label": "Anna"})
        self.assertEqual(self.ask(200, "GET", "/unknown-badges")["items"], [])
        self.assertEqual(charger.call("Authorize", {"idTag": "04a1b2c3"})["idTagInfo"]["status"],
                         "Accepted")
        self.assertTrue(client.next("badge-tap")["data"]["data"]["accepted"])
        # One that comes back is told what it missed.
        again = EventClient(self.server.web_port, self.tokens["operator"], event["id"])
        self.addCleanup(again.close)
        self.assertTrue(again.next("badge-tap")["data"]["data"]["known"])
        self.assertTrue(viewer.events.empty(), "viewers see no taps")
        self.assertEqual(self.server.stop(), 0)
        self.assertIsNone(again.next("badge-tap"), "the stream ends with the server")

    def test_the_slower_of_two_operators_is_told(self):
        self.ask(201, "POST", "/badges", {"idTag": "A1", "holder": "Ann"})
        tag = self.fields["ETag"]
        status, _, fields = self.send_with_tag("PATCH", "/badges/A1", {"label": "one"}, tag)
        self.assertEqual(status, 200)
        status, problem, conflict = self.send_with_tag("PATCH", "/badges/A1", {"label": "two"}, tag)
        self.assertEqual(status, 409)
        self.assertEqual(problem["current"]["label"], "one")
        self.assertEqual(conflict["ETag"], fields["ETag"])
        status, _, _ = self.send_with_tag("DELETE", "/badges/A1", None, fields["ETag"])
        self.assertEqual(status, 204)
        rows = self.audit(objectKind="badge", objectId="a1")
        self.assertEqual([(row["actor"], row["action"]) for row in rows],
                         [("operator", "delete"), ("operator", "update"), ("operator", "create")])
        self.assertEqual(rows[2]["after"]["holder"], "(set)")
        self.ask(403, "GET", "/audit", role="viewer")
        with self.assertRaises(RuntimeError):
            self.cluster.execute(self.database, "DELETE FROM audit_log")

    def test_groups_and_charge_points_are_edited_too(self):
        self.ask(201, "POST", "/badges", {"idTag": "A1", "group": "Staff"})
        self.ask(200, "PATCH", "/groups/staff", {"maxActiveTransactions": 2})
        self.ask(201, "POST", "/charge-points",
                 {"id": "CP1", "groups": ["north"], "access": "free",
                  "openingHours": "Mo-Su 06:00-22:00"}, role="admin")
        problem = self.ask(422, "PATCH", "/charge-points/CP1",
                           {"access": "open", "openingHours": "early", "groups": [""]},
                           role="admin")
        self.assertEqual(sorted(error["pointer"] for error in problem["errors"]),
                         ["/access", "/groups/0", "/openingHours"])
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        group = self.ask(200, "GET", "/groups/Staff")
        self.assertEqual((group["maxActiveTransactions"], group["badges"]), (2, 1))
        charge_point = self.ask(200, "GET", "/charge-points/CP1")
        self.assertEqual((charge_point["groups"], charge_point["access"],
                          charge_point["openingHours"]),
                         (["north"], "free", "Mo-Su 06:00-22:00"))


if __name__ == "__main__":
    support.main()
