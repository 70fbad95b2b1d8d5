"""What implementers of OCPP-J get wrong: handshake, framing, message ids, error codes, resent
messages, time-outs. At the end a table shows which items and rulings have a test.
"""
import socket
import threading
import time

import conformance
import items
import support
from charger import PING, HandshakeRefused, WebSocket
from conformance import ConformanceTest, eventually, utc
from scripted_charger import ACCEPTED, NO_ANSWER, REJECTED

STRICT = {"validation": "strict"}
STATUS = '{"connectorId":1,"errorCode":"NoError","status":"Available"}'
START = '{"connectorId":1,"idTag":"VALID","meterStart":5,"timestamp":"$NOW"}'


def tearDownModule():
    lines, _ = items.table()
    support.say("\nitems and rulings, and their tests\n" + "\n".join(lines))


class WebSocketFrom(WebSocket):
    """A connection from another address of this machine."""

    def __init__(self, address, port, target):
        self.sending, self.buffer, self.closing = threading.Lock(), b"", None
        self.socket = socket.create_connection(("127.0.0.1", port), 10, (address, 0))
        try:
            self._upgrade(port, target, "ocpp1.6", None, None, ())
        except BaseException:
            self.socket.close()
            raise


class Coverage(ConformanceTest):
    def test_every_item_has_a_test_or_a_reason(self):
        self.assertEqual(items.table()[1], [])


class Handshake(ConformanceTest):
    def attempts(self, identity):
        found = self.rest(200, "GET", "/connection-attempts")["items"]
        return [each for each in found if identity in str(each)]

    def test_identity(self):
        """Item 1: the last segment, percent-encoded, and its case counts."""
        for identity, target, model in (("Säule (2) +1", "/ocpp/S%C3%A4ule%20%282%29%20%2B1", "B"),
                                        ("Box:3&a=b", "/Box:3&a%3Db", "C"),
                                        ("BOX:3&A=B", "/ocpp/BOX%3a3%26A%3DB", "D")):
            with self.subTest(identity):
                self.rest(201, "POST", "/charge-points", {"id": identity})
                charger = self.connect(identity, target=target)
                charger.boot(MODEL=model)
                self.assertEqual(self.view(charger)["model"], model)

    def test_unknown_identity(self):
        """Item 2. Ruling R5: 404 in the handshake, and an entry among the attempts."""
        self.assertEqual(self.refused("NO-SUCH-BOX").status, 404)
        self.assertTrue(self.attempts("NO-SUCH-BOX"))

    def test_enrolment(self):
        """Ruling R5: while the window is open a stranger is let in, and answered Pending."""
        self.assertEqual(self.refused("STRANGER").status, 404)
        self.rest(200, "PUT", "/enrolment", {"minutes": 5})
        charger = self.connect("STRANGER")
        self.assertEqual(charger.boot()["status"], "Pending")
        self.rest(200, "PUT", "/enrolment", {"minutes": 0})
        self.rest(200, "PATCH", "/charge-points/STRANGER", {"state": "accepted"})
        again = self.connect("STRANGER")
        self.assertEqual(again.boot()["status"], "Accepted")
        self.assertEqual(self.refused("STRANGER-2").status, 404)

    def test_wrong_credentials(self):
        """Ruling R5: 401, and an entry that shows no secret."""
        self.register("SECRET", password="0123456789abcdef")
        self.assertEqual(self.refused("SECRET", password="geheim-geheim-geheim").status, 401)
        found = self.attempts("SECRET")
        self.assertTrue(found)
        self.assertNotIn("geheim", str(found))

    def test_subprotocols(self):
        """Item 3. Rulings R3, R4: no session without a common one; none at all is a switch."""
        self.register("PROTOCOL")
        for protocol in ("ocpp2.0.1", "ocpp1.5,ocpp2.0", None):
            self.assertEqual(self.refused("PROTOCOL", protocol=protocol).status, 400)
        self.assertTrue(self.attempts("PROTOCOL"))
        self.rest(200, "PATCH", "/charge-points/PROTOCOL", {"assumeOcpp16": True})
        charger = self.connect("PROTOCOL", protocol=None)
        self.assertNotIn("sec-websocket-protocol", charger.link.fields)
        self.boot(charger)

    def test_keep_alive(self):
        """Item 14: a ping is answered with its own words."""
        self.register("ITEM-14")
        link = WebSocket(self.server.busbar.ocpp_port, "/ocpp/ITEM-14")
        link.send_frame(PING, b"still there?")
        link._fill_to(14)
        self.assertEqual(link.buffer[:14], b"\x8a\x0cstill there?")
        link.close()

    def test_second_connection(self):
        """Ruling R6: from the same address the newest wins, and the end of the older one does not
        touch it."""
        older = self.booted("TWICE")
        newer = self.connect("TWICE")
        older.wait_closed()
        newer.call("Heartbeat")
        self.assertTrue(self.view(newer)["connected"])
        self.does(newer, "Reset", '{"type":"Soft"}')

    def test_second_connection_from_elsewhere(self):
        """Ruling R6: without a password, from another address, while the first one answers:
        refused."""
        charger = self.booted("INTRUDER")
        with self.assertRaises((HandshakeRefused, ConnectionError)):
            WebSocketFrom("127.0.0.2", self.server.busbar.ocpp_port, "/ocpp/INTRUDER").cut()
        charger.call("Heartbeat")
        self.assertIsNone(charger.end)
        self.assertTrue(self.attempts("INTRUDER"))


