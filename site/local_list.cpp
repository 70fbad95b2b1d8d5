#include "site/local_list.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "site/badge_reading.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using VersionAnswer = ocpp::Session::Answer<v16::GetLocalListVersion>;
using SendAnswer = ocpp::Session::Answer<v16::SendLocalList>;
using Kind = ocpp::CallFailure::Kind;

constexpr auto after_silence = 60s;
constexpr int silences_max = 3;
constexpr auto look_again_max = 24h;
constexpr std::size_t error_size_max = 300;

// The body of a row.
struct KeptList {
    std::int32_t version = 0;
    bool known = false;
    bool manual = false;
    LocalListEntries entries;
};
BOOST_DESCRIBE_STRUCT(KeptList, (), (version, known, manual, entries))

void record(Site& site, ChargePoint& charger) {
    // What a full journal cannot keep is found out by the version, or sent once more.
    if (site.journal.full()) return;
    auto& list = charger.local_list;
    list.is_saved = true;
    KeptList kept{list.version, list.is_known, list.is_manual, list.held};
    site.record(
        {db::StateSaved{std::string{local_list_kind}, charger.settings.id, {to_json(kept)}}});
}

WantedList wanted_now(const Site& site, const ChargePoint& charger, Timestamp now) {
    auto wanted = wanted_list(
        {.badges = site.badges,
         .charge_point = charger.settings,
         .now = now,
         .zone = site.settings.time_zone,
         .length_max = local_list_limits(charger).length_max,
         .energy_used_wh = [&](const Badge& badge) { return use_of(site, badge, now).energy_wh; },
         .hours = &site.hours});
    // Groups as Authorize is answered.
    for (auto& entry : wanted.entries) {
        if (!entry.idTagInfo || !entry.idTagInfo->parentIdTag) continue;
        auto& parent = entry.idTagInfo->parentIdTag->value;
        const auto group = site.badge_groups.find(parent);
        if (group != site.badge_groups.end()) parent = group->second.name;
    }
    return wanted;
}

void look_again(Site& site, ChargePoint& charger, Instant at) {
    charger.local_list.due = at;
    site.wake_by(at);
}

void log_error(const Site& site, const ChargePoint& charger) {
    if (!site.log) return;
    site.log("local_list",
             charger.settings.id + " problem=\"" + charger.local_list.last_error + "\"");
}

// What can be told of a charger's refusal.
std::string words_of(const ocpp::CallFailure& failure) {
    auto words = failure.error_code.empty() ? failure.description
                                            : failure.error_code + ": " + failure.description;
    for (char& c : words) {
        if (!is_printable({&c, 1})) c = ' ';
    }
    words.resize(std::min(words.size(), error_size_max));
    return words;
}

bool is_not_implemented(const ocpp::CallFailure& failure) {
    return failure.kind == Kind::refused &&
           (failure.error_code == "NotImplemented" || failure.error_code == "NotSupported");
}

// Never asked again while it has this firmware.
void give_up_for_good(Site& site, ChargePoint& charger, std::string_view action, std::string why) {
    auto& list = charger.local_list;
    list.reported = -1;
    list.is_known = false;
    list.held.clear();
    list.last_error = std::move(why);
    learn_unsupported(site, charger, action, site.now);
    learn(site, charger, "localList", "false", std::string{action} + ": " + list.last_error,
          site.now);
    log_error(site, charger);
}

// No answer of the charger's own: whether it has obeyed is not known, so it is asked what it has.
void no_answer(Site& site, ChargePoint& charger, const ocpp::CallFailure& failure) {
    auto& list = charger.local_list;
    if (failure.kind == Kind::disconnected) return;
    list.reported.reset();
    list.last_error = words_of(failure);
    if (++list.silences >= silences_max) {
        list.has_given_up = true;
        return log_error(site, charger);
    }
    look_again(site, charger, site.now.mono + after_silence);
}

// What a charger claims is advice only (9.1.26): it is asked whatever it says.
bool claims_lists(const ChargePoint& charger) {
    const auto profiles =
        reported_value(charger.configuration.reported, "SupportedFeatureProfiles");
    return profiles && profiles->find("LocalAuthListManagement") != std::string_view::npos;
}

// True if the charger is about to tell what it can take, and has never told before.
bool is_limit_expected(const ChargePoint& charger, Now now) {
    const auto& configuration = charger.configuration;
    if (!configuration.reported.empty()) return false;
    return configuration.work || (configuration.due && now.mono < *configuration.due + 60s);
}

bool is_own_answer(const ocpp::CallFailure& failure) {
    return failure.kind == Kind::refused || failure.kind == Kind::invalid_answer;
}

