"""PostgreSQL goes away under load: charging goes on, and afterwards everything is in the database,
in order and once. It is stopped, it is frozen, and Busbar is killed while it is away.

BUSBAR_TEST_AWAY_SECONDS: how long it stays away (10; a full run takes 60).
"""
import os
import time

import support
from charger import Charger
from fleet import Fleet, compare, moment, report
from support import IntegrationTest, eventually, say

AWAY_S = float(os.environ.get("BUSBAR_TEST_AWAY_SECONDS", "10"))
FROZEN_S = 5
PAUSE_S = 0.05
MESSAGES_A_CHARGE = 4  # start, two meter values on average, stop
STALL_MAX_S = 6        # without an acknowledgement: the time to notice that PostgreSQL is gone

# Remembers in which order rows arrive, whoever looks when.
WATCH_ARRIVALS = """
CREATE TABLE arrival (number bigserial, kind text, charge_point text, at timestamptz);
CREATE FUNCTION note_arrival() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_TABLE_NAME LIKE 'meter\\_sample%' THEN
        INSERT INTO arrival (kind, charge_point, at) VALUES ('value', NEW.charge_point,
                                                             NEW.measured_at);
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO arrival (kind, charge_point, at) VALUES ('start', NEW.charge_point,
                                                             NEW.started_at);
    ELSIF NEW.quarters_of IS NOT DISTINCT FROM OLD.quarters_of THEN  -- not the maintenance
        INSERT INTO arrival (kind, charge_point, at) VALUES ('stop', NEW.charge_point,
                                                             NEW.stopped_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_arrival AFTER INSERT ON meter_sample
    FOR EACH ROW EXECUTE FUNCTION note_arrival();
CREATE TRIGGER note_arrival AFTER INSERT OR UPDATE ON transaction
    FOR EACH ROW EXECUTE FUNCTION note_arrival();
"""


