"""A Modbus TCP meter of python3-pymodbus steers chargers: a rising building load lowers their
limits within a second, a meter that dies makes them fall back, and one that returns lets them rise.
"""
import select
import socket
import subprocess
import threading
import time

import support
from charger import Charger
from support import HERE, SYSTEM_PYTHON, IntegrationTest, end, eventually, say, spawn

BREAKER_A = 63
MARGIN_A = 1.26           # the default: 2 % of the breaker
RESERVE_BLIND_A = 45
STALE_AFTER_S = 10
LOWERED_WITHIN_S = 1.0    # after the meter has said so
POLL_S = 1.0


class Meter:
    """The pymodbus program as a child process."""

    def __init__(self, port=0):
        self.process = spawn(
            [SYSTEM_PYTHON, HERE / "pymodbus_meter.py", "--control", "--port", port],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        if len(ready) != 2:
            raise RuntimeError("the pymodbus meter does not start: is python3-pymodbus installed?")
        self.port = int(ready[1])
        self.lock = threading.Lock()

    def set(self, amps):
        line = " ".join(f"current{phase}={amps:.2f} activePower{phase}={amps * 230:.1f}"
                        for phase in ("L1", "L2", "L3"))
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if answer != "done\n":
            raise RuntimeError(f"the meter says {answer!r}")

    def close(self):
        end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class Wire:
    """The cable to the meter: passes bytes on and notes when the meter said something."""

    def __init__(self, meter_port):
        self.meter_port = meter_port
        self.answers = []  # moments at which an answer of the meter went by
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            with near:
                try:
                    with socket.create_connection(("127.0.0.1", self.meter_port), 5) as far:
                        self._pass_on(near, far)
                except OSError:
                    pass

    def _pass_on(self, near, far):
        while True:
            for end_ in select.select([near, far], [], [])[0]:
                data = end_.recv(4096)
                if not data:
                    return
                if end_ is far:
                    self.answers.append(time.monotonic())
                (near if end_ is far else far).sendall(data)

    def first_answer_after(self, moment):
        return next((at for at in list(self.answers) if at > moment), None)

    def close(self):
        self.listener.close()


class Plant:
    """A building and cars that draw what their chargers allow, in front of the meter. All three
    phases are alike."""

    def __init__(self, meter, chargers, building_amps):
        self.meter = meter
        self.chargers = chargers
        self.building = building_amps
        self.ended = threading.Event()
        self.changed = threading.Lock()
        self.problem = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def limits(self):
        return [charger.limits.get(1, 0) for charger in self.chargers]

    def total(self):
        return self.building + sum(self.limits())

    def update_meter(self):
        with self.changed:
            self.meter.set(self.total())

    def set_building(self, amps):
        """Changes the load in one step; the moment just before."""
        with self.changed:
            self.building = amps
            moment = time.monotonic()
            self.meter.set(self.total())
        return moment

    def _run(self):
        # As real chargers and meters: measured once a second, whatever happens in between.
        due = time.monotonic()
        while not self.ended.wait(max(0, due - time.monotonic())):
            due += 1
            try:
                for charger in self.chargers:
                    amps = charger.limits.get(1, 0)
                    charger.meter_values(1, charger.transaction_id, [
                        {"value": f"{amps:.1f}", "measurand": "Current.Import", "unit": "A",
                         "phase": phase} for phase in ("L1", "L2", "L3")])
                if self.meter:
                    self.update_meter()
            except (OSError, RuntimeError, AssertionError) as problem:
                # A meter that was killed does not answer; the test says when it matters.
                self.problem = problem

    def stop(self):
        self.ended.set()
        self.thread.join(15)


class Overload(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.meter = Meter()
        self.addCleanup(lambda: self.meter.close())
        self.wire = Wire(self.meter.port)
        self.addCleanup(self.wire.close)
        self.server = self.make_server(
            BUSBAR_METER_PROFILE="siemens-pac2200", BUSBAR_METER_HOST="127.0.0.1",
            BUSBAR_METER_PORT=self.wire.port,
            BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS="63,63,63",
            BUSBAR_LOAD_MANAGEMENT_RESERVE_BLIND_AMPS=",".join([str(RESERVE_BLIND_A)] * 3))
        for identity in ("CAR1", "CAR2"):
            self.server.command("charge-point", "accept", identity)
            self.server.command("badge", "add", identity)

    def plug_in(self, identity):
        charger = Charger(self.server.ocpp_port, identity)
        self.addCleanup(charger.close)
        charger.boot()
        charger.status("Available")
        charger.status("Preparing")
        charger.transaction_id = charger.start(identity)["transactionId"]
        charger.status("Charging")
        return charger

    def lowered_at(self, charger, since, below):
        """When this charger got a TxProfile below a limit, after a moment."""
        for request in charger.asked("SetChargingProfile"):
            profile = request.payload["csChargingProfiles"]
            limit = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
            if (request.at > since and profile["chargingProfilePurpose"] == "TxProfile"
                    and limit < below):
                return request.at
        return None

    def overload(self, plant, building):
        """Raises the building load; both chargers must be lowered in time."""
        before = plant.limits()
        changed = plant.set_building(building)
        self.assertGreater(plant.total(), BREAKER_A, "the test does not overload the breaker")
        first = eventually(
            lambda: min(filter(None, (self.lowered_at(charger, changed, limit) for charger, limit
                                      in zip(plant.chargers, before))), default=None),
            5, "a charger is lowered")
        said = self.wire.first_answer_after(changed)
        eventually(lambda: plant.total() <= BREAKER_A, 3,
                   f"load and limits within {BREAKER_A} A: {building} + {plant.limits()}")
        within = max(self.lowered_at(charger, changed, limit) or changed
                     for charger, limit in zip(plant.chargers, before))
        say(f"building {building} A, limits {before} -> {plant.limits()}: first lowering "
            f"{(first - changed) * 1000:.0f} ms after the register change, last "
            f"{(within - changed) * 1000:.0f} ms; {(within - said) * 1000:.0f} ms after the meter "
            "was next read")
        # The meter is asked once a second; from its answer on it is ours.
        self.assertLess(within - said, LOWERED_WITHIN_S)
        self.assertLess(within - changed, POLL_S + 0.25)
        plant.update_meter()
        # Until the meter has shown that the cars follow, more load could be theirs.
        followed = time.monotonic()
        eventually(lambda: self.wire.first_answer_after(followed), 5, "the meter is read again")

    def test_overload_fallback_and_return(self):
        self.meter.set(20)  # before the first poll, which would see an empty building
        self.server.start()
        chargers = [self.plug_in("CAR1"), self.plug_in("CAR2")]
        plant = Plant(self.meter, chargers, 20)
        plant.start()
        self.addCleanup(plant.stop)
        eventually(lambda: min(plant.limits()) >= 11, 40, "both chargers rise to 11 A")
        say(f"risen to {plant.limits()} A beside a building of 20 A")
        self.assertLessEqual(plant.total(), BREAKER_A)

        # The meter dies: after the stale time the chargers share what the reserve leaves.
        died = time.monotonic()
        self.meter.close()
        plant.meter = None
        blind = BREAKER_A - MARGIN_A - RESERVE_BLIND_A
        eventually(lambda: sum(plant.limits()) <= blind + 0.1, STALE_AFTER_S + 4,
                   f"the limits fall to {blind} A together: {plant.limits()}")
        fell = time.monotonic() - died
        say(f"fell back to {plant.limits()} A {fell:.1f} s after the meter died")
        self.assertGreater(fell, STALE_AFTER_S - POLL_S - 1)

        # It comes back: the limits rise again.
        fallen = plant.limits()
        self.meter = Meter(self.meter.port)
        self.meter.set(plant.total())
        plant.meter = self.meter
        back = time.monotonic()
        eventually(lambda: sum(plant.limits()) >= sum(fallen) + 10, 60, "the limits rise again")
        say(f"risen to {plant.limits()} A {time.monotonic() - back:.1f} s after the meter came "
            "back")

        # Three overloads, each from where the last one left.
        for building in (43, 46, 49):
            self.overload(plant, building)
        self.assertGreaterEqual(min(plant.limits()), 6)
        for charger in chargers:
            self.assertIsNone(charger.end)
            charger.stop(charger.transaction_id, 5000)
        kinds = {row["kind"] for row in self.query("SELECT DISTINCT kind FROM limit_command")}
        self.assertLessEqual({"lowering", "raise"}, kinds)
        unanswered = self.query("SELECT count(*) FROM limit_command WHERE answer <> 'Accepted'")
        self.assertEqual(unanswered[0]["count"], 0)


if __name__ == "__main__":
    support.main()
