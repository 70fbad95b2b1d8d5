// GET /healthz and /readyz: for those who watch over the process.
#include <boost/describe/class.hpp>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

struct HealthView {
    std::string status;
};
BOOST_DESCRIBE_STRUCT(HealthView, (), (status))

}  // namespace

void show_health(const Call& call) { call.respond(json_response(200, HealthView{"ok"})); }

void show_readiness(const Call& call) {
    call.on.readiness([respond = call.respond](const Readiness& readiness) {
        if (readiness.ready) return respond(json_response(200, HealthView{"ready"}));
        std::string reasons;
        for (const auto& reason : readiness.reasons) {
            if (!reasons.empty()) reasons += "; ";
            reasons += reason;
        }
        respond(unavailable(reasons));
    });
}

}  // namespace busbar::api
