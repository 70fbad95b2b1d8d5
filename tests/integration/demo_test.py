"""`busbar serve --demo`: within a minute simulated cars charge under limits; SIGTERM ends it."""
import time

import support
from support import IntegrationTest, eventually, say

SHOWN_WITHIN_S = 60
ENDED_WITHIN_S = 5


class Demo(IntegrationTest):
    def test_shows_charging_under_limits(self):
        server = self.make_server(BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS=None)
        token = server.token("viewer")
        began = time.monotonic()
        server.start("--demo")
        ready = time.monotonic() - began

        def rest(path):
            status, answer, _ = server.rest("GET", "/api/v1" + path, token=token)
            self.assertEqual(status, 200, answer)
            return answer

        active = eventually(lambda: rest("/transactions?active=true")["items"], SHOWN_WITHIN_S,
                            "cars charge")
        first = time.monotonic() - began

        def limited():
            load = rest("/load")
            offered = [each for each in load["evses"] if each["offeredAmps"]]
            return load if len(offered) >= 2 else None
        load = eventually(limited, SHOWN_WITHIN_S - first, "chargers hold limits")
        shown = time.monotonic() - began
        node = load["nodes"][0]
        self.assertIsNotNone(node["measuredAmps"], "the simulated building has no meter")
        for measured, limit in zip(node["measuredAmps"], node["limitAmps"]):
            self.assertLessEqual(measured, limit)
        points = rest("/charge-points")["items"]
        self.assertGreaterEqual(sum(each["connected"] for each in points), 2)
        accepted = self.query("SELECT count(*) FROM limit_command WHERE answer = 'Accepted'")
        self.assertGreater(accepted[0]["count"], 0)
        say(f"listening after {ready:.1f} s, first transaction after {first:.1f} s "
            f"({active[0]['idTag']}), limits after {shown:.1f} s")

        began = time.monotonic()
        self.assertEqual(server.stop(ENDED_WITHIN_S), 0, "SIGTERM ends it with 0 in time")
        say(f"ended {time.monotonic() - began:.1f} s after SIGTERM")

    def test_starts_again_on_what_is_there(self):
        server = self.make_server()
        for _ in range(2):
            server.start("--demo")
            eventually(lambda: "event=connected" in server.stderr(), 20, "chargers connect")
            self.assertEqual(server.stop(ENDED_WITHIN_S), 0)
        chargers = self.query("SELECT count(*) FROM charge_point")[0]["count"]
        self.assertEqual(chargers, len(self.query("SELECT DISTINCT id FROM charge_point")))
        # Without --demo the same data serves without simulated chargers.
        server.stderr_path.unlink()
        server.start()
        self.assertTrue(server.ready()[0])
        self.assertNotIn("event=connected", server.stderr())


if __name__ == "__main__":
    support.main()
