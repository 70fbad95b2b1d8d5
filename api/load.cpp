// /api/v1/load: what load management decided last. /api/v1/site/plan: what it would decide.
#include <map>

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"
#include "api/measurements.hpp"
#include "dlm/plan_file.hpp"
#include "dlm/solver.hpp"

namespace busbar::api {
namespace {

// Solving is done on the site loop: some 3000 EVSEs keep it for less than 0.1 s.
constexpr std::size_t problem_bytes_max = std::size_t{256} << 10;

// Currents per grid phase: [L1, L2, L3].
struct NodeView {
    std::string id;
    std::vector<double> limitAmps;
    Nullable<std::vector<double>> measuredAmps;
    std::vector<double> availableAmps;
    std::vector<double> allocatedAmps;
    Nullable<std::int64_t> ageMs;
};
BOOST_DESCRIBE_STRUCT(NodeView, (),
                      (id, limitAmps, measuredAmps, availableAmps, allocatedAmps, ageMs))

struct EvseView {
    std::string id;
    double amps = 0;                // planned, on each phase the car uses
    Nullable<double> offeredAmps;   // acknowledged by the charger
    Nullable<double> measuredAmps;  // of the phase with the highest current
    RawJson reason;
};
BOOST_DESCRIBE_STRUCT(EvseView, (), (id, amps, offeredAmps, measuredAmps, reason))

struct LoadView {
    Nullable<Timestamp> at;  // null: nothing decided yet
    std::vector<NodeView> nodes;
    std::vector<EvseView> evses;
};
BOOST_DESCRIBE_STRUCT(LoadView, (), (at, nodes, evses))

NodeView view_of(const dlm::NodeStatus& node) {
    NodeView view;
    view.id = node.id;
    view.limitAmps = per_phase_amps(node.limit);
    if (node.measured) view.measuredAmps = std::optional{per_phase_amps(*node.measured)};
    view.availableAmps = per_phase_amps(node.available);
    view.allocatedAmps = per_phase_amps(node.allocated);
    if (node.age) view.ageMs = std::optional{std::int64_t{node.age->count()}};
    return view;
}

EvseView view_of(const dlm::EvseStatus& evse) {
    EvseView view;
    view.id = evse.id;
    view.amps = evse.allocated.to_double();
    if (evse.offered) view.offeredAmps = std::optional{evse.offered->to_double()};
    view.reason.text = dlm::to_json(evse.reason);
    return view;
}

// By EVSE, what its charger last said it draws.
std::map<std::string, double> measured_amps(const site::Site& site) {
    std::map<std::string, double> measured;
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& [connector_id, connector] : charger.connectors) {
            if (!connector.measured) continue;
            measured.emplace(site::evse_id(id, connector_id), highest_amps(*connector.measured));
        }
    }
    return measured;
}

// "POINTER: what is wrong" in two parts.
Violation violation_of(const std::string& line) {
    constexpr std::string_view separator = ": ";
    const auto at = line.find(separator);
    if (at == std::string::npos) return {Defect::bad_value, "", line};
    return {Defect::bad_value, line.substr(0, at), line.substr(at + separator.size())};
}

}  // namespace

void show_load(const Call& call) {
    const auto& site = call.site();
    LoadView view;
    view.at = site.last_step_at;
    for (const auto& node : site.last_step.nodes) view.nodes.push_back(view_of(node));
    const auto measured = measured_amps(site);
    for (const auto& evse : site.engine.status(call.now())) {
        auto& added = view.evses.emplace_back(view_of(evse));
        const auto it = measured.find(evse.id);
        if (it != measured.end()) added.measuredAmps = std::optional{it->second};
    }
    call.respond(json_response(200, view));
}

void solve_plan(const Call& call) {
    if (call.request.body.size() > problem_bytes_max) {
        return call.respond(to_response(
            {.status = 413,
             .detail = "The problem is larger than 256 KiB: 'busbar plan' solves it offline."}));
    }
    if (!read_body<RawJson>(call)) return;
    const auto parsed = dlm::parse_problem(call.request.body);
    if (const auto* problems = std::get_if<dlm::PlanProblems>(&parsed)) {
        std::vector<Violation> violations;
        for (const auto& line : *problems) violations.push_back(violation_of(line));
        return call.respond(invalid(std::move(violations)));
    }
    call.respond(json_response(200, dlm::to_json(dlm::solve(std::get<dlm::Problem>(parsed)))));
}

}  // namespace busbar::api
