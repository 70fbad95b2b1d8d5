#!/usr/bin/python3
"""A meter served by python3-pymodbus: a Modbus TCP server that shares no code with Busbar.

Prints `ready PORT` once it listens. With --control it reads lines such as
    currentL1=40.5 activePowerL1=9300
from standard input, changes those values in one step, answers `done` (or `error: ...`), and ends
when its input does.
"""
import argparse
import asyncio
import logging
import struct
import sys
import types

# pymodbus loads its serial transports even where only TCP is used; Debian installs it without.
try:
    import serial_asyncio  # noqa: F401
except ImportError:
    sys.modules["serial"] = types.ModuleType("serial")
    sys.modules["serial_asyncio"] = types.ModuleType("serial_asyncio")
    sys.modules["serial_asyncio"].create_serial_connection = None

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusTcpServer
from pymodbus.transaction import ModbusSocketFramer

PHASES = ("L1", "L2", "L3")


def per_phase(prefix, first, step=2):
    return {prefix + phase: first + step * index for index, phase in enumerate(PHASES)}


class Pac2200:
    """Siemens 7KM PAC2200: floats, high word first, as printed in its manual."""

    floats = {
        **per_phase("voltage", 1),
        **per_phase("current", 13),
        **per_phase("apparentPower", 19),
        **per_phase("activePower", 25),
        **per_phase("reactivePower", 31),
        **per_phase("powerFactor", 37),
        "frequency": 55,
        "apparentPowerTotal": 63,
        "activePowerTotal": 65,
        "reactivePowerTotal": 67,
        "powerFactorTotal": 69,
    }
    doubles = {"energyImport": 801, "energyExport": 809}
    fixed = {}
    size = 900

    def registers(self, name, value):
        if name in self.floats:
            return {self.floats[name]: struct.unpack(">2H", struct.pack(">f", value))}
        if name in self.doubles:
            return {self.doubles[name]: struct.unpack(">4H", struct.pack(">d", value))}
        raise KeyError(name)


class Nemo:
    """IME Nemo D4-Le with a current transformer of 60 A / 1 A and no voltage transformer."""

    thousandths = {**per_phase("voltage", 0x1000), **per_phase("current", 0x1006)}
    hundredths = {  # of a watt; and the register of the sign
        "activePowerTotal": (0x1014, 0x101A),
        "reactivePowerTotal": (0x1016, 0x101B),
        "activePowerL1": (0x102C, 0x1032),
        "activePowerL2": (0x102E, 0x1033),
        "activePowerL3": (0x1030, 0x1034),
    }
    energies = {"energyImport": 0x101C, "energyExport": 0x1020}  # 100 Wh, as the ratio is 60
    fixed = {0x1200: (60,), 0x1201: (100,), 0x0300: (6,)}
    size = 0x1300

    def registers(self, name, value):
        if name in self.thousandths:
            return {self.thousandths[name]: self.long(abs(value) * 1000)}
        if name in self.hundredths:
            address, sign = self.hundredths[name]
            return {address: self.long(abs(value) * 100), sign: (1 if value < 0 else 0,)}
        if name in self.energies:
            return {self.energies[name]: self.long(value / 100)}
        if name == "frequency":
            return {0x1026: (round(value * 10),)}
        raise KeyError(name)

    @staticmethod
    def long(value):
        return struct.unpack(">2H", struct.pack(">L", round(value)))


class Meter:
    def __init__(self, kind):
        self.kind = kind
        self.block = ModbusSequentialDataBlock(0, [0] * kind.size)
        store = ModbusSlaveContext(hr=self.block, ir=self.block, zero_mode=True)
        self.context = ModbusServerContext(slaves=store, single=True)
        for address, words in kind.fixed.items():
            self.block.setValues(address, list(words))
        self.change({"frequency": 50, **{"voltage" + phase: 230 for phase in PHASES}})

    def change(self, values):
        """All or nothing: an unknown name changes nothing."""
        writes = [self.kind.registers(name, value) for name, value in values.items()]
        for registers in writes:
            for address, words in registers.items():
                self.block.setValues(address, list(words))


def parse(line):
    values = {}
    for word in line.split():
        name, separator, value = word.partition("=")
        if not separator:
            raise ValueError(f"{word} is not NAME=VALUE")
        values[name] = float(value)
    return values


async def obey(meter):
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            meter.change(parse(line.decode()))
            print("done", flush=True)
        except (KeyError, ValueError, struct.error) as problem:
            print(f"error: {problem!r}", flush=True)


async def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    options.add_argument("--port", type=int, default=0, help="TCP port, 0 for a free one")
    options.add_argument("--profile", choices=("pac2200", "nemo"), default="pac2200")
    options.add_argument("--control", action="store_true", help="obey lines of standard input")
    chosen = options.parse_args()

    logging.disable(logging.ERROR)  # pymodbus calls every closed connection an error
    meter = Meter(Pac2200() if chosen.profile == "pac2200" else Nemo())
    server = ModbusTcpServer(
        meter.context,
        framer=ModbusSocketFramer,
        address=("127.0.0.1", chosen.port),
        allow_reuse_address=True,
    )
    serving = asyncio.ensure_future(server.serve_forever())
    await asyncio.wait({serving, asyncio.ensure_future(server.serving)},
                       return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    print("ready", server.server.sockets[0].getsockname()[1], flush=True)
    if chosen.control:
        await obey(meter)
        serving.cancel()
    await asyncio.wait({serving})


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
