// The table of quirks: what is in force and why, what operators edit, what rejections teach.
#include <algorithm>

#include "site/quirks.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

// How often a rejection that is known already is written down again.
constexpr std::chrono::hours repeat_recorded_after{1};
constexpr std::size_t rejected_size_max = 300;
constexpr std::size_t part_size_max = 100;  // of vendor, model and firmware

bool same(std::string_view a, std::string_view b) { return equal_ignoring_case(a, b); }

bool is_about(const LearnedQuirk& fact, const ChargerModel& charger) {
    return same(fact.vendor, charger.vendor) && same(fact.model, charger.model) &&
           same(fact.firmware, charger.firmware);
}

// PostgreSQL's text and people can do without control characters.
std::string kept(std::string_view text, std::size_t size_max) {
    std::string out{text.substr(0, size_max)};
    // Not in the middle of a character of UTF-8.
    if (text.size() > size_max) {
        while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) {
            out.pop_back();
        }
        if (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80)) out.pop_back();
    }
    for (char& c : out) {
        if (!is_printable({&c, 1})) c = ' ';
    }
    return out;
}

ChargerModel kept(const ChargerModel& charger) {
    return {kept(charger.vendor, part_size_max), kept(charger.model, part_size_max),
            kept(charger.firmware, part_size_max)};
}

void append_part(std::string& out, std::string_view part) {
    for (const char c : part) {
        if (c == '/')
            out += "%2f";
        else if (c == '%')
            out += "%25";
        else
            out += ascii_lower(c);
    }
}

// Gathers settings and where they come from.
class Merge {
public:
    void add(const QuirkValues& values, std::string_view origin, std::string_view row) {
        apply_quirks(values, quirks_);
        for (const auto& [name, value] : values) origin_[name] = std::pair{origin, row};
        if (!row.empty()) result_.rows.emplace_back(row);
    }
    void add(const QuirkRow& row, std::string_view origin) {
        add(row.settings, origin, row.name);
        if (row.note) result_.notes.push_back(*row.note);
    }
    ExplainedQuirks finish() {
        for (const auto& setting : quirk_settings()) {
            QuirkSource source{std::string{setting.name}, "", "default", ""};
            setting.write(source.value, quirks_);
            if (const auto it = origin_.find(setting.name); it != origin_.end()) {
                source.origin = it->second.first;
                source.row = it->second.second;
            }
            result_.sources.push_back(std::move(source));
        }
        result_.quirks = std::move(quirks_);
        return std::move(result_);
    }

private:
    Quirks quirks_;
    std::map<std::string, std::pair<std::string, std::string>, std::less<>> origin_;
    ExplainedQuirks result_;
};

db::StateSaved state_of(std::string_view key, const LearnedQuirk& fact) {
    return {std::string{QuirkTable::learned_kind}, std::string{key}, {busbar::to_json(fact)}};
}

}  // namespace

std::string learned_name(const LearnedQuirk& fact) {
    std::string out;
    for (const auto* part : {&fact.vendor, &fact.model, &fact.firmware}) {
        append_part(out, *part);
        out += '/';
    }
    append_part(out, fact.setting);
    return out;
}

ExplainedQuirks QuirkTable::explain(const std::optional<ChargerModel>& charger,
                                    std::string_view charge_point_settings) const {
    Merge merge;
    if (charger) {
        for (const auto& row : seeded_quirks()) {
            if (!own_.contains(row.name) && matches(row.match, *charger)) merge.add(row, "seeded");
        }
        for (const auto& [name, row] : own_) {
            if (matches(row.match, *charger)) merge.add(row, "own");
        }
        const auto model = kept(*charger);
        for (const auto& [name, fact] : learned_) {
            if (is_about(fact, model))
                merge.add({{fact.setting, fact.value.text}}, "learned", name);
        }
    }
    if (!charge_point_settings.empty()) {
        std::vector<Violation> ignored;
        merge.add(parse_quirk_values(charge_point_settings, "", ignored), "charge-point", "");
    }
    return merge.finish();
}

std::optional<std::string> QuirkTable::restore(const db::StateSaved& state) {
    if (state.kind == own_kind) {
        std::vector<Violation> violations;
        auto row = parse_stored_quirk_row(state.key, state.body.text, violations);
        if (!row) return violations.front().pointer + ": " + violations.front().detail;
        own_[state.key] = std::move(*row);
        return std::nullopt;
    }
    if (state.kind != learned_kind) return "is no quirk";
    DecodeReport report;
    auto fact = decode_text<LearnedQuirk>(state.body.text, {}, report);
    if (!fact) return report.errors.front().pointer + ": " + report.errors.front().detail;
    const auto* setting = find_quirk_setting(fact->setting);
    if (!setting) return "/setting: there is no setting '" + fact->setting + "'";
    Quirks scratch;
    if (!setting->read(*setting, fact->value.text, scratch, report)) {
        return "/value: " + report.errors.front().detail;
    }
    learned_[learned_name(*fact)] = std::move(*fact);
    return std::nullopt;
}

std::vector<db::Record> QuirkTable::save(QuirkRow row) {
    db::StateSaved state{std::string{own_kind}, row.name, {quirk_row_json(row)}};
    auto name = row.name;
    own_.insert_or_assign(std::move(name), std::move(row));
    return {std::move(state)};
}

