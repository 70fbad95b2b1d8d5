"""A PostgreSQL that Busbar cannot work with, and one whose disk is full while it does."""
import itertools
import re
import socket
import threading
import time

import support
from charger import Charger, utc
from support import IntegrationTest, eventually

# What PostgreSQL does when it cannot make a table larger.
FILL_THE_DISK = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file "base/5/16400": No space left on device'
        USING ERRCODE = '53100', HINT = 'Check free disk space.';
END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON transaction FOR EACH ROW EXECUTE FUNCTION disk_full();
"""
MAKE_ROOM = "DROP TRIGGER disk_full ON transaction"


class Older:
    """A door to PostgreSQL on 127.0.0.1 behind which the server says that it is version 13."""

    def __init__(self, socket_path):
        self.target = str(socket_path)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            for source, sink, change in ((client, server, bytes), (server, client, self._age)):
                threading.Thread(target=self._pass_on, args=(source, sink, change),
                                 daemon=True).start()

    @staticmethod
    def _age(data):
        return re.sub(rb"(server_version\0)\d\d\.", rb"\g<1>13.", data)

    @staticmethod
    def _pass_on(source, sink, change):
        try:
            while data := source.recv(65536):
                sink.sendall(change(data))
        except OSError:
            pass
        finally:
            sink.close()


class TooOld(IntegrationTest):
    def test_an_older_postgresql_is_refused_with_the_remedy(self):
        door = Older(self.cluster.folder / ".s.PGSQL.5432")
        self.addCleanup(door.close)
        url = f"postgresql://busbar@127.0.0.1:{door.port}/{self.database}?sslmode=disable"
        server = self.make_server(BUSBAR_DATABASE_URL=url)
        server.launch()
        eventually(lambda: not server.alive(), 20, "busbar serve ends")
        self.assertEqual(server.process.returncode, 1, server.stderr())
        self.assertEqual([line for line in server.stderr().splitlines() if "busbar: " in line],
                         ["busbar: PostgreSQL 13 is too old: Busbar needs PostgreSQL 15 or newer"])
        for command in (["migrate"], ["badge", "list"]):
            done = server.command(*command, check=False)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("PostgreSQL 13 is too old", done.stderr)
        self.assertEqual(self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"),
                         [], "nothing was made in it")


class DiskFull(IntegrationTest):
    def spilling(self):
        """What /readyz says; in between, the journal tries again."""
        ready, status, body = self.server.ready()
        if ready or "spilling" not in body["detail"]:
            return None
        self.assertEqual(status, 503)
        return body["detail"]

    def begin(self):
        self.server = self.start_server()
        self.server.command("charge-point", "accept", "CP1")
        self.server.command("badge", "add", "GOOD")
        token = self.server.token()
        eventually(lambda: self.server.rest("GET", "/api/v1/badges/GOOD", token=token)[0] == 200,
                   5, "the badge is known")
        charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(charger.close)
        charger.boot()
        charger.status("Available")
        before = charger.start("GOOD", 1000, at=utc(time.time() - 3000))["transactionId"]
        charger.stop(before, 2000, at=utc(time.time() - 2000))
        return charger, before

    def charge(self, charger, count):
        """Acknowledged as ever: it is on this machine's disk."""
        ids = []
        moments = (utc(time.time() - 1000 + second) for second in itertools.count())
        for number in range(count):
            begun = charger.start("GOOD", 2000 + number, at=next(moments))
            self.assertEqual(begun["idTagInfo"]["status"], "Accepted")
            charger.meter_values(1, begun["transactionId"], [{"value": str(2000 + number)}],
                                 at=next(moments))
            charger.stop(begun["transactionId"], 2001 + number, at=next(moments))
            ids.append(begun["transactionId"])
        return ids

    def check_spilling(self, before):
        self.assertIn("No space left on device", eventually(self.spilling, 5, "/readyz says so"))
        said = [line for line in self.server.stderr().splitlines() if "state=spilling" in line]
        self.assertTrue(said and "No space left on device" in said[0], self.server.stderr())
        self.assertEqual(self.query("SELECT transaction_id FROM transaction"),
                         [{"transaction_id": before}])

    def test_a_full_disk_is_spilled_past_and_caught_up_with(self):
        charger, before = self.begin()
        self.execute(FILL_THE_DISK)
        ids = self.charge(charger, 20)
        self.check_spilling(before)
        self.assertTrue(self.server.alive())
        self.execute(MAKE_ROOM)
        eventually(lambda: self.server.ready()[0], 30, "/readyz is well again")
        self.check_arrived(before, ids)

    def test_nothing_is_lost_if_it_is_killed_then(self):
        charger, before = self.begin()
        self.execute(FILL_THE_DISK)
        ids = self.charge(charger, 20)
        self.check_spilling(before)
        # A crash loses nothing of it, and a start cannot go on without the database.
        self.server.kill()
        self.server.launch()
        eventually(lambda: not self.server.alive(), 20, "busbar gives up")
        self.assertEqual(self.server.process.returncode, 1)
        last = self.server.stderr().splitlines()[-1]
        self.assertTrue(last.startswith("busbar: ") and "No space left on device" in last, last)

        self.execute(MAKE_ROOM)
        self.server.start()
        self.check_arrived(before, ids)

    def check_arrived(self, before, ids):
        rows = self.query("SELECT transaction_id, meter_start_wh, meter_stop_wh FROM transaction "
                          "ORDER BY id")
        self.assertEqual([tuple(row.values()) for row in rows[1:]],
                         [(number, 2000 + index, 2001 + index)
                          for index, number in enumerate(ids)])
        self.assertEqual(self.query("SELECT count(*) FROM meter_sample"), [{"count": 20}])
        self.assertEqual(self.query("SELECT * FROM quarantine"), [])
        with Charger(self.server.ocpp_port, "CP1") as again:
            last = again.start("GOOD", 5000, at=utc())["transactionId"]
            self.assertNotIn(last, ids)
            again.stop(last, 6000, at=utc())
        self.assertEqual(self.query("SELECT meter_stop_wh FROM transaction WHERE "
                                    f"transaction_id = {last}"), [{"meter_stop_wh": 6000}])


if __name__ == "__main__":
    support.main()
