#include "site/charger_clock.hpp"

#include <algorithm>
#include <utility>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "site/pseudonym.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr auto in_step_within = 30s;
constexpr auto apart = 5s;  // messages that come closer prove nothing
constexpr int run_needed = 3;
constexpr auto run_time_needed = 60s;
// Before a lower offset is believed. A queue that is emptied by a thirtieth faster than it filled
// is out of step by then.
constexpr auto lower_run_time_needed = 15min;
// No queue is older than that.
constexpr Timestamp plausible_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};
constexpr seconds quarter{900};
constexpr auto zone_max = 14h;

seconds magnitude(seconds value) { return value < 0s ? -value : value; }

// The offset that a clock has which is ahead by so much.
seconds offset_for(seconds ahead, seconds tolerance, std::optional<seconds> before) {
    if (magnitude(ahead) <= tolerance) return 0s;
    const seconds half = ahead < 0s ? -quarter / 2 : quarter / 2;
    const seconds quarters = (ahead + half) / quarter * quarter;
    const auto zone_slack = std::min(tolerance, quarter / 3);
    if (magnitude(quarters) <= zone_max && magnitude(ahead - quarters) <= zone_slack) {
        return quarters;
    }
    // No zone, just wrong: the same as long as it goes as fast as ours.
    if (before && magnitude(ahead - *before) <= in_step_within) return *before;
    return ahead;
}

seconds zone_offset(const Site& site, Timestamp at) {
    const auto ahead = site.settings.time_zone.local(at).time_since_epoch() - at.time_since_epoch();
    return std::chrono::duration_cast<seconds>(ahead);
}

// As long as nothing has been measured.
seconds usual_offset(const Site& site, const ChargePoint& charger, Timestamp now) {
    return charger.quirks.timestamps == TimeQuirk::utc ? 0s : zone_offset(site, now);
}

// For what belongs to this transaction (null: to none). One that began before the clock was known
// has a start that was not put right.
seconds correction_within(const Site& site, const ChargePoint& charger, Now now,
                          const Transaction* transaction) {
    const auto& clock = charger.clock;
    const bool is_older = transaction && clock.found_at() && clock.known().was_unknown &&
                          transaction->start.received_at < *clock.found_at();
    if (is_older && is_lenient(charger)) return usual_offset(site, charger, now.wall);
    return time_correction(site, charger, now.wall);
}

// Stands in for a time that could not be read.
bool is_arrival(Timestamp at, Now now) { return at == now.wall; }

void put_right(Timestamp& at, seconds correction, Now now) {
    if (!is_arrival(at, now)) at -= correction;
}

void learn_clock(Site& site, ChargePoint& charger, Timestamp at, Now now,
                 ChargerClock::Source source) {
    if (is_arrival(at, now)) return;
    const ChargerClock::Expectation expected{seconds{charger.quirks.clock_tolerance_seconds},
                                             usual_offset(site, charger, now.wall)};
    if (!charger.clock.observe(at, now, expected, source)) return;
    const auto offset = charger.clock.offset().value_or(0s);
    const auto& id = charger.settings.id;
    if (offset != 0s) {
        count_deviation(charger, "clock_offset",
                        "ahead by " + std::to_string(offset.count()) + " s", now.wall);
    }
    if (site.log) site.log("clock_offset", id + " seconds=" + std::to_string(offset.count()));
    if (!site.journal.full()) site.record({clock_row(charger)});
}

// Samples at full hours and the like may name the beginning of what they sum up (9.1.5).
bool is_by_the_clock(const v16::MeterValue& value) {
    return std::any_of(value.sampledValue.begin(), value.sampledValue.end(), [](const auto& s) {
        return s.context && *s.context == v16::ReadingContext::Sample_Clock;
    });
}

// The body of a row. Rows of older versions hold nothing but the offset, as a number.
struct StoredClock {
    std::optional<std::int64_t> offsetSeconds;
    std::optional<std::int64_t> formerSeconds;
    std::optional<Timestamp> foundAt;
    bool wasUnknown = true;
};
BOOST_DESCRIBE_STRUCT(StoredClock, (), (offsetSeconds, formerSeconds, foundAt, wasUnknown))

std::optional<KnownClock> read_clock(const std::string& body) {
    const auto in_seconds = [](const std::optional<std::int64_t>& count) {
        return count ? std::optional{seconds{*count}} : std::nullopt;
    };
    DecodeReport report;
    if (const auto number = decode_text<std::int64_t>(body, {}, report)) {
        return KnownClock{seconds{*number}, {}, {}};
    }
    report = {};
    const auto stored = decode_text<StoredClock>(body, {.lenient = true}, report);
    if (!stored) return std::nullopt;
    return KnownClock{in_seconds(stored->offsetSeconds), in_seconds(stored->formerSeconds),
                      stored->foundAt, stored->wasUnknown};
}

}  // namespace

