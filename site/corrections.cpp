#include "site/corrections.hpp"

#include <algorithm>
#include <utility>

namespace busbar::site {
namespace {

// More than any charger delivers in a year: sums of it stay numbers.
constexpr std::int64_t energy_wh_max = 1'000'000'000;

// What is wrong, by the member it is about.
class Findings {
public:
    explicit Findings(std::vector<Violation>& out) : out_{out} {}
    void refuse(std::string pointer, std::string detail) {
        out_.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
    }

private:
    std::vector<Violation>& out_;
};

template <class T>
void assign(std::optional<T>& to, const Patch<T>& from) {
    if (from.present) to = from.value;
}

// Of a running transaction only whose it is, and what is thought of it.
void refuse_while_running(const CorrectionWish& wish, Findings& findings) {
    const auto refuse = [&](bool is_set, const char* pointer) {
        if (!is_set) return;
        findings.refuse(pointer,
                        "cannot be corrected while the transaction runs: stop it first, or leave "
                        "this out");
    };
    refuse(wish.startedAt.value.has_value(), "/startedAt");
    refuse(wish.stoppedAt.value.has_value(), "/stoppedAt");
    refuse(wish.meterStartWh.value.has_value(), "/meterStartWh");
    refuse(wish.meterStopWh.value.has_value(), "/meterStopWh");
    refuse(wish.energyWh.value.has_value(), "/energyWh");
}

void check_times(const ToldTransaction& told, const db::TransactionCorrected& wanted,
                 const CorrectionWish& wish, Timestamp now, Findings& findings) {
    const auto started_at = wanted.started_at.value_or(told.start.started_at);
    const auto stopped_at = wanted.stopped_at.value_or(told.stop->stopped_at);
    const bool is_touched = wish.startedAt.present || wish.stoppedAt.present;
    if (is_touched && stopped_at < started_at) {
        findings.refuse(wish.stoppedAt.present ? "/stoppedAt" : "/startedAt",
                        wish.stoppedAt.present
                            ? "must not be before the start, " + to_string_milliseconds(started_at)
                            : "must not be after the stop, " + to_string_milliseconds(stopped_at));
    }
    if (wish.startedAt.value && *wish.startedAt.value > now) {
        findings.refuse("/startedAt", "must not be in the future");
    }
    if (wish.stoppedAt.value && *wish.stoppedAt.value > now) {
        findings.refuse("/stoppedAt", "must not be in the future");
    }
}

// Registers that are corrected say how much it was, unless the wish says it itself.
void settle_energy(const ToldTransaction& told, db::TransactionCorrected& wanted,
                   const CorrectionWish& wish, Findings& findings) {
    const bool is_touched = wish.meterStartWh.present || wish.meterStopWh.present;
    const bool is_corrected = wanted.meter_start_wh || wanted.meter_stop_wh;
    const auto begin = wanted.meter_start_wh.value_or(told.start.meter_start_wh);
    const auto end = wanted.meter_stop_wh.value_or(told.stop->meter_stop_wh);
    const auto difference = std::int64_t{end} - begin;
    if (const auto& energy = wish.energyWh.value) {
        if (*energy < 0 || *energy > energy_wh_max) {
            return findings.refuse("/energyWh", "must be 0 to " + std::to_string(energy_wh_max));
        }
        if (!is_touched || !is_corrected || *energy == difference) return;
        return findings.refuse("/energyWh", "contradicts the registers, which make it " +
                                                std::to_string(difference) +
                                                ": leave out one or the other");
    }
    if (!is_touched && !wish.energyWh.present) return;
    if (!is_corrected) {
        // With the registers their difference goes.
        wanted.energy_wh.reset();
    } else if (difference >= 0) {
        wanted.energy_wh = difference;
    } else if (wish.meterStopWh.present) {
        findings.refuse("/meterStopWh",
                        "must not be lower than meterStartWh, " + std::to_string(begin));
    } else {
        findings.refuse("/meterStartWh",
                        "must not be higher than meterStopWh, " + std::to_string(end));
    }
}

}  // namespace

db::TransactionCorrected corrected(const ToldTransaction& told,
                                   const std::optional<db::TransactionCorrected>& before,
                                   const CorrectionWish& wish, Timestamp now,
                                   std::vector<Violation>& violations) {
    Findings findings{violations};
    auto wanted = before.value_or(db::TransactionCorrected{});
    wanted.id = told.start.id;
    assign(wanted.badge, wish.badge);
    assign(wanted.started_at, wish.startedAt);
    assign(wanted.stopped_at, wish.stoppedAt);
    assign(wanted.meter_start_wh, wish.meterStartWh);
    assign(wanted.meter_stop_wh, wish.meterStopWh);
    assign(wanted.energy_wh, wish.energyWh);
    assign(wanted.note, wish.note);
    if (wanted.note && wanted.note->empty()) wanted.note.reset();
    wanted.at = now;
    if (!told.stop) {
        refuse_while_running(wish, findings);
        return wanted;
    }
    check_times(told, wanted, wish, now, findings);
    settle_energy(told, wanted, wish, findings);
    return wanted;
}

bool replaces_anything(const db::TransactionCorrected& correction) {
    return correction.badge || correction.meter_start_wh || correction.meter_stop_wh ||
           correction.started_at || correction.stopped_at || correction.energy_wh;
}

const db::TransactionCorrected* find_correction(const Site& site, db::TransactionKey id) {
    const auto it = site.corrections.find(id);
    return it == site.corrections.end() ? nullptr : &it->second;
}

db::Journal::Ticket correct(Site& site, const ToldTransaction& told,
                            const std::optional<db::TransactionCorrected>& before,
                            db::TransactionCorrected correction) {
    site.energy_used.know(told.start, told.stop, before, site.settings.time_zone, site.now.wall);
    remember(site, correction);
    return site.record({std::move(correction)});
}

void remember(Site& site, const db::TransactionCorrected& correction) {
    site.corrections.insert_or_assign(correction.id, correction);
    if (site.corrections.size() <= corrections_max) return;
    const auto oldest =
        std::min_element(site.corrections.begin(), site.corrections.end(),
                         [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
    site.corrections.erase(oldest);
}

}  // namespace busbar::site