void next(Site& site, ChargePoint& charger, Now now);

// The charger whose answer this is, if it is still the same round; its list waits no more.
ChargePoint* answering(Site& site, const std::string& id, std::uint32_t round) {
    ChargePoint* charger = site.find(id);
    if (!charger || charger->local_list.round != round) return nullptr;
    charger->local_list.is_waiting = false;
    return charger;
}

void settle_version(Site& site, ChargePoint& charger, const VersionAnswer& answer) {
    auto& list = charger.local_list;
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        if (is_not_implemented(*failure)) {
            return give_up_for_good(site, charger, v16::GetLocalListVersion::action,
                                    words_of(*failure));
        }
        if (!is_own_answer(*failure)) return no_answer(site, charger, *failure);
        list.last_error = words_of(*failure);
        if (!claims_lists(charger)) {
            list.has_given_up = true;
            return log_error(site, charger);
        }
        // It has lists and only cannot tell their versions: what it took last will be there.
        list.reported = list.version;
        return next(site, charger, site.now);
    }
    version_reported(list, std::get<v16::GetLocalListVersion::Response>(answer).listVersion);
    next(site, charger, site.now);
}

void settle_sending(Site& site, ChargePoint& charger, const v16::SendLocalList::Request& request,
                    const SendAnswer& answer) {
    using enum v16::UpdateStatus;
    auto& list = charger.local_list;
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        if (is_not_implemented(*failure)) {
            return give_up_for_good(site, charger, v16::SendLocalList::action, words_of(*failure));
        }
        if (!is_own_answer(*failure)) return no_answer(site, charger, *failure);
        refused(list, request, words_of(*failure));
    } else {
        const auto status = std::get<v16::SendLocalList::Response>(answer).status;
        if (status == NotSupported) {
            return give_up_for_good(site, charger, v16::SendLocalList::action, "NotSupported");
        }
        if (status == Accepted)
            accepted(list, request);
        else
            refused(list, request,
                    enumerator_name(request.updateType) + " list: " + enumerator_name(status));
    }
    if (!list.last_error.empty()) log_error(site, charger);
    next(site, charger, site.now);
}

void ask_version(Site& site, ChargePoint& charger, Now now) {
    charger.link->session.call<v16::GetLocalListVersion>(
        now, {}, {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds}},
        [&site, id = charger.settings.id,
         round = charger.local_list.round](const VersionAnswer& answer) {
            if (auto* present = answering(site, id, round)) settle_version(site, *present, answer);
        });
}

void send(Site& site, ChargePoint& charger, const v16::SendLocalList::Request& request, Now now) {
    charger.link->session.call<v16::SendLocalList>(
        now, request, {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds}},
        [&site, id = charger.settings.id, round = charger.local_list.round,
         request](const SendAnswer& answer) {
            if (auto* present = answering(site, id, round)) {
                settle_sending(site, *present, request, answer);
            }
        });
}

// The list needs nothing more for now.
void finish(Site& site, ChargePoint& charger, const WantedList& wanted, Now now) {
    auto& list = charger.local_list;
    if (!list.is_manual && !list.has_given_up) {
        list.is_restarted = false;
        if (wanted.changes_at) {
            const auto wait =
                std::min<std::chrono::milliseconds>(*wanted.changes_at - now.wall, look_again_max);
            look_again(site, charger, now.mono + std::max<std::chrono::milliseconds>(wait, 1s));
        }
    }
    if (!list.is_saved) record(site, charger);
}

