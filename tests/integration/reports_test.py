"""Reports, tariffs, privacy and the maintenance of the real program: what was charged is in every
report to the Wh, in four shapes; an erased badge is nowhere; nothing of it was ever logged.
"""
import datetime
import io
import time
import urllib.request
import zipfile

import support
from charger import Charger, utc
from support import IntegrationTest, eventually

API = "/api/v1"
ENERGY = API + "/reports/energy"


class Reports(IntegrationTest):
    def begin(self, **settings):
        self.server = self.make_server(BUSBAR_SITE_TIME_ZONE="Europe/Paris", **settings)
        self.token = self.server.token("admin")
        self.server.start()
        self.ask(201, "POST", "/charge-points", {"id": "CP1"})
        self.charger = Charger(self.server.ocpp_port, "CP1")
        self.addCleanup(self.charger.close)
        self.charger.boot()
        self.register = 1000
        self.clock = int(time.time()) - 6 * 3600
        today = datetime.date.today()
        self.days = (f"from={today - datetime.timedelta(days=2)}"
                     f"&to={today + datetime.timedelta(days=1)}")

    def ask(self, status, method, path, body=None):
        found, answer, self.fields = self.server.rest(method, API + path, body, token=self.token)
        self.assertEqual(found, status, answer)
        return answer

    def raw(self, query):
        """The report's bytes."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.web_port}{ENERGY}?{self.days}&{query}",
            headers={"Authorization": f"Bearer {self.token}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return answer.read()

    def charge(self, id_tag, energy_wh):
        """A session of 50 minutes after the last one; its energy flows in the first 25."""
        begin, self.clock = self.clock, self.clock + 3600
        at = [utc(begin + minutes * 60) for minutes in (0, 25, 50)]
        wh = self.register
        self.register += energy_wh
        started = self.charger.start(id_tag, meter_wh=wh, at=at[0])
        number = started["transactionId"]
        self.charger.meter_values(1, number, [
            {"value": str(self.register), "unit": "Wh",
             "measurand": "Energy.Active.Import.Register"}], at=at[1])
        self.charger.stop(number, self.register, at=at[2], idTag=id_tag)

    def report(self, query):
        """The sessions of this test as JSON; they may have ended yesterday."""
        return self.ask(200, "GET", f"/reports/energy?{self.days}&{query}")

    def test_what_was_charged_is_in_every_report(self):
        self.begin()
        self.ask(201, "POST", "/badges", {"idTag": "04A1B2C3", "label": "Zoë", "group": "staff",
                                          "costCentre": "4711"})
        self.ask(201, "POST", "/badges", {"idTag": "=1+1"})
        self.ask(201, "POST", "/tariffs", {"name": "all day", "currency": "EUR",
                                           "pricePerKwh": "0.3245", "taxPercent": "20"})
        self.charge("04A1B2C3", 12_345)
        self.charge("04a1b2c3", 7)
        self.charge("=1+1", 999)
        eventually(lambda: len(self.query("SELECT transaction FROM transaction_energy")) == 3, 20,
                   "the energy is spread over its quarters")
        self.assertEqual(self.query("SELECT sum(energy_wh)::int AS wh "
                                    "FROM transaction_energy_quarter"), [{"wh": 13_351}])
        # Everything flowed in the first half.
        spread, = self.query("SELECT energy_wh FROM transaction_energy "
                             "ORDER BY transaction LIMIT 1")
        self.assertEqual(spread["energy_wh"][-1], 0)
        for by in ("badge", "group", "costCentre", "chargePoint", "day", "month"):
            with self.subTest(by):
                report = self.report(f"by={by}")
                self.assertEqual(report["total"]["energyWh"], 13_351)
                self.assertEqual(sum(row["energyWh"] for row in report["rows"]), 13_351)
                self.assertEqual(sum(row["sessions"] for row in report["rows"]), 3)
        report = self.report("by=badge")
        self.assertEqual([(row["key"].upper(), row["label"], row["energyWh"], row["cost"])
                          for row in report["rows"]],
                         [("04A1B2C3", "Zoë", 12_352, "4.81"), ("=1+1", "", 999, "0.39")])
        self.assertEqual((report["timeZone"], report["currency"]), ("Europe/Paris", "EUR"))

        table = self.raw("format=csv&lang=de").decode("utf-8-sig")
        self.assertIn("\r\n'=1+1,,1,999,0.39,", table)
        with zipfile.ZipFile(io.BytesIO(self.raw("format=xlsx&lang=nl"))) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
            words = book.read("xl/sharedStrings.xml").decode()
        self.assertIn("<f>SUM(D5:D6)</f><v>13.351</v>", sheet)
        self.assertIn("Sessies", words)
        document = self.raw("format=pdf&lang=fr")
        self.assertTrue(document.startswith(b"%PDF"))

        self.ask(200, "PATCH", "/transactions/1", {"energyWh": 12_000, "note": "meter was wrong"})
        corrected = self.report("by=chargePoint")
        self.assertEqual((corrected["total"]["energyWh"], corrected["total"]["corrected"]),
                         (13_006, 1))
        eventually(lambda: self.query("SELECT sum(energy_wh)::int AS wh "
                                      "FROM transaction_energy_quarter") == [{"wh": 13_006}], 20,
                   "the correction is spread, too")

    def test_tariffs_are_there_after_a_restart(self):
        self.begin()
        self.ask(201, "POST", "/tariffs", {"name": "night", "currency": "CHF", "pricePerKwh": "1",
                                           "periods": [{"hours": "Mo-Su 22:00-06:00",
                                                        "pricePerKwh": "0.5"}],
                                           "appliesTo": {"groups": ["staff"]}})
        self.server.stop()
        self.server.start()
        tariff, = self.ask(200, "GET", "/tariffs")["items"]
        self.assertEqual((tariff["name"], tariff["appliesTo"]), ("night", {"groups": ["staff"]}))

    def test_an_erased_badge_is_nowhere(self):
        self.begin()
        self.ask(201, "POST", "/badges", {"idTag": "SECRETTAG", "holder": "Erika Mustermann"})
        self.charger.call("Authorize", {"idTag": "SecretTag"})
        self.charger.call("Authorize", {"idTag": "OTHERTAG"})
        self.charge("secrettag", 5000)
        running = self.charger.start("SECRETTAG", meter_wh=self.register)["transactionId"]
        self.ask(409, "POST", "/badges/SECRETTAG/erase")
        self.charger.stop(running, self.register + 1000)
        eventually(lambda: self.query("SELECT id FROM message_log "
                                      "WHERE payload ~* 'secrettag'"), 10,
                   "the message log names it")
        pseudonym = self.ask(200, "POST", "/badges/SECRETTAG/erase")["pseudonym"]
        self.assertRegex(pseudonym, "^anon-[0-9a-f]{8}$")
        self.ask(404, "GET", "/badges/SECRETTAG")
        row, = self.report("by=badge")["rows"]
        self.assertEqual((row["key"], row["energyWh"], row["sessions"]), (pseudonym, 6000, 2))
        eventually(lambda: not self.query("SELECT id FROM message_log "
                                          "WHERE payload ~* '\"secrettag\"'"), 20,
                   "the message log does not name it any longer")
        self.assertTrue(self.query(f"SELECT id FROM message_log WHERE payload ~ '{pseudonym}'"))
        for table in ("transaction", "badge", "transaction_correction", "orphan_stop", "site_state",
                      "quarantine"):
            with self.subTest(table):
                self.assertEqual(self.query(f"SELECT * FROM {table} t "
                                            "WHERE t::text ~* 'secrettag|mustermann'"), [])
        self.assertEqual(self.query("SELECT id FROM audit_log a WHERE action = 'erase' "
                                    "AND a::text ~* 'secrettag'"), [])
        _, metrics, _ = self.server.rest("GET", "/metrics")
        self.server.stop()
        for text in (self.server.stderr(), str(metrics)):
            self.assertNotRegex(text.lower(), "secrettag|othertag|mustermann")

    def test_samples_are_rolled_up(self):
        self.begin()
        self.server.stop()
        self.execute("""INSERT INTO meter_sample (charge_point, connector_id, transaction,
            measured_at, received_at, context, measurand, phase, location, unit, value, number)
            SELECT 'CP1', 1, 1, at, at, 'Sample.Periodic', 'Power.Active.Import', '', 'Outlet', 'W',
            '1000', 1000 FROM (SELECT date_trunc('hour', now()) - n * interval '1 minute' AS at
                               FROM generate_series(1, 20 * 24 * 60) n) s""")
        before, = self.query("SELECT count(*)::int AS n FROM meter_sample")
        self.server.environment["BUSBAR_RETENTION_SAMPLES_DAYS"] = "10"
        self.server.start()
        eventually(lambda: self.query("SELECT count(*)::int AS n FROM meter_sample")[0]["n"] <=
                   10 * 24 * 60 + 60, 30, "what is older than ten days is rolled up")
        kept, = self.query("SELECT (SELECT count(*) FROM meter_sample)::int "
                           "+ (SELECT sum(samples) FROM meter_quarter_hour)::int AS n, "
                           "(SELECT max(samples) FROM meter_quarter_hour)::int AS most")
        self.assertEqual((kept["n"], kept["most"]), (before["n"], 15))


if __name__ == "__main__":
    support.main()
