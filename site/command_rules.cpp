#include "site/command_rules.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "site/availability.hpp"
#include "site/badge_reading.hpp"
#include "site/certificate_chain.hpp"
#include "site/charger_keys.hpp"
#include "site/local_list.hpp"
#include "site/operations.hpp"
#include "site/operator_profiles.hpp"
#include "site/safe_profiles.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using Number = std::optional<std::int64_t>;

CommandFailure not_now(std::string detail) {
    return {CommandFailure::Kind::not_allowed_now, std::move(detail), {}, {}};
}

// Nobody is helped by a RemoteStart whose StartTransaction will be refused.
std::optional<CommandFailure> badge_objection(const Authorization& verdict) {
    if (verdict.accepted()) return std::nullopt;
    return not_now("the badge would be refused: " + verdict.reason + " (" + verdict.words + ")");
}

// A charger that waits to be accepted starts nothing and stops nothing (4.2).
std::optional<CommandFailure> acceptance_objection(const ChargePoint& charger) {
    if (charger.settings.state == "accepted") return std::nullopt;
    return not_now("the charge point is " + charger.settings.state + ": accept it first");
}

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// The charger gives up the cable after ConnectionTimeOut (9.1.4); its word for that takes a while.
std::chrono::seconds cable_wait_of(const ChargePoint& charger) {
    constexpr std::int64_t longest = 24 * 3600;
    constexpr std::chrono::seconds way{10};
    const auto known = configuration_number(charger, "ConnectionTimeOut");
    if (!known || *known <= 0 || *known > longest) return cable_wait;
    return std::chrono::seconds{*known} + way;
}

constexpr std::string_view security_profile_key = "SecurityProfile";

std::optional<CommandFailure> security_profile_objection(const ChargePoint& charger,
                                                         std::string_view value) {
    const auto& settings = charger.settings;
    const std::int32_t present =
        std::max(settings.security_profile, settings.password_hash ? 1 : 0);
    std::int32_t wanted = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), wanted);
    const bool is_number = error == std::errc{} && end == value.data() + value.size();
    if (!is_number || wanted < 0 || wanted > 3) {
        return invalid_payload("/value", "must be 0 to 3, as text");
    }
    // Profiles 2 and 3 need TLS: a charger that took one could not connect any more.
    if (wanted > 1) return invalid_payload("/value", "must be 0 or 1: TLS is not offered here");
    if (wanted == 1 && !settings.password_hash) {
        return invalid_payload("/value", "1 needs a password: set AuthorizationKey first");
    }
    if (wanted >= present) return std::nullopt;
    return invalid_payload("/value", "must not be lower than the present security profile, " +
                                         std::to_string(present));
}

// The key that may carry load management's limits (quirk limitKey).
bool is_limit_key(const ChargePoint& charger, std::string_view key) {
    return !charger.quirks.limit_key.empty() && equal_ignoring_case(key, charger.quirks.limit_key);
}

// Text as one segment of a URL's path.
std::string url_segment(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const char lower = ascii_lower(c);
        const bool is_plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                              c == '-' || c == '.' || c == '_';
        if (is_plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out.append({'%', digits[byte >> 4U], digits[byte & 0x0FU]});
    }
    return out;
}

Operation operation(std::string_view action, std::string detail,
                    std::optional<Timestamp> deadline) {
    Operation out;
    out.action = action;
    out.detail = std::move(detail);
    out.deadline = deadline;
    return out;
}

}  // namespace

CommandFailure invalid_payload(std::string pointer, std::string detail) {
    return {CommandFailure::Kind::invalid_payload,
            "",
            {{Defect::bad_value, std::move(pointer), std::move(detail)}},
            {}};
}

std::optional<CommandFailure> general_objection(const Site& site, const ChargePoint& charger,
                                                std::string_view action) {
    // The specification has it send and get nothing until its next boot (4.2).
    if (charger.settings.state == "rejected") {
        return not_now("the charge point is rejected: accept it first");
    }
    const auto& unsupported = charger.quirks.unsupported_actions;
    if (std::find(unsupported.begin(), unsupported.end(), action) == unsupported.end()) {
        return std::nullopt;
    }
    std::string why = "this model does not support " + std::string{action};
    for (const auto& source : explain_quirks(site, charger).sources) {
        if (source.setting != "unsupportedActions") continue;
        const auto learned = site.quirks.learned().find(source.row);
        if (source.origin == "learned" && learned != site.quirks.learned().end()) {
            why += " (learned " + to_string(learned->second.last_at) + "; DELETE /api/v1/quirks/" +
                   url_segment(source.row) + " forgets it)";
        } else {
            why += " (quirk " + (source.row.empty() ? "of the charge point" : source.row) + ")";
        }
    }
    return not_now(std::move(why));
}

