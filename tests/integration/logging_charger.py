#!/usr/bin/env python3
"""Chargers as a process of their own: each charges again and again, and keeps a log of what it sent
and what was acknowledged. What was not answered it sends again, unchanged, as real chargers do.

Usage: logging_charger.py --endpoint FILE --folder FOLDER --cycles N [--pause S] IDENTITY ...

FILE holds the port of the server; it is read again for each connection. A line of the log is on the
disk (fsync) before the next step is taken. The process ends when every charger has had all its
charges acknowledged; it prints `charging`, for each finished charge `cycle`, and `done`.
"""
import argparse
import json
import os
import random
import threading
import time
from pathlib import Path

from charger import ConnectionLost, HandshakeRefused, WebSocket, utc

RETRY_S = 0.03
ANSWER_S = 20  # after that the connection is given up and the message sent again


class Log:
    """JSON lines, each durable before `write` returns."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o644)

    def write(self, **entry):
        os.write(self.file, (json.dumps(entry) + "\n").encode())
        os.fsync(self.file)


class LoggingCharger:
    def __init__(self, identity, options, printing):
        self.identity = identity
        self.options = options
        self.printing = printing
        self.log = Log(Path(options.folder, identity + ".log"))
        self.random = random.Random(f"{options.seed} {identity}")
        self.link = None
        self.retry = threading.Event()  # never set: only its time-out is of use
        self.number = 0
        self.register_wh = 1000
        self.last_stamp = 0

    def stamp(self):
        """The time now, never the same twice: it tells one message from the next."""
        self.last_stamp = max(int(time.time() * 1000), self.last_stamp + 1)
        return utc(self.last_stamp / 1000 + 0.0001)

    def connect(self):
        while self.link is None:
            try:
                port = int(Path(self.options.endpoint).read_text())
                self.link = WebSocket(port, "/ocpp/" + self.identity)
                self.exchange("BootNotification", {"chargePointVendor": "Test",
                                                   "chargePointModel": "Logging"})
            except (OSError, ValueError, ConnectionLost, HandshakeRefused):
                self.drop()
                self.retry.wait(RETRY_S)

    def drop(self):
        if self.link:
            self.link.cut()
        self.link = None

    def serve(self, seconds, wanted=None):
        """Answers the server for a while, or until the answer to `wanted` comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = json.loads(self.link.receive(left))
            except TimeoutError:
                break
            if message[0] == 2:
                self.link.send(json.dumps([3, message[1], {"status": "Accepted"}]))
            elif message[1] == wanted:
                return message
        if wanted:
            raise ConnectionLost(None, "no answer")
        return None

    def exchange(self, action, payload, number=None):
        if number is None:
            self.number += 1
            number = f"{self.identity}-{self.number}"
        self.link.send(json.dumps([2, number, action, payload]))
        answer = self.serve(ANSWER_S, wanted=number)
        if answer[0] != 3:
            raise RuntimeError(f"{self.identity}: {action} is refused: {answer}")
        return answer[2]

    def deliver(self, action, payload):
        """Sends until it is acknowledged; the answer."""
        self.number += 1
        number = f"{self.identity}-{self.number}"
        while True:
            self.connect()
            self.log.write(event="sent", action=action, payload=payload)
            try:
                answer = self.exchange(action, payload, number)
            except (OSError, ConnectionLost):
                self.drop()
                continue
            self.log.write(event="acknowledged", action=action, payload=payload, answer=answer)
            return answer

    def pause(self):
        seconds = self.random.uniform(0, 2 * self.options.pause)
        try:
            self.connect()
            self.serve(seconds)
        except (OSError, ConnectionLost):
            self.drop()

    def charge(self):
        begun = self.deliver("StartTransaction", {
            "connectorId": 1, "idTag": self.identity, "meterStart": self.register_wh,
            "timestamp": self.stamp()})
        number = begun["transactionId"]
        for _ in range(self.random.randint(1, 3)):
            self.pause()
            # Each value once in a charger's life: a gap or a repetition in the database shows.
            self.register_wh += 1
            self.deliver("MeterValues", {
                "connectorId": 1, "transactionId": number,
                "meterValue": [{"timestamp": self.stamp(),
                                "sampledValue": [{"value": str(self.register_wh)}]}]})
        self.pause()
        self.deliver("StopTransaction", {
            "transactionId": number, "meterStop": self.register_wh, "timestamp": self.stamp(),
            "idTag": self.identity, "reason": "Local"})

    def run(self):
        for _ in range(self.options.cycles):
            self.charge()
            with self.printing:
                print("cycle", flush=True)
        if self.link:
            self.link.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--cycles", type=int, required=True)
    parser.add_argument("--pause", type=float, default=0.02, help="mean of the pauses, in seconds")
    parser.add_argument("--seed", default="1")
    parser.add_argument("identity", nargs="+")
    options = parser.parse_args()
    printing = threading.Lock()
    failures = []

    def run(charger):
        try:
            charger.run()
        except Exception as failure:  # reported by the exit code: the other chargers go on
            failures.append(failure)
            with printing:
                print("failed", failure, flush=True)

    chargers = [LoggingCharger(identity, options, printing) for identity in options.identity]
    threads = [threading.Thread(target=run, args=(each,)) for each in chargers]
    print("charging", flush=True)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("failed" if failures else "done", flush=True)
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
