"""A charger of our own for the integration tests: a WebSocket client on plain sockets, which can
also say what no library would, and on top of it an OCPP-J charger. Shares no code with Busbar.
"""
import base64
import collections
import json
import os
import socket
import struct
import threading
import time

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class HandshakeRefused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class ConnectionLost(Exception):
    """The connection has ended; `code` is that of the close frame, None without one."""

    def __init__(self, code=None, reason=""):
        super().__init__(f"close code {code} {reason}".strip())
        self.code = code
        self.reason = reason


class WebSocket:
    """One connection, used by one thread (sending may be done by several)."""

    def __init__(self, port, target, protocol="ocpp1.6", user=None, password=None, seconds=10,
                 headers=()):
        self.sending = threading.Lock()
        self.buffer = b""
        self.closing = None
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.socket.getsockname() == self.socket.getpeername():
            # Nobody listens and the kernel chose that very port for our end.
            self.socket.close()
            raise ConnectionRefusedError("connected to itself")
        try:
            self._upgrade(port, target, protocol, user, password, headers)
        except BaseException:
            self.socket.close()
            raise

    def _upgrade(self, port, target, protocol, user, password, headers):
        lines = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if password is not None:
            secret = password if isinstance(password, bytes) else password.encode()
            lines.append("Authorization: Basic " +
                         base64.b64encode(user.encode() + b":" + secret).decode())
        self.socket.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        self.fields = {name.strip().lower(): value.strip()
                       for name, _, value in (line.partition(":") for line in rest)}
        if status != 101:
            length = int(self.fields.get("content-length", "0"))
            while len(self.buffer) < length:
                self._fill()
            raise HandshakeRefused(status, self.buffer[:length].decode(errors="replace"))

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise self.closing or ConnectionLost()
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send_frame(self, opcode, data, final=True, masked=True, length=None):
        """`length`: what the header claims, where that is not true."""
        size = len(data) if length is None else length
        head = bytes([(0x80 if final else 0) | opcode])
        mark = 0x80 if masked else 0
        if size < 126:
            head += bytes([mark | size])
        elif size < 65536:
            head += bytes([mark | 126]) + struct.pack(">H", size)
        else:
            head += bytes([mark | 127]) + struct.pack(">Q", size)
        if masked:
            key = os.urandom(4)
            pad = (key * (len(data) // 4 + 1))[:len(data)]
            data = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(
                len(data), "big")
            head += key
        with self.sending:
            self.socket.sendall(head + data)

    def send(self, text):
        self.send_frame(TEXT, text.encode())

    def receive(self, seconds=10):
        """The next text message; TimeoutError if none comes, ConnectionLost at the end."""
        deadline = time.monotonic() + seconds
        message = b""
        while True:
            # What has come in already is served even when the time is over.
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            if len(self.buffer) < 2:
                self._fill_to(2)
            head = self.buffer[:2]
            size, skip = head[1] & 0x7F, 2
            if size > 125:
                skip = 4 if size == 126 else 10
                self._fill_to(skip)
                size = int.from_bytes(self.buffer[2:skip], "big")
            self._fill_to(skip + size)
            data = self._take(skip + size)[skip:]
            opcode = head[0] & 0x0F
            if opcode == PING:
                self.send_frame(PONG, data)
            elif opcode == CLOSE:
                code = struct.unpack(">H", data[:2])[0] if len(data) > 1 else None
                self.closing = ConnectionLost(code, data[2:].decode(errors="replace"))
                try:
                    self.send_frame(CLOSE, data[:2])
                except OSError:
                    pass  # it did not wait for our part of the good-bye
                raise self.closing
            elif opcode in (0, TEXT, BINARY):
                message += data
                if head[0] & 0x80:
                    return message.decode()

    def _fill_to(self, count):
        while len(self.buffer) < count:
            self._fill()

    def close(self, code=1000):
        """A clean end: close frame, then the socket."""
        try:
            self.send_frame(CLOSE, struct.pack(">H", code))
        except OSError:
            pass
        self.cut()

    def cut(self):
        """The end without a word."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class CallError(Exception):
    def __init__(self, code, description="", details=None):
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details


Request = collections.namedtuple("Request", "at action payload")


def utc(seconds=None):
    """A moment as OCPP writes it, with milliseconds."""
    milliseconds = int((time.time() if seconds is None else seconds) * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def wait_for(charger, condition, seconds, what):
    """Waits until `condition()` is true, asked whenever `charger.changed` is notified, and returns
    what it returned; the end of the connection or of the time is an error."""
    with charger.changed:
        value = None

        def holds():
            nonlocal value
            value = condition()
            return value or charger.end
        charger.changed.wait_for(holds, seconds)
        if not value:
            raise AssertionError(f"{charger.identity}: not within {seconds} s: {what} "
                                 f"({charger.end or 'still connected'})")
        return value


class Charger:
    """An OCPP 1.6J charger with a thread that reads: it answers what the server asks, notes it in
    `requests`, and notes every text in `texts`."""

    def __init__(self, port, identity, path="/ocpp/", **options):
        self.identity = identity
        self.link = WebSocket(port, path + identity, user=options.pop("user", identity), **options)
        self.texts = []
        self.requests = []
        self.limits = {}       # connector -> amps of its newest TxProfile
        self.handlers = {}     # action -> function(payload), returns the answer, raises CallError
        self.silent = set()    # actions that are not answered
        self.end = None        # the ConnectionLost
        self.answers = {}
        self.changed = threading.Condition()
        self.number = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.link.close()
        self.thread.join(10)

    def _read(self):
        try:
            while True:
                try:
                    text = self.link.receive(3600)
                except TimeoutError:
                    continue
                self._take(text)
        except (ConnectionLost, OSError) as lost:
            with self.changed:
                self.end = lost if isinstance(lost, ConnectionLost) else ConnectionLost()
                self.changed.notify_all()

    def _take(self, text):
        message = json.loads(text)
        if message[0] == 2:
            return self._serve(text, *message[1:4])
        with self.changed:
            self.texts.append(text)
            self.answers[message[1]] = message
            self.changed.notify_all()

    def _serve(self, text, number, action, payload):
        at = time.monotonic()
        error = answer = None
        try:
            handler = self.handlers.get(action, lambda _: {"status": "Accepted"})
            answer = handler(payload)
        except CallError as refusal:
            error = [4, number, refusal.code, refusal.description, refusal.details or {}]
        with self.changed:
            self.texts.append(text)
            self.requests.append(Request(at, action, payload))
            accepted = action == "SetChargingProfile" and (answer or {}).get("status") == "Accepted"
            profile = payload.get("csChargingProfiles", {})
            if accepted and profile["chargingProfilePurpose"] == "TxProfile":
                first = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
                self.limits[payload["connectorId"]] = first["limit"]
            self.changed.notify_all()
        if action not in self.silent:
            self.link.send(json.dumps(error or [3, number, answer]))

    def wait(self, condition, seconds, what):
        """Waits until `condition()` is true; it is asked after every text."""
        return wait_for(self, condition, seconds, what)

    def wait_closed(self, seconds=10):
        self.wait(lambda: self.end, seconds, "the server closes the connection")
        return self.end

    def say(self, text):
        self.link.send(text)

    def next_number(self):
        self.number += 1
        return f"{self.identity}-{self.number}"

    def call(self, action, payload, seconds=10, number=None):
        """The payload of the answer; CallError for a CALLERROR."""
        number = number or self.next_number()
        self.link.send(json.dumps([2, number, action, payload]))
        return self.answer(number, seconds)

    def answer(self, number, seconds=10):
        message = self.wait(lambda: self.answers.pop(number, None), seconds,
                            f"an answer to {number}")
        if message[0] == 4:
            raise CallError(*message[2:5])
        return message[2]

    def boot(self, model="Pillar"):
        return self.call("BootNotification", {"chargePointVendor": "Test",
                                              "chargePointModel": model})

    def status(self, status, connector=1):
        return self.call("StatusNotification", {"connectorId": connector, "errorCode": "NoError",
                                                "status": status, "timestamp": utc()})

    def start(self, id_tag, meter_wh=0, connector=1, at=None, **options):
        return self.call("StartTransaction",
                         {"connectorId": connector, "idTag": id_tag, "meterStart": meter_wh,
                          "timestamp": at or utc()}, **options)

    def stop(self, transaction_id, meter_wh, at=None, **fields):
        return self.call("StopTransaction", {"transactionId": transaction_id, "meterStop": meter_wh,
                                             "timestamp": at or utc(), **fields})

    def meter_values(self, connector, transaction_id, samples, at=None):
        return self.call("MeterValues", {
            "connectorId": connector, "transactionId": transaction_id,
            "meterValue": [{"timestamp": at or utc(), "sampledValue": samples}]})

    def asked(self, action):
        """What the server asked with this action so far."""
        with self.changed:
            return [request for request in self.requests if request.action == action]
