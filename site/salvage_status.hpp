// Reports that carry no money and cannot be decoded: the states of connectors, and of what goes on
// in a charger. Refusing them helps nobody: the state would stay unknown, and some chargers repeat
// what is refused. For lenient decoding only. Reading is pure; take_status belongs to the site
// loop.
#pragma once

#include <optional>

#include "site/salvage.hpp"

namespace busbar::site {

struct Context;

// A StatusNotification with what could be read. An error code that OCPP does not know is
// OtherError, and its text stands in `info` or `vendorErrorCode`; without one there is no error.
struct SalvagedStatus : Salvaged<v16::StatusNotification::Request> {
    bool status_is_known = true;  // else `status` is a stand-in
    bool is_occupied = false;     // it is "Occupied": that is a connector with a car in OCPP 1.5
};

// What can be understood of a payload; nothing if it names no connector.
std::optional<SalvagedStatus> salvage_status(const Json& payload);

// Handles it: a word for the state that is none leaves the state as it was, and its connector is
// there all the same; one that is occupied is Charging in a transaction, else Preparing.
v16::StatusNotification::Response take_status(Context& on, SalvagedStatus status);

// True if the payload has the shape of a report, whatever it says.
bool is_report(const Json& payload);

}  // namespace busbar::site
