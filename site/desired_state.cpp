#include "site/desired_state.hpp"

#include <algorithm>
#include <deque>

#include "site/change_outcomes.hpp"
#include "site/charger_keys.hpp"
#include "site/quirks.hpp"

namespace busbar::site {

// One round of asking, changing and reading back. Its calls end with the connection, and it with
// them.
struct DesiredStateWork {
    bool is_reading_only = false;
    bool is_news = false;   // there is something to store
    bool got_list = false;  // all keys at once
    bool is_list_complete = false;
    std::set<std::string, LessIgnoringCase> told;
    std::deque<std::string> names;  // still to be asked for, one by one or in pieces
    std::size_t piece_max = 0;      // found out on the way; 0: nothing is
    std::size_t again = 0;          // so many of `names` have been asked for once
    int refused_pieces = 0;
    bool is_silent = false;  // it has left a question unanswered
    std::deque<KeyChange> changes;
    bool has_stepped_down = false;    // the minimal measurands are being tried
    std::vector<KeyChange> accepted;  // to be read back
    std::optional<std::string> problem;
    std::vector<std::function<void(std::optional<std::string>)>> waiting;
};

namespace {

using namespace std::chrono_literals;
using Failure = ocpp::CallFailure;
using ReadAnswer = ocpp::Session::Answer<v16::GetConfiguration>;
using ChangeAnswer = ocpp::Session::Answer<v16::ChangeConfiguration>;

constexpr auto reading_interval_min = 1h;  // without a boot

// A round and where it belongs; held by the calls that carry it on.
struct Round {
    Site& site;
    std::string charge_point;
    std::shared_ptr<DesiredStateWork> work;

