"""Processes of logging chargers, and the comparison of their logs with the database."""
import json
import os
import subprocess
import sys
import threading

import support
from support import HERE, end, spawn


class Fleet:
    """Some processes with some chargers each, which find the server by a file with its port."""

    def __init__(self, folder, processes, chargers, cycles, pause, seed="1"):
        self.folder = folder / "chargers"
        self.folder.mkdir()
        self.endpoint = self.folder / "endpoint"
        self.cycles = cycles
        self.names = [[f"P{process}C{number}" for number in range(chargers)]
                      for process in range(processes)]
        self.options = ["--endpoint", self.endpoint, "--folder", self.folder, "--cycles", cycles,
                        "--pause", pause, "--seed", seed]
        self.processes = []
        self.readers = []
        self.finished = 0
        self.counted = {}  # identity -> (bytes of its log, acknowledgements in them)
        self.failures = []
        self.lock = threading.Lock()

    def identities(self):
        return [name for names in self.names for name in names]

    def expected_cycles(self):
        return self.cycles * len(self.identities())

    def register(self, test):
        """Accepts the chargers and their badges, before the server starts."""
        for identity in self.identities():
            test.execute("INSERT INTO charge_point (id, state) VALUES "
                         f"('{identity}', 'accepted')")
            test.execute(f"INSERT INTO badge (id_tag) VALUES ('{identity}')")

    def point_at(self, server):
        temporary = self.endpoint.with_suffix(".new")
        temporary.write_text(str(server.ocpp_port))
        os.replace(temporary, self.endpoint)

    def start(self):
        for names in self.names:
            process = spawn([sys.executable, HERE / "logging_charger.py", *self.options, *names],
                            stdout=subprocess.PIPE, text=True)
            self.processes.append(process)
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            self.readers.append(reader)

    def _read(self, process):
        for line in process.stdout:
            with self.lock:
                if line.startswith("cycle"):
                    self.finished += 1
                elif line.startswith("failed"):
                    self.failures.append(line.strip())

    def acknowledged(self):
        """How many messages have been acknowledged so far."""
        for identity in self.identities():
            path = self.folder / (identity + ".log")
            if not path.exists():
                continue
            # Only what is new, and only whole lines: the logs grow long.
            begin, count = self.counted.get(identity, (0, 0))
            with open(path, "rb") as log:
                log.seek(begin)
                lines = log.read()
            lines = lines[:lines.rfind(b"\n") + 1]
            count += lines.count(b'"event": "acknowledged"')
            self.counted[identity] = begin + len(lines), count
        return sum(count for _, count in self.counted.values())

    def done(self):
        if self.failures:
            raise AssertionError(f"chargers failed: {self.failures}")
        return all(process.poll() is not None for process in self.processes)

    def close(self):
        for process in self.processes:
            end(process)
        for reader in self.readers:
            reader.join(10)
        for process in self.processes:
            process.stdout.close()

    def logged(self):
        """All lines of all logs, in order for each charger."""
        for identity in self.identities():
            for line in (self.folder / (identity + ".log")).read_text().splitlines():
                yield identity, json.loads(line)


class Ledger:
    """What the logs say: each message once, how often it was sent, how it was acknowledged."""

    def __init__(self, fleet):
        self.starts, self.values, self.stops = {}, {}, {}
        self.retries = 0
        kinds = {"StartTransaction": self.starts, "MeterValues": self.values,
                 "StopTransaction": self.stops}
        for identity, entry in fleet.logged():
            key = identity, json.dumps(entry["payload"], sort_keys=True)
            message = kinds[entry["action"]].setdefault(
                key, {"identity": identity, "payload": entry["payload"], "sent": 0, "answers": []})
            if entry["event"] == "sent":
                message["sent"] += 1
                self.retries += message["sent"] > 1
            else:
                message["answers"].append(entry["answer"])


def moment(text):
    """A time of a log or of a row, comparable: YYYY-MM-DDTHH:MM:SS.mmm."""
    whole, _, fraction = text.rstrip("Z").removesuffix("+00:00").partition(".")
    return f"{whole}.{fraction[:3]:0<3}"


def compare(test, fleet):
    """Fails unless the database holds exactly what the logs say, once. Returns the ledger."""
    ledger = Ledger(fleet)
    test.assertEqual(len(ledger.starts), fleet.expected_cycles())
    test.assertEqual(len(ledger.stops), fleet.expected_cycles())
    for message in [*ledger.starts.values(), *ledger.values.values(), *ledger.stops.values()]:
        test.assertEqual(len(message["answers"]), 1, message)
    test.assertEqual(test.query("SELECT * FROM quarantine"), [])
    test.assertEqual(test.query("SELECT * FROM orphan_stop"), [])
    keys = compare_transactions(test, ledger)
    compare_values(test, ledger, keys)
    return ledger


def compare_transactions(test, ledger):
    """(identity, transactionId) -> our own key."""
    rows = test.query("SELECT * FROM transaction ORDER BY id")
    by_start = {}
    for row in rows:
        key = row["charge_point"], moment(row["started_at"]), row["meter_start_wh"]
        test.assertNotIn(key, by_start, "a start is there twice")
        by_start[key] = row
    test.assertEqual(len(rows), len(ledger.starts), "starts that nobody sent, or lost ones")
    keys = {}
    for message in ledger.starts.values():
        payload = message["payload"]
        row = by_start.get((message["identity"], moment(payload["timestamp"]),
                            payload["meterStart"]))
        test.assertIsNotNone(row, f"lost: {message}")
        test.assertEqual({answer["transactionId"] for answer in message["answers"]},
                         {row["transaction_id"]}, message)
        test.assertEqual(message["answers"][0]["idTagInfo"]["status"], "Accepted", message)
        keys[message["identity"], row["transaction_id"]] = row["id"]
    test.assertEqual(len(keys), len(rows), "a charger got one transactionId twice")
    stopped = {row["id"]: row for row in rows}
    for message in ledger.stops.values():
        payload = message["payload"]
        row = stopped[keys[message["identity"], payload["transactionId"]]]
        test.assertEqual(
            (row["meter_stop_wh"], moment(row["stopped_at"] or ""), row["stop_reason"],
             row["estimated"], row["energy_wh"], row["energy_source"]),
            (payload["meterStop"], moment(payload["timestamp"]), "Local", False,
             payload["meterStop"] - row["meter_start_wh"], "register"), message)
    return keys


def compare_values(test, ledger, keys):
    rows = test.query("SELECT charge_point, transaction, measured_at, value FROM meter_sample")
    expected = []
    for message in ledger.values.values():
        payload = message["payload"]
        sample = payload["meterValue"][0]
        expected.append((message["identity"], keys[message["identity"], payload["transactionId"]],
                         moment(sample["timestamp"]), sample["sampledValue"][0]["value"]))
    found = [(row["charge_point"], row["transaction"], moment(row["measured_at"]), row["value"])
             for row in rows]
    test.assertEqual(sorted(found), sorted(expected))


def report(what, ledger):
    support.say(f"{what}: {len(ledger.starts)} starts, {len(ledger.values)} meter values and "
                f"{len(ledger.stops)} stops acknowledged and in the database exactly once; "
                f"{ledger.retries} messages had to be sent again")
