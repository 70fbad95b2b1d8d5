#include "site/charge_points.hpp"

#include <set>

#include "ocpp/identity.hpp"
#include "site/availability.hpp"
#include "site/charger_keys.hpp"
#include "site/local_list.hpp"
#include "site/metering.hpp"
#include "site/safe_profiles.hpp"

namespace busbar::site {
namespace {

constexpr std::uint16_t policy_changed = 1008;
constexpr std::size_t text_size_max = 200;

void close_link(ChargePoint& charger, std::string_view reason) {
    if (!charger.link) return;
    const auto link = charger.link;
    link->close(policy_changed, reason);
}

}  // namespace

db::ChargePointSaved default_settings(std::string_view id) {
    db::ChargePointSaved settings;
    settings.id = id;
    settings.state = "accepted";
    settings.validation = "lenient";
    settings.phase_map = "RST";
    return settings;
}

std::vector<Violation> check(const db::ChargePointSaved& settings) {
    std::vector<Violation> out;
    const auto refuse = [&](std::string pointer, std::string detail) {
        out.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
    };
    // What cannot come out of a URL path could never connect.
    if (ocpp::identity_from_target("/ocpp/" + settings.id) != settings.id) {
        refuse("/id", "must be 1 to 48 printable characters without '/', '%', '?' or '#'");
    }
    if (settings.state != "pending" && settings.state != "accepted" &&
        settings.state != "rejected") {
        refuse("/state", "must be pending, accepted or rejected");
    }
    if (settings.validation != "lenient" && settings.validation != "strict") {
        refuse("/validation", "must be lenient or strict");
    }
    if (settings.max_milliamps < 6000 || settings.max_milliamps > 1'000'000) {
        refuse("/maxAmps", "must be 6 to 1000");
    }
    if (!is_phase_map(settings.phase_map)) {
        refuse("/phaseMap", "must be RST, RTS, SRT, STR, TRS, TSR, L1, L2 or L3");
    }
    const auto check_text = [&](const char* pointer, const std::optional<std::string>& text) {
        if (!text) return;
        if (text->size() > text_size_max) refuse(pointer, "longer than 200 characters");
        if (!is_printable(*text)) refuse(pointer, "holds control characters");
    };
    check_text("/label", settings.label);
    check_text("/location", settings.location);
    return out;
}

void apply_settings(Site& site, db::ChargePointSaved settings, Now now) {
    ChargePoint& charger = site.charge_points[settings.id];
    const bool was_accepted = charger.settings.state == "accepted";
    const bool password_changed = charger.settings.password_hash != settings.password_hash;
    charger.settings = std::move(settings);
    resolve_quirks(site, charger);
    const bool is_accepted = charger.settings.state == "accepted";
    if (password_changed || (was_accepted && !is_accepted)) {
        close_link(charger, "the settings of this charge point have changed");
    } else if (!was_accepted && is_accepted && charger.link) {
        // It was told to ask again later: it may ask now.
        close_link(charger, "this charge point has been accepted");
    }
    site.step_wanted = true;
    site.wake_by(now.mono);
}

db::Journal::Ticket save(Site& site, db::ChargePointSaved settings, Now now) {
    site.last_charge_point_edit = site.record({settings});
    apply_settings(site, std::move(settings), now);
    return site.last_charge_point_edit;
}

std::optional<std::string_view> obstacle_to_removal(const ChargePoint& charger) {
    if (charger.open.empty()) return std::nullopt;
    return "it has a running transaction: stop it first";
}

void forget_in_memory(Site& site, ChargePoint& charger) {
    close_link(charger, "this charge point has been removed");
    if (charger.link) charger.link->session.on_disconnect();
    for (const auto& [connector_id, connector] : charger.connectors) {
        site.engine.remove(evse_id(charger.settings.id, connector_id));
    }
    site.step_wanted = true;
}

db::Journal::Ticket remove_charge_point(Site& site, std::string_view id) {
    const auto it = site.charge_points.find(id);
    forget_safe_currents(site, it->second);
    forget_configuration(site, it->second);
    forget_availability(site, it->second);
    forget_local_list(site, it->second);
    forget_in_memory(site, it->second);
    site.last_charge_point_edit = site.record({db::ChargePointRemoved{it->first}});
    site.charge_points.erase(it);
    return site.last_charge_point_edit;
}

void replace_charge_points(Site& site, std::vector<db::ChargePointSaved> settings, Now now) {
    std::set<std::string, std::less<>> present;
    for (auto& row : settings) {
        present.insert(row.id);
        apply_settings(site, std::move(row), now);
    }
    for (auto it = site.charge_points.begin(); it != site.charge_points.end();) {
        auto& charger = it->second;
        const bool keep = present.contains(it->first) || !charger.open.empty();
        if (keep) {
            ++it;
            continue;
        }
        forget_safe_currents(site, charger);
        forget_configuration(site, charger);
        forget_availability(site, charger);
        forget_local_list(site, charger);
        forget_in_memory(site, charger);
        it = site.charge_points.erase(it);
    }
}

}  // namespace busbar::site
