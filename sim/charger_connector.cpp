// Connectors of a simulated charge point: cars, badges, charges, offers and samples.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sim/charger.hpp"

namespace busbar::sim {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr double volts = 230.0;
constexpr milliseconds badge_retry{15'000};
constexpr std::size_t cache_max = 1'000;

std::string decimal(double value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

std::int32_t whole_wh(double register_wh) {
    return static_cast<std::int32_t>(std::floor(register_wh));
}

// The registers at both ends of a charge, as transactionData (6.49).
std::vector<v16::MeterValue> begin_and_end(const Charge& charge) {
    std::vector<v16::MeterValue> values;
    const auto add = [&](Timestamp at, std::int32_t wh, v16::ReadingContext context) {
        v16::MeterValue& value = values.emplace_back();
        value.timestamp = at;
        auto& sample = value.sampledValue.emplace_back();
        sample.value = std::to_string(wh);
        sample.context = context;
        sample.measurand = v16::Measurand::Energy_Active_Import_Register;
        sample.unit = v16::Unit::Wh;
    };
    add(charge.started_at, charge.meter_start_wh, v16::ReadingContext::Transaction_Begin);
    add(*charge.stopped_at, charge.meter_stop_wh, v16::ReadingContext::Transaction_End);
    return values;
}

constexpr std::array<v16::Phase, 3> phases{v16::Phase::L1, v16::Phase::L2, v16::Phase::L3};
constexpr std::array<v16::Phase, 3> phases_to_neutral{v16::Phase::L1_N, v16::Phase::L2_N,
                                                      v16::Phase::L3_N};

}  // namespace

Charger::Connector* Charger::find(int id) {
    const auto index = static_cast<std::size_t>(id - 1);
    return id >= 1 && index < connectors_.size() ? &connectors_[index] : nullptr;
}

ConnectorUse Charger::use_of(const Connector& connector) const {
    ConnectorUse use;
    use.volts = volts;
    if (connector.car) use.phases = connector.car->traits().phases;
    if (connector.charge != no_charge) {
        use.transaction_running = true;
        use.transaction_id = charges_[connector.charge].transaction_id();
        use.transaction_started = charges_[connector.charge].started_at;
    }
    return use;
}

// Lets the time since the last step pass for every car, with the offers of that step.
void Charger::advance() {
    const milliseconds elapsed = advanced_at_ ? now_.mono - *advanced_at_ : 0ms;
    advanced_at_ = now_.mono;
    for (auto& connector : connectors_) {
        if (!connector.car) continue;
        const Draw draw = connector.car->step(connector.offered, elapsed, volts);
        connector.drawn = draw.current;
        connector.register_wh += draw.energy_wh;
    }
}

// What each connector may draw from now on; its car begins to react.
void Charger::update_offers() {
    const auto running = std::count_if(connectors_.begin(), connectors_.end(),
                                       [](const auto& c) { return c.charge != no_charge; });
    const Allowed whole = running > 0 ? profiles_.charge_point_limit(clock()) : Allowed{};
    for (auto& connector : connectors_) {
        connector.offered = {};
        connector.limit.reset();
        connector.offer_until.reset();
        if (connector.charge == no_charge || !connector.car) continue;
        connector.offered = options_.current_max;
        if (!options_.misbehaviour.ignore_limits) {
            const Allowed own = profiles_.connector_limit(connector.id, clock(), use_of(connector));
            connector.limit = own.limit;
            // ChargePointMaxProfile is for all connectors together: they share it equally.
            if (whole.limit) {
                const Amps share{whole.limit->milliamps / static_cast<std::int32_t>(running)};
                connector.limit = std::min(connector.limit.value_or(share), share);
            }
            connector.offered = offer_for(connector);
            for (const auto& until : {own.until, whole.until}) {
                if (!until) continue;
                const Instant at = now_.mono + (*until - clock());
                connector.offer_until = std::min(connector.offer_until.value_or(at), at);
            }
        }
        if (connector.offered < 6_A) connector.offered = {};
        connector.drawn = connector.car->step(connector.offered, 0ms, volts).current;
    }
}

// What it makes of its limit.
Amps Charger::offer_for(const Connector& connector) const {
    constexpr Amps steps[] = {32_A, 25_A, 20_A, 16_A, 13_A, 10_A, 8_A, 6_A};
    Amps amps = std::min(options_.current_max, connector.limit.value_or(options_.current_max));
    if (options_.misbehaviour.limit_capped) amps = std::min(amps, 16_A);
    if (!options_.misbehaviour.limit_steps) return amps;
    for (const Amps step : steps) {
        if (step <= amps) return step;
    }
    return {};
}

void Charger::plug_in(Now now, int connector_id, CarTraits car, std::string id_tag) {
    begin_step(now);
    Connector* connector = find(connector_id);
    if (connector && !connector->car) {
        if (options_.phase_map.size() < 3) car.phases = 1;
        connector->car.emplace(car);
        connector->finished = false;
        connector->finishing_until.reset();
        if (connector->remote_until) {
            connector->remote_until.reset();
            connector->badge_at = now_.mono;
        } else {
            connector->id_tag = std::move(id_tag);
            connector->authorized = false;
            connector->badge_at = now_.mono + milliseconds{random_.pick(500, 4'000)};
        }
        note(ChargerEvent::Kind::plugged_in, connector_id);
    }
    end_step();
}

void Charger::unplug(Now now, int connector_id) {
    begin_step(now);
    Connector* connector = find(connector_id);
    if (connector && connector->car) remove_car(*connector);
    end_step();
}

// What is due at a connector.
void Charger::serve_connector(Connector& connector) {
    if (connector.badge_at && *connector.badge_at <= now_.mono) present_badge(connector);
    if (connector.finishing_until && *connector.finishing_until <= now_.mono) {
        connector.finishing_until.reset();
    }
    if (connector.remote_until && *connector.remote_until <= now_.mono) {
        connector.remote_until.reset();
        connector.remote_profile.reset();
        connector.id_tag.clear();
    }
    if (!connector.car) return;
    sample_if_due(connector);
    misbehave_in_charge(connector);
    const bool fetched = connector.leaves_at && *connector.leaves_at <= now_.mono;
    if (!fetched && !connector.car->leaving()) return;
    // Half of the drivers end their charge with the badge, the others pull the plug.
    if (connector.charge != no_charge && random_.chance(50)) {
        end_charge(connector, StopReason::Local);
    }
    remove_car(connector);
}

// What happens to a charge that would go on undisturbed at a good charge point.
void Charger::misbehave_in_charge(Connector& connector) {
    if (connector.charge == no_charge) return;
    const auto& misbehaviour = options_.misbehaviour;
    const auto age = clock() - charges_[connector.charge].started_at;
    if (misbehaviour.register_resets && age >= 5min && connector.register_base_wh == 0) {
        connector.register_base_wh = connector.register_wh;
    }
    if (misbehaviour.splits_charges && age >= 2min) {
        end_charge(connector, StopReason::Other);
        return begin_charge(connector);
    }
    const bool low = connector.limit && *connector.limit < 6_A;
    const bool zero = connector.limit == Amps{};
    if ((misbehaviour.low_limit_ends_charge && low) || (misbehaviour.zero_ends_charge && zero)) {
        end_charge(connector, StopReason::Other);
    }
}

// Kept for another badge than the one at the connector, whose parent may be known.
bool Charger::kept_for_another(const Connector& connector,
                               const std::optional<std::string>& parent) const {
    if (!connector.reservation || connector.reservation->id_tag == connector.id_tag) return false;
    return !parent || !connector.reservation->parent || *connector.reservation->parent != *parent;
}

// What the local list knows about a badge (3.5.2).
std::optional<bool> Charger::local_list_says(const std::string& id_tag) const {
    const auto entry = local_list_.find(id_tag);
    if (entry == local_list_.end() || !configuration_.flag("LocalAuthListEnabled")) {
        return std::nullopt;
    }
    const auto& info = entry->second;
    return info.status == v16::AuthorizationStatus::Accepted &&
           (!info.expiryDate || *info.expiryDate > clock());
}

void Charger::present_badge(Connector& connector) {
    connector.badge_at.reset();
    if (!connector.car || connector.charge != no_charge || connector.authorizing) return;
    if (!connector.operative) return;
    const bool known = configuration_.flag("LocalPreAuthorize") &&
                       may_charge_offline(connector.id_tag) &&
                       !kept_for_another(connector, std::nullopt);
    if (connector.authorized || known || options_.misbehaviour.start_without_authorize) {
        return begin_charge(connector);
    }
    if (!online()) return badge_unanswered(connector.id, connector.id_tag);
    connector.authorizing = true;
    session_.call<v16::Authorize>(now_, {connector.id_tag}, {},
                                  [this, id = connector.id, id_tag = connector.id_tag](
                                      const ocpp::Session::Answer<v16::Authorize>& answer) {
                                      find(id)->authorizing = false;
                                      const auto* response =
                                          std::get_if<v16::Authorize::Response>(&answer);
                                      if (response)
                                          return badge_answered(id, id_tag, response->idTagInfo);
                                      badge_unanswered(id, id_tag);
                                  });
}

void Charger::badge_answered(int connector_id, const std::string& id_tag,
                             const v16::IdTagInfo& info) {
    const bool accepted = info.status == v16::AuthorizationStatus::Accepted;
    remember(id_tag, accepted);
    Connector& connector = *find(connector_id);
    if (!connector.car || connector.id_tag != id_tag || connector.charge != no_charge) return;
    std::optional<std::string> parent;
    if (info.parentIdTag) parent = info.parentIdTag->value;
    const bool reserved = kept_for_another(connector, parent);
    if (accepted && !reserved) return begin_charge(connector);
    note(ChargerEvent::Kind::badge_refused, connector_id,
         accepted ? "reserved for another badge" : enumerator_name(info.status));
    connector.leaves_at = now_.mono + 60s;
}

// Offline, or no answer in time: the cache decides (3.5.1), or the driver tries again.
void Charger::badge_unanswered(int connector_id, const std::string& id_tag) {
    Connector& connector = *find(connector_id);
    if (!connector.car || connector.id_tag != id_tag || connector.charge != no_charge) return;
    if (may_charge_offline(id_tag) && !kept_for_another(connector, std::nullopt)) {
        return begin_charge(connector);
    }
    connector.badge_at = now_.mono + badge_retry;
}

bool Charger::may_charge_offline(const std::string& id_tag) const {
    if (const auto listed = local_list_says(id_tag)) return *listed;
    if (configuration_.flag("AllowOfflineTxForUnknownId")) return true;
    return configuration_.flag("LocalAuthorizeOffline") &&
           configuration_.flag("AuthorizationCacheEnabled") &&
           std::find(cache_.begin(), cache_.end(), id_tag) != cache_.end();
}

void Charger::remember(const std::string& id_tag, bool accepted) {
    std::erase(cache_, id_tag);
    if (accepted && cache_.size() < cache_max) cache_.push_back(id_tag);
}

void Charger::begin_charge(Connector& connector) {
    connector.charge = charges_.size();
    connector.leaves_at.reset();
    connector.register_base_wh = options_.misbehaviour.session_register ? connector.register_wh : 0;
    const bool restarts =
        options_.misbehaviour.restarts_in_charge || options_.misbehaviour.power_cuts;
    if (restarts && !next_restart_) {
        next_restart_ = now_.mono + std::chrono::seconds{random_.pick(60, 300)};
    }
    Charge& charge = charges_.emplace_back();
    charge.connector = connector.id;
    charge.id_tag = connector.id_tag;
    charge.started_at = clock();
    charge.meter_start_wh = whole_wh(reading_of(connector));
    v16::StartTransaction::Request request;
    request.connectorId = connector.id;
    request.idTag = connector.id_tag;
    request.meterStart = charge.meter_start_wh;
    request.timestamp = charge.started_at;
    if (connector.reservation && !kept_for_another(connector, std::nullopt)) {
        request.reservationId = connector.reservation->id;
    }
    connector.reservation.reset();
    enqueue({connector.charge, std::move(request)});
    connector.next_sample = now_.mono + sample_interval();
    if (connector.remote_profile) {
        profiles_.set(connector.id, *connector.remote_profile, use_of(connector));
        connector.remote_profile.reset();
    }
    auto event = event_of(ChargerEvent::Kind::session_started, connector.id, connector.charge);
    event.energy_wh = connector.register_wh;
    note(std::move(event));
}

void Charger::end_charge(Connector& connector, StopReason reason) {
    const std::size_t index = std::exchange(connector.charge, no_charge);
    Charge& charge = charges_[index];
    charge.stopped_at = std::max(clock(), charge.started_at);
    charge.meter_stop_wh = whole_wh(reading_of(connector));
    if (!options_.misbehaviour.no_stop && !options_.misbehaviour.splits_charges) {
        v16::StopTransaction::Request request;
        if (reason == StopReason::Local) request.idTag = charge.id_tag;
        request.meterStop = charge.meter_stop_wh;
        request.timestamp = *charge.stopped_at;
        request.reason = reason;
        if (options_.misbehaviour.no_start) request.transactionData = begin_and_end(charge);
        if (options_.misbehaviour.stop_late) outbox_retry_at_ = now_.mono + 10s;
        enqueue({index, std::move(request)});
    }
    profiles_.transaction_ended(connector.id);
    if (options_.misbehaviour.forgets_profiles_after_charge) {
        profiles_ = ProfileStore{options_.profiles};
    }
    // The contactor opens: nothing is drawn any more, whatever the car would still do.
    if (connector.car) connector.car->power_off();
    connector.drawn = {};
    connector.offered = {};
    connector.finished = true;
    connector.leaves_at = now_.mono + std::chrono::seconds{random_.pick(20, 120)};
    if (std::exchange(connector.inoperative_later, false)) connector.operative = false;
    auto event = event_of(ChargerEvent::Kind::session_ended, connector.id, index);
    event.energy_wh = charge.meter_stop_wh - charge.meter_start_wh;
    event.detail = enumerator_name(reason);
    note(std::move(event));
}

void Charger::remove_car(Connector& connector) {
    if (connector.charge != no_charge) end_charge(connector, StopReason::EVDisconnected);
    const auto finishing = options_.misbehaviour.finishing_lock ? 10min : 1s;
    if (connector.finished) connector.finishing_until = now_.mono + finishing;
    connector.car.reset();
    connector.id_tag.clear();
    connector.authorized = false;
    connector.finished = false;
    connector.badge_at.reset();
    connector.leaves_at.reset();
    connector.drawn = {};
}

void Charger::sample_if_due(Connector& connector) {
    const auto interval = sample_interval();
    if (connector.charge == no_charge || interval <= 0s) return;
    if (connector.next_sample > now_.mono) return;
    while (connector.next_sample <= now_.mono) connector.next_sample += interval;
    v16::MeterValues::Request request;
    request.connectorId = connector.id;
    request.meterValue.push_back(samples(connector, v16::ReadingContext::Sample_Periodic));
    enqueue({connector.charge, std::move(request)});
}

v16::MeterValue Charger::samples(const Connector& connector, v16::ReadingContext context) const {
    using enum v16::Measurand;
    v16::MeterValue result;
    result.timestamp = clock();
    const auto add = [&](v16::Measurand measurand, v16::Unit unit, std::string value,
                         std::optional<v16::Phase> phase = {}) {
        auto& sample = result.sampledValue.emplace_back();
        sample.value = std::move(value);
        sample.context = context;
        sample.measurand = measurand;
        sample.phase = phase;
        sample.location = v16::Location::Outlet;
        sample.unit = unit;
    };
    const std::size_t phase_count = options_.phase_map.size() < 3 ? 1 : 3;
    double amps_total = 0;
    for (const Amps amps : connector.drawn) amps_total += amps.to_double();
    for (const auto measurand : parse_measurands(configuration_.text("MeterValuesSampledData"))) {
        if (measurand == Energy_Active_Import_Register) {
            add(measurand, v16::Unit::Wh, std::to_string(whole_wh(reading_of(connector))));
        } else if (measurand == Power_Active_Import) {
            add(measurand, v16::Unit::W, decimal(amps_total * volts, 0));
        } else if (measurand == Current_Offered) {
            add(measurand, v16::Unit::A, decimal(connector.offered.to_double(), 1));
        } else if (measurand == Current_Import) {
            for (std::size_t i = 0; i < phase_count; ++i) {
                add(measurand, v16::Unit::A, decimal(connector.drawn[i].to_double(), 2), phases[i]);
            }
        } else if (measurand == Voltage) {
            for (std::size_t i = 0; i < phase_count; ++i) {
                add(measurand, v16::Unit::V, decimal(volts, 1), phases_to_neutral[i]);
            }
        }
    }
    return result;
}

}  // namespace busbar::sim