bool ChargerClock::observe(Timestamp at, Now now, const Expectation& expected, Source source) {
    const bool is_live = source == Source::live;
    const bool in_step =
        run_ && std::chrono::abs((at - run_->first_at) - (now.mono - run_->first_received)) <=
                    in_step_within;
    if (!in_step) {
        run_ = Run{at, now.mono, at, now.mono, 1, is_live};
        return false;
    }
    const bool had_live = std::exchange(run_->has_live, run_->has_live || is_live);
    if (now.mono - run_->last_received < apart || at <= run_->newest_at) return false;
    run_->newest_at = at;
    run_->last_received = now.mono;
    const auto passed = now.mono - run_->first_received;
    if (++run_->messages < run_needed || passed < run_time_needed) return false;
    const auto measured = std::chrono::round<seconds>(at - now.wall);
    shown_ = measured;
    const auto offset = offset_for(measured, expected.tolerance, known_.offset);
    const bool is_lower = offset < known_.offset.value_or(expected.usual);
    // Two that were never queued, and this one tells how far it is off.
    const bool is_certain = (is_live && had_live) || at < plausible_from;
    if (is_lower && !(is_certain && passed >= lower_run_time_needed)) return false;
    measured_ = measured;
    if (known_.offset == offset) return false;
    known_ = {offset, known_.offset ? known_.offset : known_.former, now.wall, !known_.offset};
    return true;
}

bool ChargerClock::booted() {
    run_.reset();
    if (!known_.offset || *known_.offset % quarter == 0s) return false;
    known_.former = std::exchange(known_.offset, std::nullopt);
    return true;
}

seconds time_correction(const Site& site, const ChargePoint& charger, Timestamp now) {
    if (!is_lenient(charger)) return 0s;
    return charger.clock.offset().value_or(usual_offset(site, charger, now));
}

void correct_times(Site& site, ChargePoint& charger, Now now,
                   v16::StatusNotification::Request& request) {
    if (!request.timestamp) return;
    learn_clock(site, charger, *request.timestamp, now, ChargerClock::Source::live);
    put_right(*request.timestamp, time_correction(site, charger, now.wall), now);
}

void correct_times(Site& site, ChargePoint& charger, Now now, v16::MeterValues::Request& request) {
    auto& values = request.meterValue;
    std::optional<Timestamp> newest;
    for (const auto& value : values) {
        if (!is_by_the_clock(value))
            newest = std::max(newest.value_or(value.timestamp), value.timestamp);
    }
    if (newest) learn_clock(site, charger, *newest, now, ChargerClock::Source::may_be_queued);
    const auto* transaction = request.transactionId
                                  ? site.find_open(charger, *request.transactionId)
                                  : site.find_open_on(charger, request.connectorId);
    const auto correction = correction_within(site, charger, now, transaction);
    for (auto& value : values) put_right(value.timestamp, correction, now);
}

void correct_times(Site& site, ChargePoint& charger, Now now,
                   v16::StartTransaction::Request& request) {
    const auto correction = time_correction(site, charger, now.wall);
    const auto is_repeat_at = [&](Timestamp at) {
        const auto is_it = [&](const Transaction& known) {
            const auto& start = known.start;
            return start.started_at == at && start.meter_start_wh == request.meterStart &&
                   start.connector_id == stored_connector_id(request.connectorId) &&
                   (equal_ignoring_case(start.id_tag, request.idTag.value) ||
                    is_pseudonym(start.id_tag));
        };
        return std::any_of(charger.open.begin(), charger.open.end(), is_it) ||
               std::any_of(charger.stopped.begin(), charger.stopped.end(), is_it);
    };
    // The repeat of a start that came before the clock was known, or known to be another; by then
    // the site's zone may have stood for it.
    const auto at = request.timestamp;
    for (const auto earlier : {correction, charger.clock.former().value_or(0s), seconds{0},
                               zone_offset(site, now.wall), zone_offset(site, at)}) {
        if (!is_repeat_at(request.timestamp - earlier)) continue;
        request.timestamp -= earlier;
        return;
    }
    put_right(request.timestamp, correction, now);
}

void correct_times(Site& site, ChargePoint& charger, Now now,
                   v16::StopTransaction::Request& request) {
    const auto correction =
        correction_within(site, charger, now, site.find_open(charger, request.transactionId));
    put_right(request.timestamp, correction, now);
    if (!request.transactionData) return;
    for (auto& value : *request.transactionData) put_right(value.timestamp, correction, now);
}

db::StateSaved clock_row(const ChargePoint& charger) {
    const auto& known = charger.clock.known();
    StoredClock stored;
    if (known.offset) stored.offsetSeconds = known.offset->count();
    if (known.former) stored.formerSeconds = known.former->count();
    stored.foundAt = known.found_at;
    stored.wasUnknown = known.was_unknown;
    return {
        std::string{clock_kind}, charger.settings.id, {to_json(stored, TimeStyle::milliseconds)}};
}

void restore_clock(Site& site, const db::StateSaved& row) {
    ChargePoint* charger = row.kind == clock_kind ? site.find(row.key) : nullptr;
    if (!charger) return;
    if (const auto known = read_clock(row.body.text)) charger->clock.restore(*known);
}

}  // namespace busbar::site