// A charger that takes a broken chain may not be able to connect any more.
std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::CertificateSigned::Request& request, Now) {
    constexpr std::size_t certificates_max = 10;
    const std::string_view chain = request.certificateChain;
    if (auto defect = chain_defect(chain, certificates_max)) {
        return invalid_payload("/certificateChain", std::move(*defect));
    }
    const auto size_max = configuration_number(charger, "CertificateSignedMaxChainSize");
    if (!size_max || *size_max <= 0 || chain.size() <= static_cast<std::size_t>(*size_max)) {
        return std::nullopt;
    }
    return invalid_payload("/certificateChain", "must not be longer than the charger can take, " +
                                                    std::to_string(*size_max) +
                                                    " (CertificateSignedMaxChainSize)");
}

std::optional<CommandFailure> objection(const Site&, const ChargePoint&,
                                        const v16::InstallCertificate::Request& request, Now) {
    auto defect = chain_defect(request.certificate, 1);
    if (!defect) return std::nullopt;
    return invalid_payload("/certificate", std::move(*defect));
}

// The white paper wants 16 to 20 bytes as hex (A00.FR.205): a charger that took anything else could
// not connect any more. The security profile never falls over OCPP (A05): the way back leads over
// the charger itself.
std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::ChangeConfiguration::Request& request, Now) {
    const std::string_view key = request.key;
    if (is_limit_key(charger, key)) {
        return not_now("load management writes its limits into " + request.key.value);
    }
    // Some chargers trim it, and what is a secret here is told by its name.
    if (key.empty() || key.front() == ' ' || key.back() == ' ' || !is_printable(key)) {
        return invalid_payload("/key", "must be printable, without blanks around it");
    }
    if (equal_ignoring_case(request.key, security_profile_key)) {
        return security_profile_objection(charger, request.value);
    }
    if (!equal_ignoring_case(request.key, authorization_key)) return std::nullopt;
    const std::string_view value = request.value;
    if (value.size() >= 32 && value.size() <= 40 && value.size() % 2 == 0 && is_hex(value)) {
        return std::nullopt;
    }
    return invalid_payload("/value", "must be 16 to 20 bytes as 32 to 40 hexadecimal digits");
}

std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::RemoteStartTransaction::Request& request,
                                        Now now) {
    if (auto refusal = acceptance_objection(charger)) return refusal;
    if (request.connectorId && *request.connectorId < 1) {
        return invalid_payload("/connectorId", "must be 1 or more, or left out");
    }
    if (auto refusal = remote_start_profile_objection(site, charger, request)) return refusal;
    return badge_objection(
        authorize_remote_start(site, charger, request.idTag, request.connectorId, now.wall));
}

// Versions 0 and -1 have a meaning of their own, and a charger may ignore a list whose version does
// not rise (5.15).
std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::SendLocalList::Request& request, Now) {
    const auto& list = charger.local_list;
    const auto known = list.reported.value_or(list.version);
    if (request.listVersion <= 0) return invalid_payload("/listVersion", "must be 1 or more");
    if (request.listVersion <= known) {
        return invalid_payload("/listVersion",
                               "must be higher than the charger's, " + std::to_string(known));
    }
    std::set<std::string, LessIgnoringCase> seen;
    std::size_t index = 0;
    for (const auto& entry : request.localAuthorizationList.value_or(LocalListEntries{})) {
        const auto pointer = "/localAuthorizationList/" + std::to_string(index++);
        if (request.updateType == v16::UpdateType::Full && !entry.idTagInfo) {
            return invalid_payload(pointer + "/idTagInfo", "is needed in a Full list");
        }
        if (!seen.insert(entry.idTag.value).second) {
            return invalid_payload(pointer + "/idTag",
                                   "stands on the list already, letters' case aside");
        }
    }
    return std::nullopt;
}

