"""A charger that follows a script: it sends literal JSON texts, answers what the server asks with
literal texts, has every frame of the server judged by the validator, and keeps a log of all of it
for the message of a failure. Waits have time-outs; nothing sleeps.
"""
import itertools
import string
import sys
import threading
import time
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import validator  # noqa: E402
from charger import CLOSE, ConnectionLost, WebSocket, utc, wait_for  # noqa: E402

SECONDS = 10
# The shortest time after which a server may give up on a CALL and send the next (ruling R15).
PATIENCE_SECONDS = 9.5

ACCEPTED = '[3,"$ID",{"status":"Accepted"}]'
REJECTED = '[3,"$ID",{"status":"Rejected"}]'
NOT_SUPPORTED = '[3,"$ID",{"status":"NotSupported"}]'
EMPTY = '[3,"$ID",{}]'
ERROR = '[4,"$ID","InternalError","a fuse has blown",{}]'
NO_ANSWER = None

# What a central system may ask at any time on its own behalf, and the answers of a plain charger.
BACKGROUND = {
    "SetChargingProfile": ACCEPTED,
    "ClearChargingProfile": '[3,"$ID",{"status":"Unknown"}]',
    "GetConfiguration": '[3,"$ID",{"configurationKey":['
                        '{"key":"NumberOfConnectors","readonly":true,"value":"1"},'
                        '{"key":"SupportedFeatureProfiles","readonly":true,'
                        '"value":"Core,SmartCharging,RemoteTrigger"},'
                        '{"key":"ChargeProfileMaxStackLevel","readonly":true,"value":"8"},'
                        '{"key":"ChargingScheduleAllowedChargingRateUnit","readonly":true,'
                        '"value":"Current,Power"},'
                        '{"key":"ChargingScheduleMaxPeriods","readonly":true,"value":"10"},'
                        '{"key":"MaxChargingProfilesInstalled","readonly":true,"value":"20"}],'
                        '"unknownKey":[]}]',
    "ChangeConfiguration": ACCEPTED,
    "TriggerMessage": '[3,"$ID",{"status":"NotImplemented"}]',
    "ExtendedTriggerMessage": '[3,"$ID",{"status":"NotImplemented"}]',
    "GetLocalListVersion": '[3,"$ID",{"listVersion":-1}]',
    "SendLocalList": NOT_SUPPORTED,
}
UNKNOWN = '[4,"$ID","NotImplemented","",{}]'


class CallRefused(Exception):
    """The server answered a CALL with a CALLERROR."""

    def __init__(self, code, description):
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class Asked:
    """A CALL of the server."""

    def __init__(self, number, action, payload, text):
        self.number, self.action, self.payload, self.text = number, action, payload, text
        self.at = time.monotonic()
        self.taken = False
        self.answered = False


def fill(text, values):
    """The text with its $NAMES replaced."""
    return string.Template(text).safe_substitute({"NOW": utc(), **values})


