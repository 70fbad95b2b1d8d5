#include "site/safe_profiles.hpp"

#include <algorithm>
#include <charconv>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/charging_profiles.hpp"
#include "site/desired_state.hpp"
#include "site/limit_key.hpp"
#include "site/load_inputs.hpp"
#include "site/load_management.hpp"
#include "site/local_list.hpp"
#include "site/metering.hpp"
#include "site/operator_profiles.hpp"
#include "site/trigger_poll.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using Answer = ocpp::Session::Answer<v16::SetChargingProfile>;

constexpr std::chrono::milliseconds profile_timeout{10'000};  // ruling R15
constexpr auto another_try = 60s;

// The body of a row: the most that the connector may hold.
struct HeldCurrent {
    std::int32_t milliamps = 0;
};
BOOST_DESCRIBE_STRUCT(HeldCurrent, (), (milliamps))

void try_again(Site& site, ChargePoint& charger, Now now) {
    if (!charger.link) return;
    if (!charger.setup_due) charger.setup_due = now.mono + another_try;
    site.wake_by(*charger.setup_due);
}

// What one profile's answer is about.
struct Question {
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::uint64_t number = 0;  // the engine's
    Amps safe;
    ProfileShape shape;
};

void send_safe_profile(Site& site, ChargePoint& charger, const Question& question);

std::vector<ProfileShape> shapes_for(const ChargePoint& charger) {
    return safe_shapes(profile_abilities(charger));
}

// Limits are in the key of quirk limitKey, and so is the safe current once all profiles are
// refused.
bool uses_key(const ChargePoint& charger, const Connector& connector) {
    return connector.limits.is_by_key && has_limit_key(charger);
}

// The shape to use: one that refused all is asked again in the usual way.
std::optional<ProfileShape> present_safe_shape(const ChargePoint& charger,
                                               std::int32_t connector_id,
                                               const Connector& connector) {
    const auto& actions = charger.quirks.unsupported_actions;
    const auto shapes = shapes_for(charger);
    if (shapes.empty() || !has_own_profile_ids(connector_id, charger.quirks) ||
        std::find(actions.begin(), actions.end(), v16::SetChargingProfile::action) !=
            actions.end()) {
        return std::nullopt;
    }
    const auto next = next_shape(shapes, connector.limits.safe_refused);
    return next || uses_key(charger, connector) ? next : shapes.front();
}

bool is_charging(const ChargePoint& charger, std::int32_t connector_id) {
    return std::any_of(charger.open.begin(), charger.open.end(), [&](const auto& transaction) {
        return transaction.start.connector_id == connector_id;
    });
}

// A limit that stands in for the safe profile, and has it as its second period.
bool holds_limit_instead(ChargePoint& charger, std::int32_t connector_id,
                         const Connector& connector) {
    return connector.limits.lingering && connector.safe_profile_sent &&
           is_charging(charger, connector_id);
}

// The safe profile has taken the place of a limit that outlived its transaction, or would have.
void end_lingering(Site& site, ChargePoint& charger, const std::string& evse,
                   std::int32_t connector_id, Connector& connector) {
    auto& limits = connector.limits;
    if (!limits.lingering) return;
    limits.lingering.reset();
    limits.is_being_replaced = false;
    if (site.find_open_on(charger, connector_id)) {
        site.engine.reconnected(evse, site.now);
    } else {
        site.engine.transaction_ended(evse, site.now);
    }
}

// The key takes the place of the safe profile; while its limit is in force, that is all it can
// hold.
void write_key(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps safe) {
    if (is_charging(charger, connector_id)) return;
    const auto id = charger.settings.id;
    const auto is_wanted = [&site, id, connector_id, safe] {
        ChargePoint* present = site.find(id);
        auto* connector = present ? connector_of(*present, connector_id) : nullptr;
        return connector && connector->safe_profile_sent == safe &&
               !is_charging(*present, connector_id);
    };
    write_limit_key(site, charger, connector_id, safe, ocpp::CallOptions::Priority::normal,
                    is_wanted, [&site, id, connector_id](KeyAnswer answer) {
                        ChargePoint* present = site.find(id);
                        auto* connector = present ? connector_of(*present, connector_id) : nullptr;
                        if (!connector) return;
                        site.step_wanted = true;
                        site.wake_by(site.now.mono);
                        if (answer == KeyAnswer::accepted) {
                            return end_lingering(site, *present, evse_id(id, connector_id),
                                                 connector_id, *connector);
                        }
                        if (answer == KeyAnswer::refused) {
                            connector->safe_profile_refused = true;
                            return;
                        }
                        connector->safe_profile_sent.reset();
                        try_again(site, *present, site.now);
                    });
}

// No profile carries the safe current.
void refuse(Site& site, ChargePoint& charger, std::int32_t connector_id, Connector& connector,
            Amps safe) {
    if (charger.link && uses_key(charger, connector)) {
        return write_key(site, charger, connector_id, safe);
    }
    connector.safe_profile_refused = true;
    site.step_wanted = true;
    if (site.log) site.log("safe_profile_refused", evse_id(charger.settings.id, connector_id));
}

void take_refusal(Site& site, ChargePoint& charger, Connector& connector,
                  const Question& question) {
    auto& refused = connector.limits.safe_refused;
    if (std::find(refused.begin(), refused.end(), question.shape) == refused.end()) {
        refused.push_back(question.shape);
        const auto shapes = shapes_for(charger);
        const auto next = next_shape(shapes, refused);
        if (next && charger.link && connector.safe_profile_sent == question.safe) {
            Question again = question;
            again.shape = *next;
            return send_safe_profile(site, charger, again);
        }
    }
    const auto evse = evse_id(question.charge_point, question.connector_id);
    site.engine.safe_refused(evse, question.number);
    refuse(site, charger, question.connector_id, connector, question.safe);
}

void settle(Site& site, const Question& question, const Answer& answer) {
    ChargePoint* charger = site.find(question.charge_point);
    auto* connector = charger ? connector_of(*charger, question.connector_id) : nullptr;
    if (!connector) return;
    const auto evse = evse_id(question.charge_point, question.connector_id);
    const auto* failure = std::get_if<ocpp::CallFailure>(&answer);
    if (failure && failure->kind != ocpp::CallFailure::Kind::refused) {
        using enum ocpp::CallFailure::Kind;
        const bool never_written = failure->kind == superseded || failure->kind == queue_full;
        if (never_written) site.engine.safe_refused(evse, question.number);
        if (failure->kind == superseded) return;
        // Not known to have arrived: once more, at leisure.
        connector->safe_profile_sent.reset();
        return try_again(site, *charger, site.now);
    }
    const bool accepted = !failure && std::get<v16::SetChargingProfile::Response>(answer).status ==
                                          v16::SetChargingProfileStatus::Accepted;
    if (accepted) {
        connector->safe_profile_refused = false;
        connector->safe_profile_accepted = true;
        site.engine.safe_accepted(evse, question.number);
        end_lingering(site, *charger, evse, question.connector_id, *connector);
    } else {
        take_refusal(site, *charger, *connector, question);
    }
    record_safe_held(site, *connector, evse);
    // What it gave up may be what another one waits for.
    site.step_wanted = true;
    site.wake_by(site.now.mono);
}

void send_safe_profile(Site& site, ChargePoint& charger, const Question& question) {
    Amps amps = question.safe;
    if (charger.quirks.tx_default_on_connector_0) {
        // One profile for all: what none may exceed.
        for (const auto& [connector_id, connector] : charger.connectors) {
            if (connector_id == 0) continue;
            amps = std::min(amps, site.engine.safe(evse_id(question.charge_point, connector_id)));
        }
    }
    const int wired = count(wired_phases(charger.settings.phase_map));
    send_profile(site, charger,
                 safe_profile(question.connector_id, amps, wired, question.shape, charger.quirks,
                              site.now.wall),
                 {.timeout = profile_timeout,
                  .coalescing_key = "safe:" + std::to_string(question.connector_id)},
                 [&site, question](const Answer& answer) { settle(site, question, answer); });
}

void install(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps safe) {
    auto& connector = charger.connectors[connector_id];
    const auto shape = present_safe_shape(charger, connector_id, connector);
    if (!shape) return refuse(site, charger, connector_id, connector, safe);
    Question question{charger.settings.id, connector_id, 0, safe, *shape};
    question.number = site.engine.safe_sent(evse_id(question.charge_point, connector_id), safe);
    send_safe_profile(site, charger, question);
}

// A raise is durable before it is sent, so that no restart can forget what a charger may hold.
void raise(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps safe) {
    const auto evse = evse_id(charger.settings.id, connector_id);
    const auto row = record_safe_current(site, charger.connectors[connector_id], evse, safe);
    site.journal.when_durable(row, [&site, id = charger.settings.id, connector_id, evse, safe] {
        ChargePoint* present = site.find(id);
        auto* connector = present ? connector_of(*present, connector_id) : nullptr;
        if (!connector || !present->link || connector->safe_profile_sent != safe) return;
        if (site.engine.safe(evse) == safe) {
            return install(site, *present, connector_id, safe);
        }
        // Taken back while its row was written.
        connector->safe_profile_sent.reset();
        present->setup_due = site.now.mono;
        site.wake_by(site.now.mono);
    });
}

}  // namespace

