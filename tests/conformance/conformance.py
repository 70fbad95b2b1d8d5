"""What the conformance tests share: one server for all cases of a file, its badges, chargers that
are registered and booted, and commands as an operator gives them through REST.

A case is a test method; its docstring names the OCTT case, the items of "what implementers get
wrong" and the rulings it checks.
"""
import atexit
import json
import shutil
import signal
import sys
import time
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import support  # noqa: E402
import validator  # noqa: E402
from charger import HandshakeRefused  # noqa: E402
from scripted_charger import ACCEPTED, CallRefused, ScriptedCharger, fill, utc  # noqa: E402
from support import eventually  # noqa: E402

API = "/api/v1"
LONG_AGO, FAR_AHEAD = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
BADGES = (
    {"idTag": "VALID", "maxActiveTransactions": 99},
    {"idTag": "ONCE"},
    {"idTag": "BLOCKED", "status": "blocked"},
    {"idTag": "EXPIRED", "validUntil": LONG_AGO},
    {"idTag": "ENDS", "validUntil": FAR_AHEAD, "maxActiveTransactions": 99},
    {"idTag": "GROUP-A", "group": "FAMILY", "maxActiveTransactions": 99},
    {"idTag": "GROUP-B", "group": "FAMILY", "maxActiveTransactions": 99},
)
# Profiles with these numbers are load management's own; operators use others.
RESERVED_PROFILES = range(1000, 4000)

_server = None


class Server:
    """The running program with an administrator's and an operator's token."""

    def __init__(self):
        cluster = support.shared_cluster()
        self.folder = support.private_folder("conformance")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.database = cluster.new_database()
        self.cluster = cluster
        self.busbar = support.Busbar(self.folder, cluster.url(self.database), **{
            "BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS": "2000,2000,2000"})
        atexit.register(lambda: support.end(self.busbar.process, signal.SIGTERM, 10))
        self.tokens = {role: self.busbar.token(role) for role in ("admin", "operator")}
        self.busbar.start()
        for badge in BADGES:
            status, answer = self.ask("POST", "/badges", badge)
            if status != 201:
                raise AssertionError(f"badge {badge}: {status} {answer}")

    def ask(self, method, path, body=None, role="admin", **options):
        status, answer, _ = self.busbar.rest(method, API + path, body, token=self.tokens[role],
                                             **options)
        return status, answer


def server():
    """The server of this file, started by the first case."""
    global _server
    if _server is None:
        _server = Server()
    return _server


def segment(identity):
    return urllib.parse.quote(identity, safe="")


class ConformanceTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.server = server()
        self.chargers = []

    def tearDown(self):
        self.assertTrue(self.server.busbar.alive(), "the server has ended")
        wrong = [each for charger in self.chargers for each in charger.violations]
        self.assertEqual(wrong, [], "what the server sent is not OCPP")

    def doCleanups(self):
        outcome = getattr(self, "_outcome", None)
        if outcome is not None and not outcome.success:
            for charger in self.chargers:
                support.say(charger.story())
            support.say("--- end of the server's log\n" +
                        "\n".join(self.server.busbar.stderr().splitlines()[-15:]))
        return super().doCleanups()

    # --- REST -------------------------------------------------------------------------------------
    def ask(self, method, path, body=None, **options):
        return self.server.ask(method, path, body, **options)

    def rest(self, status, method, path, body=None, **options):
        found, answer = self.ask(method, path, body, **options)
        self.assertEqual(found, status, answer)
        return answer

    def view(self, charger):
        """The charge point as REST shows it."""
        return self.rest(200, "GET", f"/charge-points/{segment(charger.identity)}")

    def connector(self, charger, number=1):
        return next(each for each in self.view(charger)["connectors"]
                    if each["connectorId"] == number)

    def transactions(self, charger):
        """All transactions of the charger, the newest first."""
        return self.rest(200, "GET", f"/transactions?chargePoint={segment(charger.identity)}"
                                     )["items"]

    def transaction(self, charger, number):
        return next(each for each in self.transactions(charger)
                    if each["transactionId"] == number)

    def operations(self, charger, action):
        """Commands of this action with a second act, the newest first."""
        found = self.rest(200, "GET", f"/charge-points/{segment(charger.identity)}/operations")
        return [each for each in found["items"] if each["action"] == action]

    def follows(self, charger, action, state):
        """The newest command of this action is followed, and stands so."""
        found = self.operations(charger, action)
        self.assertTrue(found, f"{action} is not followed to its end")
        self.assertEqual(found[0]["state"], state, found[0])
        self.assertTrue(found[0]["detail"])
        return found[0]

    # --- chargers ---------------------------------------------------------------------------------
    def register(self, identity, **settings):
        status, answer = self.ask("POST", "/charge-points", {"id": identity, **settings})
        self.assertIn(status, (201, 409), answer)

    def connect(self, identity, **options):
        charger = ScriptedCharger(self.server.busbar.ocpp_port, identity, **options)
        self.chargers.append(charger)
        self.addCleanup(charger.close)
        return charger

    def refused(self, identity, **options):
        """The refusal of a handshake."""
        with self.assertRaises(HandshakeRefused) as caught:
            self.connect(identity, **options)
        return caught.exception

    def booted(self, identity, connectors=1, settings=None, **options):
        """A registered charger in the state Booted."""
        self.register(identity, **(settings or {}))
        return self.boot(self.connect(identity, **options), connectors)

    def boot(self, charger, connectors=1):
        """Boot accepted, and every connector and the charge point itself reported Available."""
        answer = charger.boot()
        self.assertEqual(answer["status"], "Accepted")
        self.assertGreater(answer["interval"], 0)
        self.assertLess(abs(validator.moment(answer["currentTime"]).timestamp() - time.time()), 5)
        for connector in range(connectors + 1):
            charger.status("Available", connector)
        return charger

    def charge(self, charger, tag="VALID", connector=1, more=""):
        """The state Charging; the transaction's number."""
        self.assertEqual(charger.authorize(tag)["status"], "Accepted")
        charger.status("Preparing", connector)
        answer = charger.start(tag, connector, more=more)
        self.assertEqual(answer["idTagInfo"]["status"], "Accepted")
        self.assertGreater(answer["transactionId"], 0)
        charger.status("Charging", connector)
        return answer["transactionId"]

    def charging(self, identity, **options):
        """A charger in the state Charging, and the transaction's number."""
        charger = self.booted(identity, **options)
        return charger, self.charge(charger)

    # --- commands ---------------------------------------------------------------------------------
    def command(self, charger, action, payload="{}", status=200, **values):
        """What REST answers to a command with this literal payload."""
        payload = fill(payload, {**charger.values, **values})
        charger.note("##", f"POST commands/{action} {payload}")
        found, answer = self.ask(
            "POST", f"/charge-points/{segment(charger.identity)}/commands/{action}",
            raw=payload.encode(), role="operator")
        charger.note("##", f"{found} {json.dumps(answer)}")
        self.assertEqual(found, status, f"{action} {payload}: {answer}")
        return answer

    def does(self, charger, action, payload="{}", answer=ACCEPTED, **values):
        """An operator's command: it goes out as it was given, and what the charger answers comes
        back as it was given. Returns the payload the charger got."""
        payload = fill(payload, {**charger.values, **values})
        wanted = validator.parse(payload)

        def fits(got):
            return validator.same(got, wanted)
        charger.answer(action, answer, when=fits)
        said = self.command(charger, action, payload)
        given = validator.parse(fill(answer, {**charger.values, "ID": "-"}))[2]
        self.assertTrue(validator.same(said, given), f"{action}: REST says {said}, not {given}")
        return charger.expect(action, when=fits).payload

    def refuses(self, charger, action, payload, *pointers, status=422, **values):
        """A command that is refused for these members, and never sent."""
        payload = fill(payload, {**charger.values, **values})
        wanted = validator.parse(payload)
        answer = self.command(charger, action, payload, status=status)
        found = sorted(each["pointer"] for each in answer.get("errors") or [])
        self.assertEqual(found, sorted(pointers), answer)
        self.assertEqual(charger.heard(action, lambda got: validator.same(got, wanted)), [])
        return answer

    def call_refused(self, charger, action, payload="{}", **values):
        """The code of the CALLERROR."""
        with self.assertRaises(CallRefused) as caught:
            charger.call(action, payload, **values)
        return caught.exception.code


main = support.main

__all__ = ["API", "ConformanceTest", "FAR_AHEAD", "LONG_AGO", "RESERVED_PROFILES", "CallRefused",
           "eventually", "main", "segment", "server", "utc"]
