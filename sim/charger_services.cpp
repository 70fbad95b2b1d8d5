// Reservations, the local list, firmware, logs and certificates of a simulated charge point
// (OCPP 1.6, chapter 5, and the security white paper). It tells how far transfers are, but moves no
// files and checks no signatures.
#include <algorithm>
#include <set>

#include "sim/charger.hpp"

namespace busbar::sim {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;

namespace {

// A stable fingerprint that looks like a hash: nobody verifies it against the certificate.
std::string fingerprint(std::string_view text, std::string_view salt) {
    constexpr char digits[] = "0123456789abcdef";
    std::uint64_t state = 1469598103934665603ULL;
    for (const std::string_view part : {salt, text}) {
        for (const char c : part) {
            state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        }
    }
    std::string hex;
    for (int shift = 60; shift >= 0; shift -= 4) hex += digits[(state >> shift) & 15U];
    return hex;
}

v16::CertificateHashData hash_data(const std::string& certificate) {
    v16::CertificateHashData data;
    data.hashAlgorithm = v16::HashAlgorithm::SHA256;
    data.issuerNameHash = fingerprint(certificate, "name");
    data.issuerKeyHash = fingerprint(certificate, "key");
    data.serialNumber = fingerprint(certificate, "serial");
    return data;
}

bool looks_like_certificate(std::string_view text) {
    return text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos;
}

}  // namespace

// --- Reservations (5.1, 5.13)
v16::ReserveNow::Response Charger::handle(const v16::ReserveNow::Request& request) {
    using enum v16::ReservationStatus;
    const auto free = [&](const Connector& connector) {
        return connector.operative && !connector.car && !connector.remote_until &&
               !connector.finishing_until &&
               (!connector.reservation || connector.reservation->id == request.reservationId);
    };
    Connector* connector = find(request.connectorId);
    if (!connector && request.connectorId != 0) return {Rejected};
    if (!connector) {
        const auto found = std::find_if(connectors_.begin(), connectors_.end(), free);
        connector = found == connectors_.end() ? nullptr : &*found;
    }
    if (!connector) return {operative_ ? Occupied : Unavailable};
    if (!connector->operative) return {Unavailable};
    if (!free(*connector)) return {Occupied};
    if (request.expiryDate <= clock()) return {Rejected};
    // The same id again replaces the reservation, wherever it was.
    for (auto& each : connectors_) {
        if (each.reservation && each.reservation->id == request.reservationId) {
            each.reservation.reset();
        }
    }
    Reservation reservation{request.reservationId, request.idTag.value, {}, request.expiryDate};
    if (request.parentIdTag) reservation.parent = request.parentIdTag->value;
    connector->reservation = std::move(reservation);
    return {Accepted};
}

v16::CancelReservation::Response Charger::handle(const v16::CancelReservation::Request& request) {
    for (auto& connector : connectors_) {
        if (!connector.reservation || connector.reservation->id != request.reservationId) continue;
        connector.reservation.reset();
        return {v16::GenericStatus::Accepted};
    }
    return {v16::GenericStatus::Rejected};
}

void Charger::expire_reservations() {
    for (auto& connector : connectors_) {
        if (connector.reservation && connector.reservation->until <= clock()) {
            connector.reservation.reset();
        }
    }
}

// --- The local list (5.10, 5.15)
v16::GetLocalListVersion::Response Charger::handle(const v16::GetLocalListVersion::Request&) {
    return {options_.misbehaviour.no_local_list ? -1 : local_list_version_};
}

v16::SendLocalList::Response Charger::handle(const v16::SendLocalList::Request& request) {
    using enum v16::UpdateStatus;
    if (options_.misbehaviour.no_local_list) return {NotSupported};
    const bool full = request.updateType == v16::UpdateType::Full;
    const bool forgotten = options_.misbehaviour.local_list_forgotten;
    if (!full && (forgotten || request.listVersion <= local_list_version_)) {
        return {VersionMismatch};
    }
    const auto entries =
        request.localAuthorizationList.value_or(std::vector<v16::AuthorizationData>{});
    const auto length_max = [&](std::string_view key) {
        return static_cast<std::size_t>(configuration_.number(key));
    };
    if (request.listVersion <= 0 || entries.size() > length_max("SendLocalListMaxLength")) {
        return {Failed};
    }
    auto list = full ? decltype(local_list_){} : local_list_;
    std::set<std::string> named;
    for (const auto& entry : entries) {
        const bool again = !named.insert(entry.idTag.value).second;
        if (again || (full && !entry.idTagInfo)) return {Failed};
        list.erase(entry.idTag.value);
        if (entry.idTagInfo) list.emplace(entry.idTag.value, *entry.idTagInfo);
    }
    if (list.size() > length_max("LocalAuthListMaxLength")) return {Failed};
    local_list_ = std::move(list);
    local_list_version_ = request.listVersion;
    return {Accepted};
}

// --- Firmware (4.5, 5.19)
void Charger::tell_firmware(v16::FirmwareStatus status) {
    firmware_ = status;
    tell<v16::FirmwareStatusNotification>({status});
}

void Charger::tell_signed_firmware(v16::SignedFirmwareStatus status, std::int32_t request_id) {
    tell<v16::SignedFirmwareStatusNotification>({status, request_id});
}

void Charger::install(std::function<void()> installed) {
    const bool charging = std::any_of(connectors_.begin(), connectors_.end(),
                                      [](const auto& c) { return c.charge != no_charge; });
    if (charging) {
        return plan(30s, [this, installed = std::move(installed)]() mutable {
            install(std::move(installed));
        });
    }
    reboot_at_ = now_.mono + 1s;
    // The clock of the plan stands still for nobody: it is told after the restart.
    plan(2s, std::move(installed));
}

v16::UpdateFirmware::Response Charger::handle(const v16::UpdateFirmware::Request& request) {
    using enum v16::FirmwareStatus;
    const auto wait = std::max<std::chrono::milliseconds>(0ms, request.retrieveDate - clock());
    const bool little = options_.misbehaviour.firmware_says_little;
    plan(wait + 1s, [this, little] {
        if (!little) tell_firmware(Downloading);
        plan(2s, [this, little] {
            tell_firmware(Downloaded);
            plan(2s, [this, little] {
                if (!little) tell_firmware(Installing);
                install([this, little] {
                    for (int i = 0; i < (little ? 3 : 1); ++i) tell_firmware(Installed);
                    firmware_ = Idle;
                });
            });
        });
    });
    return {};
}

v16::SignedUpdateFirmware::Response Charger::handle(
    const v16::SignedUpdateFirmware::Request& request) {
    using enum v16::SignedFirmwareStatus;
    if (!looks_like_certificate(request.firmware.signingCertificate.value)) {
        return {v16::SignedUpdateFirmwareStatus::InvalidCertificate};
    }
    const auto wait =
        std::max<std::chrono::milliseconds>(0ms, request.firmware.retrieveDateTime - clock());
    plan(wait + 1s, [this, id = request.requestId] {
        tell_signed_firmware(Downloading, id);
        plan(2s, [this, id] {
            tell_signed_firmware(Downloaded, id);
            tell_signed_firmware(SignatureVerified, id);
            tell_signed_firmware(Installing, id);
            install([this, id] { tell_signed_firmware(Installed, id); });
        });
    });
    return {v16::SignedUpdateFirmwareStatus::Accepted};
}

// --- Diagnostics and logs (4.4, 5.9)
void Charger::tell_diagnostics(v16::DiagnosticsStatus status) {
    diagnostics_ = status;
    tell<v16::DiagnosticsStatusNotification>({status});
}

v16::GetDiagnostics::Response Charger::handle(const v16::GetDiagnostics::Request&) {
    using enum v16::DiagnosticsStatus;
    plan(1s, [this] {
        tell_diagnostics(Uploading);
        plan(3s, [this] {
            tell_diagnostics(Uploaded);
            diagnostics_ = Idle;
        });
    });
    return {CiString<255>{options_.identity + "-diagnostics.log"}};
}

void Charger::tell_log(v16::UploadLogStatus status, std::optional<std::int32_t> request_id) {
    log_ = status;
    tell<v16::LogStatusNotification>({status, request_id});
}

v16::GetLog::Response Charger::handle(const v16::GetLog::Request& request) {
    using enum v16::UploadLogStatus;
    plan(1s, [this, id = request.requestId] {
        tell_log(Uploading, id);
        plan(3s, [this, id] {
            tell_log(Uploaded, id);
            log_ = Idle;
        });
    });
    const bool security = request.logType == v16::LogType::SecurityLog;
    return {v16::LogStatus::Accepted,
            CiString<255>{options_.identity + (security ? "-security.log" : "-diagnostics.log")}};
}

// --- Certificates (security white paper)
v16::InstallCertificate::Response Charger::handle(const v16::InstallCertificate::Request& request) {
    using enum v16::InstallCertificateStatus;
    if (!looks_like_certificate(request.certificate.value)) return {Rejected};
    const std::pair entry{request.certificateType, request.certificate.value};
    if (std::find(certificates_.begin(), certificates_.end(), entry) == certificates_.end()) {
        certificates_.push_back(entry);
    }
    return {Accepted};
}

v16::GetInstalledCertificateIds::Response Charger::handle(
    const v16::GetInstalledCertificateIds::Request& request) {
    using enum v16::GetInstalledCertificateStatus;
    std::vector<v16::CertificateHashData> found;
    for (const auto& [use, certificate] : certificates_) {
        if (use == request.certificateType) found.push_back(hash_data(certificate));
    }
    if (found.empty()) return {std::nullopt, NotFound};
    return {std::move(found), Accepted};
}

v16::DeleteCertificate::Response Charger::handle(const v16::DeleteCertificate::Request& request) {
    using enum v16::DeleteCertificateStatus;
    const auto removed = std::erase_if(certificates_, [&](const auto& entry) {
        const auto data = hash_data(entry.second);
        const auto& wanted = request.certificateHashData;
        return data.issuerNameHash == wanted.issuerNameHash &&
               data.issuerKeyHash == wanted.issuerKeyHash &&
               data.serialNumber == wanted.serialNumber;
    });
    return {removed > 0 ? Accepted : NotFound};
}

v16::CertificateSigned::Response Charger::handle(const v16::CertificateSigned::Request& request) {
    return {looks_like_certificate(request.certificateChain.value) ? v16::GenericStatus::Accepted
                                                                   : v16::GenericStatus::Rejected};
}

// --- ExtendedTriggerMessage (security white paper)
v16::ExtendedTriggerMessage::Response Charger::handle(
    const v16::ExtendedTriggerMessage::Request& request) {
    using enum v16::ExtendedTriggerMessageStatus;
    const auto message = request.requestedMessage;
    const bool known =
        !request.connectorId || *request.connectorId == 0 || find(*request.connectorId) != nullptr;
    const bool boot = message == v16::ExtendedTriggerMessageRequestedMessage::BootNotification;
    if (!known || (boot && (accepted_ || booting_))) return {Rejected};
    after_reply_.emplace_back(
        [this, message, id = request.connectorId] { trigger_extended(message, id); });
    return {Accepted};
}

void Charger::trigger_extended(v16::ExtendedTriggerMessageRequestedMessage message,
                               std::optional<int> connector) {
    using Extended = v16::ExtendedTriggerMessageRequestedMessage;
    using Plain = v16::TriggerMessageRequestedMessage;
    switch (message) {
        case Extended::BootNotification:
            return trigger(Plain::BootNotification, connector);
        case Extended::FirmwareStatusNotification:
            return trigger(Plain::FirmwareStatusNotification, connector);
        case Extended::Heartbeat:
            return trigger(Plain::Heartbeat, connector);
        case Extended::MeterValues:
            return trigger(Plain::MeterValues, connector);
        case Extended::StatusNotification:
            return trigger(Plain::StatusNotification, connector);
        case Extended::LogStatusNotification:
            return tell<v16::LogStatusNotification>({log_, std::nullopt});
        case Extended::SignChargePointCertificate:
            return tell<v16::SignCertificate>(
                {CiString<5500>{"-----BEGIN CERTIFICATE REQUEST-----\n" +
                                fingerprint(options_.identity, "request") +
                                "\n-----END CERTIFICATE REQUEST-----\n"}});
    }
}

}  // namespace busbar::sim
