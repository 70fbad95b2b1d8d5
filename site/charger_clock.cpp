#include "site/charger_clock.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr auto in_step_within = 30s;
constexpr auto apart = 5s;  // messages that come closer prove nothing
constexpr int run_needed = 3;
constexpr auto run_time_needed = 60s;
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

// As long as nothing has been measured.
seconds usual_offset(const Site& site, const ChargePoint& charger, Timestamp now) {
    if (charger.quirks.timestamps == TimeQuirk::utc) return 0s;
    const auto ahead =
        site.settings.time_zone.local(now).time_since_epoch() - now.time_since_epoch();
    return std::chrono::duration_cast<seconds>(ahead);
}

// For what belongs to this transaction (null: to none). One that began before the clock was known
// has a start that was not put right.
seconds correction_within(const Site& site, const ChargePoint& charger, Now now,
                          const Transaction* transaction) {
    const auto& clock = charger.clock;
    const bool is_older = transaction && clock.found_at() && !clock.former() &&
                          transaction->start.received_at < *clock.found_at();
    if (is_older && is_lenient(charger)) return usual_offset(site, charger, now.wall);
    return time_correction(site, charger, now.wall);
}

// Stands in for a time that could not be read.
bool is_arrival(Timestamp at, Now now) { return at == now.wall; }

void put_right(Timestamp& at, seconds correction, Now now) {
    if (!is_arrival(at, now)) at -= correction;
}

void learn_clock(Site& site, ChargePoint& charger, Timestamp at, Now now) {
    if (is_arrival(at, now)) return;
    const seconds tolerance{charger.quirks.clock_tolerance_seconds};
    if (!charger.clock.observe(at, now, tolerance)) return;
    const auto offset = charger.clock.offset().value_or(0s);
    const auto& id = charger.settings.id;
    if (offset != 0s) {
        count_deviation(charger, "clock_offset",
                        "ahead by " + std::to_string(offset.count()) + " s", now.wall);
    }
    if (site.log) site.log("clock_offset", id + " seconds=" + std::to_string(offset.count()));
    if (site.journal.full()) return;
    site.record({db::StateSaved{
        std::string{clock_kind}, id, {busbar::to_json(std::int64_t{offset.count()})}}});
}

}  // namespace

bool ChargerClock::observe(Timestamp at, Now now, seconds tolerance) {
    const auto before = last_;
    const auto passed = before ? now.mono - before->received : Instant::duration{};
    const bool in_step = before && std::chrono::abs((at - before->at) - passed) <= in_step_within;
    if (in_step && passed < apart) return false;
    last_ = Sight{at, now.mono};
    if (!in_step || at <= before->at) {
        run_ = 1;
        run_began_ = now.mono;
        return false;
    }
    if (++run_ < run_needed || now.mono - run_began_ < run_time_needed) return false;
    measured_ = std::chrono::round<seconds>(at - now.wall);
    const auto offset = offset_for(*measured_, tolerance, offset_);
    if (offset_ == offset) return false;
    former_ = offset_;
    offset_ = offset;
    found_at_ = now.wall;
    return true;
}

bool ChargerClock::booted() {
    last_.reset();
    run_ = 0;
    if (!offset_ || *offset_ % quarter == 0s) return false;
    former_ = offset_;
    offset_.reset();
    return true;
}

seconds time_correction(const Site& site, const ChargePoint& charger, Timestamp now) {
    if (!is_lenient(charger)) return 0s;
    return charger.clock.offset().value_or(usual_offset(site, charger, now));
}

void correct_times(Site& site, ChargePoint& charger, Now now,
                   v16::StatusNotification::Request& request) {
    if (!request.timestamp) return;
    learn_clock(site, charger, *request.timestamp, now);
    put_right(*request.timestamp, time_correction(site, charger, now.wall), now);
}

void correct_times(Site& site, ChargePoint& charger, Now now, v16::MeterValues::Request& request) {
    auto& values = request.meterValue;
    const auto newest =
        std::max_element(values.begin(), values.end(),
                         [](const auto& a, const auto& b) { return a.timestamp < b.timestamp; });
    if (newest == values.end()) return;
    learn_clock(site, charger, newest->timestamp, now);
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
                   equal_ignoring_case(start.id_tag, request.idTag.value);
        };
        return std::any_of(charger.open.begin(), charger.open.end(), is_it) ||
               std::any_of(charger.stopped.begin(), charger.stopped.end(), is_it);
    };
    // The repeat of a start that came before the clock was known, or known to be another.
    for (const auto earlier : {correction, charger.clock.former().value_or(0s), seconds{0}}) {
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

void restore_clock(Site& site, const db::StateSaved& row) {
    ChargePoint* charger = row.kind == clock_kind ? site.find(row.key) : nullptr;
    if (!charger) return;
    DecodeReport report;
    const auto stored = decode_text<std::int64_t>(row.body.text, {}, report);
    if (stored) charger->clock.restore(seconds{*stored});
}

}  // namespace busbar::site