std::vector<db::Record> QuirkTable::remove(std::string_view name) {
    if (const auto it = own_.find(name); it != own_.end()) {
        own_.erase(it);
        return {db::StateRemoved{std::string{own_kind}, std::string{name}}};
    }
    if (const auto it = learned_.find(name); it != learned_.end()) {
        learned_.erase(it);
        return {db::StateRemoved{std::string{learned_kind}, std::string{name}}};
    }
    return {};
}

std::vector<db::Record> QuirkTable::learn(LearnedQuirk fact) {
    const auto name = learned_name(fact);
    std::vector<db::Record> records;
    const auto known = learned_.find(name);
    if (known != learned_.end()) {
        auto& old = known->second;
        fact.count = old.count + 1;
        const bool is_news = old.value.text != fact.value.text ||
                             fact.last_at >= old.last_at + repeat_recorded_after;
        // The time of the last record, so that a steady trickle is recorded once an hour too.
        if (!is_news) fact.last_at = old.last_at;
        old = std::move(fact);
        if (is_news) records.emplace_back(state_of(name, old));
        return records;
    }
    if (learned_.size() >= learned_max) records = drop_oldest_learned();
    fact.count = 1;
    records.emplace_back(state_of(name, fact));
    learned_.emplace(name, std::move(fact));
    return records;
}

std::vector<db::Record> QuirkTable::drop_oldest_learned() {
    const auto oldest = std::min_element(
        learned_.begin(), learned_.end(),
        [](const auto& a, const auto& b) { return a.second.last_at < b.second.last_at; });
    db::StateRemoved removed{std::string{learned_kind}, oldest->first};
    learned_.erase(oldest);
    return {std::move(removed)};
}

void restore_quirk(Site& site, const db::StateSaved& state) {
    const auto problem = site.quirks.restore(state);
    if (problem && site.log) {
        site.log("quirk_left_out", state.kind + " " + state.key + " reason=\"" + *problem + "\"");
    }
}

ExplainedQuirks explain_quirks(const Site& site, const ChargePoint& charger) {
    return site.quirks.explain(ChargerModel::of(charger), charger.settings.quirks.value_or(""));
}

void apply_quirks_to_link(ChargePoint& charger) {
    if (!charger.link) return;
    const auto& quirks = charger.quirks;
    charger.link->session.accept_answers_with_wrong_id(quirks.accept_answer_with_wrong_id);
    const auto interval = quirks.websocket_ping_interval_seconds;
    const bool is_usual = interval == Quirks{}.websocket_ping_interval_seconds;
    charger.link->ping_every(is_usual ? std::nullopt
                                      : std::optional{std::chrono::seconds{interval}});
}

void resolve_quirks(Site& site, ChargePoint& charger) {
    charger.quirks = explain_quirks(site, charger).quirks;
    for (const auto connector_id : charger.quirks.hidden_connectors) {
        if (!is_hidden(charger, connector_id)) continue;
        if (charger.connectors.erase(connector_id) == 0) continue;
        site.engine.remove(evse_id(charger.settings.id, connector_id));
        site.step_wanted = true;
    }
    apply_quirks_to_link(charger);
}

void resolve_all_quirks(Site& site) {
    for (auto& [id, charger] : site.charge_points) resolve_quirks(site, charger);
}

bool learn(Site& site, ChargePoint& charger, std::string_view setting_name, std::string_view value,
           std::string_view rejected, Now now) {
    const auto booted = ChargerModel::of(charger);
    const auto* setting = find_quirk_setting(setting_name);
    if (!booted || !setting || site.journal.full()) return false;
    auto wanted = charger.quirks;
    DecodeReport report;
    if (!setting->read(*setting, value, wanted, report)) return false;
    if (!setting->is_lesson(setting->learning, charger.quirks, wanted)) return false;
    const auto model = kept(*booted);
    LearnedQuirk fact{model.vendor,
                      model.model,
                      model.firmware,
                      std::string{setting->name},
                      {std::string{}},
                      kept(rejected, rejected_size_max),
                      1,
                      now.wall};
    fact.value.text.clear();
    setting->write(fact.value.text, wanted);
    auto records = site.quirks.learn(std::move(fact));
    if (!records.empty()) site.record(std::move(records));
    const auto before = quirk_json(*setting, charger.quirks);
    resolve_all_quirks(site);
    return quirk_json(*setting, charger.quirks) != before;
}

bool learn_unsupported(Site& site, ChargePoint& charger, std::string_view action, Now now) {
    auto actions = charger.quirks.unsupported_actions;
    if (std::find(actions.begin(), actions.end(), action) != actions.end()) return false;
    actions.emplace_back(action);
    return learn(site, charger, "unsupportedActions", busbar::to_json(actions),
                 std::string{action} + " is not implemented", now);
}

bool is_lenient(const ChargePoint& charger) {
    return charger.settings.validation != "strict" &&
           charger.quirks.validation == ValidationMode::lenient;
}

std::chrono::seconds heartbeat_interval(const Site& site, const ChargePoint& charger) {
    const std::chrono::seconds most{charger.quirks.heartbeat_interval_max_seconds};
    return std::min(site.settings.heartbeat_interval, most);
}

}  // namespace busbar::site
