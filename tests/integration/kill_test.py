"""kill -9 in the middle of transactions, many times, of Busbar and of PostgreSQL:
nothing that was acknowledged is lost, nothing is there twice. The chargers are processes of their
own; what they logged and what is in the database is all that is compared.

BUSBAR_TEST_KILL_CYCLES: how many transactions (2000; a full run takes 10000).
BUSBAR_TEST_SEED: when which process is killed; printed.
"""
import os
import random
import time
from pathlib import Path

import support
from fleet import Fleet, compare, report
from support import IntegrationTest, descendants, eventually, say

PROCESSES = 4
CHARGERS_EACH = 5
CYCLES = int(os.environ.get("BUSBAR_TEST_KILL_CYCLES", "2000"))
CYCLES_EACH = -(-CYCLES // (PROCESSES * CHARGERS_EACH))
KILLS_MIN = CYCLES // 200
DATABASE_KILLS_MIN = CYCLES // 1000
SECONDS_MAX = max(240, 240 * CYCLES // 1000)


class Kill(IntegrationTest):
    def crash_database(self):
        """SIGKILL to the postmaster; its children end by themselves, and nothing is cleaned up."""
        children = descendants(self.cluster.process.pid)
        self.cluster.process.kill()
        self.cluster.process.wait()
        eventually(lambda: not any(Path("/proc", str(pid)).exists() for pid in children), 30,
                   "the postmaster's children have ended")

    def bring_back(self):
        if self.cluster.process.poll() is not None:
            self.cluster.start()

    def go_on(self, seconds):
        """Charging goes on for so long, and longer until something has been acknowledged."""
        before = self.fleet.acknowledged()
        moment = time.monotonic() + seconds
        eventually(lambda: self.fleet.done() or (time.monotonic() >= moment
                                                 and self.fleet.acknowledged() > before),
                   30, "messages are acknowledged")

    def strike(self):
        """Kills one of the two or both, and brings back what is gone."""
        kind = self.chance.choices(["server", "database", "both"], [7, 2, 1])[0]
        if kind != "server":
            self.crash_database()
            self.database_kills += 1
        if kind == "both":
            # It works on its spill for a moment, then it is gone as well.
            self.go_on(self.chance.uniform(0, 0.3))
        if kind != "database":
            self.assertTrue(self.server.alive(), "the server ended by itself")
            self.server.kill()
            self.server_kills += 1
        if kind == "database":
            self.go_on(self.chance.uniform(0, 1))
        self.bring_back()
        if kind != "database":
            self.server.start()
            self.fleet.point_at(self.server)

    def test_cycles_under_kill_9(self):
        seed = os.environ.get("BUSBAR_TEST_SEED") or str(random.SystemRandom().randrange(10**6))
        say(f"BUSBAR_TEST_SEED={seed}")
        self.chance = random.Random(seed)
        self.server_kills = self.database_kills = 0
        self.addCleanup(self.bring_back)
        self.server = self.make_server(BUSBAR_LOG_LEVEL="warning")
        self.server.command("migrate")
        self.fleet = Fleet(self.folder, PROCESSES, CHARGERS_EACH, CYCLES_EACH, pause=0.06,
                           seed=seed)
        self.addCleanup(self.fleet.close)
        self.fleet.register(self)
        self.server.start()
        self.fleet.point_at(self.server)
        self.fleet.start()
        begun = time.monotonic()
        while not self.fleet.done():
            self.assertLess(time.monotonic() - begun, SECONDS_MAX, "the chargers come to an end")
            # At a random moment, but never before a message has got through: a server that is
            # killed while it starts would never get anywhere.
            self.go_on(self.chance.uniform(0.02, 0.9))
            if self.fleet.done():
                break
            self.strike()
        seconds = time.monotonic() - begun
        # What was only in the spill is in the database by then.
        eventually(lambda: self.server.ready()[0], 60, "the server is ready")
        kills = self.server_kills + self.database_kills
        say(f"{self.server_kills} kills of Busbar and {self.database_kills} of PostgreSQL in "
            f"{seconds:.1f} s")
        self.assertGreaterEqual(kills, KILLS_MIN, "the chargers were too fast for this test")
        self.assertGreaterEqual(self.database_kills, DATABASE_KILLS_MIN, "too fast for this test")
        ledger = compare(self, self.fleet)
        self.assertGreaterEqual(ledger.retries, self.server_kills // 4, "the kills hit nothing")
        report(f"{kills} kills, lost 0, doubled 0", ledger)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    support.main()
