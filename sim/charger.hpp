// A simulated OCPP 1.6J charge point with its connectors and the cars at them, without any I/O:
// text and time go in, text and a deadline come out. It behaves as the specification asks, except
// for the misbehaviour it is told to show. The owner connects it, moves the text, calls on_timer at
// the deadline and asks for what it draws. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"
#include "ocpp/session.hpp"
#include "ocpp/v16/all.hpp"
#include "sim/car.hpp"
#include "sim/charging_schedule.hpp"
#include "sim/configuration.hpp"
#include "sim/distortion.hpp"
#include "sim/misbehaviour.hpp"
#include "sim/random.hpp"

namespace busbar::sim {

struct ChargerOptions {
    std::string identity;
    std::string vendor = "Busbar";
    std::string model = "Simulated";
    int connectors = 1;
    Amps current_max = 32_A;        // of each connector, per phase
    std::string phase_map = "RST";  // grid phases of its phases, or "L1", "L2", "L3"
    ProfileCapacity profiles;
    Misbehaviour misbehaviour;
    std::chrono::milliseconds step{1'000};     // how often cars, limits and registers are updated
    std::chrono::seconds sample_interval{60};  // of MeterValues, until it is told otherwise
    bool offline_starts = true;  // a badge it knows may start a charge without the server
    double initial_register_wh = 0;
    std::uint64_t seed = 1;
};

// One charge, from plugging in to the end of the transaction, as the charge point knows it.
struct Charge {
    int connector = 0;
    std::string id_tag;
    Timestamp started_at;
    std::int32_t meter_start_wh = 0;
    // What StartTransaction was answered, each time it was: they must all be the same.
    std::vector<std::int32_t> transaction_ids;
    std::optional<Timestamp> stopped_at;
    std::int32_t meter_stop_wh = 0;
    bool stop_answered = false;
    std::optional<std::int32_t> transaction_id() const {
        if (transaction_ids.empty()) return std::nullopt;
        return transaction_ids.front();
    }
};

// Something worth a line in a log.
struct ChargerEvent {
    enum class Kind {
        boot_answered,  // detail: the status
        plugged_in,
        badge_refused,  // detail: the status
        remote_start_waits_for_car,
        session_started,  // energy: the register
        start_answered,
        start_refused,   // detail: the status
        limit_received,  // limit: what the connector may draw now
        limit_refused,   // detail: why
        session_ended,   // energy of the session; detail: the reason
        stop_answered,
        rebooting,
        protocol_problem  // detail: what
    };
    Kind kind{};
    int connector = 0;
    std::optional<std::int32_t> transaction_id;
    std::optional<Amps> limit;
    double energy_wh = 0;
    std::string detail;
};

// A connector seen from outside.
struct ConnectorView {
    int id = 0;
    ocpp::v16::StatusNotificationStatus status{};
    bool car_present = false;
    int car_phases = 0;
    std::optional<Charge> charge;  // the one that runs
    Amps offered;
    PhaseAmps drawn{};  // by phase of the charger
    double register_wh = 0;
};

class Charger {
public:
    explicit Charger(ChargerOptions options);
    Charger(const Charger&) = delete;
    Charger& operator=(const Charger&) = delete;

    // The link.
    // False while it restarts or has lost its network: the owner closes the link then.
    bool wants_connection() const;
    bool is_connected() const { return connected_; }
    void connected(Now now);
    void disconnected(Now now);
    void receive(Now now, std::string_view text);
    // Texts for the central system, in order.
    std::vector<std::string> take_output();

    // Time.
    Instant deadline() const;
    void on_timer(Now now);

    // Drivers. A connector is free when it is operative and no car is at it.
    bool is_free(int connector) const;
    // A car comes; its driver presents the badge (unless a remote start brought one).
    void plug_in(Now now, int connector, CarTraits car, std::string id_tag);
    // The driver takes the car away, charged or not.
    void unplug(Now now, int connector);