void next(Site& site, ChargePoint& charger, Now now) {
    auto& list = charger.local_list;
    if (!charger.link || charger.settings.state != "accepted") return;
    if (!may_have_local_list(charger)) return;
    const auto wanted = wanted_now(site, charger, now.wall);
    const auto step = next_step(list, wanted, local_list_limits(charger));
    if (step.kind == LocalListStep::Kind::nothing) return finish(site, charger, wanted, now);
    list.is_waiting = true;
    if (step.kind == LocalListStep::Kind::ask_version)
        ask_version(site, charger, now);
    else
        send(site, charger, step.request, now);
    // A full queue has failed the call by now.
    if (!charger.link) return;
    if (const auto deadline = charger.link->session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

}  // namespace

LocalListLimits local_list_limits(const ChargePoint& charger) {
    LocalListLimits limits;
    const auto take = [&](std::size_t& limit, std::string_view key) {
        const auto told = reported_number(charger.configuration.reported, key);
        if (told && *told > 0) limit = static_cast<std::size_t>(*told);
    };
    take(limits.length_max, "LocalAuthListMaxLength");
    take(limits.entries_per_message_max, "SendLocalListMaxLength");
    return limits;
}

bool may_have_local_list(const ChargePoint& charger) {
    const auto& unsupported = charger.quirks.unsupported_actions;
    return charger.quirks.local_list &&
           std::none_of(unsupported.begin(), unsupported.end(), [](const auto& action) {
               return action == v16::SendLocalList::action ||
                      action == v16::GetLocalListVersion::action;
           });
}

LocalListStatus local_list_status(const Site& site, const ChargePoint& charger, Timestamp now) {
    const auto& list = charger.local_list;
    const auto wanted = wanted_now(site, charger, now);
    LocalListStatus status;
    status.entries = list.held.size();
    status.wanted = wanted.entries.size();
    status.left_out = wanted.left_out;
    status.version = std::max(list.reported.value_or(list.version), 0);
    status.last_error = list.last_error;
    status.manual = list.is_manual;
    if (!may_have_local_list(charger)) {
        status.supported = false;
        status.state = LocalListState::unsupported;
        return status;
    }
    status.state = state_of(list, wanted);
    if (list.reported)
        status.supported = *list.reported >= 0;
    else if (list.version > 0)
        status.supported = true;
    return status;
}

void begin_local_list(ChargePoint& charger) { begin_round(charger.local_list); }

void local_list_after_set_up(Site& site, ChargePoint& charger, Now now) {
    auto& list = charger.local_list;
    // Set-up comes again for new connectors and other reasons.
    if (list.reported || list.is_waiting || list.due || !may_have_local_list(charger)) return;
    if (list.has_given_up) return;
    look_again(site, charger, now.mono + local_list_delay);
}

void badges_changed(Site& site, Now now) {
    site.likely_badges.badges_changed();
    for (auto& [id, charger] : site.charge_points) {
        const bool was_manual = charger.local_list.is_manual;
        try_again(charger.local_list);
        charger.local_list.is_saved = charger.local_list.is_saved && !was_manual;
        if (charger.link) look_again(site, charger, now.mono + local_list_delay);
    }
}

void synchronise_local_list(Site& site, ChargePoint& charger, Now now) {
    auto& list = charger.local_list;
    try_again(list);
    list.is_saved = false;
    // The truth may have changed behind our back: that is what the button is for.
    if (!list.is_waiting) list.reported.reset();
    look_again(site, charger, now.mono);
}

void continue_local_list(Site& site, ChargePoint& charger, Now now) {
    auto& list = charger.local_list;
    if (!list.due || !charger.link) return;
    if (now.mono < *list.due) return site.wake_by(*list.due);
    if (is_limit_expected(charger, now)) return look_again(site, charger, now.mono + 1s);
    list.due.reset();
    // What is on its way goes on by itself, with the badges as they are by then.
    if (!list.is_waiting) next(site, charger, now);
}

void local_list_sent_by_hand(Site& site, ChargePoint& charger,
                             const v16::SendLocalList::Request& request,
                             const v16::SendLocalList::Response& response) {
    auto& list = charger.local_list;
    if (response.status != v16::UpdateStatus::Accepted) {
        // A list that failed may have left anything behind.
        list.reported.reset();
        return;
    }
    sent_by_hand(list, request.listVersion);
    record(site, charger);
}

void local_list_version_told(Site& site, ChargePoint& charger, std::int32_t version, Now now) {
    auto& list = charger.local_list;
    if (list.is_waiting) return;
    version_reported(list, version);
    if (!list.due && !list.is_manual) look_again(site, charger, now.mono + local_list_delay);
}

void restore_local_list(Site& site, const db::StateSaved& row) {
    if (row.kind != local_list_kind) return;
    ChargePoint* charger = site.find(row.key);
    DecodeReport report;
    auto kept =
        decode_text<KeptList>(row.body.text, {.lenient = true, .empty_arrays = true}, report);
    if (!charger || !kept || kept->version < 0) return;
    auto& list = charger->local_list;
    list.version = kept->version;
    list.is_known = kept->known;
    list.is_manual = kept->manual;
    list.held = std::move(kept->entries);
    list.is_saved = true;
    std::sort(list.held.begin(), list.held.end(), [](const auto& a, const auto& b) {
        return LessIgnoringCase{}(a.idTag.value, b.idTag.value);
    });
}

void forget_local_list(Site& site, const ChargePoint& charger) {
    const auto& list = charger.local_list;
    if (site.journal.full() || (list.version == 0 && !list.is_manual)) return;
    site.record({db::StateRemoved{std::string{local_list_kind}, charger.settings.id}});
}

}  // namespace busbar::site