db::Journal::Ticket record_safe_current(Site& site, Connector& connector, const std::string& evse,
                                        Amps most) {
    connector.safe_recorded = most;
    return site.record({db::StateSaved{
        std::string{safe_current_kind}, evse, {to_json(HeldCurrent{most.milliamps})}}});
}

// A lower value is written once it is certain; until then the higher one stands in the database,
// which is on the safe side: also while nothing can be written.
void record_safe_held(Site& site, Connector& connector, const std::string& evse) {
    const auto held = site.engine.safe_held(evse);
    if (!held || connector.safe_recorded == held || site.journal.full()) return;
    record_safe_current(site, connector, evse, *held);
}

// Its row goes, too: after a restart it must not count as held.
void safe_current_gone(Site& site, const ChargePoint& charger, std::int32_t connector_id,
                       Connector& connector) {
    const auto evse = evse_id(charger.settings.id, connector_id);
    connector.safe_profile_sent.reset();
    connector.safe_profile_accepted = false;
    site.engine.safe_lost(evse);
    if (!connector.safe_recorded || site.journal.full()) return;
    connector.safe_recorded.reset();
    site.record({db::StateRemoved{std::string{safe_current_kind}, evse}});
}

bool holds_safe_profile(const Site& site, const ChargePoint& charger, const Connector& connector) {
    if (uses_key(charger, connector)) return true;
    // One that is cut off may be booting. Its car shows in the meter, where there is one.
    const bool may_boot = !charger.link && !site.engine.settings().metered;
    const bool has_none = connector.safe_profile_refused && !connector.safe_profile_accepted;
    if (charger.quirks.keeps_profiles_over_reboot) return !(may_boot && has_none);
    return connector.safe_profile_accepted && !may_boot;
}

