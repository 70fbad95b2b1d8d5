"""The validator itself: it refuses what it should, and its tables agree with the official schemas
where those are at hand (`BUSBAR_OCPP_SCHEMAS`, or `shared/ocpp16-schemas` beside the repository).
"""
import json
import os
import sys
import unittest
from pathlib import Path

import tables
import validator

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "ocpp16-schemas"
SCHEMAS = Path(os.environ.get("BUSBAR_OCPP_SCHEMAS") or BESIDE)

# The specification asks for at least one element where the schema files leave it open.
AT_LEAST_ONE = {("chargingSchedule", "chargingSchedulePeriod"), ("transactionData", "sampledValue")}
# The schema of one message knows a unit that the specification and that of the other do not.
ONLY_IN_ONE_SCHEMA = {"Hertz"}


def resolve(schema, whole):
    while "$ref" in schema:
        schema = whole["definitions"][schema["$ref"].rpartition("/")[2]]
    return schema


def differences(schema, fields, whole, place):
    """Where a table and a schema differ, as texts."""
    schema = resolve(schema, whole)
    named = schema.get("properties", {})
    found = [f"{place}: {sorted(named.keys() ^ fields.keys())}"] if named.keys() ^ fields else []
    needed = {name for name, field in fields.items() if field.required}
    if set(schema.get("required", [])) != needed:
        found.append(f"{place}: required are {schema.get('required')}, not {sorted(needed)}")
    if schema.get("additionalProperties") is not False:
        found.append(f"{place}: the schema is open")
    for name in named.keys() & fields.keys():
        found += differences_of(named[name], fields[name], whole, (*place, name))
    return found


def differences_of(schema, field, whole, place):
    schema = resolve(schema, whole)
    kind = schema["type"]
    if kind == "object":
        return differences(schema, field.item, whole, place) if field.kind == "group" else [
            f"{place}: is a group"]
    if kind == "array":
        if field.kind != "list":
            return [f"{place}: is a list"]
        strict = schema.get("minItems", 0) > 0 or place[-2:] in AT_LEAST_ONE
        found = [] if field.may_be_empty != strict else [f"{place}: may it be empty?"]
        return found + differences_of(schema["items"], field.item, whole, place)
    words = set(schema.get("enum", ())) - ONLY_IN_ONE_SCHEMA
    if words:
        return [] if words == field.item else [f"{place}: {sorted(words ^ set(field.item or ()))}"]
    decimal = kind == "number" and schema.get("multipleOf") == 0.1
    expected = {"date-time": "time", "uri": "uri"}.get(schema.get("format")) or (
        "decimal" if decimal else {"string": "text", "integer": "int", "boolean": "bool"}[kind])
    found = [] if field.kind == expected else [f"{place}: is {expected}, not {field.kind}"]
    if schema.get("maxLength") != field.limit:
        found.append(f"{place}: {schema.get('maxLength')} characters, not {field.limit}")
    return found


class Tables(unittest.TestCase):
    @unittest.skipUnless(SCHEMAS.is_dir(),
                         f"the official schemas are not at {SCHEMAS}: BUSBAR_OCPP_SCHEMAS names "
                         "their folder")
    def test_tables_agree_with_the_official_schemas(self):
        files = {path.stem for path in SCHEMAS.glob("*.json")}
        ours = set(tables.MESSAGES)
        self.assertEqual(files, ours | {action + "Response" for action in ours})
        for name, table in ((*tables.REQUESTS.items(),
                             *((action + "Response", each)
                               for action, each in tables.RESPONSES.items()))):
            with self.subTest(name):
                schema = json.loads((SCHEMAS / f"{name}.json").read_text())
                self.assertEqual(differences(schema, table, schema, (name,)), [])

    def test_all_messages_are_there(self):
        self.assertEqual(len(tables.MESSAGES), 39)
        self.assertEqual(len(tables.CALL_ERRORS), 10)
        self.assertEqual(tables.FROM_SERVER & tables.FROM_CHARGER, {"DataTransfer"})


