// Which messages a charge point may send, and how each reaches its handler. Adding a message to the
// list in routes.cpp, and its handle() here, is all it takes to support it. Site loop.
#pragma once

#include <memory>

#include "ocpp/v16/core.hpp"
#include "ocpp/v16/firmware.hpp"
#include "ocpp/v16/security.hpp"
#include "site/site.hpp"

namespace busbar::site {

// Decodes the call, runs its handler and answers once what it recorded is durable. The link must be
// the charger's present one.
void dispatch(Site& site, ChargePoint& charger, const std::shared_ptr<Link>& link,
              const ocpp::IncomingCall& call, Now now);

// What a lenient reader makes of a BootNotification that lacks required fields: they are empty, and
// the report's errors become deviations. Nothing if it is no object.
std::optional<v16::BootNotification::Request> read_bare_boot(const Json& payload,
                                                             const DecodeOptions& options,
                                                             DecodeReport& report);

// The data of a DataTransfer that is an object or an array, as JSON text; nothing if there is none.
std::optional<std::string> structured_data(const Json& payload);

// One overload a message (chapter 4 of OCPP 1.6), in the file of its topic.
v16::Authorize::Response handle(Context& on, const v16::Authorize::Request& request);
v16::BootNotification::Response handle(Context& on, const v16::BootNotification::Request& request);
v16::DataTransfer::Response handle(Context& on, const v16::DataTransfer::Request& request);
v16::DiagnosticsStatusNotification::Response handle(
    Context& on, const v16::DiagnosticsStatusNotification::Request& request);
v16::FirmwareStatusNotification::Response handle(
    Context& on, const v16::FirmwareStatusNotification::Request& request);
v16::Heartbeat::Response handle(Context& on, const v16::Heartbeat::Request& request);
v16::LogStatusNotification::Response handle(Context& on,
                                            const v16::LogStatusNotification::Request& request);
v16::MeterValues::Response handle(Context& on, const v16::MeterValues::Request& request);
v16::SecurityEventNotification::Response handle(
    Context& on, const v16::SecurityEventNotification::Request& request);
v16::SignCertificate::Response handle(Context& on, const v16::SignCertificate::Request& request);
v16::SignedFirmwareStatusNotification::Response handle(
    Context& on, const v16::SignedFirmwareStatusNotification::Request& request);
v16::StartTransaction::Response handle(Context& on, const v16::StartTransaction::Request& request);
v16::StatusNotification::Response handle(Context& on,
                                         const v16::StatusNotification::Request& request);
v16::StopTransaction::Response handle(Context& on, const v16::StopTransaction::Request& request);

// The rows of samples that came with StopTransaction, and what they say about the transaction (may
// be null) put into the site's state. The caller records them.
std::vector<db::Record> take_samples(Context& on, std::int32_t connector_id,
                                     Transaction* transaction,
                                     const std::vector<v16::MeterValue>& values);

}  // namespace busbar::site