class Frames(ConformanceTest):
    def silent(self, charger, texts):
        """None of these texts is answered, and the connection stays."""
        for text in texts:
            charger.say(text)
        before = len(charger.answers)
        charger.call("Heartbeat")
        self.assertEqual(len(charger.answers), before)

    def test_nothing_to_answer(self):
        """Item 7. Ruling R2: no JSON, no array, no message id, another type: no answer."""
        charger = self.booted("ITEM-7")
        self.silent(charger, ("", "   ", "hello", "{}", "[]", "null", "42", '"x"', "[2]",
                              '[2,null,"Heartbeat",{}]', '[2,{},"Heartbeat",{}]', '[2,"a"',
                              '[5,"a","Heartbeat",{}]', '[1,"a","Heartbeat",{}]',
                              '[0,"a","Heartbeat",{}]', '[3,"never-asked",{}]',
                              '[4,"never-asked","GenericError","",{}]'))
        self.assertTrue(self.view(charger)["deviations"])

    def test_no_payload(self):
        """Item 8: null and {} mean the same, in both directions."""
        for identity, settings in (("ITEM-8", None), ("ITEM-8s", STRICT)):
            charger = self.booted(identity, settings=settings)
            number = charger.send("Heartbeat", "null")
            self.assertIn("currentTime", charger.result(number))
        charger.answer("Reset", '[3,"$ID",null]')
        # Null is {} here too, and {} lacks the status.
        self.command(charger, "Reset", '{"type":"Soft"}', status=502)

    def test_call_errors(self):
        """Item 9: five elements, an object at the end; what chargers make of it is understood."""
        self.register("ITEM-9")
        charger = self.connect("ITEM-9")
        charger.boot(MODEL="Half-Spoken")  # what it does not support is remembered by its model
        self.call_refused(charger, "StatusNotification", "{}")
        for answer, code in (('[4,"$ID","InternalError","a fuse",{}]', "InternalError"),
                             ('[4,"$ID","GenericError","",null]', "GenericError"),
                             ('[4,"$ID","OccurrenceConstraintViolation","",""]',
                              "OccurrenceConstraintViolation"),
                             ('[4,"$ID"]', ""), ('[4,"$ID","NotSupported"]', "NotSupported")):
            with self.subTest(answer):
                charger.answer("Reset", answer)
                said = self.command(charger, "Reset", '{"type":"Soft"}', status=502)
                self.assertEqual(said.get("errorCode") or "", code)
        # What a model does not know at all is remembered, and need not be asked again.
        charger.answer("UnlockConnector", '[4,"$ID","NotImplemented","",{}]')
        self.command(charger, "UnlockConnector", '{"connectorId":1}', status=502)
        said = self.command(charger, "UnlockConnector", '{"connectorId":1}', status=409)
        self.assertIn("does not support UnlockConnector", said["detail"])

    def test_error_codes(self):
        """Items 10, 11. Ruling R1: one code for each kind of mistake, in the spelling of 1.6."""
        charger = self.booted("RULING-1", settings=STRICT)
        for action, payload, code in (
                ("BootNotification", '{"chargePointVendor":"V"}', "ProtocolError"),
                ("StatusNotification", STATUS.replace("1", '"one"'), "TypeConstraintViolation"),
                ("StatusNotification", STATUS.replace("1", "1.5"), "TypeConstraintViolation"),
                ("Authorize", '{"idTag":7}', "TypeConstraintViolation"),
                ("StatusNotification", STATUS.replace("Available", "Asleep"),
                 "PropertyConstraintViolation"),
                ("Authorize", '{"idTag":"123456789012345678901"}', "PropertyConstraintViolation"),
                ("StartTransaction", START.replace("$NOW", "yesterday"),
                 "PropertyConstraintViolation"),
                ("MeterValues", '{"connectorId":1,"meterValue":[]}',
                 "OccurenceConstraintViolation"),
                ("Heartbeat", "[]", "FormationViolation"),
                ("Heartbeat", '"text"', "FormationViolation"),
                ("Heartbeat", '{"extra":1}', "FormationViolation"),
                ("FlyToTheMoon", "{}", "NotImplemented"),
                ("RemoteStartTransaction", '{"idTag":"VALID"}', "NotImplemented")):
            with self.subTest(action=action, payload=payload):
                self.assertEqual(self.call_refused(charger, action, payload), code)

    def test_sizes(self):
        """Ruling R9: 256 KiB are taken, above 1 MiB the connection is closed, depth 16."""
        charger = self.booted("RULING-9")
        self.assertEqual(charger.call("DataTransfer", '{"vendorId":"V","data":"$DATA"}',
                                      DATA="x" * 256 * 1024)["status"], "UnknownVendorId")
        self.silent(charger, ['[2,"deep","DataTransfer",' + '{"a":' * 30 + "1" + "}" * 30 + "]"])
        self.assertGreater(sum(each["count"] for each in self.view(charger)["deviations"]), 0)
        charger.say("[" + " " * (1 << 20) + "]")
        self.assertIn(charger.wait_closed().code, (1009, None))

    def test_before_acceptance(self):
        """Items 12, 13. Ruling R8: nothing before acceptance; afterwards no boot is asked for."""
        self.register("RULING-8", state="pending")
        charger = self.connect("RULING-8")
        for action, payload in (("Heartbeat", "{}"), ("Authorize", '{"idTag":"VALID"}'),
                                ("StartTransaction", START), ("StatusNotification", STATUS)):
            self.assertEqual(self.call_refused(charger, action, payload), "SecurityError")
        self.assertEqual(charger.boot()["status"], "Pending")
        self.assertEqual(self.call_refused(charger, "Heartbeat"), "SecurityError")
        self.rest(200, "PATCH", "/charge-points/RULING-8", {"state": "accepted"})
        charger.wait_closed()
        again = self.connect("RULING-8")
        self.assertIn("currentTime", again.call("Heartbeat"))
        self.assertEqual(again.start("VALID")["idTagInfo"]["status"], "Accepted")