    // Null once the round is over or its charger gone.
    ChargePoint* charger() const {
        ChargePoint* found = site.find(charge_point);
        return found && found->link && found->configuration.work == work ? found : nullptr;
    }
};

bool is_unsupported(const ChargePoint& charger, std::string_view action) {
    const auto& actions = charger.quirks.unsupported_actions;
    return std::find(actions.begin(), actions.end(), action) != actions.end();
}

bool is_unknown_action(const Failure& failure) {
    return failure.kind == Failure::Kind::refused &&
           (failure.error_code == "NotImplemented" || failure.error_code == "NotSupported");
}

// The connection is gone, or so busy that nothing more should be asked.
bool is_end(const Failure& failure) {
    using enum Failure::Kind;
    return failure.kind == disconnected || failure.kind == superseded || failure.kind == queue_full;
}

template <class M>
void send(Site& site, ChargePoint& charger, const typename M::Request& request,
          std::function<void(ocpp::Session::Answer<M>)> done) {
    auto& link = *charger.link;
    link.session.call<M>(site.now, request,
                         {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds}},
                         std::move(done));
    if (const auto deadline = link.session.deadline()) site.wake_by(*deadline);
    link.flush();
}

void end(const Round& round) {
    if (ChargePoint* charger = round.site.find(round.charge_point)) {
        auto& configuration = charger->configuration;
        if (configuration.work == round.work) configuration.work.reset();
        // Those that are not read back.
        for (const auto& change : round.work->accepted) connection_outlived(*charger, change);
        if (round.work->is_news) store_reported_keys(round.site, *charger);
        if (configuration.due) round.site.wake_by(round.site.now.mono);
    }
    for (const auto& done : std::exchange(round.work->waiting, {})) done(round.work->problem);
}

// An answer that may not have come because these changes ended the connection.
void look_for_cut(const Round& round, const Failure* failure,
                  const std::vector<KeyChange>& changes) {
    ChargePoint* charger = round.site.find(round.charge_point);
    const bool is_cut =
        failure && failure->kind == Failure::Kind::disconnected && !failure->never_sent;
    if (!is_cut || !charger || charger->configuration.work != round.work) return;
    for (const auto& change : changes) connection_ended_over(round.site, *charger, change);
}

void take(const Round& round, ChargePoint& charger, const v16::GetConfiguration::Response& answer) {
    auto& work = *round.work;
    const auto keys = answer.configurationKey.value_or(std::vector<v16::KeyValue>{});
    for (const auto& key : keys) work.told.insert(key.key.value);
    work.is_news |= take_keys(charger.configuration.reported, keys, round.site.now.wall,
                              charger.quirks.quoted_configuration_values);
}

// --- Reading back --------------------------------------------------------------------------------

void judge(ChargePoint& charger, const std::vector<KeyChange>& changes) {
    auto& configuration = charger.configuration;
    for (const auto& change : changes) {
        const auto shown = configuration.reported.find(change.key);
        const auto state = state_after_read_back(
            change, shown == configuration.reported.end() ? nullptr : &shown->second);
        auto& outcome = configuration.outcomes[change.key];
        // Meanwhile wished for otherwise: another try says more.
        if (outcome.value == change.value) outcome.state = state;
        connection_outlived(charger, change);
    }
}

void read_back(const Round& round) {
    ChargePoint* charger = round.charger();
    auto& work = *round.work;
    if (!charger || work.accepted.empty() || !charger->quirks.read_back_configuration ||
        is_unsupported(*charger, v16::GetConfiguration::action)) {
        return end(round);
    }
    auto size = keys_per_request(charger->quirks, charger->configuration.reported);
    if (work.piece_max > 0) size = std::min(size, work.piece_max);
    size = std::min(size, work.accepted.size());
    const auto last = work.accepted.begin() + static_cast<std::ptrdiff_t>(size);
    std::vector<KeyChange> changes{work.accepted.begin(), last};
    work.accepted.erase(work.accepted.begin(), last);
    v16::GetConfiguration::Request request;
    request.key.emplace();
    for (const auto& change : changes) request.key->emplace_back(change.key);
    send<v16::GetConfiguration>(
        round.site, *charger, request, [round, changes](const ReadAnswer& answer) {
            ChargePoint* present = round.charger();
            look_for_cut(round, std::get_if<Failure>(&answer), changes);
            // Without an answer, what it agreed to stands.
            if (!present || std::holds_alternative<Failure>(answer)) return end(round);
            take(round, *present, std::get<v16::GetConfiguration::Response>(answer));
            judge(*present, changes);
            read_back(round);
        });
}

// --- Changing ------------------------------------------------------------------------------------

// The list of measurands was refused: one shorter one, and that is that (3.16.4 lets one unknown
// measurand spoil the list; finding out which one it is makes some chargers restart).
void step_down(const Round& round, ChargePoint& charger, const KeyChange& change) {
    auto& work = *round.work;
    if (!work.has_stepped_down) note_outcome(charger, change, KeyState::refused);
    if (work.has_stepped_down || change.value == minimal_measurand_list()) {
        learn(round.site, charger, "setMeasurands", "false",
              "ChangeConfiguration of MeterValuesSampledData", round.site.now);
        return;
    }
    work.has_stepped_down = true;
    work.changes.push_front({change.key, minimal_measurand_list(), false});
}

void take_agreement(const Round& round, ChargePoint& charger, const KeyChange& change) {
    auto& work = *round.work;
    work.accepted.push_back(change);
    work.is_news = true;
    take_change(charger.configuration.reported, change.key, change.value, round.site.now.wall);
}

void take_status(const Round& round, ChargePoint& charger, const KeyChange& change,
                 v16::ChangeConfigurationStatus status) {
    using enum v16::ChangeConfigurationStatus;
    const auto before = charger.configuration.outcomes[change.key];
    switch (status) {
        case Accepted:
            note_outcome(charger, change, KeyState::applied);
            take_agreement(round, charger, change);
            break;
        case RebootRequired:
            note_outcome(charger, change, KeyState::reboot_required);
            break;
        case Rejected:
            if (is_own_measurands(change)) return step_down(round, charger, change);
            return note_outcome(charger, change, KeyState::refused);
        case NotSupported:
            return note_outcome(charger, change, KeyState::not_supported);
    }
    if (is_own_measurands(change) && round.work->has_stepped_down) {
        learn_minimal_measurands(round.site, charger, change, before);
    }
}

void take_answer(const Round& round, ChargePoint& charger, const KeyChange& change,
                 const ChangeAnswer& answer) {
    const auto* failure = std::get_if<Failure>(&answer);
    if (!failure) {
        const auto& response = std::get<v16::ChangeConfiguration::Response>(answer);
        return take_status(round, charger, change, response.status);
    }
    if (failure->kind == Failure::Kind::refused) {
        if (is_own_measurands(change) && !is_unknown_action(*failure)) {
            return step_down(round, charger, change);
        }
        note_outcome(charger, change, KeyState::refused);
    }
    if (is_unknown_action(*failure)) {
        learn_unsupported(round.site, charger, v16::ChangeConfiguration::action, round.site.now);
        round.work->changes.clear();
    }
    // One that does not answer is asked no more.
    if (failure->kind == Failure::Kind::timeout) {
        connection_outlived(charger, change);
        round.work->changes.clear();
    }
}

void change_next(const Round& round) {
    ChargePoint* charger = round.charger();
    auto& work = *round.work;
    if (!charger) return end(round);
    if (work.changes.empty()) return read_back(round);
    const auto change = work.changes.front();
    work.changes.pop_front();
    // The step down is judged by what came before it.
    if (!(work.has_stepped_down && is_own_measurands(change))) count_try(*charger, change);
    v16::ChangeConfiguration::Request request;
    request.key.value = change.key;
    request.value.value = change.value;
    send<v16::ChangeConfiguration>(round.site, *charger, request,
                                   [round, change](const ChangeAnswer& answer) {
                                       ChargePoint* present = round.charger();
                                       const auto* failure = std::get_if<Failure>(&answer);
                                       look_for_cut(round, failure, {change});
                                       if (!present || (failure && is_end(*failure)))
                                           return end(round);
                                       take_answer(round, *present, change, answer);
                                       change_next(round);
                                   });
}

void compare(const Round& round) {
    ChargePoint* charger = round.charger();
    if (!charger || round.work->is_reading_only) return end(round);
    auto& configuration = charger->configuration;
    const auto wishes = wishes_for(round.site, *charger);
    const auto comparison = compare_keys(wishes, configuration);
    for (const auto& wish : wishes) {
        const auto settled = comparison.settled.find(wish.key);
        if (settled == comparison.settled.end()) continue;
        configuration.outcomes[wish.key] = {settled->second, wish.value, 0};
    }
    if (is_unsupported(*charger, v16::ChangeConfiguration::action)) {
        for (const auto& change : comparison.changes) {
            note_outcome(*charger, change, KeyState::not_supported);
        }
        return end(round);
    }
    round.work->changes.assign(comparison.changes.begin(), comparison.changes.end());
    change_next(round);
}

// --- Reading -------------------------------------------------------------------------------------

void finish_reading(const Round& round, ChargePoint& charger) {
    auto& configuration = charger.configuration;
    auto& work = *round.work;
    // One that leaves questions unanswered is not asked more, but may be with the next connection.
    if (work.is_silent) return end(round);
    configuration.asked_at = round.site.now.mono;
    configuration.booted = false;
    if (work.told.empty()) {
        if (!work.problem) work.problem = "the charge point tells none of its keys";
    } else {
        work.problem.reset();
        // The first time is news by itself.
        work.is_news |= !configuration.read_at;
        configuration.read_at = round.site.now.wall;
    }
    if (work.is_list_complete) {
        work.is_news |= std::erase_if(configuration.reported, [&](const auto& entry) {
                            return work.told.find(entry.first) == work.told.end();
                        }) > 0;
    }
    if (!work.got_list && !work.told.empty() &&
        charger.quirks.configuration_keys_per_request == 0) {
        auto size = keys_per_request(charger.quirks, configuration.reported);
        if (work.piece_max > 0) size = std::min(size, work.piece_max);
        learn(round.site, charger, "configurationKeysPerRequest",
              std::to_string(std::min<std::size_t>(size, 1000)),
              "GetConfiguration of all keys at once", round.site.now);
    }
    compare(round);
}

// What a piece brought. Names that neither came back nor are unknown are asked for once more: they
// may be unknown without a word, or too many at once for this charger.
void take_piece(const Round& round, ChargePoint& charger, const std::vector<std::string>& asked,
                const v16::GetConfiguration::Response& answer) {
    auto& work = *round.work;
    take(round, charger, answer);
    std::set<std::string, LessIgnoringCase> unknown;
    if (answer.unknownKey) {
        for (const auto& key : *answer.unknownKey) unknown.insert(key.value);
    }
    std::vector<std::string> left;
    for (const auto& name : asked) {
        if (work.told.contains(name) || unknown.contains(name)) continue;
        left.push_back(name);
    }
    const auto came = asked.size() - left.size();
    const bool was_again = std::exchange(work.again, 0) > 0;
    if (left.empty() || came == 0) return;
    if (was_again) work.piece_max = came;
    work.again = left.size();
    work.names.insert(work.names.begin(), left.begin(), left.end());
}

void take_refusal(const Round& round, ChargePoint& charger, const std::vector<std::string>& asked,
                  const Failure& failure) {
    constexpr int refused_pieces_max = 3;
    auto& work = *round.work;
    work.again = 0;
    work.is_silent = failure.kind == Failure::Kind::timeout;
    work.problem = failure.description.empty() ? failure.error_code : failure.description;
    if (is_unknown_action(failure) && work.told.empty()) {
        learn_unsupported(round.site, charger, v16::GetConfiguration::action, round.site.now);
    }
    const bool is_hopeless =
        ++work.refused_pieces >= refused_pieces_max || work.is_silent || is_unknown_action(failure);
    if (is_hopeless) return work.names.clear();
    if (asked.size() == 1) return;
    work.piece_max = 1;
    work.names.insert(work.names.begin(), asked.begin(), asked.end());
}

void ask_next(const Round& round) {
    ChargePoint* charger = round.charger();
    auto& work = *round.work;
    if (!charger) return end(round);
    if (work.names.empty()) return finish_reading(round, *charger);
    auto size = keys_per_request(charger->quirks, charger->configuration.reported);
    if (work.piece_max > 0) size = std::min(size, work.piece_max);
    if (work.again > 0) size = std::min(size, work.again);
    if (charger->quirks.configuration_keys_per_request == 0 &&
        equal_ignoring_case(work.names.front(), max_keys_key)) {
        size = 1;
    }
    std::vector<std::string> asked;
    v16::GetConfiguration::Request request;
    request.key.emplace();
    while (asked.size() < size && !work.names.empty()) {
        request.key->emplace_back(work.names.front());
        asked.push_back(std::move(work.names.front()));
        work.names.pop_front();
    }
    send<v16::GetConfiguration>(
        round.site, *charger, request, [round, asked](const ReadAnswer& answer) {
            ChargePoint* present = round.charger();
            const auto* failure = std::get_if<Failure>(&answer);
            if (!present || (failure && is_end(*failure))) {
                round.work->problem = "the connection ended";
                return end(round);
            }
            if (failure)
                take_refusal(round, *present, asked, *failure);
            else
                take_piece(round, *present, asked,
                           std::get<v16::GetConfiguration::Response>(answer));
            ask_next(round);
        });
}

void ask_by_name(const Round& round, ChargePoint& charger, bool incomplete) {
    auto& work = *round.work;
    const auto names = keys_to_ask(incomplete, wishes_for(round.site, charger), work.told);
    work.names.assign(names.begin(), names.end());
    ask_next(round);
}

void ask_for_all(const Round& round, ChargePoint& charger) {
    send<v16::GetConfiguration>(round.site, charger, {}, [round](const ReadAnswer& answer) {
        ChargePoint* present = round.charger();
        const auto* failure = std::get_if<Failure>(&answer);
        auto& work = *round.work;
        if (!present || (failure && is_end(*failure))) {
            work.problem = "the connection ended";
            return end(round);
        }
        if (failure) return ask_by_name(round, *present, true);
        const auto& response = std::get<v16::GetConfiguration::Response>(answer);
        take(round, *present, response);
        work.got_list = !work.told.empty();
        work.is_list_complete = work.got_list && !is_incomplete(*response.configurationKey);
        ask_by_name(round, *present, !work.is_list_complete);
    });
}

void begin(Site& site, ChargePoint& charger, bool is_reading_only,
           std::function<void(std::optional<std::string>)> done) {
    auto& configuration = charger.configuration;
    const Round round{site, charger.settings.id, std::make_shared<DesiredStateWork>()};
    configuration.work = round.work;
    round.work->is_reading_only = is_reading_only;
    if (done) round.work->waiting.push_back(std::move(done));
    const auto now = site.now;
    const bool is_fresh =
        !configuration.booted &&
        ((configuration.asked_at && now.mono < *configuration.asked_at + reading_interval_min) ||
         (configuration.read_at && now.wall < *configuration.read_at + reading_interval_min));
    if (is_fresh && !is_reading_only) return compare(round);
    if (is_unsupported(charger, v16::GetConfiguration::action)) {
        round.work->problem = "this model does not know GetConfiguration";
        return compare(round);
    }
    if (charger.quirks.configuration_keys_per_request > 0) return ask_by_name(round, charger, true);
    ask_for_all(round, charger);
}

}  // namespace

