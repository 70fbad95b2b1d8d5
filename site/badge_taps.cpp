#include "site/badge_taps.hpp"

#include "site/badge_reading.hpp"

namespace busbar::site {
namespace {

BadgeTap tap_of(const Context& on, std::string_view id_tag, const Authorization& verdict) {
    BadgeTap tap;
    tap.at = on.now.wall;
    tap.chargePoint = on.charger.settings.id;
    tap.idTag = badge_text(on.charger, id_tag);
    tap.known = find_badge(on.site, on.charger, id_tag) != nullptr;
    tap.accepted = verdict.accepted();
    tap.reason = verdict.reason;
    return tap;
}

void tell(Site& site, BadgeTap tap, bool is_live, Now now) {
    if (is_live) tap.learned = learn_from(site, tap);
    if (!tap.known) site.unknown_badges.note(site, tap, now);
    if (is_live && site.on_badge_tap) site.on_badge_tap(tap);
}

}  // namespace

Authorization tapped(const Context& on, const v16::Authorize::Request& request) {
    auto verdict = authorize(on.site, on.charger, request.idTag, on.now.wall);
    tell(on.site, tap_of(on, request.idTag, verdict), true, on.now);
    return verdict;
}

Authorization tapped(const Context& on, const v16::StartTransaction::Request& request,
                     bool is_repeat) {
    // What runs already is not counted against itself.
    if (is_repeat) return authorize(on.site, on.charger, request.idTag, on.now.wall);
    auto verdict = authorize_start(on.site, on.charger, request, on.now.wall);
    auto tap = tap_of(on, request.idTag, verdict);
    if (request.connectorId > 0) tap.connectorId = request.connectorId;
    tell(on.site, std::move(tap), request.timestamp + live_start_max > on.now.wall, on.now);
    return verdict;
}

}  // namespace busbar::site
