"""Misbehaving chargers over real sockets: one `busbar simulate` for each way to misbehave, all of a
family at once, against the real server. It stays alive, records the charges, sends limits and says
what it has noticed.
"""
import re
import subprocess

import support
from support import IntegrationTest, end, say, spawn

CHARGE_S = 8
PASSWORD = "0123456789abcdef"
KEY = PASSWORD.encode().hex().upper()  # the same, as an AuthorizationKey is written
SUMMARY = re.compile(r"(\d+) of 1 chargers were accepted; (\d+) sessions begun, (\d+) ended, "
                     r"(\d+) of them acknowledged; .* (\d+) limits received")

# The server turns these away, as it should.
REFUSED = {"identity-other-case"}
# Their badge is nobody's.
NO_CHARGE = {"badge-suffix", "badge-empty", "badge-long"}
# These do not tell the end of their charges, or do it late.
NO_STOP = {"no-stop", "splits-charges", "no-start", "forget-unanswered", "stop-late",
           "stop-before-start", "cut-links", "flapping", "reconnect-storm", "short-connections",
           "half-open", "double-connection", "restarts-in-charge", "power-cuts"}
# As which their last state can be known.
STATES = {"Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"}
# With what error; others say that all is well.
ERRORS = {"unknown-error-code": {"OtherError"}, "error-while-fine": {"OtherError", "NoError"}}
# What they are counted under.
KINDS = {
    "message-id-number": "message_id_not_text", "unknown-actions": "unknown_action",
    "unknown-message-type": "unknown_message_type", "action-case": "action_case",
    "pong-as-text": "not_ocpp_j", "extra-members": "StartTransaction:unknown_field",
    "numbers-as-text": "StartTransaction:wrong_type", "long-serial": "BootNotification:bad_value",
    "naive-time": "StartTransaction:bad_value", "unknown-stop-reason": "StopTransaction:bad_value",
    "fractional-register": "StartTransaction:wrong_type",
    "empty-sampled-value": "MeterValues:empty_array", "values-as-numbers": "MeterValues:wrong_type",
    "missing-error-code": "StatusNotification:missing_field",
    "unknown-error-code": "StatusNotification:bad_value",
    "double-connection": "second_connection", "several-in-one-frame": "several_in_one_frame",
    "raw-control-characters": "raw_control_characters", "lone-surrogate": "lone_surrogate",
    "missing-vendor": "BootNotification:missing_field", "byte-order-mark": "byte_order_mark",
    "trailing-nul": "nul_bytes", "stop-id-zero": "stop_with_wrong_transaction_id",
    "stop-id-minus-one": "stop_with_wrong_transaction_id",
    "own-transaction-ids": "stop_with_wrong_transaction_id",
}


