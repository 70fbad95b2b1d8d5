#include "site/operations.hpp"

#include <algorithm>
#include <array>

#include "base/codec.hpp"
#include "base/text.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view state_kind = "operation";

bool end(Operation& operation, OperationState state, std::string detail, Timestamp now) {
    operation.state = state;
    operation.detail = std::move(detail);
    operation.endedAt = now;
    operation.deadline.reset();
    return true;
}

bool succeed(Operation& operation, std::string detail, Timestamp now) {
    return end(operation, OperationState::succeeded, std::move(detail), now);
}

bool fail(Operation& operation, std::string detail, Timestamp now) {
    return end(operation, OperationState::failed, std::move(detail), now);
}

bool is(const Operation& operation, std::string_view action) { return operation.action == action; }

bool is_of_connector(const Operation& operation, std::int32_t connector_id) {
    return operation.connectorId.value_or(0) == 0 || operation.connectorId == connector_id;
}

template <std::size_t N>
bool is_one_of(std::string_view status, const std::array<std::string_view, N>& known) {
    return std::find(known.begin(), known.end(), status) != known.end();
}

// 4.4, 4.5 and the white paper's lists of states: which end the work, and how.
constexpr std::array<std::string_view, 2> good_ends{"Uploaded", "Installed"};
constexpr std::array<std::string_view, 11> bad_ends{
    "UploadFailed",       "UploadFailure",     "DownloadFailed",
    "InstallationFailed", "BadMessage",        "NotSupportedOperation",
    "PermissionDenied",   "InvalidSignature",  "InstallVerificationFailed",
    "RevokedCertificate", "InvalidCertificate"};

bool react(Operation& operation, const TransactionBegan& event, Timestamp now) {
    const bool by_reservation = is(operation, "ReserveNow") && event.reservation_id &&
                                event.reservation_id == operation.requestId;
    // A badge that starts on the connector it had reserved ends the reservation, also where the
    // charger forgets to name it.
    const bool by_badge =
        (is(operation, "RemoteStartTransaction") || is(operation, "ReserveNow")) &&
        operation.idTag && equal_ignoring_case(*operation.idTag, event.id_tag) &&
        is_of_connector(operation, event.connector_id);
    if (!by_reservation && !by_badge) return false;
    return succeed(operation, "transaction " + std::to_string(event.transaction) + " has begun",
                   now);
}

constexpr std::string_view waits_for_transaction = "waiting for the end of the transaction";
constexpr std::string_view waits_for_status =
    "the transaction is over: waiting for the charge point's word";
constexpr std::string_view waits_after_boot =
    "the charge point has booted meanwhile: waiting for its word";

bool waits_for_availability(const Operation& operation) {
    return is(operation, "ChangeAvailability") && operation.wanted &&
           operation.state == OperationState::waiting;
}

// What a charger had put off may be lost with its boot: it has to show soon.
bool react(Operation& operation, const ChargePointBooted&, Timestamp now) {
    if (is(operation, "Reset")) return succeed(operation, "the charge point has booted", now);
    if (!waits_for_availability(operation)) return false;
    operation.detail = waits_after_boot;
    operation.deadline = now + availability_wait;
    return true;
}

bool react(Operation& operation, const ChargePointDisconnected&, Timestamp) {
    if (!is(operation, "Reset")) return false;
    operation.detail = "restarting: waiting for its BootNotification";
    return true;
}

// Connector 0 stands for all: it is done once every connector has come round, whether the charger
// says a word about 0 or not.
bool react(Operation& operation, const ConnectorsSeen& event, Timestamp now) {
    if (!waits_for_availability(operation)) return false;
    if (event.all_done) return succeed(operation, "all connectors are " + *operation.wanted, now);
    if (event.any_runs) {
        if (!operation.deadline && operation.detail == waits_for_transaction) return false;
        operation.deadline.reset();
        operation.detail = waits_for_transaction;
        return true;
    }
    if (!operation.deadline) {
        operation.detail = waits_for_status;
        operation.deadline =
            now + (event.is_connected ? availability_wait : availability_wait_offline);
        return true;
    }
    // It is back: it can say so now.
    if (!event.is_connected || *operation.deadline <= now + availability_wait) return false;
    operation.deadline = now + availability_wait;
    return true;
}

