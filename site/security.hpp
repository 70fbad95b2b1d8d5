// What a charger reports of its security: events, and certificates it wants signed. Site loop.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"

namespace busbar::site {

// A SecurityEventNotification. The type is free text: white paper chapter 5 names some. Critical
// ones are queued while there is no connection, so that they may be old when they come.
struct SecurityEvent {
    std::string type;
    std::optional<std::string> tech_info;
    Timestamp at;  // as the charger says
    Timestamp received_at;
};

// The newest are kept at hand, all of them in the database.
inline constexpr std::size_t security_events_max = 20;

// A SignCertificate that nobody here can fulfil.
struct CertificateRequest {
    std::string csr;  // PEM, as sent
    Timestamp at;
};

}  // namespace busbar::site
