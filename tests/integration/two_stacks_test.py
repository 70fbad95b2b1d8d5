"""Two chargers that are not ours, on different stacks (npm ocpp-rpc, and Debian's
python3-websockets by hand), charge side by side and are commanded from the command line.
"""
import json
import subprocess

import ocpp_rpc_test
import support
from charger import utc
from support import HERE, SYSTEM_PYTHON, IntegrationTest, eventually, spawn


class PythonCharger(ocpp_rpc_test.RpcCharger):
    """The program on python3-websockets; it speaks the same lines."""

    def start(self, port, identity, _):
        return spawn([SYSTEM_PYTHON, HERE / "websockets_charger.py",
                      f"ws://127.0.0.1:{port}/ocpp", identity],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)


class TwoStacks(IntegrationTest):
    boot = ocpp_rpc_test.OcppRpc.boot
    wait_known = ocpp_rpc_test.OcppRpc.wait_known

    def begin(self, charger, badge):
        self.assertEqual(charger.call("Authorize", idTag=badge)["idTagInfo"]["status"], "Accepted")
        started = charger.call("StartTransaction", connectorId=1, idTag=badge, meterStart=0,
                               timestamp=utc())
        self.assertEqual(started["idTagInfo"]["status"], "Accepted")
        return started["transactionId"]

    def limits(self, charger):
        profiles = [params["csChargingProfiles"]
                    for params in charger.requests("SetChargingProfile")]
        return [each["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
                for each in profiles if each["chargingProfilePurpose"] == "TxProfile"]

    def test_side_by_side(self):
        server = self.start_server(BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS="20,20,20")
        chargers = {"NODE1": ocpp_rpc_test.RpcCharger, "PYTHON1": PythonCharger}
        for identity in chargers:
            server.command("charge-point", "accept", identity)
            server.command("badge", "add", f"B-{identity}")
        self.wait_known(server, *chargers)
        for identity, make in chargers.items():
            chargers[identity] = make(server.ocpp_port, identity)
            self.addCleanup(chargers[identity].close)
            self.boot(chargers[identity])
        numbers = {}
        for identity, charger in chargers.items():
            numbers[identity] = self.begin(charger, f"B-{identity}")
        self.assertEqual(len(set(numbers.values())), 2)
        # Both share what there is: neither may have all of it.
        for identity, charger in chargers.items():
            eventually(lambda each=charger: self.limits(each), 10, f"a limit for {identity}")
        self.assertLessEqual(sum(self.limits(each)[-1] for each in chargers.values()), 20)

        for identity, charger in chargers.items():
            said = server.command("charge-point", "send", identity, "TriggerMessage",
                                  '{"requestedMessage":"Heartbeat"}').stdout
            self.assertEqual(json.loads(said), {"status": "Accepted"})
            self.assertIn({"requestedMessage": "Heartbeat"}, charger.requests("TriggerMessage"))
            stopped = charger.call("StopTransaction", transactionId=numbers[identity],
                                   meterStop=700, timestamp=utc())
            self.assertEqual(stopped, {})
            self.assertEqual(charger.unfit, [])
        rows = self.query("SELECT charge_point, meter_stop_wh FROM transaction ORDER BY 1")
        self.assertEqual(rows, [{"charge_point": "NODE1", "meter_stop_wh": 700},
                                {"charge_point": "PYTHON1", "meter_stop_wh": 700}])

    def test_send_says_what_is_wrong(self):
        server = self.start_server()
        server.command("charge-point", "accept", "NODE1")
        self.wait_known(server, "NODE1")
        for arguments, part in (
                (("NOBODY", "Reset", '{"type":"Soft"}'), "charge point"),
                (("NODE1", "Explode"), "action"),
                (("NODE1", "Reset", '{"type":"Warm"}'), "/type"),
                (("NODE1", "Reset", '{"type":"Soft"}'), "not connected")):
            with self.subTest(arguments):
                run = server.command("charge-point", "send", *arguments, check=False)
                self.assertEqual(run.returncode, 1)
                self.assertIn(part, run.stderr)
        tokens = json.loads(server.command("token", "list", "--json").stdout)
        self.assertTrue(all(token.get("revokedAt") for token in tokens
                            if token["name"] == "charge-point send"))


if __name__ == "__main__":
    support.main()