bool react(Operation& operation, const AvailabilityCommanded& event, Timestamp now) {
    if (!waits_for_availability(operation)) return false;
    const bool is_same = operation.connectorId == event.connector_id;
    const bool contradicts =
        operation.connectorId.value_or(0) == 0 && operation.wanted != event.wanted;
    if (event.connector_id != 0 && !is_same && !contradicts) return false;
    return fail(operation, "replaced by a newer ChangeAvailability", now);
}

bool react(Operation& operation, const ConnectorReported& event, Timestamp now) {
    if (operation.connectorId != event.connector_id) return false;
    if (is(operation, "ChangeAvailability") && operation.wanted && event.connector_id != 0) {
        const bool unavailable = event.status == "Unavailable";
        if (unavailable != (*operation.wanted == "Inoperative")) return false;
        return succeed(operation, "connector is " + std::string{event.status}, now);
    }
    if (!is(operation, "ReserveNow")) return false;
    if (event.status == "Reserved") {
        if (operation.detail == "reserved") return false;
        operation.detail = "reserved";
        return true;
    }
    // A reservation ends with the connector's fault (5.13).
    if (event.status != "Faulted" && event.status != "Unavailable") return false;
    return fail(operation, "the connector is " + std::string{event.status}, now);
}

bool react(Operation& operation, const ProgressReported& event, Timestamp now) {
    if (!is(operation, event.action)) return false;
    if (event.request_id && operation.requestId && event.request_id != operation.requestId) {
        return false;
    }
    // Idle is what a charger says when asked (TriggerMessage): it does not mean that anything
    // ended.
    if (event.status == "Idle") return false;
    const std::string status{event.status};
    if (is_one_of(event.status, good_ends)) return succeed(operation, status, now);
    if (is_one_of(event.status, bad_ends)) return fail(operation, status, now);
    if (operation.detail == status) return false;
    operation.detail = status;
    return true;
}

bool react(Operation& operation, const FileArrived& event, Timestamp now) {
    if (operation.number != event.operation) return false;
    return succeed(operation, std::to_string(event.size_bytes) + " bytes received", now);
}

bool react(Operation& operation, const ReservationCancelled& event, Timestamp now) {
    if (!is(operation, "ReserveNow") || operation.requestId != event.reservation_id) return false;
    return succeed(operation, "cancelled", now);
}

bool react(Operation& operation, const TimePassed&, Timestamp now) {
    if (!operation.deadline || now < *operation.deadline) return false;
    if (is(operation, "ReserveNow")) return succeed(operation, "expired unused", now);
    return fail(operation, "nothing came of it in time: " + operation.detail, now);
}

void record(Site& site, const Operation& operation) {
    // What a full journal cannot keep is followed in memory all the same.
    if (site.journal.full()) return;
    site.record({db::StateSaved{
        std::string{state_kind}, std::to_string(operation.number), {to_json(operation)}}});
}

void make_room(Site& site, ChargePoint& charger) {
    auto& operations = charger.operations;
    if (operations.size() < operations_max) return;
    auto oldest = std::find_if(operations.begin(), operations.end(), [](const auto& operation) {
        return operation.state != OperationState::waiting;
    });
    if (oldest == operations.end()) oldest = operations.begin();
    if (!site.journal.full()) {
        site.record({db::StateRemoved{std::string{state_kind}, std::to_string(oldest->number)}});
    }
    operations.erase(oldest);
}

// True if all connectors are as a ChangeAvailability of connector 0 wants them, or the charger has
// said so of connector 0 since.
bool is_done_everywhere(const ChargePoint& charger, const Operation& operation) {
    const bool to_inoperative = operation.wanted == "Inoperative";
    int known = 0;
    for (const auto& [id, connector] : charger.connectors) {
        if (is_hidden(charger, id) || !connector.status) continue;
        const bool is_unavailable = connector.status->status == "Unavailable";
        if (id == 0) {
            const bool is_news = connector.status->received_at >= operation.startedAt;
            if (is_news && is_unavailable == to_inoperative) return true;
            continue;
        }
        const bool is_faulted = connector.status->status == "Faulted";
        if (is_unavailable != to_inoperative && !(to_inoperative && is_faulted)) return false;
        ++known;
    }
    return known > 0;
}