class Exchange(ConformanceTest):
    def in_background(self, charger, action, payload, results):
        thread = threading.Thread(target=lambda: results.append(self.ask(
            "POST", f"/charge-points/{charger.identity}/commands/{action}", raw=payload.encode(),
            role="operator")))
        thread.start()
        self.addCleanup(thread.join, 60)
        return thread

    def test_crossing(self):
        """Item 4: one CALL at a time to the charger; it may ask meanwhile, and is answered."""
        charger = self.booted("ITEM-4")
        for action in ("Reset", "ClearCache"):
            charger.answer(action, NO_ANSWER)
        results = []
        threads = [self.in_background(charger, "Reset", '{"type":"Soft"}', results)]
        reset = charger.expect("Reset")
        threads.append(self.in_background(charger, "ClearCache", "{}", results))
        for _ in range(20):
            charger.call("Heartbeat")
        charger.status("Preparing")
        self.assertEqual(charger.heard("ClearCache"), [])
        charger.reply(reset, ACCEPTED)
        charger.reply(charger.expect("ClearCache"), REJECTED)
        for thread in threads:
            thread.join(10)
        # Which of the two threads hears first is theirs.
        self.assertCountEqual(results, [(200, {"status": "Accepted"}),
                                        (200, {"status": "Rejected"})])

    def test_late_answer(self):
        """Item 5. Ruling R15: after 10 s without an answer to a limit the next CALL goes out; the
        late answer is taken for nobody's, and the connection stays."""
        charger = self.booted("ITEM-5")
        charger.expect("SetChargingProfile")
        charger.answer("SetChargingProfile", NO_ANSWER)
        began = time.monotonic()
        self.charge(charger)
        late = charger.expect("SetChargingProfile")
        results = []
        thread = self.in_background(charger, "Reset", '{"type":"Soft"}', results)
        charger.answer("Reset", NO_ANSWER)
        charger.answer("SetChargingProfile", ACCEPTED)
        reset = charger.expect("Reset", seconds=25)
        self.assertGreater(time.monotonic() - began, 9.5)
        charger.reply(late, REJECTED)
        charger.call("Heartbeat")
        self.assertEqual(results, [])
        charger.reply(reset, ACCEPTED)
        thread.join(10)
        self.assertEqual(results, [(200, {"status": "Accepted"})])

    def test_message_ids(self):
        """Item 6: ids of the server never come twice, also on another connection; those of the
        charger may begin at 1 again."""
        charger = self.booted("ITEM-6")
        self.does(charger, "Reset", '{"type":"Soft"}')
        self.assertIn("currentTime", charger.call("Heartbeat", number="1"))
        charger.close()
        charger = self.connect("ITEM-6")
        self.assertEqual(charger.call("Authorize", '{"idTag":"BLOCKED"}', number="1")
                         ["idTagInfo"]["status"], "Blocked")
        # Also on the same connection: what is asked counts, not the number.
        self.assertIn("currentTime", charger.call("Heartbeat", number="1"))
        self.does(charger, "Reset", '{"type":"Hard"}')

    def test_resent(self):
        """Ruling R7: the same start is the same transaction, whatever its message id and
        connection; the same message gets the same answer."""
        charger = self.booted("RULING-7")
        start = START.replace("$NOW", utc())
        first = charger.call("StartTransaction", start, number="s1")
        self.assertEqual(charger.call("StartTransaction", start, number="s1"), first)
        self.assertEqual(charger.call("StartTransaction", start.replace("VALID", "valid"),
                                      number="s2"), first)
        charger.close()
        charger = self.connect("RULING-7")
        self.assertEqual(charger.call("StartTransaction", start, number="s1"), first)
        stop = f'{{"transactionId":{first["transactionId"]},"meterStop":9,"timestamp":"{utc()}"}}'
        for number in ("e1", "e1", "e2"):
            self.assertEqual(charger.call("StopTransaction", stop, number=number), {})
        self.assertEqual(len(self.transactions(charger)), 1)
        self.assertEqual(charger.call("StartTransaction", start, number="s3"), first)
        self.assertEqual(len(self.transactions(charger)), 1)

    def test_resent_before_concurrency(self):
        """Rulings R7, R12: a repeated start is no second one of the same badge."""
        self.rest(201, "POST", "/badges", {"idTag": "RESENT"})
        charger = self.booted("RULING-7b")
        start = START.replace("$NOW", utc()).replace("VALID", "RESENT")
        first = charger.call("StartTransaction", start)
        self.assertEqual(first["idTagInfo"]["status"], "Accepted")
        self.assertEqual(charger.call("StartTransaction", start), first)

    def test_clockless_starts(self):
        """Ruling R7: a charger without a clock starts in 1970 every time, and these are two."""
        charger = self.booted("RULING-7c")
        start = START.replace("$NOW", "1970-01-01T00:00:05Z")
        first = charger.call("StartTransaction", start)["transactionId"]
        self.assertEqual(charger.call("StartTransaction", start)["transactionId"], first)
        charger.stop(first, 50, at="1970-01-01T00:10:00Z")
        self.assertNotEqual(charger.call("StartTransaction", start)["transactionId"], first)
        self.assertEqual(len(self.transactions(charger)), 2)

    def test_connection_ends(self):
        """Ruling R15: a connection that ends answers for the CALL that is out. (The 30 s without
        any answer are in the tests of the REST interface.)"""
        leaving = self.booted("RULING-15")
        results = []
        leaving.answer("Reset", NO_ANSWER)
        began = time.monotonic()
        gone = self.in_background(leaving, "Reset", '{"type":"Soft"}', results)
        leaving.expect("Reset")
        leaving.link.cut()
        gone.join(10)
        self.assertEqual([status for status, _ in results], [504])
        self.assertLess(time.monotonic() - began, 10)
        eventually(lambda: not self.view(leaving)["connected"], 5, "the server notices")
        self.command(leaving, "Reset", '{"type":"Soft"}', status=409)


if __name__ == "__main__":
    conformance.main()
