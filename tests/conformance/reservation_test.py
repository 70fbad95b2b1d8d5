"""OCTT, central system, reservations: they begin when the charger says so, and end by use, by
expiry, by cancellation, or because the connector can no longer be used.
"""
import time

import conformance
from conformance import FAR_AHEAD, ConformanceTest, eventually, utc
from scripted_charger import ACCEPTED, REJECTED

RESERVE = ('{"connectorId":$CONNECTOR,"expiryDate":"$EXPIRY","idTag":"VALID",'
           '"reservationId":$NUMBER}')


class Reservations(ConformanceTest):
    def kept(self, charger):
        """Numbers of the reservations of the charger that hold now."""
        return sorted(each["requestId"] for each in self.operations(charger, "ReserveNow")
                      if each["state"] == "waiting")

    def reserve(self, charger, answer=ACCEPTED, connector=1, number=501, expiry=FAR_AHEAD):
        return self.does(charger, "ReserveNow", RESERVE, answer, CONNECTOR=connector,
                         EXPIRY=expiry, NUMBER=number)

    def reserved(self, identity, **options):
        charger = self.booted(identity)
        self.reserve(charger, **options)
        charger.status("Reserved")
        self.assertEqual(self.kept(charger), [501])
        return charger

    def test_TC_046_reserve_and_use(self):
        """OCTT TC_046: the transaction ends the reservation."""
        charger = self.reserved("TC_046")
        number = self.charge(charger, more=',"reservationId":501')
        self.assertEqual(self.kept(charger), [])
        charger.stop(number)

    def test_TC_047_expiry(self):
        """OCTT TC_047: dropped when its time is over."""
        expiry = utc(time.time() + 3)
        charger = self.reserved("TC_047", expiry=expiry)
        eventually(lambda: not self.kept(charger), 10, "the reservation expires")
        charger.status("Available")

    def not_kept(self, identity, status, connector_status=None):
        charger = self.booted(identity)
        if connector_status:
            charger.status(connector_status)
        self.reserve(charger, f'[3,"$ID",{{"status":"{status}"}}]')
        self.assertEqual(self.kept(charger), [])

    def test_TC_048_1_faulted(self):
        """OCTT TC_048_1."""
        self.not_kept("TC_048_1", "Faulted", "Faulted")

    def test_TC_048_2_occupied(self):
        """OCTT TC_048_2."""
        self.not_kept("TC_048_2", "Occupied", "Preparing")

    def test_TC_048_3_unavailable(self):
        """OCTT TC_048_3."""
        charger = self.booted("TC_048_3")
        self.does(charger, "ChangeAvailability", '{"connectorId":1,"type":"Inoperative"}')
        charger.status("Unavailable")
        self.reserve(charger, '[3,"$ID",{"status":"Unavailable"}]')
        self.assertEqual(self.kept(charger), [])

    def test_TC_048_4_rejected(self):
        """OCTT TC_048_4."""
        self.not_kept("TC_048_4", "Rejected")

    def test_TC_049_charge_point(self):
        """OCTT TC_049."""
        charger = self.booted("TC_049")
        sent = self.reserve(charger, connector=0)
        self.assertEqual(sent["connectorId"], 0)
        charger.status("Reserved", 0)
        self.assertEqual(self.kept(charger), [501])

    def test_TC_051_cancel(self):
        """OCTT TC_051."""
        charger = self.reserved("TC_051")
        self.does(charger, "CancelReservation", '{"reservationId":501}')
        charger.status("Available")
        self.assertEqual(self.kept(charger), [])

    def test_TC_052_cancel_rejected(self):
        """OCTT TC_052."""
        charger = self.reserved("TC_052")
        self.does(charger, "CancelReservation", '{"reservationId":999}', REJECTED)
        self.assertEqual(self.kept(charger), [501])

    def test_TC_053_group(self):
        """OCTT TC_053: another tag of the group stops what was reserved. Item 28."""
        charger = self.booted("TC_053")
        self.does(charger, "ReserveNow",
                  '{"connectorId":1,"expiryDate":"$EXPIRY","idTag":"GROUP-A",'
                  '"parentIdTag":"FAMILY","reservationId":501}', EXPIRY=FAR_AHEAD)
        charger.status("Reserved")
        number = self.charge(charger, "GROUP-A", more=',"reservationId":501')
        self.assertEqual(charger.authorize("GROUP-B"),
                         {"status": "Accepted", "parentIdTag": "FAMILY"})
        answer = charger.stop(number, tag="GROUP-B")
        self.assertEqual(answer["idTagInfo"]["parentIdTag"], "FAMILY")
        charger.status("Finishing")
        self.assertEqual(self.kept(charger), [])

    def test_same_number_replaces(self):
        """Item 64: the same number replaces; an occupied connector keeps what it has."""
        charger = self.reserved("ITEM-64")
        self.reserve(charger, expiry=utc(time.time() + 3600))
        self.assertEqual(self.kept(charger), [501])
        self.reserve(charger, '[3,"$ID",{"status":"Occupied"}]', number=502)
        self.assertEqual(self.kept(charger), [501])

    def test_a_fault_ends_it(self):
        """Item 64: Faulted and Unavailable end a reservation."""
        for identity, status in (("ITEM-64b", "Faulted"), ("ITEM-64c", "Unavailable")):
            charger = self.reserved(identity)
            charger.status(status)
            self.assertEqual(self.kept(charger), [], status)

    def test_not_answered(self):
        """What the charger answered with an error is no reservation."""
        charger = self.booted("RESERVE-ERROR")
        charger.answer("ReserveNow", '[4,"$ID","NotSupported","",{}]')
        self.command(charger, "ReserveNow", RESERVE, status=502, CONNECTOR=1, EXPIRY=FAR_AHEAD,
                     NUMBER=501)
        self.assertEqual(self.kept(charger), [])


if __name__ == "__main__":
    conformance.main()