// A car is still there: many chargers wait until it has been unplugged.
bool is_occupied(const ChargePoint& charger, const Operation& operation) {
    constexpr std::array<std::string_view, 4> with_car{"Charging", "SuspendedEV", "SuspendedEVSE",
                                                       "Finishing"};
    return std::any_of(charger.connectors.begin(), charger.connectors.end(), [&](const auto& c) {
        const auto& [id, connector] = c;
        return is_of_connector(operation, id) && connector.status &&
               is_one_of(connector.status->status, with_car);
    });
}

ConnectorsSeen connectors_of(const ChargePoint& charger, const Operation& operation) {
    ConnectorsSeen seen;
    seen.is_connected = charger.link != nullptr;
    seen.any_runs = std::any_of(charger.open.begin(), charger.open.end(), [&](const auto& t) {
        return is_of_connector(operation, t.start.connector_id) &&
               t.start.received_at <= operation.startedAt;
    });
    seen.all_done = operation.connectorId.value_or(0) == 0 && !seen.any_runs &&
                    is_done_everywhere(charger, operation);
    // What one that is away said last may have changed since.
    if (seen.is_connected && is_occupied(charger, operation)) seen.any_runs = true;
    return seen;
}

// One step of an operation; true if anything about it has changed.
bool advance_by(const ChargePoint& charger, Operation& operation, const OperationEvent& event,
                Timestamp now) {
    const bool changed = advance(operation, event, now);
    if (!waits_for_availability(operation)) return changed;
    return advance(operation, connectors_of(charger, operation), now) || changed;
}

void wake_for(Site& site, const Operation& operation, Now now) {
    if (operation.state != OperationState::waiting || !operation.deadline) return;
    const auto left = std::max(*operation.deadline - now.wall, std::chrono::milliseconds{0});
    site.wake_by(now.mono + left);
}

}  // namespace

bool advance(Operation& operation, const OperationEvent& event, Timestamp now) {
    if (operation.state != OperationState::waiting) return false;
    return std::visit([&](const auto& happened) { return react(operation, happened, now); }, event);
}

const Operation& follow(Site& site, ChargePoint& charger, Operation operation) {
    make_room(site, charger);
    operation.number = site.next_operation++;
    operation.chargePoint = charger.settings.id;
    operation.startedAt = site.now.wall;
    auto& kept = charger.operations.emplace_back(std::move(operation));
    record(site, kept);
    wake_for(site, kept, site.now);
    return kept;
}

void observe(Site& site, ChargePoint& charger, const OperationEvent& event) {
    for (auto& operation : charger.operations) {
        if (advance_by(charger, operation, event, site.now.wall)) {
            record(site, operation);
            if (site.log && operation.state != OperationState::waiting) {
                site.log("operation", charger.settings.id + " " + operation.action + " " +
                                          enumerator_name(operation.state) + " detail=\"" +
                                          operation.detail + "\"");
            }
        }
        wake_for(site, operation, site.now);
    }
}

void restore_operation(Site& site, const db::StateSaved& row) {
    if (row.kind != state_kind) return;
    DecodeReport report;
    auto kept = decode_text<Operation>(row.body.text, {.lenient = true}, report);
    if (!kept) return;
    auto& operation = *kept;
    site.next_operation = std::max(site.next_operation, operation.number + 1);
    ChargePoint* charger = site.find(operation.chargePoint);
    if (!charger) return;
    auto& operations = charger->operations;
    const auto place = std::find_if(operations.begin(), operations.end(), [&](const auto& other) {
        return other.number > operation.number;
    });
    operations.insert(place, std::move(operation));
}

}  // namespace busbar::site