    // What there is to see.
    const ChargerOptions& options() const { return options_; }
    ConnectorView connector(int id) const;
    int connector_count() const { return static_cast<int>(connectors_.size()); }
    PhaseAmps drawn() const;   // all connectors, by phase of the charger
    double energy_wh() const;  // all registers together
    bool accepted() const { return accepted_; }
    std::size_t waiting_messages() const { return outbox_.size(); }
    // All charges so far, in the order in which they began.
    const std::vector<Charge>& charges() const { return charges_; }
    std::vector<ChargerEvent> take_events() { return std::exchange(events_, {}); }

private:
    using Status = ocpp::v16::StatusNotificationStatus;
    using StopReason = ocpp::v16::StopTransactionReason;
    static constexpr std::size_t no_charge = static_cast<std::size_t>(-1);

    // A connector kept for a badge (5.13).
    struct Reservation {
        std::int32_t id = 0;
        std::string id_tag;
        std::optional<std::string> parent;
        Timestamp until;
    };

    struct Connector {
        int id = 0;
        bool operative = true;
        bool inoperative_later = false;  // ChangeAvailability waits for the end of a transaction
        std::optional<Car> car;
        std::string id_tag;  // the badge of the driver at this connector
        bool authorizing = false;
        bool authorized = false;           // the badge needs no Authorize any more
        bool finished = false;             // its transaction is over, the car still there
        std::optional<Instant> badge_at;   // when the driver presents the badge (again)
        std::optional<Instant> leaves_at;  // the driver comes back for the car then
        std::optional<Instant> finishing_until;
        std::optional<Instant> remote_until;  // a remote start waits for a car until then
        std::optional<ocpp::v16::ChargingProfile> remote_profile;
        std::size_t charge = no_charge;  // the running one
        Instant next_sample{};
        double register_wh = 0;
        double register_base_wh = 0;  // what it does not show of its register
        Amps offered;
        std::optional<Amps> limit;  // what profiles allow now, whatever is made of it
        std::optional<Reservation> reservation;
        std::optional<Instant> offer_until;
        PhaseAmps drawn{};
        std::optional<Status> reported;
    };

    // A message of 3.7: kept until it is answered.
    struct TransactionMessage {
        std::size_t charge;
        std::variant<ocpp::v16::StartTransaction::Request, ocpp::v16::MeterValues::Request,
                     ocpp::v16::StopTransaction::Request>
            request;
        int failures = 0;
        bool answered_once = false;
    };

    struct DelayedCall {
        Instant due;
        ocpp::IncomingCall call;
    };

    // Something to be told once the link is there.
    struct Planned {
        Instant due;
        std::function<void()> run;
    };

    // charger.cpp: link, boot, heartbeat, status, timer
    Timestamp clock() const { return now_.wall + clock_offset_; }
    bool online() const { return connected_ && accepted_; }
    void begin_step(Now now);
    void end_step();
    void set_clock(Timestamp central_time);
    void send_boot();
    void boot_answered(const ocpp::v16::BootNotification::Response& answer);
    void send_heartbeat();
    std::chrono::seconds heartbeat_interval() const;
    std::chrono::seconds sample_interval() const;  // 0: never
    void plan_cut();
    void be_cut_if_due();
    void reboot_if_due();
    // In a charge that goes on: nothing is told but what comes after the restart.
    void restart_in_charge_if_due();
    void run_planned();
    void plan(std::chrono::milliseconds later, std::function<void()> run) {
        planned_.push_back({now_.mono + later, std::move(run)});
    }
    Status status_of(const Connector& connector) const;
    void report_statuses();
    void report_status(Connector& connector);
    void report_whole();
    void note(ChargerEvent::Kind kind, int connector = 0, std::string detail = {});
    void note(ChargerEvent event) { events_.push_back(std::move(event)); }
    ChargerEvent event_of(ChargerEvent::Kind kind, int connector, std::size_t charge) const;

