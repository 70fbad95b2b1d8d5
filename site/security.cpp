#include "site/security.hpp"

#include "site/routes.hpp"

namespace busbar::site {

// Answered once it is durable: the charger repeats what is not, and the row is written once.
v16::SecurityEventNotification::Response handle(
    Context& on, const v16::SecurityEventNotification::Request& request) {
    db::SecurityEventReceived row;
    row.charge_point = on.charger.settings.id;
    row.type = request.type.value;
    if (request.techInfo) row.tech_info = request.techInfo->value;
    row.at = request.timestamp;
    row.received_at = on.now.wall;
    auto& events = on.charger.security_events;
    if (events.size() == security_events_max) events.pop_front();
    events.push_back({row.type, row.tech_info, row.at, row.received_at});
    on.wait_for(on.site.record({std::move(row)}));
    if (on.site.log) on.site.log("security_event", "charge_point=" + on.charger.settings.id);
    return {};
}

// No certificate authority is configured: refused, and kept to be seen.
v16::SignCertificate::Response handle(Context& on, const v16::SignCertificate::Request& request) {
    on.charger.certificate_request = CertificateRequest{request.csr.value, on.now.wall};
    if (on.site.log) {
        on.site.log("certificate_request", "charge_point=" + on.charger.settings.id +
                                               " answer=Rejected reason=\"no authority\"");
    }
    return {.status = v16::GenericStatus::Rejected};
}

}  // namespace busbar::site