void configuration_booted(ChargePoint& charger) {
    charger.configuration.booted = true;
    forget_outcomes(charger);
}

void want_comparison(ChargePoint& charger) {
    auto& configuration = charger.configuration;
    configuration.comparison_wanted = true;
    configuration.due.reset();
    configuration.availability_sent.clear();
}

void schedule_comparison(Site& site, ChargePoint& charger, Now now) {
    auto& configuration = charger.configuration;
    if (!configuration.comparison_wanted || configuration.due || !charger.link) return;
    const auto connected =
        std::count_if(site.charge_points.begin(), site.charge_points.end(),
                      [](const auto& entry) { return entry.second.link != nullptr; });
    const auto since = charger.boot ? charger.boot->at : charger.connected_at.value_or(now.wall);
    auto due = now.mono + spread(charger.settings.id, since, static_cast<std::size_t>(connected));
    if (configuration.last_begun) {
        // One that boots again and again is not asked each time.
        const std::chrono::seconds pause{charger.quirks.setup_interval_min_seconds};
        due = std::max(due, *configuration.last_begun + pause);
    }
    configuration.comparison_wanted = false;
    configuration.due = due;
    site.wake_by(due);
}

void pursue_comparison(Site& site, ChargePoint& charger, Now now) {
    auto& configuration = charger.configuration;
    if (!configuration.due || !charger.link || configuration.work) return;
    if (now.mono < *configuration.due) return site.wake_by(*configuration.due);
    configuration.due.reset();
    if (charger.settings.state != "accepted") return;
    configuration.last_begun = now.mono;
    begin(site, charger, false, {});
}

void read_configuration(Site& site, ChargePoint& charger, Now now,
                        std::function<void(std::optional<std::string>)> done) {
    site.now = now;
    if (charger.configuration.work) {
        charger.configuration.work->waiting.push_back(std::move(done));
        return;
    }
    begin(site, charger, true, std::move(done));
}

void check_change(Site& site, ChargePoint& charger, KeyChange change) {
    auto& configuration = charger.configuration;
    if (configuration.work) {
        configuration.work->accepted.push_back(std::move(change));
        return;
    }
    const Round round{site, charger.settings.id, std::make_shared<DesiredStateWork>()};
    configuration.work = round.work;
    round.work->is_news = true;
    round.work->accepted.push_back(std::move(change));
    read_back(round);
}

}  // namespace busbar::site