class ScriptedCharger:
    _numbers = itertools.count(1)
    _ids_of_server = {}  # identity -> ids of all its CALLs to this charger, over all connections

    def __init__(self, port, identity, target=None, **options):
        self.identity = identity
        self.log = []
        self.values = {}       # what $NAMES stand for
        self.asked = []        # CALLs of the server, in order
        self.answers = {}      # id of a CALL of ours -> the frame of its answer
        self.waiting = {}      # id of a CALL of ours without an answer yet -> action
        self.scripts = []      # (action, condition, text), the newest last
        self.violations = []
        self.end = None
        self.changed = threading.Condition()
        self.began = time.monotonic()
        options.setdefault("user", identity)
        try:
            self.link = WebSocket(port, target or f"/ocpp/{identity}", **options)
        except Exception as error:
            self.note("!!", f"not connected: {error}")
            raise
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def note(self, arrow, text):
        if len(text) > 2000:
            text = f"{text[:2000]}... ({len(text)} characters)"
        self.log.append(f"{time.monotonic() - self.began:8.3f} {arrow} {text}")

    def story(self):
        wrong = "".join(f"\n         WRONG {each}" for each in self.violations)
        return f"--- {self.identity}\n" + "\n".join(self.log) + wrong

    def close(self):
        self.link.close()
        self.thread.join(SECONDS)

    # --- what the server says ---------------------------------------------------------------------
    def _read(self):
        try:
            while True:
                try:
                    text = self.link.receive(3600)
                except TimeoutError:
                    continue
                with self.changed:
                    self._take(text)
                    self.changed.notify_all()
        except (ConnectionLost, OSError, UnicodeDecodeError) as lost:
            with self.changed:
                self.end = lost if isinstance(lost, ConnectionLost) else ConnectionLost()
                self.note("!!", f"connection ended: {lost}")
                self.changed.notify_all()

    def _take(self, text):
        self.note("<-", text)
        frame, wrong = validator.check_frame(text, self.waiting.get)
        self.violations += [f"{each}: {text}" for each in wrong]
        if frame is None:
            return
        if frame[0] == 2:
            self._asked(Asked(*frame[1:4], text))
        else:
            self.waiting.pop(frame[1], None)
            self.answers[frame[1]] = frame

    def _asked(self, call):
        seen = self._ids_of_server.setdefault((id(type(self)), self.identity), set())
        if call.number in seen:
            self.violations.append(f"the message id {call.number!r} was used before (4.1.4)")
        seen.add(call.number)
        for other in self.asked:
            if not other.answered and call.at - other.at < PATIENCE_SECONDS:
                self.violations.append(f"{call.action} comes while {other.action} is not answered "
                                       "(4.1.1)")
        self.asked.append(call)
        text = self._answer_to(call)
        if text is not NO_ANSWER:
            self.reply(call, text)

    def _answer_to(self, call):
        for action, condition, text in reversed(self.scripts):
            if action == call.action and (condition is None or condition(call.payload)):
                return text
        return BACKGROUND.get(call.action, UNKNOWN)

    # --- what the charger says --------------------------------------------------------------------
    def answer(self, action, text, when=None):
        """From now on this text answers this action (where `when(payload)` holds)."""
        with self.changed:
            self.scripts.append((action, when, text))

    def reply(self, call, text):
        call.answered = True
        self.say(fill(text, {**self.values, "ID": call.number}))

    def say(self, text):
        self.note("->", text)
        try:
            self.link.send(text)
        except OSError as error:
            self.note("!!", f"not sent: {error}")

    def send(self, action, payload, number=None, **values):
        """Sends a CALL with this literal payload and returns its message id."""
        number = number or f"c{next(self._numbers)}"
        with self.changed:
            self.waiting[number] = action
            self.answers.pop(number, None)
        payload = fill(payload, {**self.values, **values})
        self.say(f'[2,"{number}","{action}",{payload}]')
        return number

    def call(self, action, payload="{}", number=None, seconds=SECONDS, **values):
        """The payload of the answer; CallRefused for a CALLERROR."""
        return self.result(self.send(action, payload, number, **values), seconds)

    def result(self, number, seconds=SECONDS):
        frame = self.wait(lambda: self.answers.pop(number, None), f"an answer to {number}", seconds)
        if frame[0] == 4:
            raise CallRefused(frame[2], frame[3])
        return frame[2]

    def confirmed(self, action, payload="{}", **values):
        """A CALL whose answer has nothing in it."""
        answer = self.call(action, payload, **values)
        if answer != {}:
            raise AssertionError(f"{self.identity}: {action} is answered with {answer}")

    # --- waiting ----------------------------------------------------------------------------------
    def wait(self, condition, what, seconds=SECONDS):
        return wait_for(self, condition, seconds, what)

    def expect(self, action, when=None, seconds=SECONDS):
        """The next CALL of this action (where `when(payload)` holds) that was not expected yet."""
        def find():
            for call in self.asked:
                fits = call.action == action and not call.taken
                if fits and (when is None or when(call.payload)):
                    call.taken = True
                    return call
            return None
        return self.wait(find, f"the server sends {action}", seconds)

    def heard(self, action, when=None):
        """The payloads of all CALLs of this action so far."""
        with self.changed:
            return [call.payload for call in self.asked
                    if call.action == action and (when is None or when(call.payload))]

    def wait_closed(self, seconds=SECONDS):
        self.wait(lambda: self.end, "the server closes the connection", seconds)
        return self.end

    # --- the steps that most scripts share --------------------------------------------------------
    def boot(self, **values):
        return self.call("BootNotification",
                         '{"chargePointVendor":"Script","chargePointModel":"$MODEL"}',
                         # One of its own: what a model does not support is remembered.
                         MODEL=values.get("MODEL", f"Pillar {crc32(self.identity.encode()):x}"))

    def status(self, status, connector=1, error="NoError"):
        self.confirmed("StatusNotification",
                       '{"connectorId":$CONNECTOR,"errorCode":"$ERROR","status":"$STATUS",'
                       '"timestamp":"$NOW"}', CONNECTOR=connector, ERROR=error, STATUS=status)

    def authorize(self, tag):
        return self.call("Authorize", '{"idTag":"$TAG"}', TAG=tag)["idTagInfo"]

    def start(self, tag, connector=1, meter=1000, at=None, more=""):
        answer = self.call("StartTransaction",
                           '{"connectorId":$CONNECTOR,"idTag":"$TAG","meterStart":$METER,'
                           '"timestamp":"$AT"$MORE}', CONNECTOR=connector, TAG=tag, METER=meter,
                           AT=at or utc(), MORE=more)
        self.values["TX"] = answer["transactionId"]
        return answer

    def stop(self, number, meter=2000, reason=None, at=None, tag=None):
        more = f',"reason":"{reason}"' if reason else ""
        more += f',"idTag":"{tag}"' if tag else ""
        return self.call("StopTransaction",
                         '{"transactionId":$NUMBER,"meterStop":$METER,"timestamp":"$AT"$MORE}',
                         NUMBER=number, METER=meter, AT=at or utc(), MORE=more)


__all__ = ["ACCEPTED", "REJECTED", "NOT_SUPPORTED", "EMPTY", "ERROR", "NO_ANSWER", "CLOSE",
           "CallRefused", "ScriptedCharger", "fill", "utc"]