std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::SetChargingProfile::Request& request, Now) {
    // What a charger may hold must be known over a restart.
    if (site.journal.full()) return not_now("nothing can be stored at the moment");
    return profile_objection(site, charger, request);
}

std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::ClearChargingProfile::Request& request, Now) {
    return clearing_objection(charger, request);
}

std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::RemoteStopTransaction::Request&, Now) {
    return acceptance_objection(charger);
}

std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::ReserveNow::Request& request, Now now) {
    if (auto refusal = acceptance_objection(charger)) return refusal;
    if (request.expiryDate <= now.wall) {
        return invalid_payload("/expiryDate", "lies in the past");
    }
    if (request.connectorId < 0) return invalid_payload("/connectorId", "must be 0 or more");
    return badge_objection(authorize(site, charger, request.idTag, now.wall));
}

// An accepted charger must not be made to boot anew (errata 3.40).
std::optional<CommandFailure> objection(const Site&, const ChargePoint& charger,
                                        const v16::TriggerMessage::Request& request, Now) {
    using enum v16::TriggerMessageRequestedMessage;
    if (request.connectorId && *request.connectorId < 0) {
        return invalid_payload("/connectorId", "must be 0 or more, or left out");
    }
    if (request.requestedMessage != BootNotification || charger.settings.state != "accepted") {
        return std::nullopt;
    }
    return not_now("an accepted charge point must not be asked to boot again: reset it instead");
}

std::optional<CommandFailure> objection(const Site&, const ChargePoint&,
                                        const v16::UnlockConnector::Request& request, Now) {
    if (request.connectorId >= 1) return std::nullopt;
    return invalid_payload("/connectorId", "must be 1 or more");
}

Number answered(Site& site, ChargePoint& charger, const v16::CancelReservation::Request& request,
                const v16::CancelReservation::Response& response, Now) {
    if (response.status == v16::GenericStatus::Accepted) {
        observe(site, charger, ReservationCancelled{request.reservationId});
    }
    return std::nullopt;
}

Number answered(Site& site, ChargePoint& charger, const v16::ChangeAvailability::Request& request,
                const v16::ChangeAvailability::Response& response, Now) {
    availability_commanded(site, charger, request, response);
    if (response.status == v16::ChangeAvailabilityStatus::Rejected) return std::nullopt;
    observe(site, charger,
            AvailabilityCommanded{request.connectorId, enumerator_name(request.type)});
    if (response.status != v16::ChangeAvailabilityStatus::Scheduled) return std::nullopt;
    auto scheduled =
        operation(v16::ChangeAvailability::action, "waiting for the end of the transaction", {});
    scheduled.connectorId = request.connectorId;
    scheduled.wanted = enumerator_name(request.type);
    return follow(site, charger, std::move(scheduled)).number;
}

Number answered(Site& site, ChargePoint& charger, const v16::ChangeConfiguration::Request& request,
                const v16::ChangeConfiguration::Response& response, Now now) {
    configuration_commanded(site, charger, request, response, now);
    return std::nullopt;
}

// Unknown says that nothing fitted; some chargers say so and clear all the same.
Number answered(Site& site, ChargePoint& charger, const v16::ClearChargingProfile::Request& request,
                const v16::ClearChargingProfile::Response& response, Now now) {
    if (response.status == v16::ClearChargingProfileStatus::Accepted) {
        operator_profiles_cleared(site, charger, request);
    }
    profiles_cleared(site, charger, request, now);
    return std::nullopt;
}

void unanswered(Site& site, ChargePoint& charger, const v16::ClearChargingProfile::Request& request,
                Now now) {
    profiles_cleared(site, charger, request, now);
}

Number answered(Site& site, ChargePoint& charger, const v16::GetConfiguration::Request& request,
                const v16::GetConfiguration::Response& response, Now now) {
    configuration_told(site, charger, request, response, now);
    return std::nullopt;
}

Number answered(Site& site, ChargePoint& charger, const v16::GetDiagnostics::Request&,
                const v16::GetDiagnostics::Response& response, Now now) {
    // An answer without a name means that there is nothing to upload (5.9), but chargers exist that
    // upload all the same.
    return follow(site, charger,
                  operation(v16::GetDiagnostics::action,
                            response.fileName ? "waiting for " + response.fileName->value
                                              : "no file was announced",
                            now.wall + upload_wait))
        .number;
}

