"""The subprotocol is answered as it was offered: python3-websockets, like other strict clients,
ends a handshake whose answer it did not offer letter by letter.
"""
import subprocess

import support
from support import SYSTEM_PYTHON, IntegrationTest

CONNECT = """
import asyncio, sys, websockets
async def main(url, *offered):
    async with websockets.connect(url, subprotocols=offered) as socket:
        print(socket.subprotocol)
asyncio.run(main(*sys.argv[1:]))
"""


class Subprotocol(IntegrationTest):
    def test_in_any_case(self):
        server = self.make_server()
        server.command("charge-point", "accept", "CP1")
        server.start()
        url = f"ws://127.0.0.1:{server.ocpp_port}/ocpp/CP1"
        for offered, chosen in ((["ocpp1.6"], "ocpp1.6"), (["OCPP1.6"], "OCPP1.6"),
                                (["ocpp2.0.1", "Ocpp1.6"], "Ocpp1.6"),
                                (["OCPP1.6", "ocpp1.6"], "ocpp1.6")):
            done = subprocess.run([SYSTEM_PYTHON, "-c", CONNECT, url, *offered],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout.strip()), (0, chosen), done.stderr)


if __name__ == "__main__":
    support.main()
