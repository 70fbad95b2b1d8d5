// GET /healthz and /readyz: for those who watch over the process.
#include <boost/describe/class.hpp>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

struct HealthView {
    std::string status;
};
BOOST_DESCRIBE_STRUCT(HealthView, (), (status))

struct MaintenanceView {
    std::string state;
    Nullable<Timestamp> lastRunAt;
    Nullable<Timestamp> lastErrorAt;
    Nullable<std::string> lastError;
};
BOOST_DESCRIBE_STRUCT(MaintenanceView, (), (state, lastRunAt, lastErrorAt, lastError))

// "degraded": all of the work is done, but something should be looked at.
struct ReadinessView {
    std::string status;
    std::vector<std::string> reasons;
    MaintenanceView maintenance;
};
BOOST_DESCRIBE_STRUCT(ReadinessView, (), (status, reasons, maintenance))

ReadinessView view_of(const Readiness& readiness) {
    ReadinessView view;
    view.status = readiness.degraded.empty() ? "ready" : "degraded";
    view.reasons = readiness.degraded;
    view.maintenance.state = readiness.maintenance_state;
    view.maintenance.lastRunAt = readiness.maintenance_run_at;
    view.maintenance.lastErrorAt = readiness.maintenance_error_at;
    if (!readiness.maintenance_error.empty()) {
        view.maintenance.lastError = std::optional{readiness.maintenance_error};
    }
    return view;
}

}  // namespace

void show_health(const Call& call) { call.respond(json_response(200, HealthView{"ok"})); }

void show_readiness(const Call& call) {
    call.on.readiness([respond = call.respond](const Readiness& readiness) {
        if (readiness.ready) return respond(json_response(200, view_of(readiness)));
        std::string reasons;
        for (const auto& reason : readiness.reasons) {
            if (!reasons.empty()) reasons += "; ";
            reasons += reason;
        }
        respond(unavailable(reasons));
    });
}

}  // namespace busbar::api
