"""A charger written by hand on Debian's python3-websockets: another stack than ocpp-rpc, and ours.

Usage: websockets_charger.py URL IDENTITY. Commands come as lines of JSON on standard input,
{"call": ACTION, "params": {...}}; what happens goes to standard output, one JSON object a line, as
ocpp_rpc_charger.js tells it.
"""
import asyncio
import itertools
import json
import sys

import websockets


ANSWERS = {"GetConfiguration": {"configurationKey": [], "unknownKey": []},
           "GetLocalListVersion": {"listVersion": -1}}


def tell(event):
    print(json.dumps(event), flush=True)


class Charger:
    def __init__(self, socket):
        self.socket = socket
        self.ids = (f"py-{number}" for number in itertools.count(1))
        self.waiting = {}

    async def listen(self):
        async for text in self.socket:
            kind, message_id, *rest = json.loads(text)
            if kind == 2:
                tell({"asked": rest[0], "params": rest[1]})
                answer = ANSWERS.get(rest[0], {"status": "Accepted"})
                await self.socket.send(json.dumps([3, message_id, answer]))
            elif message_id in self.waiting:
                self.waiting.pop(message_id).set_result((kind, rest))
            else:
                tell({"unfit": f"an answer to nothing: {text}"})

    async def call(self, action, params):
        message_id = next(self.ids)
        answer = asyncio.get_running_loop().create_future()
        self.waiting[message_id] = answer
        await self.socket.send(json.dumps([2, message_id, action, params]))
        kind, rest = await asyncio.wait_for(answer, 15)
        return {"result": rest[0]} if kind == 3 else {"error": rest[0], "message": rest[1]}


async def main(url, identity):
    try:
        socket = await websockets.connect(f"{url}/{identity}", subprotocols=["ocpp1.6"])
    except Exception as error:  # every way a handshake can fail is reported alike
        tell({"refused": str(error)})
        return 1
    tell({"open": socket.subprotocol})
    charger = Charger(socket)
    listening = asyncio.create_task(charger.listen())
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        command = json.loads(line)
        tell(await charger.call(command["call"], command["params"]))
    await socket.close()
    await listening
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
