"""kill -9 in the middle of a thousand transactions, many times: nothing that was acknowledged is
lost, nothing is there twice. The chargers are processes of their own; what they logged and what is
in the database is all that is compared.
"""
import os
import random
import time

import support
from fleet import Fleet, compare, report
from support import IntegrationTest, eventually, say

PROCESSES = 4
CHARGERS_EACH = 5
CYCLES_EACH = 50  # 4 x 5 x 50 = 1,000
KILLS_MIN = 10
SECONDS_MAX = 240


class Kill(IntegrationTest):
    def test_thousand_cycles_under_kill_9(self):
        seed = os.environ.get("BUSBAR_TEST_SEED") or str(random.SystemRandom().randrange(10**6))
        say(f"BUSBAR_TEST_SEED={seed}")
        chance = random.Random(seed)
        server = self.make_server(BUSBAR_LOG_LEVEL="warning")
        server.command("migrate")
        fleet = Fleet(self.folder, PROCESSES, CHARGERS_EACH, CYCLES_EACH, pause=0.06, seed=seed)
        self.addCleanup(fleet.close)
        fleet.register(self)
        server.start()
        fleet.point_at(server)
        fleet.start()
        begun = time.monotonic()
        kills = 0
        while not fleet.done():
            self.assertLess(time.monotonic() - begun, SECONDS_MAX, "the chargers come to an end")
            # At a random moment, but never before a message has got through: a server that is
            # killed while it starts would never get anywhere.
            before = fleet.acknowledged()
            moment = time.monotonic() + chance.uniform(0.02, 0.9)
            eventually(lambda: fleet.done() or (time.monotonic() >= moment
                                                and fleet.acknowledged() > before),
                       30, "messages are acknowledged")
            if fleet.done():
                break
            self.assertTrue(server.alive(), "the server ended by itself")
            server.kill()
            kills += 1
            server.start()
            fleet.point_at(server)
        say(f"{kills} kills in {time.monotonic() - begun:.1f} s")
        self.assertGreaterEqual(kills, KILLS_MIN, "the chargers were too fast for this test")
        ledger = compare(self, fleet)
        self.assertGreaterEqual(ledger.retries, kills // 4, "the kills hit nothing")
        report(f"{kills} kills", ledger)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    support.main()