Number answered(Site& site, ChargePoint& charger, const v16::GetLocalListVersion::Request&,
                const v16::GetLocalListVersion::Response& response, Now now) {
    local_list_version_told(site, charger, response.listVersion, now);
    return std::nullopt;
}

Number answered(Site& site, ChargePoint& charger, const v16::GetLog::Request& request,
                const v16::GetLog::Response& response, Now now) {
    if (response.status == v16::LogStatus::Rejected) return std::nullopt;
    auto upload = operation(v16::GetLog::action, "waiting for the upload", now.wall + upload_wait);
    upload.requestId = request.requestId;
    return follow(site, charger, std::move(upload)).number;
}

Number answered(Site& site, ChargePoint& charger,
                const v16::RemoteStartTransaction::Request& request,
                const v16::RemoteStartTransaction::Response& response, Now now) {
    if (response.status != v16::GenericStatus::Accepted) return std::nullopt;
    auto start = operation(v16::RemoteStartTransaction::action, "accepted, waiting for the cable",
                           now.wall + cable_wait_of(charger));
    start.connectorId = request.connectorId;
    start.idTag = request.idTag.value;
    return follow(site, charger, std::move(start)).number;
}

Number answered(Site& site, ChargePoint& charger, const v16::ReserveNow::Request& request,
                const v16::ReserveNow::Response& response, Now) {
    if (response.status != v16::ReservationStatus::Accepted) return std::nullopt;
    // The same id replaces the reservation (5.13).
    observe(site, charger, ReservationCancelled{request.reservationId});
    auto reservation = operation(v16::ReserveNow::action, "reserved", request.expiryDate);
    reservation.connectorId = request.connectorId;
    reservation.idTag = request.idTag.value;
    reservation.requestId = request.reservationId;
    return follow(site, charger, std::move(reservation)).number;
}

Number answered(Site& site, ChargePoint& charger, const v16::Reset::Request&,
                const v16::Reset::Response& response, Now now) {
    if (response.status != v16::GenericStatus::Accepted) return std::nullopt;
    return follow(site, charger,
                  operation(v16::Reset::action, "accepted, waiting for the restart",
                            now.wall + reboot_wait))
        .number;
}

Number answered(Site& site, ChargePoint& charger, const v16::SendLocalList::Request& request,
                const v16::SendLocalList::Response& response, Now) {
    local_list_sent_by_hand(site, charger, request, response);
    return std::nullopt;
}

void unanswered(Site&, ChargePoint& charger, const v16::SetChargingProfile::Request& request, Now) {
    operator_profile_unanswered(charger, request);
}

void about_to_send(Site& site, ChargePoint& charger,
                   const v16::SetChargingProfile::Request& request) {
    operator_profile_sent(site, charger, request);
}

void not_taken(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request) {
    operator_profile_refused(site, charger, request);
}

Number answered(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request,
                const v16::SetChargingProfile::Response& response, Now) {
    if (response.status == v16::SetChargingProfileStatus::Accepted) {
        operator_profile_taken(site, charger, request);
    } else {
        operator_profile_refused(site, charger, request);
    }
    return std::nullopt;
}

Number answered(Site& site, ChargePoint& charger, const v16::SignedUpdateFirmware::Request& request,
                const v16::SignedUpdateFirmware::Response& response, Now now) {
    using enum v16::SignedUpdateFirmwareStatus;
    if (response.status != Accepted && response.status != AcceptedCanceled) return std::nullopt;
    const auto begins = std::max(now.wall, request.firmware.retrieveDateTime);
    auto update = operation(v16::SignedUpdateFirmware::action, "accepted", begins + update_wait);
    update.requestId = request.requestId;
    return follow(site, charger, std::move(update)).number;
}

Number answered(Site& site, ChargePoint& charger, const v16::UpdateFirmware::Request& request,
                const v16::UpdateFirmware::Response&, Now now) {
    const auto begins = std::max(now.wall, request.retrieveDate);
    return follow(site, charger,
                  operation(v16::UpdateFirmware::action, "accepted", begins + update_wait))
        .number;
}

}  // namespace busbar::site