class Misbehaviour(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.make_server(BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS="1000,1000,1000")
        self.token = self.server.token("admin")

    def names(self, family):
        listed = self.server.command("simulate", "--list-misbehaviours").stdout.splitlines()
        found = [line.split()[0] for line in listed if line.split()[1] == family]
        self.assertTrue(found, listed)
        return [name for name in found if name != "repeat-unanswered"]

    def ask(self, path):
        status, answer, _ = self.server.rest("GET", "/api/v1" + path, token=self.token)
        self.assertEqual(status, 200, answer)
        return answer

    def rehearse(self, family):
        """Runs all names of a family side by side: name -> (identity, numbers of the summary)."""
        names = self.names(family)
        prefixes = {name: f"M{number:02}-" for number, name in enumerate(names)}
        for prefix in prefixes.values():
            self.execute("INSERT INTO charge_point (id, state, assume_ocpp16) VALUES "
                         f"('{prefix}001', 'accepted', true)")
            self.execute("INSERT INTO badge (id_tag, max_active_transactions) VALUES "
                         f"('TAG{prefix}', 10)")
        self.server.start()
        if family == "handshake":
            identity = prefixes["hex-password"] + "001"
            status, answer, _ = self.server.rest(
                "PATCH", f"/api/v1/charge-points/{identity}", {"password": KEY}, self.token)
            self.assertEqual(status, 200, answer)
        for prefix in prefixes.values():
            # The server's own wish, a sample every 15 s, would leave none in these short charges.
            status, answer, _ = self.server.rest(
                "PUT", f"/api/v1/charge-points/{prefix}001/configuration/MeterValueSampleInterval",
                {"value": "2"}, self.token)
            self.assertEqual(status, 200, answer)
        running = {name: self.simulate(name, prefix) for name, prefix in prefixes.items()}
        results = {}
        for name, process in running.items():
            text, _ = process.communicate(timeout=CHARGE_S + 60)
            found = SUMMARY.search(text)
            self.assertIsNotNone(found, f"{name}: {text[-500:]}")
            results[name] = (prefixes[name] + "001", [int(each) for each in found.groups()])
        self.assertTrue(self.server.alive())
        self.assertTrue(self.server.ready()[0])
        return results

    def simulate(self, name, prefix):
        options = ["--password", PASSWORD] if name == "hex-password" else []
        process = spawn(
            [support.program, "simulate", "--url", f"ws://127.0.0.1:{self.server.ocpp_port}/ocpp",
             "--chargers", 1, "--prefix", prefix, "--id-tag", f"TAG{prefix}", "--first-car", 1,
             "--sample-interval", 2, "--duration", CHARGE_S, "--misbehave", name, "--quiet",
             *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env=self.server.environment)
        self.addCleanup(end, process)
        return process

    def expect_charge(self, name, identity, numbers):
        accepted, begun, _, acknowledged, _ = numbers
        self.assertEqual(accepted, 0 if name in REFUSED else 1)
        if name in REFUSED or name in NO_CHARGE:
            return
        self.assertGreaterEqual(begun, 1)
        rows = self.ask(f"/transactions?chargePoint={identity}")["items"]
        if name not in NO_STOP:
            self.assertEqual(len(rows), begun, rows)
            self.assertGreaterEqual(acknowledged, begun)
            self.assertEqual([row for row in rows if row["stoppedAt"] is None], [])
        for row in rows:
            self.assertIn(row["connectorId"], (1, 11))

    def expect_kind(self, name, identity):
        if name not in KINDS:
            return
        deviations = self.ask(f"/charge-points/{identity}")["deviations"]
        self.assertIn(KINDS[name], [each["kind"] for each in deviations])

    def check(self, family):
        results = self.rehearse(family)
        for name, (identity, numbers) in results.items():
            with self.subTest(name):
                if name != "never-boots":
                    self.expect_charge(name, identity, numbers)
                self.expect_kind(name, identity)
        limited = [name for name, (_, numbers) in results.items() if numbers[4] > 0]
        self.assertGreater(len(limited), len(results) // 2, "chargers that got a limit")
        say(f"{family}: {len(results)} ways to misbehave, "
            f"{sum(numbers[1] for _, numbers in results.values())} sessions, "
            f"{len(limited)} chargers limited")
        return results

    def test_handshake(self):
        self.check("handshake")

    def test_framing(self):
        self.check("framing")

    def test_boot(self):
        self.check("boot")

    def test_transactions(self):
        self.check("transactions")

    def test_meter_values(self):
        self.check("meter-values")

    def test_status(self):
        """Whatever they call it, the state of each connector is known, and nothing is refused."""
        for name, (identity, _) in self.check("status").items():
            with self.subTest(name):
                connectors = [each for each in self.ask(f"/charge-points/{identity}")["connectors"]
                              if each["connectorId"] > 0]
                self.assertTrue(connectors)
                for each in connectors:
                    self.assertIn(each["status"], STATES, each)
                    self.assertIn(each["errorCode"], ERRORS.get(name, {"NoError"}), each)
        self.assertEqual(self.query("SELECT charge_point, action, violation FROM message_log "
                                    "WHERE direction = 'out' AND type = 'CALLERROR'"), [])

    def test_commands(self):
        self.check("commands")
        refused = self.query("SELECT DISTINCT answer FROM limit_command")
        self.assertTrue({"Accepted", "Rejected"} <= {row["answer"] for row in refused}, refused)

    def test_reconnection(self):
        self.check("reconnection")


if __name__ == "__main__":
    support.main()
