#include "sim/charger.hpp"

#include <algorithm>

namespace busbar::sim {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using ocpp::CallFailure;

namespace {

constexpr std::chrono::seconds boot_retry{20};
// The clock is set again only if it is off by more: small corrections would make time jump back.
constexpr std::chrono::milliseconds clock_tolerance{2'000};

// Message ids are unique over all connections of a charge point (OCPP-J 4.1.4), restarts included.
std::string message_id_prefix(std::uint64_t seed) {
    return "s" + std::to_string(seed % 1'000'000) + "-";
}

}  // namespace

Charger::Charger(ChargerOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      configuration_(options_.connectors, options_.phase_map, options_.profiles,
                     options_.misbehaviour),
      profiles_(options_.profiles),
      session_(message_id_prefix(options_.seed)),
      distortion_(options_.misbehaviour, options_.connectors),
      accepted_(options_.misbehaviour.never_boots) {
    if (options_.misbehaviour.clock_ahead) clock_offset_ = 1h;
    if (options_.misbehaviour.clock_behind) clock_offset_ = -4min;
    configuration_.assign("LocalAuthorizeOffline", options_.offline_starts ? "true" : "false");
    configuration_.assign("MeterValueSampleInterval",
                          std::to_string(options_.sample_interval.count()));
    for (int id = 1; id <= options_.connectors; ++id) {
        Connector& connector = connectors_.emplace_back();
        connector.id = id;
        connector.register_wh = options_.initial_register_wh;
    }
}

bool Charger::wants_connection() const { return now_.mono >= offline_until_; }

void Charger::begin_step(Now now) {
    now_ = now;
    advance();
}

void Charger::end_step() {
    update_offers();
    report_statuses();
    send_next_transaction_message();
    for (auto& oddity : session_.take_oddities()) {
        note(ChargerEvent::Kind::protocol_problem, 0, oddity.kind + ": " + oddity.detail);
    }
}

void Charger::connected(Now now) {
    begin_step(now);
    connected_ = true;
    distortion_.connected();
    plan_cut();
    if (options_.misbehaviour.boots_every_connection) {
        accepted_ = false;
        next_boot_ = now_.mono;
    }
    if (options_.misbehaviour.calls_before_boot && !accepted_) {
        send_heartbeat();
        report_whole();
    }
    if (!accepted_ && now_.mono >= next_boot_) send_boot();
    end_step();
}

void Charger::disconnected(Now now) {
    begin_step(now);
    connected_ = false;
    next_cut_.reset();
    delayed_.clear();
    session_.on_disconnect();
    booting_ = false;
    outbox_busy_ = false;
    end_step();
}

void Charger::receive(Now now, std::string_view wire_text) {
    begin_step(now);
    const std::string text = distortion_.incoming(wire_text);
    for (auto& call : session_.receive(now, text)) {
        if (options_.misbehaviour.never_answers) {
            // Nothing happens, either.
        } else if (options_.misbehaviour.late_answers) {
            call.text = {};
            const Instant due = now_.mono + std::chrono::milliseconds{random_.pick(5'000, 45'000)};
            delayed_.push_back({due, std::move(call)});
        } else {
            answer(call);
        }
    }
    end_step();
}

std::vector<std::string> Charger::take_output() {
    return distortion_.outgoing(session_.take_output());
}

Instant Charger::deadline() const {
    Instant earliest = now_.mono + 1h;
    const auto by = [&](std::optional<Instant> moment) {
        if (moment) earliest = std::min(earliest, *moment);
    };
    by(session_.deadline());
    if (connected_ && !accepted_ && !booting_) by(next_boot_);
    if (online() && heartbeat_interval() > 0s) by(next_heartbeat_);
    if (online() && options_.misbehaviour.boot_storm) by(next_boot_);
    if (online()) {
        for (const auto& planned : planned_) by(planned.due);
    }
    by(next_restart_);
    if (online() && !outbox_busy_ && !outbox_.empty()) by(outbox_retry_at_);
    if (connected_) by(next_cut_);
    if (!wants_connection()) by(offline_until_);
    by(reboot_at_);
    for (const auto& delayed : delayed_) by(delayed.due);
    for (const auto& connector : connectors_) {
        by(connector.badge_at);
        by(connector.finishing_until);
        by(connector.remote_until);
        by(connector.leaves_at);
        if (connector.reservation) by(now_.mono + (connector.reservation->until - clock()));
        if (!connector.car) continue;
        by(*advanced_at_ + std::min(options_.step, connector.car->until_departure()));
        if (connector.charge == no_charge) continue;
        by(connector.offer_until);
        if (const auto change = connector.car->next_change()) by(*advanced_at_ + *change);
        if (sample_interval() > 0s) by(connector.next_sample);
    }
    // Whatever is overdue is dealt with in the next step, a little later: never a busy loop.
    return std::max(earliest, now_.mono + 1ms);
}

void Charger::on_timer(Now now) {
    begin_step(now);
    session_.on_timer(now);
    reboot_if_due();
    restart_in_charge_if_due();
    be_cut_if_due();
    expire_reservations();
    run_planned();
    while (!delayed_.empty()) {
        const auto due = std::find_if(delayed_.begin(), delayed_.end(),
                                      [&](const auto& entry) { return entry.due <= now_.mono; });
        if (due == delayed_.end()) break;
        const auto call = std::move(due->call);
        delayed_.erase(due);
        answer(call);
    }
    const bool boots = !accepted_ || options_.misbehaviour.boot_storm;
    if (connected_ && boots && !booting_ && next_boot_ <= now_.mono) send_boot();
    if (online() && heartbeat_interval() > 0s && next_heartbeat_ <= now_.mono) {
        next_heartbeat_ = now_.mono + heartbeat_interval();
        send_heartbeat();
    }
    for (auto& connector : connectors_) serve_connector(connector);
    end_step();
}

std::chrono::seconds Charger::heartbeat_interval() const {
    if (options_.misbehaviour.heartbeat_flood) return 1s;
    if (options_.misbehaviour.heartbeat_rare) return 12h;
    return configuration_.seconds("HeartbeatInterval");
}

std::chrono::seconds Charger::sample_interval() const {
    if (options_.misbehaviour.samples_on_trigger) return 0s;
    if (options_.misbehaviour.rare_samples) return 5min;
    return configuration_.seconds("MeterValueSampleInterval");
}

// When the connection will be lost.
void Charger::plan_cut() {
    const auto& misbehaviour = options_.misbehaviour;
    const auto cut_after = [&](std::chrono::milliseconds later) {
        const Instant at = now_.mono + later;
        next_cut_ = next_cut_ ? std::min(*next_cut_, at) : at;
    };
    const bool at_random =
        misbehaviour.cut_links || misbehaviour.slow_reconnect || misbehaviour.half_open;
    if (at_random) cut_after(std::chrono::seconds{random_.pick(10, 120)});
    if (misbehaviour.flapping) cut_after(std::chrono::seconds{random_.pick(5, 15)});
    if (misbehaviour.short_connections) cut_after(5s);
    if (misbehaviour.reconnect_storm) {
        cut_after(std::chrono::ceil<std::chrono::minutes>(now_.wall + 1ms) - now_.wall);
    }
}

void Charger::be_cut_if_due() {
    if (!next_cut_ || *next_cut_ > now_.mono) return;
    next_cut_.reset();
    std::chrono::milliseconds away{random_.pick(500, 30'000)};
    if (options_.misbehaviour.flapping || options_.misbehaviour.half_open) away = 500ms;
    if (options_.misbehaviour.reconnect_storm) away = 100ms;
    if (options_.misbehaviour.short_connections) away = 25s;
    if (options_.misbehaviour.slow_reconnect) away = 6min;
    offline_until_ = now_.mono + away;
}

void Charger::run_planned() {
    if (!online()) return;
    for (std::size_t i = 0; i < planned_.size();) {
        if (planned_[i].due > now_.mono) {
            ++i;
            continue;
        }
        const auto run = std::move(planned_[i].run);
        planned_.erase(planned_.begin() + static_cast<std::ptrdiff_t>(i));
        run();
    }
}

void Charger::set_clock(Timestamp central_time) {
    if (options_.misbehaviour.clock_ahead || options_.misbehaviour.clock_behind) return;
    if (std::chrono::abs(central_time - clock()) > clock_tolerance) {
        clock_offset_ = central_time - now_.wall;
    }
}

void Charger::send_boot() {
    booting_ = true;
    v16::BootNotification::Request request;
    request.chargePointVendor = options_.vendor;
    request.chargePointModel = options_.model;
    request.chargePointSerialNumber = options_.identity.substr(0, 25);
    request.firmwareVersion = "1.0";
    session_.call<v16::BootNotification>(
        now_, request, {}, [this](const ocpp::Session::Answer<v16::BootNotification>& answer) {
            booting_ = false;
            if (const auto* response = std::get_if<v16::BootNotification::Response>(&answer)) {
                return boot_answered(*response);
            }
            const auto& failure = std::get<CallFailure>(answer);
            const bool cut = failure.kind == CallFailure::Kind::disconnected;
            next_boot_ = now_.mono + (cut ? 0s : boot_retry);
        });
}

void Charger::boot_answered(const v16::BootNotification::Response& answer) {
    set_clock(answer.currentTime);
    note(ChargerEvent::Kind::boot_answered, 0, enumerator_name(answer.status));
    const std::chrono::seconds interval{answer.interval};
    const bool refused = answer.status != v16::BootNotificationStatus::Accepted;
    if (options_.misbehaviour.boot_storm) next_boot_ = now_.mono + 10s;
    if (refused && !options_.misbehaviour.ignores_boot_verdict) {
        next_boot_ = now_.mono + (interval > 0s ? interval : boot_retry);
        return;
    }
    accepted_ = true;
    if (interval > 0s) {
        configuration_.assign("HeartbeatInterval", std::to_string(interval.count()));
        next_heartbeat_ = now_.mono + heartbeat_interval();
    }
}

void Charger::send_heartbeat() {
    session_.call<v16::Heartbeat>(now_, {}, {.coalescing_key = "heartbeat"},
                                  [this](const ocpp::Session::Answer<v16::Heartbeat>& answer) {
                                      const auto* time =
                                          std::get_if<v16::Heartbeat::Response>(&answer);
                                      if (time) set_clock(time->currentTime);
                                  });
}

// Configuration, profiles, registers and waiting messages survive (errata 3.37).
void Charger::reboot_if_due() {
    if (!reboot_at_ || *reboot_at_ > now_.mono) return;
    reboot_at_.reset();
    accepted_ = options_.misbehaviour.never_boots;
    if (options_.misbehaviour.forgets_profiles_at_reboot) {
        profiles_ = ProfileStore{options_.profiles};
        configuration_ = Configuration{options_.connectors, options_.phase_map, options_.profiles,
                                       options_.misbehaviour};
    }
    configuration_.apply_changes();
    next_boot_ = now_.mono;
    offline_until_ = now_.mono + std::chrono::milliseconds{random_.pick(3'000, 12'000)};
    reported_whole_.reset();
    for (auto& connector : connectors_) connector.reported.reset();
    note(ChargerEvent::Kind::rebooting);
}

void Charger::restart_in_charge_if_due() {
    if (!next_restart_ || *next_restart_ > now_.mono) return;
    next_restart_.reset();
    if (options_.misbehaviour.power_cuts) {
        for (auto& connector : connectors_) {
            if (connector.charge != no_charge) end_charge(connector, StopReason::PowerLoss);
        }
    }
    reboot_at_ = now_.mono;
    reboot_if_due();
}

Charger::Status Charger::status_of(const Connector& connector) const {
    if (!connector.operative) return Status::Unavailable;
    if (connector.charge != no_charge) {
        if (connector.offered == Amps{}) return Status::SuspendedEVSE;
        return connector.car && connector.car->full() ? Status::SuspendedEV : Status::Charging;
    }
    if (connector.finishing_until) return Status::Finishing;
    if (connector.car) return connector.finished ? Status::Finishing : Status::Preparing;
    if (connector.remote_until) return Status::Preparing;
    return connector.reservation ? Status::Reserved : Status::Available;
}

void Charger::report_statuses() {
    if (!online()) return;
    const Status whole = operative_ ? Status::Available : Status::Unavailable;
    if (reported_whole_ != whole) report_whole();
    for (auto& connector : connectors_) {
        const bool begun = connector.charge != no_charge &&
                           charges_[connector.charge].transaction_id().has_value();
        if (options_.misbehaviour.start_before_status && connector.car && !begun &&
            !connector.finished) {
            continue;
        }
        if (connector.reported != status_of(connector)) report_status(connector);
    }
}

void Charger::report_whole() {
    v16::StatusNotification::Request request;
    request.status = operative_ ? Status::Available : Status::Unavailable;
    request.errorCode = v16::StatusNotificationErrorCode::NoError;
    request.timestamp = clock();
    reported_whole_ = request.status;
    session_.call<v16::StatusNotification>(
        now_, request, {}, [this](const ocpp::Session::Answer<v16::StatusNotification>& answer) {
            const auto* failure = std::get_if<CallFailure>(&answer);
            if (failure && failure->kind == CallFailure::Kind::disconnected) {
                reported_whole_.reset();
            }
        });
}

void Charger::report_status(Connector& connector) {
    v16::StatusNotification::Request request;
    request.connectorId = connector.id;
    request.status = status_of(connector);
    request.errorCode = v16::StatusNotificationErrorCode::NoError;
    request.timestamp = clock();
    connector.reported = request.status;
    session_.call<v16::StatusNotification>(
        now_, request, {},
        [this, id = connector.id](const ocpp::Session::Answer<v16::StatusNotification>& answer) {
            const auto* failure = std::get_if<CallFailure>(&answer);
            // Lost with the connection: told again after the next one is made.
            if (failure && failure->kind == CallFailure::Kind::disconnected) {
                find(id)->reported.reset();
            }
        });
}

void Charger::note(ChargerEvent::Kind kind, int connector, std::string detail) {
    ChargerEvent event;
    event.kind = kind;
    event.connector = connector;
    event.detail = std::move(detail);
    note(std::move(event));
}

ChargerEvent Charger::event_of(ChargerEvent::Kind kind, int connector, std::size_t charge) const {
    ChargerEvent event;
    event.kind = kind;
    event.connector = connector;
    if (charge != no_charge) event.transaction_id = charges_[charge].transaction_id();
    return event;
}

bool Charger::is_free(int connector) const {
    const auto index = static_cast<std::size_t>(connector - 1);
    if (connector < 1 || index >= connectors_.size()) return false;
    return connectors_[index].operative && !connectors_[index].car && !reboot_at_;
}

ConnectorView Charger::connector(int id) const {
    const auto& connector = connectors_.at(static_cast<std::size_t>(id - 1));
    ConnectorView view;
    view.id = id;
    view.status = status_of(connector);
    view.car_present = connector.car.has_value();
    if (connector.car) view.car_phases = connector.car->traits().phases;
    if (connector.charge != no_charge) view.charge = charges_[connector.charge];
    view.offered = connector.offered;
    view.drawn = connector.drawn;
    view.register_wh = connector.register_wh;
    return view;
}

PhaseAmps Charger::drawn() const {
    PhaseAmps sum{};
    for (const auto& connector : connectors_) {
        for (std::size_t phase = 0; phase < 3; ++phase) sum[phase] += connector.drawn[phase];
    }
    return sum;
}

double Charger::energy_wh() const {
    double sum = 0;
    for (const auto& connector : connectors_) sum += connector.register_wh;
    return sum;
}

}  // namespace busbar::sim
