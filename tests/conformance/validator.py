"""Judges what a central system sends: frames, payloads, and the rules on charging profiles that no
schema can express. Written from the specification; shares no code with Busbar.
"""
import datetime
import json
import re
from decimal import Decimal

import tables

MESSAGE_ID_LENGTH_MAX = 36
DESCRIPTION_LENGTH_MAX = 255
INT_MAX = 2**31 - 1
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


class Refused(ValueError):
    """A text that is no JSON a charger could read."""


def _pairs(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Refused(f"a member stands there twice: {names}")
    return dict(pairs)


def parse(text):
    """JSON with exact decimals; members that come twice, NaN and the like are refused."""
    def no_number(word):
        raise Refused(f"{word} is no JSON")
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=no_number,
                          object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise Refused(str(error)) from None


def moment(text):
    """The moment a timestamp names; ValueError where it is none."""
    text = re.sub(r"\.(\d{1,9})", lambda match: "." + match[1][:6].ljust(6, "0"), text)
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if when.tzinfo is None:
        raise ValueError("no offset")
    return when


def _check_time(value):
    if not isinstance(value, str) or not UTC_TIME.fullmatch(value):
        return "is no UTC time that ends in Z"
    try:
        moment(value)
    except ValueError:
        return "is no moment"
    return None


def _check_text(value, field):
    if not isinstance(value, str):
        return "is no text"
    if field.limit is not None and len(value) > field.limit:
        return f"is longer than {field.limit}"
    return None


def _check_decimal(value):
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return "is no number"
    if isinstance(value, Decimal) and value.as_tuple().exponent < -1:
        return "has more than one decimal"
    return None


def _check_int(value):
    if isinstance(value, bool) or not isinstance(value, int):
        return "is no integer"
    return None if abs(value) <= INT_MAX else "does not fit 32 bits"


def _check_uri(value):
    fits = isinstance(value, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+$", value)
    return None if fits else "is no URI"


def _check_value(value, field, place):
    if field.kind == "group":
        return _check_fields(value, field.item, place)
    if field.kind == "list":
        if not isinstance(value, list):
            return [f"{place}: is no list"]
        found = [] if value or field.may_be_empty else [f"{place}: is empty"]
        for number, each in enumerate(value):
            found += _check_value(each, field.item, f"{place}/{number}")
        return found
    if field.kind == "word":
        wrong = None if value in field.item else f"is none of {sorted(field.item)}"
    elif field.kind == "text":
        wrong = _check_text(value, field)
    elif field.kind == "bool":
        wrong = None if isinstance(value, bool) else "is neither true nor false"
    else:
        wrong = {"time": _check_time, "decimal": _check_decimal, "int": _check_int,
                 "uri": _check_uri}[field.kind](value)
    return [f"{place}: {wrong}: {value!r}"] if wrong else []


def _check_fields(value, fields, place=""):
    if not isinstance(value, dict):
        return [f"{place or '/'}: is no object: {value!r}"]
    found = [f"{place}/{name}: is missing" for name, field in fields.items()
             if field.required and name not in value]
    for name, each in value.items():
        if name in fields:
            found += _check_value(each, fields[name], f"{place}/{name}")
        else:
            found.append(f"{place}/{name}: there is no such field")
    return found


def check_request(action, payload):
    """What is wrong with the payload of a CALL, as texts."""
    if action not in tables.REQUESTS:
        return [f"there is no action {action}"]
    found = _check_fields(payload, tables.REQUESTS[action])
    if found:
        return found
    if action == "SetChargingProfile":
        return check_profile(payload["csChargingProfiles"], payload["connectorId"])
    if action == "RemoteStartTransaction" and "chargingProfile" in payload:
        return check_remote_start_profile(payload["chargingProfile"])
    if action == "SendLocalList":
        return check_local_list(payload)
    return []


def check_response(action, payload):
    """What is wrong with the payload of a CALLRESULT, as texts."""
    return _check_fields(payload, tables.RESPONSES[action])


def check_schedule(schedule):
    starts = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
    found = []
    if starts[0] != 0:
        found.append("the first period does not start at 0 (7.13)")
    if starts != sorted(set(starts)):
        found.append("the periods are not in order")
    if any(period["limit"] < 0 for period in schedule["chargingSchedulePeriod"]):
        found.append("a limit is negative")
    return found


def check_kind(profile):
    schedule, kind = profile["chargingSchedule"], profile["chargingProfileKind"]
    found = check_schedule(schedule)
    if kind == "Relative" and "startSchedule" in schedule:
        found.append("a relative profile has no startSchedule (7.9)")
    if kind != "Relative" and "startSchedule" not in schedule:
        found.append(f"a profile of kind {kind} needs startSchedule (7.9)")
    if ("recurrencyKind" in profile) != (kind == "Recurring"):
        found.append("recurrencyKind goes with Recurring, and only with it (7.8)")
    if profile["stackLevel"] < 0:
        found.append("stackLevel is negative")
    return found


def check_profile(profile, connector):
    """Which profile may be set on which connector (3.13.1)."""
    found = check_kind(profile)
    purpose = profile["chargingProfilePurpose"]
    if purpose == "ChargePointMaxProfile" and connector != 0:
        found.append("ChargePointMaxProfile belongs on connector 0 (3.13.1)")
    if purpose == "TxProfile" and connector < 1:
        found.append("TxProfile belongs on a connector (3.13.1)")
    if (purpose == "TxProfile") != ("transactionId" in profile):
        found.append("transactionId goes with TxProfile, and only with it (7.8)")
    return found


def check_remote_start_profile(profile):
    """The profile of a transaction that is yet to start (5.16.2)."""
    found = check_kind(profile)
    if profile["chargingProfilePurpose"] != "TxProfile":
        found.append("a remote start carries a TxProfile (5.16.2)")
    if "transactionId" in profile:
        found.append("there is no transaction yet (5.16.2)")
    return found


def check_local_list(payload):
    """Versions and entries of a local list (6.41, 7.1 and erratum 3.52)."""
    entries = payload.get("localAuthorizationList", [])
    tags = [entry["idTag"].casefold() for entry in entries]
    found = []
    if payload["listVersion"] <= 0:
        found.append("listVersion is not above 0")
    if len(set(tags)) != len(tags):
        found.append("a tag stands in the list twice")
    if payload["updateType"] == "Full" and any("idTagInfo" not in entry for entry in entries):
        found.append("an entry of a full list lacks idTagInfo")
    return found


def check_frame(text, action_of):
    """(frame or None, what is wrong with it). `action_of(id)` names the action of the CALL of ours
    with this id that is not answered yet, None if there is none."""
    try:
        frame = parse(text)
    except Refused as error:
        return None, [str(error)]
    if not isinstance(frame, list) or not frame:
        return None, ["the frame is no list"]
    lengths = {2: 4, 3: 3, 4: 5}
    if lengths.get(frame[0]) != len(frame):
        return None, [f"a frame of type {frame[0]!r} with {len(frame)} elements"]
    number = frame[1]
    if not isinstance(number, str) or not 0 < len(number) <= MESSAGE_ID_LENGTH_MAX:
        return frame, [f"the message id {number!r} is no text of 1 to 36 characters"]
    if frame[0] == 2:
        if frame[2] not in tables.FROM_SERVER:
            return frame, [f"a central system does not send {frame[2]!r}"]
        return frame, check_request(frame[2], frame[3])
    action = action_of(number)
    if action is None:
        return frame, [f"an answer to {number!r}, which was not asked or is answered already"]
    if frame[0] == 3:
        return frame, check_response(action, frame[2]) if action in tables.RESPONSES else []
    return frame, _check_call_error(frame)


def _check_call_error(frame):
    found = []
    if frame[2] not in tables.CALL_ERRORS:
        found.append(f"{frame[2]!r} is no error code of OCPP-J 1.6")
    if not isinstance(frame[3], str) or len(frame[3]) > DESCRIPTION_LENGTH_MAX:
        found.append("the description is no text of at most 255 characters")
    if not isinstance(frame[4], dict):
        found.append("the details are no object")
    return found


def same(one, other):
    """Whether two payloads say the same: times as moments, numbers by value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return moment(one) == moment(other)
        except ValueError:
            return False
    return type(one) is type(other) and one == other or (
        not isinstance(one, bool) and not isinstance(other, bool) and
        isinstance(one, (int, float, Decimal)) and isinstance(other, (int, float, Decimal)) and
        Decimal(str(one)) == Decimal(str(other)))