void begin_set_up(Site& site, ChargePoint& charger, std::chrono::seconds grace, Now now) {
    charger.quiet_until = now.mono + grace;
    charger.setup_due = charger.quiet_until;
    site.wake_by(charger.quiet_until);
    site.step_wanted = true;
    begin_local_list(charger);
    want_comparison(charger);
    for (auto& [connector_id, connector] : charger.connectors) {
        connector.safe_profile_sent.reset();
        connector.limits.refused.clear();
        connector.limits.safe_refused.clear();
        // Firmware that is new may have other habits. What has to go later is not forgotten.
        const auto& taken = connector.limits.taken;
        const bool stays =
            taken && taken->purpose == v16::ChargingProfilePurpose::ChargePointMaxProfile;
        if (!stays && !site.find_open_on(charger, connector_id)) connector.limits.taken.reset();
        if (connector_id > 0 && !charger.quirks.keeps_profiles_over_reboot &&
            !uses_key(charger, connector)) {
            safe_current_gone(site, charger, connector_id, connector);
        }
        site.engine.reconnected(evse_id(charger.settings.id, connector_id), now);
    }
}

void await_boot(Site& site, ChargePoint& charger, Now now) {
    // One that boots says so at once.
    begin_set_up(site, charger, 3s, now);
    // An accepted charger may come back without BootNotification (OCPP-J 1.6, 5.4). One that may
    // have lost what holds it back is not waited for.
    const std::chrono::seconds wait{charger.quirks.setup_delay_without_boot_seconds};
    if (charger.quirks.keeps_profiles_over_reboot) charger.setup_due = now.mono + wait;
    site.wake_by(*charger.setup_due);
}

