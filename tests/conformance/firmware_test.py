"""OCTT, central system, firmware management and diagnostics, with the locations that chargers know.
"""
import conformance
from conformance import FAR_AHEAD, ConformanceTest
from scripted_charger import EMPTY

PLACE = "ftp://user:secret@files.example.org:2121/firmware/v2.bin"
UPDATE = '{"location":"$PLACE","retrieveDate":"$NOW","retries":2,"retryInterval":60}'
DIAGNOSTICS = '{"location":"ftp://files.example.org/diagnostics","retries":1,"retryInterval":30}'


class Firmware(ConformanceTest):
    def status(self, charger, *statuses):
        for status in statuses:
            charger.confirmed("FirmwareStatusNotification", '{"status":"$STATUS"}', STATUS=status)

    def updating(self, identity):
        """A charger that was asked for an update and has begun it."""
        charger = self.booted(identity, connectors=2)
        sent = self.does(charger, "UpdateFirmware", UPDATE, EMPTY, PLACE=PLACE)
        self.assertEqual(sent["location"], PLACE)
        self.follows(charger, "UpdateFirmware", "waiting")
        self.status(charger, "Downloading")
        return charger

    def install(self, charger):
        self.status(charger, "Downloaded")
        for connector in range(3):
            charger.status("Unavailable", connector)
        self.status(charger, "Installing")

    def test_TC_044_1_installed(self):
        """OCTT TC_044_1."""
        charger = self.updating("TC_044_1")
        self.install(charger)
        charger.close()
        charger = self.boot(self.connect("TC_044_1"), 2)
        self.follows(charger, "UpdateFirmware", "waiting")
        self.status(charger, "Installed")
        self.follows(charger, "UpdateFirmware", "succeeded")

    def test_TC_044_2_download_failed(self):
        """OCTT TC_044_2."""
        charger = self.updating("TC_044_2")
        self.status(charger, "DownloadFailed")
        self.follows(charger, "UpdateFirmware", "failed")

    def test_TC_044_3_installation_failed(self):
        """OCTT TC_044_3."""
        charger = self.updating("TC_044_3")
        self.install(charger)
        charger.close()
        charger = self.boot(self.connect("TC_044_3"), 2)
        self.status(charger, "InstallationFailed")
        self.follows(charger, "UpdateFirmware", "failed")

    def test_locations(self):
        """Item 66: every scheme that 1.6 knows, the name and password within; retrieveDate as set;
        Idle is understood."""
        charger = self.booted("ITEM-66")
        for place in ("ftp://a/b", "ftps://u:p@a:990/b", "http://a/b?c=d", "https://u:p@a/b"):
            sent = self.does(charger, "UpdateFirmware",
                             '{"location":"$PLACE","retrieveDate":"$WHEN"}', EMPTY, PLACE=place,
                             WHEN=FAR_AHEAD)
            self.assertEqual(sent["location"], place)
            self.does(charger, "GetDiagnostics", '{"location":"$PLACE"}', EMPTY, PLACE=place)
        self.status(charger, "Idle")
        self.refuses(charger, "UpdateFirmware", '{"location":"$PLACE"}', "/retrieveDate",
                     PLACE=PLACE)
        self.refuses(charger, "UpdateFirmware",
                     '{"location":"$PLACE","retrieveDate":"soon","retries":1.5}', "/retrieveDate",
                     "/retries", PLACE=PLACE)

    def test_unsigned_update_not_supported(self):
        """Item 66: a charger with signed updates refuses the others by a CALLERROR."""
        charger = self.booted("ITEM-66b")
        charger.answer("UpdateFirmware", '[4,"$ID","NotSupported","use SignedUpdateFirmware",{}]')
        answer = self.command(charger, "UpdateFirmware", UPDATE, status=502, PLACE=PLACE)
        self.assertEqual((answer["errorCode"], answer["errorDescription"]),
                         ("NotSupported", "use SignedUpdateFirmware"))


class Diagnostics(ConformanceTest):
    def upload(self, identity, *statuses):
        charger = self.booted(identity)
        self.does(charger, "GetDiagnostics", DIAGNOSTICS, '[3,"$ID",{"fileName":"d.zip"}]')
        for status in statuses:
            charger.confirmed("DiagnosticsStatusNotification", '{"status":"$STATUS"}',
                              STATUS=status)
        return charger

    def test_TC_045_1_uploaded(self):
        """OCTT TC_045_1."""
        charger = self.upload("TC_045_1", "Uploading")
        self.follows(charger, "GetDiagnostics", "waiting")
        charger.confirmed("DiagnosticsStatusNotification", '{"status":"Uploaded"}')
        self.follows(charger, "GetDiagnostics", "succeeded")

    def test_TC_045_2_upload_failed(self):
        """OCTT TC_045_2."""
        charger = self.upload("TC_045_2", "Uploading", "UploadFailed")
        self.follows(charger, "GetDiagnostics", "failed")

    def test_nothing_to_upload(self):
        """Without a fileName there are no diagnostics (6.21); Idle is understood."""
        charger = self.upload("NO-DIAGNOSTICS", "Idle")
        self.does(charger, "GetDiagnostics",
                  '{"location":"http://a/b","startTime":"2026-01-01T00:00:00Z",'
                  '"stopTime":"2026-01-02T00:00:00Z"}', EMPTY)


if __name__ == "__main__":
    conformance.main()
