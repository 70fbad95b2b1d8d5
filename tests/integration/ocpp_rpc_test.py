"""A charger that is not ours, the npm package ocpp-rpc, charges at the real program: its rows are
in PostgreSQL and in REST, and who may charge changes within a second of being changed.
"""
import json
import queue
import shutil
import subprocess
import threading
import time

import support
from charger import utc
from support import HERE, IntegrationTest, end, eventually, say, spawn

COUNTS_WITHIN_S = 1.0


class RpcCharger:
    """The Node.js program, driven line by line."""

    def __init__(self, port, identity, password=None):
        self.asked = []
        self.unfit = []
        self.others = queue.Queue()
        self.process = self.start(port, identity, password)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def start(self, port, identity, password):
        node = shutil.which("node")
        if not node:
            raise RuntimeError("node is not installed: run script/bootstrap")
        return spawn(
            [node, HERE / "ocpp_rpc_charger.js", f"ws://127.0.0.1:{port}/ocpp", identity,
             *([password] if password else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "asked" in event:
                self.asked.append((event["asked"], event["params"]))
            elif "unfit" in event:
                self.unfit.append(event["unfit"])
            else:
                self.others.put(event)

    def next_event(self, seconds=20):
        try:
            return self.others.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"ocpp-rpc says nothing (unfit: {self.unfit})") from None

    def call(self, action, **params):
        self.process.stdin.write(json.dumps({"call": action, "params": params}) + "\n")
        self.process.stdin.flush()
        event = self.next_event()
        if "result" not in event:
            raise AssertionError(f"{action}: {event} {self.unfit}")
        return event["result"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            end(self.process)
        self.thread.join(5)
        self.process.stdout.close()

    def requests(self, action):
        return [params for name, params in self.asked if name == action]


class OcppRpc(IntegrationTest):
    def connect(self, server, identity, password=None):
        charger = RpcCharger(server.ocpp_port, identity, password)
        self.addCleanup(charger.close)
        return charger

    def boot(self, charger):
        self.assertEqual(charger.next_event(), {"open": "ocpp1.6"})
        answer = charger.call("BootNotification", chargePointVendor="Vendor", chargePointModel="M1",
                              firmwareVersion="1.0")
        self.assertEqual(answer["status"], "Accepted")
        self.assertGreater(answer["interval"], 0)
        for connector in (0, 1):
            charger.call("StatusNotification", connectorId=connector, errorCode="NoError",
                         status="Available", timestamp=utc())

    def charge(self, server, charger, identity):
        """One whole charge; the id of its transaction."""
        charger.call("StatusNotification", connectorId=1, errorCode="NoError", status="Preparing",
                     timestamp=utc())
        self.assertEqual(charger.call("Authorize", idTag="GOOD")["idTagInfo"]["status"], "Accepted")
        begun = utc()
        started = charger.call("StartTransaction", connectorId=1, idTag="GOOD", meterStart=1000,
                               timestamp=begun)
        self.assertEqual(started["idTagInfo"]["status"], "Accepted")
        number = started["transactionId"]
        charger.call("StatusNotification", connectorId=1, errorCode="NoError", status="Charging",
                     timestamp=utc())
        profile = eventually(
            lambda: [p for p in charger.requests("SetChargingProfile")
                     if p["csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile"],
            10, "a TxProfile for the transaction")[0]["csChargingProfiles"]
        self.assertEqual(profile["transactionId"], number)
        period = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
        self.assertGreaterEqual(period["limit"], 6)
        charger.call("MeterValues", connectorId=1, transactionId=number, meterValue=[
            {"timestamp": utc(), "sampledValue": [
                {"value": "1250", "context": "Sample.Periodic", "format": "Raw",
                 "measurand": "Energy.Active.Import.Register", "location": "Outlet", "unit": "Wh"},
                {"value": "6.0", "measurand": "Current.Import", "phase": "L1", "unit": "A"}]}])
        stopped = charger.call("StopTransaction", transactionId=number, meterStop=1500,
                               idTag="GOOD", timestamp=utc(), reason="Local")
        self.assertEqual(stopped["idTagInfo"]["status"], "Accepted")
        self.check_rows(server, identity, number)

    def check_rows(self, server, identity, number):
        rows = self.query(f"SELECT * FROM transaction WHERE charge_point = '{identity}'")
        self.assertEqual(len(rows), 1)
        row = rows[0]
        self.assertEqual(
            (row["transaction_id"], row["connector_id"], row["id_tag"], row["meter_start_wh"],
             row["meter_stop_wh"], row["stop_reason"], row["stop_id_tag"], row["authorization"],
             row["estimated"]),
            (number, 1, "GOOD", 1000, 1500, "Local", "GOOD", "Accepted", False))
        samples = self.query("SELECT measurand, phase, unit, value, number, transaction FROM "
                             f"meter_sample WHERE charge_point = '{identity}' ORDER BY measurand")
        self.assertEqual(
            [(s["measurand"], s["phase"], s["unit"], s["value"], s["number"], s["transaction"])
             for s in samples],
            [("Current.Import", "L1", "A", "6.0", 6, row["id"]),
             ("Energy.Active.Import.Register", "", "Wh", "1250", 1250, row["id"])])
        token = server.token("viewer")
        path = f"/api/v1/transactions/{row['id']}"
        # A running server hears of a new token as it hears of a new badge.
        eventually(lambda: server.rest("GET", path, token=token)[0] == 200, 5,
                   "the transaction is in REST")
        seen = server.rest("GET", path, token=token)[1]
        self.assertEqual((seen["transactionId"], seen["energyWh"], seen["chargePoint"]),
                         (number, 500, identity))
        values = server.rest("GET", path + "/meter-values", token=token)[1]["items"]
        self.assertEqual(len(values), 2)

    def test_whole_charge_without_and_with_password(self):
        server = self.start_server()
        server.command("badge", "add", "GOOD")
        server.command("charge-point", "accept", "NODE1")
        server.command("charge-point", "accept", "NODE2", "--password-stdin",
                       text_in="correct horse 1\n")
        self.wait_known(server, "NODE1", "NODE2")
        for identity, password in (("NODE1", None), ("NODE2", "correct horse 1")):
            with self.subTest(identity):
                charger = self.connect(server, identity, password)
                self.boot(charger)
                self.charge(server, charger, identity)
                actions = {name for name, _ in charger.asked}
                self.assertIn("SetChargingProfile", actions)
                self.assertEqual(charger.unfit, [])
        wrong = self.connect(server, "NODE2", "wrong")
        refusal = wrong.next_event()
        if "closed" in refusal:
            refusal = wrong.next_event()
        self.assertEqual(refusal.get("refused"), "Unauthorized", refusal)

    def wait_known(self, server, *identities):
        """Until the server has heard of charge points that the command line has added."""
        token = server.token("viewer")
        for identity in identities:
            eventually(lambda each=identity: server.rest(
                "GET", f"/api/v1/charge-points/{each}", token=token)[0] == 200, 5, "is known")

    def test_badges_count_within_a_second(self):
        server = self.start_server()
        server.command("badge", "add", "GOOD")
        server.command("badge", "add", "BAD")
        server.command("badge", "block", "BAD")
        server.command("badge", "add", "OLD", "--valid-until", "2024-01-01T00:00:00Z")
        server.command("charge-point", "accept", "NODE1")
        self.wait_known(server, "NODE1")
        charger = self.connect(server, "NODE1")
        self.boot(charger)

        def verdict(id_tag):
            return charger.call("Authorize", idTag=id_tag)["idTagInfo"]["status"]

        def counts(id_tag, expected, since, how):
            eventually(lambda: verdict(id_tag) == expected, COUNTS_WITHIN_S,
                       f"{how}: {id_tag} is {expected}")
            say(f"{how}: counted {(time.monotonic() - since) * 1000:.0f} ms later")

        self.assertEqual(
            [verdict(each) for each in ("GOOD", "good", "BAD", "OLD", "NOBODY")],
            ["Accepted", "Accepted", "Blocked", "Expired", "Invalid"])
        # Refused badges get a transaction all the same: OCPP has no other answer.
        refused = charger.call("StartTransaction", connectorId=1, idTag="BAD", meterStart=0,
                               timestamp=utc())
        self.assertEqual(refused["idTagInfo"]["status"], "Blocked")
        self.assertGreater(refused["transactionId"], 0)
        charger.call("StopTransaction", transactionId=refused["transactionId"], meterStop=0,
                     timestamp=utc(), reason="DeAuthorized")
        self.assertEqual(self.query("SELECT \"authorization\", stop_reason FROM transaction"),
                         [{"authorization": "Blocked", "stop_reason": "DeAuthorized"}])

        server.command("badge", "block", "GOOD")
        counts("GOOD", "Blocked", time.monotonic(), "busbar badge block")
        self.execute("UPDATE badge SET status = 'active' WHERE id_tag = 'GOOD'")
        counts("GOOD", "Accepted", time.monotonic(), "UPDATE in SQL")
        self.execute("INSERT INTO badge (id_tag) VALUES ('FRESH')")
        counts("FRESH", "Accepted", time.monotonic(), "INSERT in SQL")
        self.execute("DELETE FROM badge WHERE id_tag = 'FRESH'")
        counts("FRESH", "Invalid", time.monotonic(), "DELETE in SQL")
        server.command("badge", "remove", "GOOD")
        counts("GOOD", "Invalid", time.monotonic(), "busbar badge remove")
        self.assertEqual(charger.unfit, [])


if __name__ == "__main__":
    if not (HERE.parent.parent / "node_modules" / "ocpp-rpc").is_dir():
        raise SystemExit("the npm package ocpp-rpc is not installed: run script/bootstrap")
    support.main()