void set_up(Site& site, ChargePoint& charger, Now now) {
    // The plan must know connectors that have just appeared.
    manage_load(site, now);
    charger.setup_due.reset();
    if (!charger.link || charger.settings.state != "accepted") return;
    site.step_wanted = true;
    if (charger.connectors.empty()) ask_for_states(site, charger);
    for (auto& [connector_id, connector] : charger.connectors) {
        if (connector_id == 0 || is_hidden(charger, connector_id)) continue;
        if (is_made_up(charger, connector_id, connector)) continue;
        const auto evse = evse_id(charger.settings.id, connector_id);
        const Amps safe = site.engine.safe(evse);
        if (connector.safe_profile_sent == safe) continue;
        if (holds_limit_instead(charger, connector_id, connector)) continue;
        const auto held = site.engine.safe_held(evse);
        const bool is_raise = held && safe > *held;
        if (is_raise && site.journal.full()) {
            try_again(site, charger, now);
            continue;
        }
        connector.safe_profile_sent = safe;
        if (is_raise) {
            raise(site, charger, connector_id, safe);
        } else {
            install(site, charger, connector_id, safe);
        }
    }
    local_list_after_set_up(site, charger, now);
    schedule_comparison(site, charger, now);
    charger.link->flush();
}

void renew_safe_profiles(Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        if (!charger.link || charger.setup_due) continue;
        for (const auto& [connector_id, connector] : charger.connectors) {
            if (connector_id == 0 || !connector.safe_profile_sent) continue;
            if (holds_limit_instead(charger, connector_id, connector)) continue;
            if (*connector.safe_profile_sent == site.engine.safe(evse_id(id, connector_id))) {
                continue;
            }
            charger.setup_due = now.mono;
            site.wake_by(now.mono);
        }
    }
}

void profiles_cleared(Site& site, ChargePoint& charger,
                      const v16::ClearChargingProfile::Request& request, Now now) {
    bool has_cleared = false;
    for (auto& [connector_id, connector] : charger.connectors) {
        if (connector_id == 0) continue;
        const auto evse = evse_id(charger.settings.id, connector_id);
        const auto own = own_profiles(charger, connector_id, connector);
        if (may_clear(request, own.safe, charger.quirks)) {
            has_cleared = true;
            safe_current_gone(site, charger, connector_id, connector);
        }
        if (own.limit && may_clear(request, *own.limit, charger.quirks)) {
            has_cleared = true;
            connector.limits.lingering.reset();
            site.engine.lost(evse, now);
        }
    }
    if (!has_cleared) return;
    site.step_wanted = true;
    site.next_step = std::min(site.next_step, now.mono);
    charger.setup_due = now.mono;
    site.wake_by(now.mono);
}

void restore_safe_current(Site& site, const db::StateSaved& row) {
    const auto slash = row.key.rfind('/');
    if (slash == std::string::npos) return;
    ChargePoint* charger = site.find(std::string_view{row.key}.substr(0, slash));
    std::int32_t connector_id = 0;
    std::from_chars(row.key.data() + slash + 1, row.key.data() + row.key.size(), connector_id);
    auto* connector = charger ? connector_of(*charger, connector_id) : nullptr;
    DecodeReport report;
    const auto body = decode_text<HeldCurrent>(row.body.text, {}, report);
    if (!connector || !body) return;
    const auto most = Amps::from_milliamps(body->milliamps);
    connector->safe_profile_accepted = true;
    connector->safe_recorded = most;
    site.engine.restore_safe(row.key, most);
}

void forget_safe_currents(Site& site, const ChargePoint& charger) {
    std::vector<db::Record> removed;
    for (const auto& [connector_id, connector] : charger.connectors) {
        if (!connector.safe_recorded) continue;
        removed.emplace_back(db::StateRemoved{std::string{safe_current_kind},
                                              evse_id(charger.settings.id, connector_id)});
    }
    if (!removed.empty() && !site.journal.full()) site.record(std::move(removed));
}

}  // namespace busbar::site