    // charger_outbox.cpp: the queue of transaction messages
    void enqueue(TransactionMessage message);
    void send_next_transaction_message();
    void bring_stop_forward();
    template <class M>
    void transmit(const typename M::Request& request);
    void transaction_message_failed(const ocpp::CallFailure& failure);
    void transaction_message_answered(bool may_repeat);
    void started(std::size_t charge, const ocpp::v16::StartTransaction::Response& answer);

    // charger_connector.cpp: cars, charges, metering
    Connector* find(int id);
    void advance();
    void serve_connector(Connector& connector);
    void misbehave_in_charge(Connector& connector);
    double reading_of(const Connector& connector) const {
        return connector.register_wh - connector.register_base_wh;
    }
    Amps offer_for(const Connector& connector) const;
    bool kept_for_another(const Connector& connector,
                          const std::optional<std::string>& parent) const;
    std::optional<bool> local_list_says(const std::string& id_tag) const;
    void update_offers();
    ConnectorUse use_of(const Connector& connector) const;
    void present_badge(Connector& connector);
    void badge_answered(int connector_id, const std::string& id_tag,
                        const ocpp::v16::IdTagInfo& info);
    void badge_unanswered(int connector_id, const std::string& id_tag);
    bool may_charge_offline(const std::string& id_tag) const;
    void remember(const std::string& id_tag, bool accepted);
    void begin_charge(Connector& connector);
    void end_charge(Connector& connector, StopReason reason);
    void remove_car(Connector& connector);
    void sample_if_due(Connector& connector);
    ocpp::v16::MeterValue samples(const Connector& connector,
                                  ocpp::v16::ReadingContext context) const;

    // charger_services.cpp: reservations, the local list, firmware, logs, certificates
    ocpp::v16::CancelReservation::Response handle(const ocpp::v16::CancelReservation::Request&);
    ocpp::v16::CertificateSigned::Response handle(const ocpp::v16::CertificateSigned::Request&);
    ocpp::v16::DeleteCertificate::Response handle(const ocpp::v16::DeleteCertificate::Request&);
    ocpp::v16::ExtendedTriggerMessage::Response handle(
        const ocpp::v16::ExtendedTriggerMessage::Request&);
    ocpp::v16::GetDiagnostics::Response handle(const ocpp::v16::GetDiagnostics::Request&);
    ocpp::v16::GetInstalledCertificateIds::Response handle(
        const ocpp::v16::GetInstalledCertificateIds::Request&);
    ocpp::v16::GetLocalListVersion::Response handle(const ocpp::v16::GetLocalListVersion::Request&);
    ocpp::v16::GetLog::Response handle(const ocpp::v16::GetLog::Request&);
    ocpp::v16::InstallCertificate::Response handle(const ocpp::v16::InstallCertificate::Request&);
    ocpp::v16::ReserveNow::Response handle(const ocpp::v16::ReserveNow::Request&);
    ocpp::v16::SendLocalList::Response handle(const ocpp::v16::SendLocalList::Request&);
    ocpp::v16::SignedUpdateFirmware::Response handle(
        const ocpp::v16::SignedUpdateFirmware::Request&);
    ocpp::v16::UpdateFirmware::Response handle(const ocpp::v16::UpdateFirmware::Request&);
    // Sends a message whose answer says nothing.
    template <class M>
    void tell(const typename M::Request& request) {
        session_.call<M>(now_, request, {}, [](const ocpp::Session::Answer<M>&) {});
    }
    void tell_firmware(ocpp::v16::FirmwareStatus status);
    void tell_signed_firmware(ocpp::v16::SignedFirmwareStatus status, std::int32_t request_id);
    void tell_diagnostics(ocpp::v16::DiagnosticsStatus status);
    void tell_log(ocpp::v16::UploadLogStatus status, std::optional<std::int32_t> request_id);
    // Restarts for a new firmware as soon as nobody charges.
    void install(std::function<void()> installed);
    void trigger_extended(ocpp::v16::ExtendedTriggerMessageRequestedMessage message,
                          std::optional<int> connector);
    void expire_reservations();

