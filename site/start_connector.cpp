#include "site/start_connector.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "site/charger_keys.hpp"
#include "site/transaction_rules.hpp"

namespace busbar::site {
namespace {

using Start = Salvaged<v16::StartTransaction::Request>;
using Socket = std::pair<std::int32_t, const Connector*>;

// Those that have reported; if none has, all that are known.
std::vector<Socket> sockets_of(const ChargePoint& charger) {
    std::vector<Socket> all;
    for (const auto& [id, connector] : charger.connectors) {
        if (id > 0 && !is_hidden(charger, id) && !connector.shown_by) {
            all.emplace_back(id, &connector);
        }
    }
    std::vector<Socket> reported;
    std::copy_if(all.begin(), all.end(), std::back_inserter(reported),
                 [](const Socket& socket) { return socket.second->status.has_value(); });
    return reported.empty() ? all : reported;
}

bool is_repeat_of(const Transaction& known, const Start& start) {
    const auto& row = known.start;
    const auto& request = start.request;
    return equal_ignoring_case(row.id_tag, request.idTag.value) &&
           (!start.time_is_known || row.started_at == request.timestamp) &&
           (!start.meter_is_known || row.meter_start_wh == request.meterStart);
}

// A charger repeats a start until it is answered, and its status may be another one by then.
std::optional<std::int32_t> connector_of_repeated(const ChargePoint& charger, const Start& start) {
    for (const auto& running : charger.open) {
        if (is_repeat_of(running, start)) return running.start.connector_id;
    }
    if (!start.time_is_known || start.request.timestamp < believable_from) return std::nullopt;
    for (const auto& ended : charger.stopped) {
        if (is_repeat_of(ended, start)) return ended.start.connector_id;
    }
    return std::nullopt;
}

template <class Fits>
std::int32_t only_one(const std::vector<Socket>& sockets, Fits fits) {
    const auto first = std::find_if(sockets.begin(), sockets.end(), fits);
    if (first == sockets.end() || std::any_of(std::next(first), sockets.end(), fits)) return 0;
    return first->first;
}

}  // namespace

std::int32_t connector_of_start(const ChargePoint& charger, const Start& start) {
    if (start.request.connectorId != 0) return start.request.connectorId;
    if (const auto repeated = connector_of_repeated(charger, start)) return *repeated;
    const auto told = configuration_number(charger, "NumberOfConnectors").value_or(0);
    const auto sockets = sockets_of(charger);
    if (sockets.size() == 1 && told <= 1) return sockets.front().first;
    if (sockets.empty() && told == 1) return 1;
    const auto is_free = [&](const Socket& socket) {
        return std::none_of(charger.open.begin(), charger.open.end(), [&](const Transaction& t) {
            return t.start.connector_id == socket.first;
        });
    };
    const auto is_preparing = [&](const Socket& socket) {
        const auto& status = socket.second->status;
        return is_free(socket) && status && status->status == "Preparing";
    };
    if (std::any_of(sockets.begin(), sockets.end(), is_preparing)) {
        return only_one(sockets, is_preparing);
    }
    return only_one(sockets, [&](const Socket& socket) {
        const auto& status = socket.second->status;
        return is_free(socket) && status &&
               (status->status == "Charging" || status->status == "SuspendedEV" ||
                status->status == "SuspendedEVSE");
    });
}

void correct_connector(Context& on, Start& start) {
    auto& connector_id = start.request.connectorId;
    const bool is_zero = start.connector_is_known && connector_id == 0;
    connector_id = connector_of_start(on.charger, start);
    if (!is_zero) return;
    count_deviation(
        on.charger, "start_on_connector_0",
        connector_id == 0 ? "kept there" : "taken for connector " + std::to_string(connector_id),
        on.now.wall);
}

}  // namespace busbar::site
