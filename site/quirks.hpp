// What Busbar knows of the habits of chargers, as data: rows that match vendor, model and firmware,
// each with settings. Rows come with the program (quirks.json), from operators, or were learned
// from what chargers rejected.
//
// Matching, merging and checking are pure. QuirkTable and the functions that take a Site belong to
// the site loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/class.hpp>

#include "base/time.hpp"
#include "base/violation.hpp"
#include "db/rows.hpp"
#include "site/quirk_settings.hpp"

namespace busbar::site {

class Site;
struct ChargePoint;

// How a charger names itself in its BootNotification. Compared without regard to case.
struct ChargerModel {
    std::string vendor;
    std::string model;
    std::string firmware;

    // The charger's latest boot; nothing if it never booted.
    static std::optional<ChargerModel> of(const ChargePoint& charger);
};

// Which chargers a row is for. Every list that is there must hold a pattern that fits.
//
// A pattern is a text in which `*` stands for anything. For the firmware it can also be a range,
// "<=1.8.21" or ">=5 <6": conditions separated by spaces, all of which the first number in the
// firmware's name must meet. Numbers are compared part by part, missing parts are 0.
struct QuirkMatch {
    std::optional<std::vector<std::string>> vendor;
    std::optional<std::vector<std::string>> model;
    std::optional<std::vector<std::string>> firmware;
};
BOOST_DESCRIBE_STRUCT(QuirkMatch, (), (vendor, model, firmware))

bool matches(const QuirkMatch& match, const ChargerModel& charger);

enum class QuirkOrigin { seeded, own, learned };

// Settings for the chargers that match.
struct QuirkRow {
    std::string name;
    QuirkMatch match;
    QuirkValues settings;
    std::optional<std::string> note;  // what an operator should know or do
};

// A setting that a charger taught us by rejecting something.
struct LearnedQuirk {
    std::string vendor;
    std::string model;
    std::string firmware;
    std::string setting;  // its JSON name
    RawJson value;
    std::string rejected;  // what was rejected, in words
    std::int64_t count = 0;
    Timestamp last_at;
};
BOOST_DESCRIBE_STRUCT(LearnedQuirk, (),
                      (vendor, model, firmware, setting, value, rejected, count, last_at))

// A row as JSON, {"match":{...},"settings":{...},"note":"..."}, and back. `name` is not part of it.
// Nothing and at least one violation, by JSON pointer, if the text is no row.
std::string quirk_row_json(const QuirkRow& row);
std::optional<QuirkRow> parse_quirk_row(std::string_view name, std::string_view json,
                                        std::vector<Violation>& violations);
// The same of a row that was stored: settings that have been given up since are left out.
std::optional<QuirkRow> parse_stored_quirk_row(std::string_view name, std::string_view json,
                                               std::vector<Violation>& violations);

// The rows of this release, from general to specific.
const std::vector<QuirkRow>& seeded_quirks();

// Where a setting's value comes from.
struct QuirkSource {
    std::string setting;  // its JSON name
    std::string value;    // JSON
    std::string origin;   // "default", "seeded", "own", "learned" or "charge-point"
    std::string row;      // the row's name; "" for "default" and "charge-point"
};

// Settings in force, and why.
struct ExplainedQuirks {
    Quirks quirks;
    std::vector<QuirkSource> sources;  // one a setting, in the order of the table
    std::vector<std::string> rows;     // that matched, in the order they were applied
    std::vector<std::string> notes;    // of those rows
};

// All rows. Later rows override earlier ones: seeded in their order, own by name, learned, then
// what an operator set for the one charge point. An own row with a seeded row's name stands in for
// it.
class QuirkTable {
public:
    static constexpr std::size_t own_max = 1000;
    static constexpr std::size_t learned_max = 500;  // beyond it the oldest is forgotten
    static constexpr std::size_t row_bytes_max = 16'384;
    static constexpr std::string_view own_kind = "quirk";
    static constexpr std::string_view learned_kind = "learned_quirk";

    const std::map<std::string, QuirkRow, std::less<>>& own() const { return own_; }
    const std::map<std::string, LearnedQuirk, std::less<>>& learned() const { return learned_; }

    // What is in force for a charger; `charge_point_settings` is the JSON an operator has set for
    // it alone ("" for none; parts that cannot be read are left out).
    ExplainedQuirks explain(const std::optional<ChargerModel>& charger,
                            std::string_view charge_point_settings) const;

    // Takes a row that was stored earlier. Why it was left out, if it was.
    std::optional<std::string> restore(const db::StateSaved& state);

    // Each returns the rows to record.
    std::vector<db::Record> save(QuirkRow row);  // precondition: room for it, see is_full
    // The own or learned row of that name; nothing to record if there is none.
    std::vector<db::Record> remove(std::string_view name);
    // Precondition: the value fits the setting.
    std::vector<db::Record> learn(LearnedQuirk fact);

    bool is_full() const { return own_.size() >= own_max; }

private:
    std::vector<db::Record> drop_oldest_learned();

    std::map<std::string, QuirkRow, std::less<>> own_;
    std::map<std::string, LearnedQuirk, std::less<>> learned_;  // by learned_name
};

// The name of a learned row: "vendor/model/firmware/setting" in lower case, with '/' and '%' of the
// parts escaped.
std::string learned_name(const LearnedQuirk& fact);

// What an operator sets for one charge point: an object of settings. Violations by JSON pointer.
std::vector<Violation> check_quirk_settings(std::string_view json);

// --- On the site --------------------------------------------------------------------------------

// Takes a row that was stored earlier; one that cannot be read is left out and logged. Followed by
// resolve_all_quirks once all are there.
void restore_quirk(Site& site, const db::StateSaved& state);

// What is in force for this charger, and why.
ExplainedQuirks explain_quirks(const Site& site, const ChargePoint& charger);

// Works out charger.quirks anew: after a boot, and after its settings have changed. Connectors that
// are hidden by them are forgotten.
void resolve_quirks(Site& site, ChargePoint& charger);
// The same for all: after rows have changed.
void resolve_all_quirks(Site& site);

// Makes its connection follow charger.quirks: how often it is pinged, which answers are taken.
void apply_quirks_to_link(ChargePoint& charger);

// Remembers for all chargers of this model and firmware that a setting must have this value (JSON),
// because the charger has rejected something ("SetChargingProfile with stackLevel 1"). True if it
// changed what is in force for this charger. Does nothing, and says false, for a charger that never
// booted, for a value that is not on the safe side of the present one, for settings that cannot be
// learned (see QuirkSetting::learning) and while nothing can be stored.
bool learn(Site& site, ChargePoint& charger, std::string_view setting, std::string_view value,
           std::string_view rejected, Now now);

// The charger does not implement an action (CALLERROR NotImplemented or NotSupported).
bool learn_unsupported(Site& site, ChargePoint& charger, std::string_view action, Now now);

// The validation in force (ruling R13): "strict" if the charge point or its model asks for it. An
// operator can make single charge points lenient again with a setting of their own.
bool is_lenient(const ChargePoint& charger);

// The interval to answer a BootNotification with.
std::chrono::seconds heartbeat_interval(const Site& site, const ChargePoint& charger);

}  // namespace busbar::site