GOOD = {
    "Heartbeat": '{"currentTime":"2026-01-01T00:00:00Z"}',
    "StopTransaction": "{}",
    "StartTransaction": '{"transactionId":1,"idTagInfo":{"status":"Accepted"}}',
}
BAD = {
    "Heartbeat": ("{}", "null", "[]", '{"currentTime":"2026-01-01T00:00:00"}',
                  '{"currentTime":"2026-01-01T00:00:00+00:00"}', '{"currentTime":1}',
                  '{"currentTime":"2026-02-30T00:00:00Z"}',
                  '{"currentTime":"2026-01-01T00:00:00Z","more":1}'),
    "StopTransaction": ('{"idTagInfo":null}', '{"idTagInfo":{}}',
                        '{"idTagInfo":{"status":"Fine"}}'),
    "StartTransaction": ('{"transactionId":"1","idTagInfo":{"status":"Accepted"}}',
                         '{"transactionId":true,"idTagInfo":{"status":"Accepted"}}',
                         '{"transactionId":1.0,"idTagInfo":{"status":"Accepted"}}',
                         '{"transactionId":2147483648,"idTagInfo":{"status":"Accepted"}}',
                         '{"transactionId":1,"idTagInfo":{"status":"Accepted",'
                         '"parentIdTag":"123456789012345678901"}}'),
}
PROFILE = ('[2,"1","SetChargingProfile",{"connectorId":%s,"csChargingProfiles":{'
           '"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"%s",'
           '"chargingProfileKind":"%s",%s"chargingSchedule":{"chargingRateUnit":"A",%s'
           '"chargingSchedulePeriod":[{"startPeriod":%s,"limit":%s}]}}}]')
SINCE = '"startSchedule":"2026-01-01T00:00:00Z",'


class Judgement(unittest.TestCase):
    def wrong(self, text, asked=None):
        return validator.check_frame(text, {"7": asked}.get)[1]

    def test_payloads(self):
        for action, text in GOOD.items():
            self.assertEqual(self.wrong(f'[3,"7",{text}]', action), [], text)
        for action, texts in BAD.items():
            for text in texts:
                self.assertNotEqual(self.wrong(f'[3,"7",{text}]', action), [], text)

    def test_frames(self):
        self.assertEqual(self.wrong('[4,"7","GenericError","",{}]', "Heartbeat"), [])
        for text in ("", "{}", "[]", '[3,"7"]', '[3,"7",{},{}]', '[5,"7",{}]',
                     '[3,"8",{}]', '[4,"7","GenericError",""]', '[4,"7","GenericError","",null]',
                     '[4,"7","FormatViolation","",{}]', '[4,"7","GenericError",null,{}]',
                     '[2,7,"ClearCache",{}]', '[2,"","ClearCache",{}]', '[2,"1","ClearCache",null]',
                     '[2,"1","ClearCache"]', '[2,"1","Heartbeat",{}]', '[2,"1","Fly",{}]',
                     '[2,"%s","ClearCache",{}]' % ("x" * 37), '[2,"1","Reset",{"type":"Soft",'
                     '"type":"Hard"}]', '[2,"1","SetChargingProfile",{"connectorId":NaN}]'):
            self.assertNotEqual(self.wrong(text, "StatusNotification"), [], text)

    def test_profiles(self):
        good = (0, "TxDefaultProfile", "Absolute", "", SINCE, 0, "6.1")
        self.assertEqual(self.wrong(PROFILE % good), [])
        for place, value in ((1, "ChargePointMaxProfile"), (2, "Relative"), (2, "Recurring"),
                             (3, '"transactionId":5,'), (3, '"recurrencyKind":"Daily",'), (4, ""),
                             (5, 1), (6, "6.25"), (6, "16.100000000000001"), (6, "-1"),
                             (1, "TxProfile")):
            changed = list(good)
            changed[place] = value
            changed[0] = 1 if value == "ChargePointMaxProfile" else 0
            self.assertNotEqual(self.wrong(PROFILE % tuple(changed)), [], changed)

    def test_lists(self):
        entry = '{"idTag":"%s","idTagInfo":{"status":"Accepted"}}'
        text = '[2,"1","SendLocalList",{"listVersion":%s,"updateType":"%s",' \
               '"localAuthorizationList":[%s]}]'
        self.assertEqual(self.wrong(text % (1, "Full", entry % "A")), [])
        self.assertEqual(self.wrong(text % (1, "Differential", '{"idTag":"A"}')), [])
        for values in ((0, "Full", ""), (-1, "Full", ""), (1, "Full", '{"idTag":"A"}'),
                       (1, "Full", entry % "a" + "," + entry % "A")):
            self.assertNotEqual(self.wrong(text % values), [], values)

    def test_same(self):
        self.assertTrue(validator.same({"a": [1, "2026-01-01T00:00:00Z"]},
                                       {"a": [1.0, "2026-01-01T01:00:00.000+01:00"]}))
        for one, other in ((1, True), ("1", 1), ({}, {"a": 1}), ([1], [1, 1]), ("a", "b")):
            self.assertFalse(validator.same(one, other))


if __name__ == "__main__":
    # The path of the program, which the other tests get, is not needed here.
    del sys.argv[1:2]
    unittest.main(verbosity=2)
