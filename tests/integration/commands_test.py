"""The command line for all that an operator does with badges and transactions, against the running
server: what it prints for people, what for scripts, and how it fails.
"""
import datetime
import json

import support
from charger import Charger
from support import IntegrationTest, eventually


class Commands(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.make_server(BUSBAR_SITE_TIME_ZONE="Europe/Paris")
        self.run_command("charge-point", "accept", "CP1")
        self.server.start()
        self.charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(self.charger.close)
        self.charger.boot()

    def run_command(self, *arguments, text_in=None):
        return self.server.command(*arguments, text_in=text_in).stdout

    def json_of(self, *arguments):
        return json.loads(self.run_command(*arguments, "--json"))

    def refused(self, *arguments, code=1):
        done = self.server.command(*arguments, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def wait_until_known(self, id_tag):
        """Until the server has heard of a badge that was written into the database."""
        eventually(lambda: self.charger.call("Authorize", {"idTag": id_tag})["idTagInfo"]["status"]
                   == "Accepted", 10, "the server knows the badge")

    def charge(self, id_tag, begin_wh, end_wh):
        started = self.charger.start(id_tag, meter_wh=begin_wh)["transactionId"]
        self.charger.stop(started, end_wh)

    def test_badges(self):
        self.run_command("badge", "add", "04A1B2C3", "--label", "Zoë", "--note", "blue")
        self.run_command("badge", "edit", "04a1b2c3", "--label", "Zoë B", "--note", "",
                         "--group", "staff", "--valid-until", "2099-12-31T23:59:59Z")
        badge = self.json_of("badge", "show", "04A1B2C3")
        self.assertEqual((badge["label"], badge["note"], badge["group"], badge["validUntil"]),
                         ("Zoë B", None, "staff", "2099-12-31T23:59:59.000Z"))
        self.assertIn("/schedule", self.refused("badge", "edit", "04A1B2C3", "--schedule", "Mo-X"))
        self.run_command("badge", "block", "04A1B2C3")
        blocked = self.json_of("badge", "list", "--status", "blocked", "--text", "ZO")
        self.assertEqual(len(blocked), 1)
        self.run_command("badge", "unblock", "04A1B2C3")
        self.assertEqual(self.json_of("badge", "list", "--status", "blocked"), [])
        self.assertEqual(len(self.json_of("badge", "list", "--group", "STAFF")), 1)
        exported = self.server.command("badge", "export").stdout
        self.assertTrue(exported.startswith("\ufeffidTag,"))
        self.assertIn("1 unchanged", self.run_command("badge", "import", "-", text_in=exported))

        self.wait_until_known("04A1B2C3")
        self.assertIn("--yes", self.refused("badge", "erase", "04A1B2C3"))
        erased = self.run_command("badge", "erase", "04A1B2C3", "--yes")
        self.assertRegex(erased, "anon-[0-9a-f]{8}")
        self.assertIn("There is no such", self.refused("badge", "erase", "04A1B2C3", "--yes"))

    def test_groups(self):
        self.run_command("group", "set", "staff", "--max-active-transactions", "2",
                         "--cost-centre", "4711")
        self.run_command("group", "set", "Staff", "--cost-centre", "", "--label", "All of us")
        group = self.json_of("group", "show", "staff")
        self.assertEqual((group["maxActiveTransactions"], group["costCentre"], group["label"]),
                         (2, None, "All of us"))
        self.assertIn("staff", self.run_command("group", "list"))
        self.run_command("group", "remove", "staff")
        self.assertEqual(self.json_of("group", "list"), [])
        self.assertIn("group", self.refused("group", "show", "staff"))

    def test_unknown_badges(self):
        self.run_command("badge", "add", "11223344556677")
        self.wait_until_known("11223344556677")
        for id_tag in ("112233445566", "04FFFFFF"):
            self.charger.call("Authorize", {"idTag": id_tag})
        unknown = sorted(self.json_of("unknown-badge", "list"), key=lambda badge: badge["idTag"])
        self.assertEqual([badge["idTag"] for badge in unknown], ["04FFFFFF", "112233445566"])
        self.assertEqual(unknown[1]["likely"], {"idTag": "11223344556677", "likeness": "shorter"})
        self.run_command("unknown-badge", "add", "04ffffff", "--label", "New")
        self.assertEqual(self.json_of("badge", "show", "04FFFFFF")["label"], "New")
        self.run_command("unknown-badge", "forget", "112233445566")
        self.assertIn("no unknown badges", self.run_command("unknown-badge", "list"))
        self.assertIn("no unknown badge was", self.refused("badge", "learn", "--seconds", "5"))

    def test_transactions_reports_and_audit(self):
        self.run_command("badge", "add", "ANN", "--group", "staff")
        self.wait_until_known("ANN")
        self.charge("ANN", 1000, 3500)
        shown = self.json_of("transaction", "list", "--badge", "ann")
        self.assertEqual([row["energyWh"] for row in shown], [2500])
        number = str(shown[0]["id"])
        self.assertIn("2500", self.run_command("transaction", "show", number))
        self.assertTrue(self.run_command("transaction", "list", "--csv").startswith("\ufeffid,"))
        self.run_command("transaction", "correct", number, "--meter-stop-wh", "3000",
                         "--note", "read by hand")
        self.assertEqual(self.json_of("transaction", "show", number)["energyWh"], 2000)
        self.assertIn("/meterStopWh", self.refused("transaction", "correct", number,
                                                   "--meter-stop-wh", "10"))
        self.run_command("transaction", "correct", number, "--take-back", "meterStopWh",
                         "--take-back", "note")
        self.assertEqual(self.json_of("transaction", "show", number)["energyWh"], 2500)
        self.refused("transaction", "correct", number)
        self.refused("transaction", "correct", number, "--take-back", "colour", code=2)

        self.charger.start("ANN", meter_wh=3500)
        running, = self.json_of("transaction", "list", "--active")
        self.run_command("transaction", "close", str(running["id"]))
        self.assertEqual(self.json_of("transaction", "list", "--active"), [])
        self.assertIn("not running", self.refused("transaction", "stop", str(running["id"])))
        self.assertIn("There is no such", self.refused("transaction", "show", "999"))

        tariff = {"name": "Day & night", "currency": "EUR", "pricePerKwh": "0.5"}
        self.assertIn("added", self.run_command("tariff", "set", "-", text_in=json.dumps(tariff)))
        self.assertIn("replaced", self.run_command("tariff", "set", "-",
                                                   text_in=json.dumps(tariff)))
        self.assertEqual([row["name"] for row in self.json_of("tariff", "list")], ["Day & night"])
        today = datetime.date.today()
        days = ("--from", str(today - datetime.timedelta(days=1)),
                "--to", str(today + datetime.timedelta(days=1)))
        report = json.loads(self.run_command("report", "--by", "group", "--format", "json", *days))
        self.assertEqual((report["rows"][0]["key"], report["total"]["energyWh"]), ("staff", 2500))
        target = self.server.folder / "report.pdf"
        self.run_command("report", "--format", "pdf", str(target), *days)
        self.assertTrue(target.read_bytes().startswith(b"%PDF"))
        self.assertIn("/to", self.refused("report", "--from", "2026-02-02", "--to", "2026-02-01"))
        self.run_command("tariff", "remove", "Day & night")

        rows = self.json_of("audit", "--kind", "transaction")
        self.assertEqual([(row["actor"], row["action"], row["objectId"]) for row in rows],
                         [("command line", "stop", str(running["id"])),
                          ("command line", "correct", number), ("command line", "correct", number)])
        self.assertNotIn('"ANN"', json.dumps(rows))
        self.assertIn("tariff", self.run_command("audit", "--kind", "tariff", "--limit", "1"))

    def test_a_token_is_not_written_around(self):
        self.run_command("badge", "add", "OK2")
        file = self.server.folder / "badges.csv"
        file.write_text("idTag\nOK3\n")
        tokens = {role: self.server.token(role) for role in ("operator", "viewer")}
        known = self.json_of("token", "list")
        noted = len(self.json_of("audit"))
        for token in (tokens["operator"], tokens["viewer"], "nope"):
            self.server.environment["BUSBAR_TOKEN"] = token
            for arguments in (("add", "OK3"), ("edit", "OK2", "--label", "x"), ("block", "OK2"),
                              ("unblock", "OK2"), ("remove", "OK2"), ("import", str(file))):
                self.assertIn("BUSBAR_TOKEN", self.refused("badge", *arguments), arguments)
            self.run_command("badge", "import", str(file), "--dry-run")
        self.assertIn("unknown", self.refused("group", "set", "staff", "--label", "x"))
        self.server.environment["BUSBAR_TOKEN"] = tokens["viewer"]
        self.assertIn("operator", self.refused("group", "set", "staff", "--label", "x"))
        self.server.environment["BUSBAR_TOKEN"] = ""
        badge, = self.json_of("badge", "list")
        self.assertEqual((badge["idTag"], badge["status"], badge["label"]), ("OK2", "active", None))
        self.assertEqual(len(self.json_of("audit")), noted)
        # What commands borrow themselves leaves nothing behind.
        self.run_command("group", "set", "staff", "--label", "x")
        self.assertEqual([row["name"] for row in self.json_of("token", "list")],
                         [row["name"] for row in known])
        self.assertEqual(len(self.json_of("audit", "--kind", "token")), 2)

    def test_stops_that_fit_nothing(self):
        self.assertIn("no stops", self.run_command("transaction", "orphans"))
        self.charger.stop(4711, 12345)
        orphan, = self.json_of("transaction", "orphans", "--charge-point", "CP1")
        self.assertEqual((orphan["transactionId"], orphan["meterStopWh"]), (4711, 12345))
        self.assertIn("4711", self.run_command("transaction", "orphans"))
        self.assertEqual(self.json_of("transaction", "orphans", "--charge-point", "CP2"), [])
        today = datetime.date.today()
        report = json.loads(self.run_command(
            "report", "--format", "json", "--from", str(today - datetime.timedelta(days=1)),
            "--to", str(today + datetime.timedelta(days=1))))
        self.assertEqual((report["orphanStops"], report["total"]["sessions"]), (1, 0))

    def test_without_a_server(self):
        self.server.stop()
        self.assertIn("does the server run?", self.refused("transaction", "list"))


if __name__ == "__main__":
    support.main()
