"""Bad input at start and from chargers: each refusal says what is wrong, and the program lives."""
import contextlib
import json
import os
import random
import socket
import time
import unittest

import support
from charger import (BINARY, TEXT, CallError, Charger, HandshakeRefused, WebSocket, utc)
from support import IntegrationTest, eventually

WRONG = """
[ocpp]
port = 70000
colour = "green"

[log]
level = "loud"

[load_management]
limit_amps = [63, 63]
derate = "much"

[weather]
sun = true
"""


class Start(IntegrationTest):
    """`busbar serve` that cannot start says why in one sentence and ends with 1."""

    def refused(self, server, *arguments, seconds=20):
        """What it wrote on stderr."""
        server.launch(*arguments)
        began = time.monotonic()
        eventually(lambda: not server.alive(), seconds, "busbar serve ends")
        self.assertLess(time.monotonic() - began, seconds)
        self.assertEqual(server.process.returncode, 1, server.stderr())
        self.assertNotIn("listening", server.stdout_path.read_text())
        return server.stderr()

    def sentence(self, text):
        """The one line that matters, without the log around it."""
        lines = [line for line in text.splitlines() if line.startswith("busbar: ")]
        self.assertEqual(len(lines), 1, text)
        self.assertNotIn("terminate", text)
        return lines[0]

    def test_every_problem_of_the_configuration_is_listed(self):
        path = self.folder / "wrong.toml"
        path.write_text(WRONG)
        server = self.make_server(BUSBAR_OCPP_PORT=None, BUSBAR_WEB_HTTP_PORT="abc",
                                  BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS=None)
        lines = self.refused(server, "--config", str(path)).splitlines()
        for key in ("[ocpp] port", "[ocpp] colour", "[log] level", "[load_management] limit_amps",
                    "[load_management] derate", "[weather] sun"):
            matching = [line for line in lines if key in line]
            self.assertEqual(len(matching), 1, lines)
            self.assertIn(str(path), matching[0])
        self.assertEqual(len([line for line in lines if "BUSBAR_WEB_HTTP_PORT" in line]), 1, lines)
        self.assertEqual(len(lines), 7, lines)
        # Nothing was started, nothing was made.
        self.assertFalse((server.folder / "data").exists())
        self.assertEqual(self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"),
                         [])

    def test_configuration_that_is_no_toml_or_not_there(self):
        path = self.folder / "broken.toml"
        path.write_text("[ocpp\nport = 1\n")
        text = self.refused(self.make_server(), "--config", str(path))
        self.assertIn(str(path), text)
        self.assertIn("line 1", text)
        missing = self.folder / "missing.toml"
        text = self.refused(self.make_server(), "--config", str(missing))
        self.assertIn(str(missing), text)

    def test_half_a_meter(self):
        text = self.refused(self.make_server(BUSBAR_METER_HOST="127.0.0.1"))
        self.assertIn("[meter]", text)
        text = self.refused(self.make_server(BUSBAR_METER_HOST="127.0.0.1",
                                             BUSBAR_METER_PROFILE="no-such-meter"))
        self.assertIn("BUSBAR_METER_PROFILE", text)

    def test_wrong_usage(self):
        server = self.make_server()
        for arguments in (["serve", "--frobnicate"], ["badge"], ["no-such-command"], []):
            done = server.command(*arguments, check=False)
            self.assertEqual(done.returncode, 2, arguments)
        self.assertEqual(server.command("--help").returncode, 0)

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for name in ("BUSBAR_OCPP_PORT", "BUSBAR_WEB_HTTP_PORT"):
                line = self.sentence(self.refused(self.make_server(**{name: port})))
                self.assertIn(str(port), line)

    def test_web_interface_stays_on_this_machine(self):
        line = self.sentence(self.refused(self.make_server(BUSBAR_WEB_HTTP_ADDRESS="0.0.0.0")))
        self.assertIn("BUSBAR_WEB_HTTP_ADDRESS: must be 127.0.0.1", line)

    def test_data_directory_cannot_be_made(self):
        (self.folder / "file").write_text("no folder")
        for place in (self.folder / "file" / "data", "/proc/busbar-data"):
            line = self.sentence(self.refused(self.make_server(BUSBAR_DATA_DIR=place)))
            self.assertIn(str(place), line)
            self.assertIn("BUSBAR_DATA_DIR", line)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_data_directory_not_writable(self):
        place = self.folder / "locked"
        place.mkdir(mode=0o500)
        line = self.sentence(self.refused(self.make_server(BUSBAR_DATA_DIR=place)))
        self.assertIn(str(place), line)

    def test_no_database(self):
        line = self.sentence(self.refused(self.make_server(BUSBAR_DATABASE_URL=None)))
        self.assertIn("BUSBAR_DATABASE_URL", line)

    def test_database_unreachable(self):
        for url in (f"postgresql:///nothing?host={self.folder}&user=busbar",
                    "postgresql://busbar@127.0.0.1:1/busbar"):
            server = self.make_server(BUSBAR_DATABASE_URL=url)
            line = self.sentence(self.refused(server))
            self.assertIn("PostgreSQL cannot be reached", line)
            self.assertEqual(server.command("badge", "list", check=False).returncode, 1)
        wrong = self.make_server(BUSBAR_DATABASE_URL=self.cluster.url("no_such_database"))
        self.assertIn("no_such_database", self.sentence(self.refused(wrong)))

    def test_password_of_the_database_is_not_shown(self):
        server = self.make_server(
            BUSBAR_DATABASE_URL="postgresql://busbar:geheim@127.0.0.1:1/busbar")
        self.assertNotIn("geheim", self.refused(server))
        shown = server.command("serve", "--print-config").stdout
        self.assertNotIn("geheim", shown)
        self.assertIn("***", shown)

    def test_newer_schema_is_refused(self):
        server = self.make_server()
        server.command("migrate")
        self.execute("INSERT INTO schema_version (version, name) VALUES (9999, 'future')")
        self.assertIn("9999", self.sentence(self.refused(server)))
        done = server.command("badge", "list", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("9999", done.stderr)

    def test_two_servers_on_one_database(self):
        first = self.start_server()
        line = self.sentence(self.refused(self.make_server()))
        self.assertIn("another Busbar", line)
        self.assertTrue(first.alive())
        # A server that is killed does not lock out the next one.
        first.kill()
        self.start_server()

    def test_badge_command_refuses_nonsense(self):
        server = self.make_server()
        for arguments in (["add", "X" * 21], ["add", "A", "--valid-until", "soon"],
                          ["block", "NOBODY"], ["remove", "NOBODY"]):
            done = server.command("badge", *arguments, check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("busbar: ", done.stderr)
        server.command("badge", "add", "TWICE")
        self.assertEqual(server.command("badge", "add", "twice", check=False).returncode, 1)
        self.assertEqual(json.loads(server.command("badge", "list", "--json").stdout)[0]["idTag"],
                         "TWICE")


class Ocpp(IntegrationTest):
    """Malformed OCPP and unwelcome chargers, against one server for all tests."""

    def setUp(self):
        super().setUp()
        self.server = self.make_server()
        self.server.command("migrate")
        self.execute("INSERT INTO charge_point (id, state, validation) VALUES "
                     "('CP1', 'accepted', 'lenient'), ('CP2', 'accepted', 'lenient'), "
                     "('STRICT', 'accepted', 'strict'), ('PENDING', 'pending', 'lenient'), "
                     "('REJECTED', 'rejected', 'lenient'), ('Ümlaut 1', 'accepted', 'lenient')")
        self.server.command("charge-point", "accept", "SECRET", "--password-stdin",
                            text_in="0123456789abcdef\n")
        self.execute("INSERT INTO badge (id_tag, max_active_transactions) VALUES ('GOOD', 99)")
        self.server.start()

    def tearDown(self):
        # Whatever a test did: the process lives and serves others.
        self.assertTrue(self.server.alive())
        self.assertEqual(self.server.rest("GET", "/healthz")[0], 200)
        with self.connect("CP2") as charger:
            self.assertIn("currentTime", charger.call("Heartbeat", {}))
        super().tearDown()

    def connect(self, identity, **options):
        charger = Charger(self.server.ocpp_port, identity, **options)
        self.addCleanup(charger.close)
        return charger

    def refused(self, target, **options):
        with self.assertRaises(HandshakeRefused) as caught:
            WebSocket(self.server.ocpp_port, target, **options).cut()
        return caught.exception

    def error(self, charger, action, payload):
        with self.assertRaises(CallError) as caught:
            charger.call(action, payload)
        self.assertEqual(caught.exception.details, {})
        return caught.exception.code

    def test_handshake(self):
        self.assertEqual(self.refused("/ocpp/NOBODY").status, 404)
        self.assertIn("busbar charge-point accept", self.refused("/ocpp/NOBODY").body)
        for target in ("/", "/ocpp/", "/ocpp/%ZZ", "/ocpp/" + "X" * 200, "/ocpp/%00"):
            self.assertEqual(self.refused(target).status, 404, target)
        self.assertEqual(self.refused("/ocpp/CP1", protocol=None).status, 400)
        self.assertEqual(self.refused("/ocpp/CP1", protocol="ocpp2.0.1").status, 400)
        self.assertEqual(self.refused("/ocpp/SECRET").status, 401)
        self.assertEqual(self.refused("/ocpp/SECRET", user="SECRET", password="wrong").status, 401)
        self.assertEqual(
            self.refused("/ocpp/SECRET", user="CP1", password="0123456789abcdef").status, 401)
        with self.connect("SECRET", password="0123456789abcdef") as charger:
            self.assertEqual(charger.boot()["status"], "Accepted")
        # Accepted ones: the path with and without /ocpp, several subprotocols, an encoded name.
        with self.connect("CP1", path="/", protocol="ocpp0.1, ocpp1.6") as charger:
            self.assertEqual(charger.link.fields["sec-websocket-protocol"], "ocpp1.6")
            self.assertEqual(charger.boot()["status"], "Accepted")
        with self.connect("%C3%9Cmlaut%201") as charger:
            self.assertEqual(charger.boot()["status"], "Accepted")

    def test_plain_http_and_noise_on_the_charger_port(self):
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
                     b"GET /" + b"A" * 20000, b"\r\n\r\n\r\n", b"\x00" * 1000):
            with socket.create_connection(("127.0.0.1", self.server.ocpp_port), 10) as raw:
                raw.sendall(text)
                raw.shutdown(socket.SHUT_WR)
                try:
                    answer = raw.recv(4096)
                except ConnectionResetError:
                    answer = b""
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer)

    def test_what_cannot_be_answered_is_ignored(self):
        charger = self.connect("CP1")
        charger.boot()
        before = len(charger.texts)
        for text in ("", " ", "hello", "{}", "[]", "null", "42", '"text"', "[2]",
                     '[2,null,"A",{}]', '[2,{},"Heartbeat",{}]', '[9,"1","Heartbeat",{}]',
                     '[2,"1"', '["2","1","Heartbeat",{}]', '[3,"never-asked",{}]',
                     '[4,"never-asked","GenericError","",{}]', "[" * 100_000,
                     '[2,"d","DataTransfer",' + '{"a":' * 40 + "1" + "}" * 41):
            charger.say(text)
        charger.call("Heartbeat", {}, number="after")
        extra = [text for text in charger.texts[before:] if json.loads(text)[0] != 2]
        self.assertEqual(len(extra), 1, extra)
        token = self.server.token()
        eventually(lambda: self.server.rest("GET", "/api/v1/badges", token=token)[0] == 200, 5, "")
        seen = self.server.rest("GET", "/api/v1/charge-points/CP1", token=token)[1]
        self.assertGreaterEqual(sum(each["count"] for each in seen["deviations"]), 10, seen)

    def test_error_codes(self):
        lenient, strict = self.connect("CP1"), self.connect("STRICT")
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        values = {"connectorId": 1, "meterValue": []}
        cases = (
            ("BootNotification", {"chargePointVendor": "V"}, "ProtocolError"),
            ("StartTransaction", {"connectorId": 1, "idTag": "GOOD"}, "ProtocolError"),
            ("StatusNotification", {**status, "connectorId": "one"}, "TypeConstraintViolation"),
            ("StatusNotification", {**status, "connectorId": {}}, "TypeConstraintViolation"),
            ("StatusNotification", {**status, "status": "Sleeping"}, "PropertyConstraintViolation"),
            ("Authorize", {"idTag": 7.5e300}, "TypeConstraintViolation"),
            ("Heartbeat", [1], "FormationViolation"),
            ("Heartbeat", "text", "FormationViolation"),
            ("MeterValues", values, "OccurenceConstraintViolation"),
            ("FlyToTheMoon", {}, "NotImplemented"),
        )
        for action, payload, code in cases:
            with self.subTest(action=action, payload=payload):
                self.assertEqual(self.error(strict, action, payload), code)
        for action, payload, code in (
                ("Heartbeat", {"extra": 1}, "FormationViolation"),
                ("StatusNotification", {**status, "connectorId": "1"}, "TypeConstraintViolation"),
                ("Authorize", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
                ("StatusNotification", {**status, "timestamp": "yesterday"},
                 "PropertyConstraintViolation")):
            with self.subTest(action=action, payload=payload):
                self.assertEqual(self.error(strict, action, payload), code)
                lenient.call(action, payload)
        # What nobody could make sense of is refused in lenient mode too.
        self.assertEqual(self.error(lenient, "Authorize", {}), "ProtocolError")
        # Money is never refused, whatever of it can be read.
        self.assertEqual(lenient.call("StopTransaction", {}), {})
        self.assertEqual(lenient.call("BootNotification", {})["status"], "Accepted")
        self.assertEqual(self.error(lenient, "FlyToTheMoon", {}), "NotImplemented")
        self.assertEqual(
            self.error(lenient, "StatusNotification", {**status, "connectorId": "one"}),
            "TypeConstraintViolation")
        for text in ('[2,"x"]', '[2,"x",1,{}]', '[2,"x","Heartbeat",{},{}]'):
            lenient.say(text)
            with self.assertRaises(CallError) as caught:
                lenient.answer("x")
            self.assertEqual(caught.exception.code, "FormationViolation")

    def test_before_acceptance(self):
        charger = self.connect("PENDING")
        self.assertEqual(self.error(charger, "Heartbeat", {}), "SecurityError")
        self.assertEqual(self.error(charger, "Authorize", {"idTag": "GOOD"}), "SecurityError")
        self.assertEqual(charger.boot()["status"], "Pending")
        self.assertEqual(
            self.error(charger, "StartTransaction", {"connectorId": 1, "idTag": "GOOD",
                                                     "meterStart": 0, "timestamp": utc()}),
            "SecurityError")
        self.assertEqual(self.query("SELECT * FROM transaction"), [])
        # Accepted while it is connected: it is told to come again, and then it may.
        self.server.command("charge-point", "accept", "PENDING")
        charger.wait_closed()
        with self.connect("PENDING") as again:
            self.assertEqual(again.boot()["status"], "Accepted")
        # One that was accepted earlier is served without a boot.
        with self.connect("PENDING") as returned:
            returned.call("Heartbeat", {})

    def test_sizes_and_frames(self):
        charger = self.connect("CP1")
        charger.call("DataTransfer", {"vendorId": "V", "data": "x" * 300 * 1024})
        # The server may cut us off before the last byte has left: then there is no code to see.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            charger.say("x" * (1024 * 1024 + 1))
        charger.wait_closed()
        # A header that only claims to be large is enough.
        claims = WebSocket(self.server.ocpp_port, "/ocpp/CP1")
        claims.send_frame(TEXT, b"", length=2**40)
        self.closes(claims, 1009)
        unmasked = WebSocket(self.server.ocpp_port, "/ocpp/CP1")
        unmasked.send_frame(TEXT, b"[]", masked=False)
        self.closes(unmasked, 1002)
        not_utf8 = WebSocket(self.server.ocpp_port, "/ocpp/CP1")
        not_utf8.send_frame(TEXT, b'[2,"1","Heartbeat",{"\xff":1}]')
        self.closes(not_utf8, 1007)
        reserved = WebSocket(self.server.ocpp_port, "/ocpp/CP1")
        reserved.send_frame(0x3, b"[]")
        self.closes(reserved, 1002)
        pieces = WebSocket(self.server.ocpp_port, "/ocpp/CP1")
        pieces.send_frame(TEXT, b'[2,"p","Heart', final=False)
        pieces.send_frame(0x9, b"still there?")
        pieces.send_frame(0x0, b'beat",{}]')
        self.assertEqual(json.loads(pieces.receive())[:2], [3, "p"])
        pieces.send_frame(BINARY, b'[2,"b","Heartbeat",{}]')
        self.assertEqual(json.loads(pieces.receive())[:2], [3, "b"])
        pieces.cut()

    def closes(self, link, code):
        with self.assertRaises(Exception) as caught:
            while True:
                link.receive(10)
        self.assertEqual(getattr(caught.exception, "code", None), code, caught.exception)
        link.cut()

    def test_money_is_kept(self):
        charger, other = self.connect("CP1"), self.connect("CP2")
        charger.boot()
        # A stop of what nobody knows is answered, and kept; repeated, it is kept once.
        earlier, at = utc(time.time() - 3600), utc()
        for _ in range(2):
            self.assertEqual(charger.stop(424242, 777, at=earlier, idTag="GOOD", reason="PowerLoss")
                             ["idTagInfo"]["status"], "Accepted")
        self.assertEqual(
            self.query("SELECT charge_point, transaction_id, meter_stop_wh, reason, id_tag "
                       "FROM orphan_stop"),
            [{"charge_point": "CP1", "transaction_id": 424242, "meter_stop_wh": 777,
              "reason": "PowerLoss", "id_tag": "GOOD"}])
        charger.stop(-1, 778, at=earlier)
        # The same start is the same transaction, also on another connection.
        first = charger.start("GOOD", 100, at=at)
        again = charger.start("good", 100, at=at)
        self.assertEqual(first["transactionId"], again["transactionId"])
        charger.link.cut()
        charger = self.connect("CP1")
        number = charger.start("GOOD", 100, at=at)["transactionId"]
        self.assertEqual(first["transactionId"], number)
        # Another charger cannot stop it.
        other.stop(number, 999999)
        rows = self.query("SELECT charge_point, meter_stop_wh FROM transaction")
        self.assertEqual(rows, [{"charge_point": "CP1", "meter_stop_wh": None}])
        for _ in range(2):
            charger.stop(number, 200)
        rows = self.query("SELECT meter_stop_wh, stop_reason FROM transaction")
        self.assertEqual(rows, [{"meter_stop_wh": 200, "stop_reason": "Local"}])
        self.assertEqual(len(self.query("SELECT * FROM orphan_stop")), 3)

    def test_odd_values_are_kept_or_refused(self):
        """What is acknowledged is in its table, whatever it holds; nothing is put aside."""
        charger = self.connect("CP1")
        charger.boot()
        at = iter(utc(time.time() - 3000 + second) for second in range(1000))
        starts = [{"connectorId": number} for number in (-(2**31), -1, 0, 2**31 - 1)]
        starts += [{"idTag": text} for text in ("", "a\0b", "x" * 200_000, "\u2028\u00e9\U0001F50C",
                                                "'; DROP TABLE badge;--", "two\nlines")]
        starts += [{"meterStart": number}
                   for number in (-5, -(2**31), 2**31 - 1, 2**31, 1.5, 1e300)]
        kept = 0
        for odd in starts:
            try:
                start = {"connectorId": 1, "idTag": "GOOD", "meterStart": 1, "timestamp": next(at),
                         **odd}
                begun = charger.call("StartTransaction", start)
                charger.stop(begun["transactionId"], 5, at=next(at), idTag=start["idTag"])
                kept += 1
            except CallError as refusal:
                self.assertEqual(refusal.code, "PropertyConstraintViolation", odd)
        samples = 0
        for connector in (-1, 0, 1, 2**31 - 1):
            for value in ("1", "", "NaN", "1e400", "a\0b", "-inf", "x" * 100_000):
                try:
                    charger.meter_values(connector, 1, [{"value": value}], at=next(at))
                    samples += 1
                except CallError as refusal:
                    self.assertEqual(refusal.code, "PropertyConstraintViolation", connector)
        self.assertEqual(self.query("SELECT error FROM quarantine"), [])
        rows = self.query("SELECT meter_stop_wh FROM transaction")
        self.assertEqual(rows, [{"meter_stop_wh": 5}] * kept)
        self.assertEqual(self.query("SELECT count(*) FROM meter_sample"), [{"count": samples}])

    def test_impossible_times(self):
        charger = self.connect("CP1")
        charger.boot()
        times = ("9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
                 "2026-02-30T00:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+99:99",
                 "292277026596-12-04T15:30:07Z", "-2000-01-01T00:00:00Z", "noon", "")
        for number, at in enumerate(times):
            begun = charger.start("GOOD", number, at=at)
            charger.stop(begun["transactionId"], number + 10, at=at)
        rows = self.query("SELECT meter_start_wh, meter_stop_wh FROM transaction ORDER BY id")
        self.assertEqual([(row["meter_start_wh"], row["meter_stop_wh"]) for row in rows],
                         [(number, number + 10) for number in range(len(times))])
        self.assertEqual(self.query("SELECT error FROM quarantine"), [])

    def test_newest_connection_wins(self):
        old = self.connect("CP1")
        old.boot()
        number = old.start("GOOD")["transactionId"]
        new = self.connect("CP1")
        self.assertEqual(old.wait_closed().code, 1001)
        new.call("Heartbeat", {})
        new.stop(number, 50)
        self.assertEqual(self.query("SELECT meter_stop_wh FROM transaction"),
                         [{"meter_stop_wh": 50}])
        # Ten at once: one is left, and it works.
        crowd = [self.connect("CP1") for _ in range(10)]
        for each in crowd[:-1]:
            each.wait_closed()
        crowd[-1].call("Heartbeat", {})

    def test_noise(self):
        """Mutations of good messages: whatever they are, the next good message is answered."""
        seed = os.environ.get("BUSBAR_TEST_SEED") or str(random.SystemRandom().randrange(10**6))
        support.say(f"BUSBAR_TEST_SEED={seed}")
        chance = random.Random(seed)
        good = [json.dumps([2, "m", action, payload]) for action, payload in (
            ("StartTransaction", {"connectorId": 1, "idTag": "GOOD", "meterStart": 5,
                                  "timestamp": "2026-01-01T00:00:00Z"}),
            ("StopTransaction", {"transactionId": 1001, "meterStop": 9, "transactionData": [
                {"timestamp": utc(), "sampledValue": [{"value": "1"}]}], "timestamp": utc()}),
            ("MeterValues", {"connectorId": 1, "meterValue": [
                {"timestamp": utc(), "sampledValue": [{"value": "7", "unit": "kWh"}]}]}),
            ("StatusNotification", {"connectorId": 2, "errorCode": "NoError",
                                    "status": "Charging"}))]
        pieces = ["null", "-1", "1e999", "\"\"", "[]", "{}", "\\u0000", "2147483648", "\"\\ud800\"",
                  "9" * 400, "true", "\u00fc\U0001F50C", ","]
        charger = self.connect("CP1")
        for _ in range(600):
            text = chance.choice(good)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(text) + 1)
                cut = place + chance.choice((0, 1, 5, 20))
                text = text[:place] + chance.choice(pieces) + text[cut:]
            charger.say(text)
        charger.call("Heartbeat", {}, number="last", seconds=30)
        self.assertEqual(self.query("SELECT error FROM quarantine"), [])


if __name__ == "__main__":
    support.main()
