// What a simulated charge point does with the calls of a central system (OCPP 1.6, chapter 5).
#include <algorithm>
#include <array>

#include "sim/charger.hpp"

namespace busbar::sim {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using Trigger = v16::TriggerMessageRequestedMessage;

template <class M>
void Charger::answer_as(const ocpp::IncomingCall& call) {
    DecodeReport report;
    const auto request = decode<typename M::Request>(*call.payload, {}, report);
    if (!request) {
        session_.refuse(call.id, ocpp::call_error(report));
        return;
    }
    const auto response = handle(*request);
    // Torn down before the answer has left.
    const bool cut = options_.misbehaviour.reset_cuts_first && std::is_same_v<M, v16::Reset>;
    if (!cut) session_.reply(call.id, response);
    for (const auto& consequence : std::exchange(after_reply_, {})) consequence();
}

void Charger::answer(const ocpp::IncomingCall& call) {
    struct Route {
        std::string_view action;
        void (Charger::*run)(const ocpp::IncomingCall&);
        bool of_few = true;  // known to a charge point of few commands
    };
    static constexpr std::array routes{
        Route{v16::CancelReservation::action, &Charger::answer_as<v16::CancelReservation>, false},
        Route{v16::CertificateSigned::action, &Charger::answer_as<v16::CertificateSigned>, false},
        Route{v16::ChangeAvailability::action, &Charger::answer_as<v16::ChangeAvailability>},
        Route{v16::ChangeConfiguration::action, &Charger::answer_as<v16::ChangeConfiguration>},
        Route{v16::ClearCache::action, &Charger::answer_as<v16::ClearCache>},
        Route{v16::ClearChargingProfile::action, &Charger::answer_as<v16::ClearChargingProfile>},
        Route{v16::DataTransfer::action, &Charger::answer_as<v16::DataTransfer>},
        Route{v16::DeleteCertificate::action, &Charger::answer_as<v16::DeleteCertificate>, false},
        Route{v16::ExtendedTriggerMessage::action, &Charger::answer_as<v16::ExtendedTriggerMessage>,
              false},
        Route{v16::GetCompositeSchedule::action, &Charger::answer_as<v16::GetCompositeSchedule>,
              false},
        Route{v16::GetConfiguration::action, &Charger::answer_as<v16::GetConfiguration>},
        Route{v16::GetDiagnostics::action, &Charger::answer_as<v16::GetDiagnostics>, false},
        Route{v16::GetInstalledCertificateIds::action,
              &Charger::answer_as<v16::GetInstalledCertificateIds>, false},
        Route{v16::GetLocalListVersion::action, &Charger::answer_as<v16::GetLocalListVersion>,
              false},
        Route{v16::GetLog::action, &Charger::answer_as<v16::GetLog>, false},
        Route{v16::InstallCertificate::action, &Charger::answer_as<v16::InstallCertificate>, false},
        Route{v16::RemoteStartTransaction::action,
              &Charger::answer_as<v16::RemoteStartTransaction>},
        Route{v16::RemoteStopTransaction::action, &Charger::answer_as<v16::RemoteStopTransaction>},
        Route{v16::ReserveNow::action, &Charger::answer_as<v16::ReserveNow>, false},
        Route{v16::Reset::action, &Charger::answer_as<v16::Reset>},
        Route{v16::SendLocalList::action, &Charger::answer_as<v16::SendLocalList>, false},
        Route{v16::SetChargingProfile::action, &Charger::answer_as<v16::SetChargingProfile>},
        Route{v16::SignedUpdateFirmware::action, &Charger::answer_as<v16::SignedUpdateFirmware>,
              false},
        Route{v16::TriggerMessage::action, &Charger::answer_as<v16::TriggerMessage>, false},
        Route{v16::UnlockConnector::action, &Charger::answer_as<v16::UnlockConnector>},
        Route{v16::UpdateFirmware::action, &Charger::answer_as<v16::UpdateFirmware>, false},
    };
    const auto route = std::find_if(routes.begin(), routes.end(),
                                    [&](const Route& r) { return r.action == call.action; });
    const bool hidden =
        options_.misbehaviour.few_commands && route != routes.end() && !route->of_few;
    if (route == routes.end() || hidden) {
        session_.refuse(call.id, {ocpp::ErrorCode::NotImplemented, "unknown action"});
        return;
    }
    (this->*route->run)(call);
}

// True if it has to wait for the end of a transaction.
bool Charger::change_availability(Connector& connector, bool operative) {
    const bool wait = !operative && connector.charge != no_charge;
    connector.inoperative_later = wait;
    if (wait) return true;
    connector.operative = operative;
    return false;
}

v16::ChangeAvailability::Response Charger::handle(const v16::ChangeAvailability::Request& request) {
    using enum v16::ChangeAvailabilityStatus;
    const bool operative = request.type == v16::ChangeAvailabilityType::Operative;
    if (request.connectorId == 0 && options_.misbehaviour.availability_zero_rejected) {
        return {Rejected};
    }
    if (request.connectorId == 0) {
        operative_ = operative;
        bool scheduled = false;
        for (auto& connector : connectors_) scheduled |= change_availability(connector, operative);
        return {scheduled ? Scheduled : Accepted};
    }
    Connector* connector = find(request.connectorId);
    if (!connector) return {Rejected};
    return {change_availability(*connector, operative) ? Scheduled : Accepted};
}

v16::ChangeConfiguration::Response Charger::handle(
    const v16::ChangeConfiguration::Request& request) {
    const auto status = configuration_.change(request.key.value, request.value.value);
    if (status == v16::ChangeConfigurationStatus::Accepted) {
        if (request.key == CiString<50>{"HeartbeatInterval"}) {
            next_heartbeat_ = now_.mono + configuration_.seconds("HeartbeatInterval");
        }
        if (request.key == CiString<50>{"MeterValueSampleInterval"}) {
            for (auto& connector : connectors_) {
                connector.next_sample =
                    now_.mono + configuration_.seconds("MeterValueSampleInterval");
            }
        }
    }
    return {status};
}

v16::ClearCache::Response Charger::handle(const v16::ClearCache::Request&) {
    cache_.clear();
    return {v16::GenericStatus::Accepted};
}

v16::DataTransfer::Response Charger::handle(const v16::DataTransfer::Request&) {
    return {v16::DataTransferStatus::UnknownVendorId, std::nullopt};
}

v16::GetConfiguration::Response Charger::handle(const v16::GetConfiguration::Request& request) {
    return configuration_.read(request);
}

Charger::Connector* Charger::connector_for_remote_start(
    const v16::RemoteStartTransaction::Request& request) {
    const auto usable = [&](const Connector& connector) {
        return connector.operative && connector.charge == no_charge && !connector.authorizing &&
               !connector.remote_until &&
               (!connector.reservation || connector.reservation->id_tag == request.idTag.value) &&
               !(options_.misbehaviour.finishing_lock &&
                 (connector.finished || connector.finishing_until));
    };
    if (request.connectorId) {
        Connector* connector = find(*request.connectorId);
        return connector && usable(*connector) ? connector : nullptr;
    }
    Connector* chosen = nullptr;
    for (auto& connector : connectors_) {
        if (!usable(connector)) continue;
        if (!chosen || (connector.car && !chosen->car)) chosen = &connector;
    }
    return chosen;
}

v16::RemoteStartTransaction::Response Charger::handle(
    const v16::RemoteStartTransaction::Request& request) {
    Connector* connector = connector_for_remote_start(request);
    const auto& profile = request.chargingProfile;
    const bool bad_profile =
        profile && (profile->chargingProfilePurpose != v16::ChargingProfilePurpose::TxProfile ||
                    profile->transactionId || defect(*profile, profiles_.capacity()));
    if (!accepted_ || !connector || bad_profile || reboot_at_) {
        return {v16::GenericStatus::Rejected};
    }
    if (options_.misbehaviour.remote_start_ignored) return {v16::GenericStatus::Accepted};
    after_reply_.emplace_back([this, connector, request] {
        connector->id_tag = request.idTag.value;
        connector->remote_profile = request.chargingProfile;
        connector->authorized = !configuration_.flag("AuthorizeRemoteTxRequests");
        connector->finished = false;
        connector->leaves_at.reset();
        if (connector->car) return present_badge(*connector);
        connector->remote_until = now_.mono + configuration_.seconds("ConnectionTimeOut");
        note(ChargerEvent::Kind::remote_start_waits_for_car, connector->id);
    });
    return {v16::GenericStatus::Accepted};
}

v16::RemoteStopTransaction::Response Charger::handle(
    const v16::RemoteStopTransaction::Request& request) {
    if (options_.misbehaviour.remote_stop_rejected) return {v16::GenericStatus::Rejected};
    for (auto& connector : connectors_) {
        if (connector.charge == no_charge) continue;
        if (charges_[connector.charge].transaction_id() != request.transactionId) continue;
        if (options_.misbehaviour.remote_stop_ignored) return {v16::GenericStatus::Accepted};
        after_reply_.emplace_back(
            [this, &connector] { end_charge(connector, StopReason::Remote); });
        return {v16::GenericStatus::Accepted};
    }
    return {v16::GenericStatus::Rejected};
}

v16::Reset::Response Charger::handle(const v16::Reset::Request& request) {
    const StopReason reason =
        request.type == v16::ResetType::Soft ? StopReason::SoftReset : StopReason::HardReset;
    if (options_.misbehaviour.reset_rejected) return {v16::GenericStatus::Rejected};
    if (options_.misbehaviour.reset_ignored) return {v16::GenericStatus::Accepted};
    after_reply_.emplace_back([this, reason] {
        for (auto& connector : connectors_) {
            if (connector.charge != no_charge) end_charge(connector, reason);
        }
        // Time for the answer, and with a soft reset for StopTransaction, to leave.
        reboot_at_ = now_.mono + (options_.misbehaviour.reset_cuts_first ? 0s : 2s);
    });
    return {v16::GenericStatus::Accepted};
}

v16::UnlockConnector::Response Charger::handle(const v16::UnlockConnector::Request& request) {
    Connector* connector = find(request.connectorId);
    if (!connector) return {v16::UnlockConnectorStatus::NotSupported};
    if (connector->charge != no_charge) {
        after_reply_.emplace_back(
            [this, connector] { end_charge(*connector, StopReason::UnlockCommand); });
    }
    return {options_.misbehaviour.unlock_failed ? v16::UnlockConnectorStatus::UnlockFailed
                                                : v16::UnlockConnectorStatus::Unlocked};
}

// Why it takes no such profile, valid as it may be.
std::optional<std::string> Charger::refusal_of(
    const v16::SetChargingProfile::Request& request) const {
    using enum v16::ChargingProfilePurpose;
    const auto& told = options_.misbehaviour;
    const auto& profile = request.csChargingProfiles;
    const auto& schedule = profile.chargingSchedule;
    const auto purpose = profile.chargingProfilePurpose;
    const bool amps = schedule.chargingRateUnit == v16::ChargingRateUnit::A;
    const bool low = std::any_of(
        schedule.chargingSchedulePeriod.begin(), schedule.chargingSchedulePeriod.end(),
        [&](const auto& period) { return period.limit.value < (amps ? 60 : 60 * 230); });
    if (told.reject_profiles) return "told to refuse charging profiles";
    if (told.stack_level_zero && profile.stackLevel > 0) return "stack level 0 only";
    if (told.rejects_amps && amps) return "limits in W only";
    if (told.rejects_watts && !amps) return "limits in A only";
    if (told.relative_only && profile.chargingProfileKind == v16::ChargingProfileKind::Absolute) {
        return "no Absolute profiles";
    }
    if (told.rejects_tx_profile && purpose == TxProfile) return "no TxProfile";
    if (told.rejects_tx_default && purpose == TxDefaultProfile && request.connectorId == 0) {
        return "no TxDefaultProfile for connector 0";
    }
    if (told.rejects_charge_point_max && purpose == ChargePointMaxProfile) {
        return "no ChargePointMaxProfile";
    }
    if (told.rejects_zero && low) return "no limit below 6 A";
    return std::nullopt;
}

v16::SetChargingProfile::Response Charger::handle(const v16::SetChargingProfile::Request& request) {
    using enum v16::SetChargingProfileStatus;
    const int id = request.connectorId;
    Connector* connector = find(id);
    std::string why = "there is no such connector";
    auto status = Rejected;
    if (auto refusal = refusal_of(request)) {
        why = std::move(*refusal);
    } else if (options_.misbehaviour.profiles_not_supported) {
        why = "charging profiles are not supported";
        status = NotSupported;
    } else if (connector || id == 0) {
        status = profiles_.set(id, request.csChargingProfiles,
                               connector ? use_of(*connector) : ConnectorUse{}, &why);
    }
    if (status != Accepted) {
        note(ChargerEvent::Kind::limit_refused, id, std::move(why));
        return {status};
    }
    auto event =
        event_of(ChargerEvent::Kind::limit_received, id, connector ? connector->charge : no_charge);
    event.limit =
        profiles_.composite(id, clock(), connector ? use_of(*connector) : ConnectorUse{}).limit;
    event.detail = enumerator_name(request.csChargingProfiles.chargingProfilePurpose);
    note(std::move(event));
    return {status};
}

v16::ClearChargingProfile::Response Charger::handle(
    const v16::ClearChargingProfile::Request& request) {
    using enum v16::ClearChargingProfileStatus;
    return {profiles_.clear(request) ? Accepted : Unknown};
}

v16::GetCompositeSchedule::Response Charger::handle(
    const v16::GetCompositeSchedule::Request& request) {
    v16::GetCompositeSchedule::Response response;
    const Connector* connector = find(request.connectorId);
    if ((!connector && request.connectorId != 0) || request.duration <= 0) {
        response.status = v16::GenericStatus::Rejected;
        return response;
    }
    const auto connectors = static_cast<std::int32_t>(connectors_.size());
    const Amps hardware_max =
        connector ? options_.current_max : Amps{options_.current_max.milliamps * connectors};
    response.status = v16::GenericStatus::Accepted;
    response.connectorId = request.connectorId;
    response.scheduleStart = clock();
    const ProfileStore nothing;
    const ProfileStore& told = options_.misbehaviour.wrong_composite_schedule ? nothing : profiles_;
    response.chargingSchedule = told.composite_schedule(
        request.connectorId, clock(), std::chrono::seconds{request.duration},
        request.chargingRateUnit.value_or(v16::ChargingRateUnit::A),
        connector ? use_of(*connector) : ConnectorUse{}, hardware_max);
    return response;
}

v16::TriggerMessage::Response Charger::handle(const v16::TriggerMessage::Request& request) {
    using enum v16::TriggerMessageStatus;
    const auto message = request.requestedMessage;
    const bool named = request.connectorId.has_value();
    if (options_.misbehaviour.trigger_rejected) return {Rejected};
    if (options_.misbehaviour.trigger_without_connector && named) return {Rejected};
    if (options_.misbehaviour.trigger_ignored) return {Accepted};
    const bool known =
        !request.connectorId || *request.connectorId == 0 || find(*request.connectorId) != nullptr;
    // Once accepted, a charge point does not boot again on demand (errata 3.40).
    if (!known || (message == Trigger::BootNotification && (accepted_ || booting_))) {
        return {Rejected};
    }
    after_reply_.emplace_back([this, message, id = request.connectorId] { trigger(message, id); });
    return {Accepted};
}

void Charger::trigger(Trigger message, std::optional<int> connector_id) {
    if (message == Trigger::BootNotification) return send_boot();
    if (message == Trigger::Heartbeat) return send_heartbeat();
    if (message == Trigger::FirmwareStatusNotification) {
        return tell<v16::FirmwareStatusNotification>({firmware_});
    }
    if (message == Trigger::DiagnosticsStatusNotification) {
        return tell<v16::DiagnosticsStatusNotification>({diagnostics_});
    }
    const bool all = !connector_id || *connector_id == 0;
    if (message == Trigger::StatusNotification && all) report_whole();
    // Connector 0 alone is the charge point itself; without an id everything is meant.
    if (message == Trigger::StatusNotification && connector_id == 0) return;
    for (auto& connector : connectors_) {
        if (!all && connector.id != *connector_id) continue;
        if (message == Trigger::StatusNotification) {
            report_status(connector);
            continue;
        }
        v16::MeterValues::Request request;
        request.connectorId = connector.id;
        request.meterValue.push_back(samples(connector, v16::ReadingContext::Trigger));
        if (connector.charge != no_charge) {
            enqueue({connector.charge, std::move(request)});
        } else {
            session_.call<v16::MeterValues>(now_, request, {},
                                            [](const ocpp::Session::Answer<v16::MeterValues>&) {});
        }
    }
}

}  // namespace busbar::sim
