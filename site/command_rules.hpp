// What the site knows about a command that its schema does not: whether it may be sent now, and
// what follows once the charger has agreed. One overload an action that has rules; the templates
// stand for all others. Site loop.
#pragma once

#include <optional>
#include <string>

#include "ocpp/v16/all.hpp"
#include "site/commands.hpp"

namespace busbar::site {

// A defect of one field of a command's payload.
CommandFailure invalid_payload(std::string pointer, std::string detail);

// Why this charger gets no command of this action at all: it is rejected, or known not to support
// the action.
std::optional<CommandFailure> general_objection(const Site& site, const ChargePoint& charger,
                                                std::string_view action);

// Why this command must not be sent to this charger now; nothing means "go ahead".
template <class Request>
std::optional<CommandFailure> objection(const Site&, const ChargePoint&, const Request&, Now) {
    return std::nullopt;
}
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::CertificateSigned::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::ChangeConfiguration::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::ClearChargingProfile::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::InstallCertificate::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::RemoteStartTransaction::Request& request,
                                        Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::RemoteStopTransaction::Request& request,
                                        Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::ReserveNow::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::SendLocalList::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::SetChargingProfile::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::TriggerMessage::Request& request, Now now);
std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::UnlockConnector::Request& request, Now now);

// The command goes out next: what must be known before.
template <class Request>
void about_to_send(Site&, ChargePoint&, const Request&) {}
void about_to_send(Site& site, ChargePoint& charger,
                   const v16::SetChargingProfile::Request& request);

// It was never sent, or answered with a CALLERROR: nothing has come of it.
template <class Request>
void not_taken(Site&, ChargePoint&, const Request&) {}
void not_taken(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request);

// The charger has answered: what that changes here. Returns the number of the operation that
// follows its second act, where there is one.
template <class Request, class Response>
std::optional<std::int64_t> answered(Site&, ChargePoint&, const Request&, const Response&, Now) {
    return std::nullopt;
}
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::CancelReservation::Request& request,
                                     const v16::CancelReservation::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::ChangeAvailability::Request& request,
                                     const v16::ChangeAvailability::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::ChangeConfiguration::Request& request,
                                     const v16::ChangeConfiguration::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::ClearChargingProfile::Request& request,
                                     const v16::ClearChargingProfile::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::GetConfiguration::Request& request,
                                     const v16::GetConfiguration::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::GetDiagnostics::Request& request,
                                     const v16::GetDiagnostics::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::GetLocalListVersion::Request& request,
                                     const v16::GetLocalListVersion::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::GetLog::Request& request,
                                     const v16::GetLog::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::RemoteStartTransaction::Request& request,
                                     const v16::RemoteStartTransaction::Response& response,
                                     Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::ReserveNow::Request& request,
                                     const v16::ReserveNow::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::Reset::Request& request,
                                     const v16::Reset::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::SendLocalList::Request& request,
                                     const v16::SendLocalList::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::SetChargingProfile::Request& request,
                                     const v16::SetChargingProfile::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::SignedUpdateFirmware::Request& request,
                                     const v16::SignedUpdateFirmware::Response& response, Now now);
std::optional<std::int64_t> answered(Site& site, ChargePoint& charger,
                                     const v16::UpdateFirmware::Request& request,
                                     const v16::UpdateFirmware::Response& response, Now now);

// What must be assumed of a command that was sent and has no answer: it may have been obeyed.
template <class Request>
void unanswered(Site&, ChargePoint&, const Request&, Now) {}
void unanswered(Site& site, ChargePoint& charger, const v16::ClearChargingProfile::Request& request,
                Now now);
void unanswered(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request,
                Now now);

}  // namespace busbar::site