class DatabaseAway(IntegrationTest):
    def begin(self, seconds):
        """A server and a fleet that charges for about that long, and is in the middle of it."""
        self.server = self.make_server()
        self.server.command("migrate")
        self.execute(WATCH_ARRIVALS)
        cycles = max(10, int(seconds / (3 * PAUSE_S)))
        self.fleet = Fleet(self.folder, processes=2, chargers=4, cycles=cycles, pause=PAUSE_S)
        self.addCleanup(self.fleet.close)
        self.addCleanup(self.bring_back)
        self.fleet.register(self)
        self.server.start()
        self.fleet.point_at(self.server)
        self.fleet.start()
        eventually(lambda: self.fleet.acknowledged() > 100, 30, "charging is under way")
        self.assertTrue(self.server.ready()[0])

    def bring_back(self):
        """Whatever a failed test left behind: the next one finds PostgreSQL running."""
        if self.cluster.process.poll() is None:
            self.cluster.thaw()
        else:
            self.cluster.start()

    def check_progress(self, seconds, rate_min):
        """For so long, acknowledgements keep coming; the longest time without one."""
        until = time.monotonic() + seconds
        begun = count = self.fleet.acknowledged()
        longest = 0
        while (since := time.monotonic()) < until:
            self.assertFalse(self.fleet.done(), "the chargers end before PostgreSQL is back")
            count += eventually(lambda: self.fleet.acknowledged() - count, STALL_MAX_S,
                                "charging goes on")
            longest = max(longest, time.monotonic() - since)
        self.assertTrue(self.server.alive())
        self.assertGreater(count - begun, rate_min * seconds, "charging crawls")
        return longest, count - begun

    def not_ready(self):
        ready, status, body = self.server.ready()
        if ready:
            return None
        self.assertEqual(status, 503)
        self.assertIn("database", body["detail"])
        return body["detail"]

    def finish(self, what):
        """Lets the chargers end, and compares; everything came in order."""
        eventually(self.fleet.done, 120, "the chargers end")
        eventually(lambda: self.server.ready()[0], 30, "the server is ready")
        ledger = compare(self, self.fleet)
        newest = {}
        for row in self.query("SELECT * FROM arrival ORDER BY number"):
            key = row["charge_point"], row["kind"]
            at = moment(row["at"])
            self.assertLess(newest.get(key, ""), at, f"came out of order: {row}")
            newest[key] = at
        report(what, ledger)

    def test_stopped_under_load(self):
        self.begin(AWAY_S + 4)
        self.cluster.stop()
        longest, count = self.check_progress(AWAY_S, rate_min=5)
        say(f"stopped for {AWAY_S:.0f} s: {count} messages acknowledged meanwhile, longest wait "
            f"{longest * 1000:.0f} ms")
        reason = eventually(self.not_ready, 5, "/readyz says that the database is away")
        say(f"/readyz: {reason}")
        self.assertEqual(self.server.rest("GET", "/healthz")[0], 200)
        self.cluster.start()
        back = time.monotonic()
        eventually(lambda: self.server.ready()[0], 30, "/readyz is well again")
        say(f"ready {time.monotonic() - back:.1f} s after PostgreSQL was back")
        self.finish(f"stopped for {AWAY_S:.0f} s")
        self.assertEqual(self.server.stop(), 0)

    def test_frozen_under_load(self):
        self.begin(FROZEN_S + 6)
        self.cluster.freeze()
        longest, count = self.check_progress(FROZEN_S, rate_min=2)
        say(f"frozen for {FROZEN_S} s: {count} messages acknowledged meanwhile, longest wait "
            f"{longest * 1000:.0f} ms")
        say(f"/readyz: {eventually(self.not_ready, 10, '/readyz says so')}")
        self.cluster.thaw()
        eventually(lambda: self.server.ready()[0], 30, "/readyz is well again")
        self.finish(f"frozen for {FROZEN_S} s")

    def test_killed_while_it_is_away(self):
        self.begin(8)
        self.cluster.stop()
        self.check_progress(3, rate_min=2)
        self.server.kill()
        # It says what is missing and touches nothing.
        self.server.launch()
        eventually(lambda: not self.server.alive(), 20, "busbar gives up without PostgreSQL")
        self.assertEqual(self.server.process.returncode, 1)
        self.assertIn("PostgreSQL cannot be reached", self.server.stderr())
        self.cluster.start()
        self.server.start()
        self.fleet.point_at(self.server)
        self.finish("killed while PostgreSQL was away")

    def test_badges_and_limits_without_the_database(self):
        server = self.start_server()
        server.command("charge-point", "accept", "CAR1")
        server.command("badge", "add", "GOOD")
        token = server.token()
        eventually(lambda: server.rest("GET", "/api/v1/badges/GOOD", token=token)[0] == 200, 5,
                   "the token and the badge are known")
        self.addCleanup(self.bring_back)
        with Charger(server.ocpp_port, "CAR1") as charger:
            charger.boot()
            charger.status("Available")
            self.cluster.stop()
            started = charger.start("GOOD")
            self.assertEqual(started["idTagInfo"]["status"], "Accepted")
            charger.wait(lambda: charger.limits.get(1), 10, "load management goes on")
            # Editing goes on as well; reading what only the database has says why it cannot.
            status, body, _ = server.rest("PATCH", "/api/v1/badges/GOOD", {"status": "blocked"},
                                          token=token)
            self.assertEqual((status, body["status"]), (200, "blocked"))
            status, body, fields = server.rest("GET", "/api/v1/transactions", token=token)
            self.assertEqual(status, 503)
            self.assertIn("database", body["detail"])
            self.assertIn("Retry-After", fields)
            verdict = charger.call("Authorize", {"idTag": "GOOD"})["idTagInfo"]["status"]
            self.assertEqual(verdict, "Blocked")
            self.cluster.start()
            eventually(lambda: server.ready()[0], 30, "/readyz is well again")
            # What the database tells after its return is not older than the edit.
            self.assertEqual(self.query("SELECT status FROM badge"), [{"status": "blocked"}])
            self.assertEqual(charger.call("Authorize", {"idTag": "GOOD"})["idTagInfo"]["status"],
                             "Blocked")
            self.assertEqual(self.query("SELECT transaction_id FROM transaction"),
                             [{"transaction_id": started["transactionId"]}])
            charger.stop(started["transactionId"], 100)


if __name__ == "__main__":
    support.main()
