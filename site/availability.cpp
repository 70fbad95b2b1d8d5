#include "site/availability.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "site/quirks.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

// Connectors report in turn after a boot, some Available first and Unavailable right after.
constexpr auto moment = 10s;

// The body of a row.
struct StoredConnector {
    std::int32_t connectorId = 0;
    bool operative = false;
};
BOOST_DESCRIBE_STRUCT(StoredConnector, (), (connectorId, operative))
struct StoredAvailability {
    std::vector<StoredConnector> connectors;
};
BOOST_DESCRIBE_STRUCT(StoredAvailability, (), (connectors))

void send(Site& site, ChargePoint& charger, std::int32_t connector_id, bool operative);

std::vector<std::int32_t> contradicting(const ChargePoint& charger, Now now) {
    const auto& configuration = charger.configuration;
    std::vector<std::int32_t> out;
    for (const auto& [connector_id, connector] : charger.connectors) {
        const auto wanted = is_wanted_operative(configuration, connector_id);
        if (!wanted || !connector.status || !contradicts(connector.status->status, *wanted)) {
            continue;
        }
        const auto& status = *connector.status;
        if (now.wall < status.received_at + moment) continue;
        const bool is_old = charger.connected_at && status.received_at < *charger.connected_at;
        const bool is_before_boot = charger.boot && status.received_at < charger.boot->at;
        if (!charger.quirks.change_availability_at_boot && (is_old || is_before_boot)) continue;
        out.push_back(connector_id);
    }
    return out;
}

// The whole charge point was commanded, and no connector otherwise since.
bool is_about_all(const ChargePoint& charger) {
    const auto& operative = charger.configuration.operative;
    return operative.size() == 1 && operative.begin()->first == 0 &&
           charger.quirks.connector_0_availability;
}

void tell(Site& site, ChargePoint& charger, std::int32_t connector_id, bool operative) {
    if (!charger.configuration.availability_sent.insert(connector_id).second) return;
    send(site, charger, connector_id, operative);
}

// A charger that refuses connector 0 is told for each connector.
void tell_each(Site& site, ChargePoint& charger) {
    learn(site, charger, "connector0Availability", "false", "ChangeAvailability of connector 0",
          site.now);
    for (const auto connector_id : contradicting(charger, site.now)) {
        const auto wanted = is_wanted_operative(charger.configuration, connector_id);
        if (connector_id != 0 && wanted) tell(site, charger, connector_id, *wanted);
    }
}

void send(Site& site, ChargePoint& charger, std::int32_t connector_id, bool operative) {
    v16::ChangeAvailability::Request request;
    request.connectorId = connector_id;
    request.type = operative ? v16::ChangeAvailabilityType::Operative
                             : v16::ChangeAvailabilityType::Inoperative;
    auto& session = charger.link->session;
    session.call<v16::ChangeAvailability>(
        site.now, request, {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds}},
        [&site, id = charger.settings.id,
         connector_id](const ocpp::Session::Answer<v16::ChangeAvailability>& answer) {
            const auto* failure = std::get_if<ocpp::CallFailure>(&answer);
            const bool refused = failure
                                     ? failure->kind == ocpp::CallFailure::Kind::refused
                                     : std::get<v16::ChangeAvailability::Response>(answer).status ==
                                           v16::ChangeAvailabilityStatus::Rejected;
            ChargePoint* present = site.find(id);
            if (!refused || !present || !present->link) return;
            if (site.log) site.log("availability_refused", evse_id(id, connector_id));
            if (connector_id == 0) tell_each(site, *present);
        });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

}  // namespace

std::optional<bool> is_wanted_operative(const ChargerConfiguration& configuration,
                                        std::int32_t connector_id) {
    auto it = configuration.operative.find(connector_id);
    if (it == configuration.operative.end()) it = configuration.operative.find(0);
    if (it == configuration.operative.end()) return std::nullopt;
    return it->second;
}

bool contradicts(std::string_view status, bool wanted_operative) {
    return status == (wanted_operative ? "Unavailable" : "Available");
}

void availability_commanded(Site& site, ChargePoint& charger,
                            const v16::ChangeAvailability::Request& request,
                            const v16::ChangeAvailability::Response& response) {
    if (response.status == v16::ChangeAvailabilityStatus::Rejected) return;
    if (request.connectorId < 0 || request.connectorId > connector_id_max) return;
    auto& configuration = charger.configuration;
    // All of it: what was said of single connectors is over.
    if (request.connectorId == 0) configuration.operative.clear();
    configuration.operative[request.connectorId] =
        request.type == v16::ChangeAvailabilityType::Operative;
    configuration.availability_sent.clear();
    if (site.journal.full()) return;
    StoredAvailability stored;
    for (const auto& [connector_id, operative] : configuration.operative) {
        stored.connectors.push_back({connector_id, operative});
    }
    site.record(
        {db::StateSaved{std::string{availability_kind}, charger.settings.id, {to_json(stored)}}});
}

void reassert_availability(Site& site, ChargePoint& charger, Now now) {
    if (charger.configuration.operative.empty() || !charger.link) return;
    if (charger.settings.state != "accepted" || now.mono < charger.quiet_until) return;
    const auto& unsupported = charger.quirks.unsupported_actions;
    if (std::find(unsupported.begin(), unsupported.end(), v16::ChangeAvailability::action) !=
        unsupported.end()) {
        return;
    }
    for (const auto connector_id : contradicting(charger, now)) {
        const auto wanted = is_wanted_operative(charger.configuration, connector_id);
        if (!wanted) continue;
        const bool whole = is_about_all(charger);
        if (connector_id == 0 && !whole) continue;
        // Told through connector 0, and refused: by then it was told for each.
        if (whole || !charger.configuration.availability_sent.contains(0)) {
            tell(site, charger, whole ? 0 : connector_id, *wanted);
        }
    }
}

void restore_availability(Site& site, const db::StateSaved& row) {
    ChargePoint* charger = row.kind == availability_kind ? site.find(row.key) : nullptr;
    if (!charger) return;
    DecodeReport report;
    const auto stored = decode_text<StoredAvailability>(
        row.body.text, {.lenient = true, .empty_arrays = true}, report);
    if (!stored) return;
    for (const auto& connector : stored->connectors) {
        charger->configuration.operative[connector.connectorId] = connector.operative;
    }
}

void forget_availability(Site& site, const ChargePoint& charger) {
    if (charger.configuration.operative.empty() || site.journal.full()) return;
    site.record({db::StateRemoved{std::string{availability_kind}, charger.settings.id}});
}

}  // namespace busbar::site
