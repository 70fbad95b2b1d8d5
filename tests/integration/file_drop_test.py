"""Firmware and diagnostics through the real program's own HTTP server: one-time URLs, uploads in
the ways chargers have, downloads that are resumed, and a restart in between.
"""
import hashlib
import http.client
import os
import socket
import subprocess
import urllib.parse

import support
from charger import Charger
from support import IntegrationTest, eventually

API = "/api/v1"


class FileDrop(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.make_server(BUSBAR_FILES_ADDRESS="127.0.0.1", BUSBAR_FILES_PORT=0,
                                       BUSBAR_FILES_UPLOAD_MIB_MAX=8)
        self.token = self.server.token()
        self.server.start()
        self.ask("POST", "/charge-points", {"id": "CP1"}, status=201)

    def ask(self, method, path, body=None, status=200, **options):
        found, answer, _ = self.server.rest(method, API + path, body, token=self.token, **options)
        self.assertEqual(found, status, answer)
        return answer

    def connect(self, **handlers):
        charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(charger.close)
        charger.handlers.update(handlers)
        charger.boot()
        return charger

    def send(self, action, payload, **options):
        return self.ask("POST", f"/charge-points/CP1/commands/{action}", payload, **options)

    def http(self, method, url, body=None, headers=None):
        """A request to a one-time URL: (status, body, headers)."""
        parts = urllib.parse.urlsplit(url)
        link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        self.addCleanup(link.close)
        target = parts.path + ("?" + parts.query if parts.query else "")
        link.request(method, target, body, headers or {})
        answer = link.getresponse()
        return answer.status, answer.read(), answer.headers

    def content(self, file):
        """The bytes of a file through the REST interface."""
        status, data, _ = self.http("GET", self.rest_url(f"/files/{file['id']}/content"),
                                    headers={"Authorization": f"Bearer {self.token}"})
        self.assertEqual(status, 200)
        return data

    def rest_url(self, path):
        return f"http://127.0.0.1:{self.server.web_port}{API}{path}"

    def files(self, **query):
        return self.ask("GET", "/files?" + urllib.parse.urlencode(query))["items"]

    def diagnostics_url(self, charger):
        before = len(charger.asked("GetDiagnostics"))
        self.send("GetDiagnostics", {"location": "busbar:"})
        return charger.asked("GetDiagnostics")[before].payload["location"]

    def test_diagnostics_by_put(self):
        charger = self.connect(GetDiagnostics=lambda _: {"fileName": "log.zip"})
        url = self.diagnostics_url(charger)
        self.assertRegex(url, r"^http://127\.0\.0\.1:\d+/f/[0-9a-f]{32}/[\w.]+$")
        expected = self.files()[0]
        self.assertEqual((expected["state"], expected["chargePoint"]), ("expected", "CP1"))
        charger.call("DiagnosticsStatusNotification", {"status": "Uploading"})
        data = os.urandom(3_000_000)
        self.assertEqual(self.http("PUT", url + "/log.zip", data)[0], 201)
        file = self.files(chargePoint="CP1", purpose="diagnostics")[0]
        self.assertEqual((file["state"], file["sizeBytes"], file["sha256"]),
                         ("stored", len(data), hashlib.sha256(data).hexdigest()))
        self.assertEqual(self.content(file), data)
        # It has been judged by its bytes; the report follows.
        seen = self.ask("GET", "/charge-points/CP1/maintenance")["diagnostics"]
        self.assertEqual((seen["status"], seen["byTransfer"]), ("Uploaded", True))
        charger.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
        self.assertEqual(self.http("PUT", url, b"again")[0], 409)
        deviations = self.ask("GET", "/charge-points/CP1")["deviations"]
        self.assertEqual([each for each in deviations if "upload" in each["kind"]], [])
        self.ask("DELETE", f"/files/{file['id']}", status=204)
        self.assertEqual(self.http("PUT", url, b"again")[0], 404)
        eventually(lambda: not list((self.server.folder / "data/files").iterdir()), 5,
                   "the content is removed")

    def test_ways_to_upload(self):
        charger = self.connect(GetDiagnostics=lambda _: {})
        data = os.urandom(100_000)
        path = self.folder / "upload.bin"
        path.write_bytes(data)
        for way in (["-T", path], ["-T", path, "-H", "Transfer-Encoding: chunked"],
                    ["--data-binary", f"@{path}"], ["-F", "note=x", "-F", f"file=@{path}"],
                    ["-T", path, "-0"]):
            with self.subTest(way):
                url = self.diagnostics_url(charger)
                done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-w", "%{http_code}",
                                       *way, url], capture_output=True, text=True, timeout=30)
                self.assertEqual(done.stdout[-3:], "201", done.stdout + done.stderr)
                self.assertEqual(self.content(self.files()[0]), data)

    def test_refusals(self):
        charger = self.connect(GetDiagnostics=lambda _: {})
        url = self.diagnostics_url(charger)
        self.assertEqual(self.http("GET", url)[0], 405)
        self.assertEqual(self.http("PUT", url, headers={"Content-Length": str(9 << 20)})[0], 413)
        wrong = url.replace("/f/", "/f/0", 1)
        self.assertEqual(self.http("PUT", wrong, b"x")[0], 404)
        self.assertEqual(self.http("GET", url.rpartition("/f/")[0] + "/../../etc/passwd")[0], 404)
        # Whatever came to nothing has left the URL as good as it was.
        self.assertEqual(self.http("PUT", url, b"x")[0], 201)
        answer = self.send("GetDiagnostics", {"location": "busbar:nonsense"}, status=422)
        self.assertEqual(answer["errors"][0]["pointer"], "/location")

    def test_firmware(self):
        charger = self.connect()
        charger.handlers["UpdateFirmware"] = lambda _: {}
        image = os.urandom(5_000_000)
        stored = self.ask("POST", "/files?name=fw%202.bin", raw=image, status=201)
        self.assertEqual(stored["sha256"], hashlib.sha256(image).hexdigest())
        # What is not wanted is refused before it is sent.
        large = {"Authorization": f"Bearer {self.token}", "Content-Length": str(9 << 20)}
        self.assertEqual(self.http("POST", self.rest_url("/files?name=a"), headers=large)[0], 413)
        large["Authorization"] = "Bearer wrong"
        self.assertEqual(self.http("POST", self.rest_url("/files?name=a"), headers=large)[0], 401)
        self.send("UpdateFirmware", {"location": f"busbar:{stored['id']}",
                                     "retrieveDate": "2026-01-01T00:00:00Z"})
        url = charger.asked("UpdateFirmware")[0].payload["location"]
        self.assertTrue(url.endswith("/fw_2.bin"), url)
        # The URL outlives a restart, a torn transfer goes on where it stopped.
        self.assertEqual(self.server.stop(), 0)
        self.server.environment["BUSBAR_FILES_PORT"] = str(urllib.parse.urlsplit(url).port)
        self.server.start()
        status, first, fields = self.http("GET", url, headers={"Range": "bytes=0-999999"})
        self.assertEqual(status, 206)
        status, rest, _ = self.http("GET", url, headers={"Range": "bytes=1000000-",
                                                         "If-Range": fields["ETag"]})
        self.assertEqual((status, first + rest), (206, image))
        self.assertEqual(self.http("HEAD", url)[2]["Content-Length"], str(len(image)))
        self.assertEqual(self.http("PUT", url, b"x")[0], 405)
        self.assertEqual(self.content(stored), image)
        self.ask("DELETE", f"/files/{stored['id']}", status=204)
        self.assertEqual(self.http("GET", url)[0], 404)

    def test_default_port_is_taken(self):
        """Nobody asked for 9080: another program on it must not keep the server from starting."""
        self.server.stop()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", 9080))
                other.listen()
            except OSError:
                pass  # somebody else has it: just as good
            second = self.make_server()
            del second.environment["BUSBAR_FILES_PORT"]
            second.start()
            self.assertNotIn(":9080", second.stdout_path.read_text())
            self.assertIn("9080 is taken", second.stderr())
            self.assertEqual(second.stop(), 0)
            asked_for = self.make_server(BUSBAR_FILES_PORT=9080)
            self.assertEqual(asked_for.launch().process.wait(30), 1)
            self.assertIn("9080", asked_for.stderr())

    def test_security_reports(self):
        charger = self.connect()
        self.assertEqual(charger.call("SecurityEventNotification", {
            "type": "ResetOrReboot", "timestamp": "2026-01-01T00:00:00Z"}), {})
        self.assertEqual(charger.call("SignCertificate", {"csr": "PEM"})["status"], "Rejected")
        shown = self.ask("GET", "/charge-points/CP1/maintenance")
        self.assertEqual(shown["securityEvents"][0]["type"], "ResetOrReboot")
        self.assertEqual(shown["certificateRequest"]["csr"], "PEM")
        self.assertEqual(len(self.query("SELECT * FROM security_event")), 1)


if __name__ == "__main__":
    support.main()
