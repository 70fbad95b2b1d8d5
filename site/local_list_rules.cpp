#include "site/local_list_rules.hpp"

#include <algorithm>
#include <limits>

#include "base/codec.hpp"
#include "site/authorization.hpp"
#include "site/opening_hours.hpp"

namespace busbar::site {
namespace {

namespace v16 = ocpp::v16;

constexpr LessIgnoringCase less{};

bool is_same(const v16::IdTagInfo& a, const v16::IdTagInfo& b) {
    return a.status == b.status && a.expiryDate == b.expiryDate && a.parentIdTag == b.parentIdTag;
}

bool is_same(const v16::AuthorizationData& a, const v16::AuthorizationData& b) {
    if (a.idTagInfo.has_value() != b.idTagInfo.has_value()) return false;
    return !a.idTagInfo || is_same(*a.idTagInfo, *b.idTagInfo);
}

// Text that other programs have put into the database may be none that a charger can take.
bool can_be_sent(std::string_view id_tag) {
    return !id_tag.empty() && id_tag.size() <= v16::IdToken::size_max && is_printable(id_tag);
}

std::int32_t next_version(const LocalList& list) {
    const auto last = std::max(list.version, list.reported.value_or(0));
    if (last < 1 || last == std::numeric_limits<std::int32_t>::max()) return 1;
    return last + 1;
}

// As many entries from the front as one message takes, at least one.
LocalListEntries front_of(const LocalListEntries& entries, const LocalListLimits& limits) {
    const auto most = std::max<std::size_t>(limits.entries_per_message_max, 1);
    LocalListEntries chunk;
    std::size_t bytes = 0;
    for (const auto& entry : entries) {
        if (chunk.size() == most) break;
        bytes += to_json(entry).size() + 1;
        if (!chunk.empty() && bytes > limits.message_bytes_max) break;
        chunk.push_back(entry);
    }
    return chunk;
}

LocalListStep send(const LocalList& list, v16::UpdateType type, LocalListEntries entries) {
    LocalListStep step{LocalListStep::Kind::send, {}};
    step.request.listVersion = next_version(list);
    step.request.updateType = type;
    if (!entries.empty()) step.request.localAuthorizationList = std::move(entries);
    return step;
}

// The version by which the charger's list can be told from any other says that it is ours.
bool is_ours(const LocalList& list) {
    return list.is_known && list.reported && *list.reported == list.version;
}

// Version 0 means that there is nothing on the list (5.10).
bool is_empty_at_charger(const LocalList& list) { return list.reported == 0; }

void apply(LocalListEntries& held, const v16::AuthorizationData& change) {
    const auto at = std::lower_bound(
        held.begin(), held.end(), change,
        [](const auto& a, const auto& b) { return less(a.idTag.value, b.idTag.value); });
    const bool is_there = at != held.end() && at->idTag == change.idTag;
    if (is_there && change.idTagInfo) {
        *at = change;
    } else if (is_there) {
        held.erase(at);
    } else if (change.idTagInfo) {
        held.insert(at, change);
    }
}

void note_change(WantedList& out, const std::optional<Timestamp>& at, Timestamp now) {
    if (!at || *at <= now) return;
    out.changes_at = out.changes_at ? std::min(*out.changes_at, *at) : *at;
}

}  // namespace

WantedList wanted_list(const ListQuestion& question) {
    WantedList out;
    const auto now = question.now;
    auto place = question.charge_point;
    place.opening_hours.reset();
    const HoursBook own;
    const auto& hours = question.hours ? *question.hours : own;
    for (const auto& [id_tag, badge] : question.badges) {
        note_change(out, badge.valid_from, now);
        note_change(out, badge.valid_until, now);
        // Those that are not for this charge point should not have their hours read.
        if (!is_for(badge, place)) continue;
        if (badge.schedule) {
            note_change(out, hours.at(*badge.schedule, now, question.zone).until, now);
        }
        AuthorizationQuestion asked{.badge = &badge,
                                    .charge_point = place,
                                    .at = now,
                                    .zone = question.zone,
                                    .hours = &hours};
        if (badge.monthly_energy_quota_wh && question.energy_used_wh) {
            asked.use.energy_wh = question.energy_used_wh(badge);
            note_change(out, question.zone.month_end(now), now);
        }
        auto verdict = authorize(asked);
        if (!verdict.accepted() || !can_be_sent(id_tag)) continue;
        if (out.entries.size() < std::min(question.length_max, local_list_length_max)) {
            out.entries.push_back({v16::IdToken{id_tag}, std::move(verdict.id_tag_info)});
        } else {
            ++out.left_out;
        }
    }
    return out;
}

LocalListEntries difference(const LocalListEntries& held, const LocalListEntries& wanted) {
    LocalListEntries out;
    LocalListEntries additions;
    auto old = held.begin();
    auto fresh = wanted.begin();
    while (old != held.end() || fresh != wanted.end()) {
        const bool is_gone = fresh == wanted.end() ||
                             (old != held.end() && less(old->idTag.value, fresh->idTag.value));
        if (is_gone) {
            out.push_back({(old++)->idTag, std::nullopt});
        } else if (old == held.end() || less(fresh->idTag.value, old->idTag.value)) {
            additions.push_back(*fresh++);
        } else {
            if (!is_same(*old++, *fresh)) additions.push_back(*fresh);
            ++fresh;
        }
    }
    out.insert(out.end(), std::make_move_iterator(additions.begin()),
               std::make_move_iterator(additions.end()));
    return out;
}

LocalListStep next_step(const LocalList& list, const WantedList& wanted,
                        const LocalListLimits& limits) {
    using enum v16::UpdateType;
    if (list.is_manual || list.has_given_up) return {};
    if (!list.reported) return {LocalListStep::Kind::ask_version, {}};
    if (*list.reported < 0) return {};
    if (is_ours(list) && !is_empty_at_charger(list)) {
        auto changes = difference(list.held, wanted.entries);
        if (changes.empty()) return {};
        // Version numbers are used up: those that begin again must not look like old ones.
        if (next_version(list) > list.version) {
            return send(list, Differential, front_of(changes, limits));
        }
    }
    if (is_empty_at_charger(list) && wanted.entries.empty()) return {};
    return send(list, Full, front_of(wanted.entries, limits));
}

LocalListState state_of(const LocalList& list, const WantedList& wanted) {
    using enum LocalListState;
    if (list.is_manual) return manual;
    if (list.reported && *list.reported < 0) return unsupported;
    if (list.has_given_up) return failed;
    if (!list.reported) return unknown;
    const bool is_done = next_step(list, wanted, {}).kind == LocalListStep::Kind::nothing;
    return is_done ? synchronised : outdated;
}

void version_reported(LocalList& list, std::int32_t version) {
    list.reported = std::max(version, -1);
    list.silences = 0;
    list.last_error.clear();
    if (*list.reported != list.version || version <= 0) {
        list.is_known = false;
        list.held.clear();
    }
}

void accepted(LocalList& list, const v16::SendLocalList::Request& request) {
    if (request.updateType == v16::UpdateType::Full) list.held.clear();
    for (const auto& entry : request.localAuthorizationList.value_or(LocalListEntries{})) {
        apply(list.held, entry);
    }
    list.version = request.listVersion;
    list.reported = request.listVersion;
    list.is_known = true;
    list.is_saved = false;
    list.silences = 0;
    list.last_error.clear();
}

void refused(LocalList& list, const v16::SendLocalList::Request& request, std::string why) {
    const bool is_full = request.updateType == v16::UpdateType::Full;
    list.last_error = std::move(why);
    list.silences = 0;
    list.is_known = false;
    list.is_saved = false;
    list.held.clear();
    // No version that was used, even in vain, is used again.
    list.version = std::max(list.version, request.listVersion);
    list.has_given_up = is_full || list.is_restarted;
    list.is_restarted = true;
}

void sent_by_hand(LocalList& list, std::int32_t version) {
    // What of ours is on its way belongs to the list that was.
    begin_round(list);
    list.version = std::max(version, 0);
    list.is_known = false;
    list.is_saved = false;
    list.held.clear();
    list.is_manual = true;
    list.last_error.clear();
}

void try_again(LocalList& list) {
    list.is_manual = false;
    list.has_given_up = false;
    list.is_restarted = false;
    list.silences = 0;
}

void begin_round(LocalList& list) {
    ++list.round;
    list.reported.reset();
    list.is_waiting = false;
    list.due.reset();
    list.has_given_up = false;
    list.is_restarted = false;
    list.silences = 0;
}

}  // namespace busbar::site
