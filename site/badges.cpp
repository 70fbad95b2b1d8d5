#include "site/badges.hpp"

#include <algorithm>
#include <array>

#include "base/codec.hpp"
#include "ocpp/identity.hpp"
#include "site/badge_fields.hpp"
#include "site/local_list.hpp"

namespace busbar::site {
namespace {

constexpr std::size_t places_max = 1000;
constexpr std::array<std::string_view, 4> charge_modes{"fast", "fair", "solar", "off_peak"};

class Checker {
public:
    explicit Checker(const Badge& badge) : badge_(badge) {}

    std::vector<Violation> run() {
        check_id_token(out_, "/idTag", badge_.id_tag);
        using Text = std::pair<const char*, const std::optional<std::string>*>;
        for (const auto& [pointer, text] :
             {Text{"/printedNumber", &badge_.printed_number}, Text{"/label", &badge_.label},
              Text{"/holder", &badge_.holder}, Text{"/costCentre", &badge_.cost_centre}}) {
            check_text(out_, pointer, *text, badge_text_size_max);
        }
        check_email(out_, "/email", badge_.email);
        check_id_token(out_, "/group", badge_.group);
        check_note(out_, "/note", badge_.note);
        check_hours(out_, "/schedule", badge_.schedule);
        check_places();
        check_limits();
        return std::move(out_);
    }

private:
    void check_places() {
        const auto check_each = [&](const char* pointer, const auto& texts, auto check_one) {
            if (!texts) return;
            if (texts->size() > places_max) refuse(pointer, "more than 1000 entries");
            for (std::size_t i = 0; i < std::min(texts->size(), places_max); ++i) {
                check_one(std::string{pointer} + "/" + std::to_string(i), (*texts)[i]);
            }
        };
        check_each("/chargePoints", badge_.charge_points, [&](std::string pointer, const auto& id) {
            if (ocpp::identity_from_target("/ocpp/" + id) == id) return;
            refuse(std::move(pointer), "is no id that a charge point could have");
        });
        check_each("/chargePointGroups", badge_.charge_point_groups,
                   [&](std::string pointer, const auto& name) {
                       if (name.empty()) refuse(pointer, "must not be empty");
                       check_text(out_, std::move(pointer), name, badge_text_size_max);
                   });
    }

    void check_limits() {
        if (badge_.status != "active" && badge_.status != "blocked") {
            refuse("/status", "must be active or blocked");
        }
        if (badge_.valid_from && badge_.valid_until && *badge_.valid_from >= *badge_.valid_until) {
            refuse("/validUntil", "must be later than validFrom");
        }
        if (badge_.max_active_transactions < 0 ||
            badge_.max_active_transactions > active_transactions_max) {
            refuse("/maxActiveTransactions", "must be 0 to 1000");
        }
        const auto& mode = badge_.charge_mode;
        if (mode &&
            std::find(charge_modes.begin(), charge_modes.end(), *mode) == charge_modes.end()) {
            refuse("/chargeMode", "must be fast, fair, solar or off_peak");
        }
        if (badge_.priority_class && (*badge_.priority_class < 0 || *badge_.priority_class > 9)) {
            refuse("/priorityClass", "must be 0 to 9");
        }
        if (badge_.monthly_energy_quota_wh && *badge_.monthly_energy_quota_wh < 0) {
            refuse("/monthlyEnergyQuotaWh", "must be 0 or more, or null for no quota");
        }
    }

    void refuse(std::string pointer, std::string detail) {
        out_.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
    }

    const Badge& badge_;
    std::vector<Violation> out_;
};

}  // namespace

std::vector<Violation> check(const Badge& badge) { return Checker{badge}.run(); }

db::Journal::Ticket save(Site& site, Badge badge) {
    std::vector<Badge> one;
    one.push_back(std::move(badge));
    return save(site, std::move(one));
}

db::Journal::Ticket save(Site& site, std::vector<Badge> badges) {
    std::vector<db::Record> unit;
    unit.reserve(badges.size());
    for (auto& badge : badges) {
        site.badges.insert_or_assign(badge.id_tag, badge);
        if (auto forgotten = site.unknown_badges.forget(badge.id_tag)) {
            unit.emplace_back(std::move(*forgotten));
        }
        unit.emplace_back(std::move(badge));
    }
    site.last_badge_edit = site.record(std::move(unit));
    badges_changed(site, site.now);
    return site.last_badge_edit;
}

std::optional<db::Journal::Ticket> remove_badge(Site& site, std::string_view id_tag) {
    const auto it = site.badges.find(id_tag);
    if (it == site.badges.end()) return std::nullopt;
    site.last_badge_edit = site.record({db::BadgeRemoved{it->second.id_tag}});
    site.badges.erase(it);
    badges_changed(site, site.now);
    return site.last_badge_edit;
}

void replace_badges(Site& site, std::vector<Badge> badges) {
    decltype(site.badges) replaced;
    for (auto& badge : badges) {
        std::string key = badge.id_tag;
        replaced.insert_or_assign(std::move(key), std::move(badge));
    }
    // Chargers' lists are not sent again because the database has come back.
    const bool is_news = !std::equal(
        replaced.begin(), replaced.end(), site.badges.begin(), site.badges.end(),
        [](const auto& a, const auto& b) { return to_json(a.second) == to_json(b.second); });
    site.badges = std::move(replaced);
    if (!is_news) return;
    site.unknown_badges.forget_known(site);
    badges_changed(site, site.now);
}

}  // namespace busbar::site