    // charger_commands.cpp: calls of the central system
    std::optional<std::string> refusal_of(const ocpp::v16::SetChargingProfile::Request&) const;
    void answer(const ocpp::IncomingCall& call);
    template <class M>
    void answer_as(const ocpp::IncomingCall& call);
    Connector* connector_for_remote_start(const ocpp::v16::RemoteStartTransaction::Request&);
    void trigger(ocpp::v16::TriggerMessageRequestedMessage message, std::optional<int> connector);
    bool change_availability(Connector& connector, bool operative);
    ocpp::v16::ChangeAvailability::Response handle(const ocpp::v16::ChangeAvailability::Request&);
    ocpp::v16::ChangeConfiguration::Response handle(const ocpp::v16::ChangeConfiguration::Request&);
    ocpp::v16::ClearCache::Response handle(const ocpp::v16::ClearCache::Request&);
    ocpp::v16::ClearChargingProfile::Response handle(
        const ocpp::v16::ClearChargingProfile::Request&);
    ocpp::v16::DataTransfer::Response handle(const ocpp::v16::DataTransfer::Request&);
    ocpp::v16::GetCompositeSchedule::Response handle(
        const ocpp::v16::GetCompositeSchedule::Request&);
    ocpp::v16::GetConfiguration::Response handle(const ocpp::v16::GetConfiguration::Request&);
    ocpp::v16::RemoteStartTransaction::Response handle(
        const ocpp::v16::RemoteStartTransaction::Request&);
    ocpp::v16::RemoteStopTransaction::Response handle(
        const ocpp::v16::RemoteStopTransaction::Request&);
    ocpp::v16::Reset::Response handle(const ocpp::v16::Reset::Request&);
    ocpp::v16::SetChargingProfile::Response handle(const ocpp::v16::SetChargingProfile::Request&);
    ocpp::v16::TriggerMessage::Response handle(const ocpp::v16::TriggerMessage::Request&);
    ocpp::v16::UnlockConnector::Response handle(const ocpp::v16::UnlockConnector::Request&);

    ChargerOptions options_;
    Random random_;
    Configuration configuration_;
    ProfileStore profiles_;
    ocpp::Session session_;
    Distortion distortion_;
    Now now_{};  // of the step that is being done
    std::optional<Instant> advanced_at_;
    std::chrono::milliseconds clock_offset_{0};  // its clock minus ours

    bool connected_ = false;
    bool accepted_ = false;  // BootNotification has been accepted since the last start
    bool booting_ = false;   // one is on its way
    bool operative_ = true;
    std::optional<Status> reported_whole_;
    Instant next_boot_{};
    Instant next_heartbeat_{};
    std::optional<Instant> reboot_at_;
    Instant offline_until_{};  // restarting, or its network is gone
    std::optional<Instant> next_cut_;
    std::optional<Instant> next_restart_;  // in the middle of a charge
    std::vector<Planned> planned_;

    std::deque<TransactionMessage> outbox_;
    bool outbox_busy_ = false;
    Instant outbox_retry_at_{};
    std::vector<std::string> cache_;  // badges the central system has accepted (3.5.1)
    std::vector<DelayedCall> delayed_;
    std::vector<std::function<void()>> after_reply_;  // what an accepted command brings about

    std::map<std::string, ocpp::v16::IdTagInfo, std::less<>> local_list_;
    std::int32_t local_list_version_ = 0;
    ocpp::v16::FirmwareStatus firmware_ = ocpp::v16::FirmwareStatus::Idle;
    ocpp::v16::DiagnosticsStatus diagnostics_ = ocpp::v16::DiagnosticsStatus::Idle;
    ocpp::v16::UploadLogStatus log_ = ocpp::v16::UploadLogStatus::Idle;
    std::vector<std::pair<ocpp::v16::CertificateUse, std::string>> certificates_;

    std::vector<Connector> connectors_;
    std::vector<Charge> charges_;
    std::vector<ChargerEvent> events_;
};

}  // namespace busbar::sim
