#include "api/transaction_view.hpp"

#include <algorithm>

#include "base/csv.hpp"
#include "site/corrections.hpp"

namespace busbar::api {
namespace {

bool is_corrected(const db::TransactionRow& row) {
    return row.correction && site::replaces_anything(*row.correction);
}

std::optional<std::int64_t> told_energy(const db::TransactionRow& row) {
    if (!row.stop) return std::nullopt;
    if (row.stop->energy_wh) return row.stop->energy_wh;
    const auto difference = std::int64_t{row.stop->meter_stop_wh} - row.start.meter_start_wh;
    return std::max<std::int64_t>(0, difference);
}

CorrectedView correction_of(const db::TransactionRow& row) {
    CorrectedView view;
    view.at = row.correction->at;
    view.by = row.correction->by;
    auto& original = view.original;
    original.badge = row.start.badge.value_or(row.start.id_tag);
    original.startedAt = row.start.started_at;
    original.meterStartWh = row.start.meter_start_wh;
    if (row.stop) {
        original.stoppedAt = std::optional{row.stop->stopped_at};
        original.meterStopWh = std::optional{row.stop->meter_stop_wh};
    }
    original.energyWh = told_energy(row);
    return view;
}

// What is null in JSON is empty in a table.
template <class T>
std::string cell(const std::optional<T>& value) {
    return value ? std::to_string(*value) : "";
}
std::string cell(const std::optional<Timestamp>& at) {
    return at ? to_string_milliseconds(*at) : "";
}
std::string text_cell(const std::optional<std::string>& text) {
    return guarded_cell(text.value_or(""));
}
std::string cell(bool value) { return value ? "true" : "false"; }

}  // namespace

void put_in_force(db::TransactionRow& row) {
    const auto& correction = row.correction;
    row.badge = row.start.badge.value_or(row.start.id_tag);
    if (correction && correction->badge) row.badge = *correction->badge;
    row.energy_wh = told_energy(row);
    row.energy_source = std::nullopt;
    if (row.stop) row.energy_source = row.stop->energy_source.value_or("register");
    if (!row.stop || !correction || !correction->energy_wh) return;
    row.energy_wh = correction->energy_wh;
    row.energy_source = "corrected";
}

TransactionView view_of(const db::TransactionRow& row, const std::optional<EnergySoFar>& so_far) {
    const auto correction = row.correction.value_or(db::TransactionCorrected{});
    TransactionView view;
    view.id = row.start.id;
    view.transactionId = row.start.transaction_id;
    view.chargePoint = row.start.charge_point;
    view.connectorId = row.start.connector_id;
    view.idTag = row.start.id_tag;
    view.startedAt = correction.started_at.value_or(row.start.started_at);
    view.meterStartWh = correction.meter_start_wh.value_or(row.start.meter_start_wh);
    view.badge = row.badge;
    view.group = row.start.badge_group;
    view.costCentre = row.start.cost_centre;
    view.reconstructed = row.start.reconstructed.value_or(false);
    view.note = correction.note;
    if (is_corrected(row)) view.corrected = std::optional{correction_of(row)};
    if (row.stop) {
        view.stoppedAt = std::optional{correction.stopped_at.value_or(row.stop->stopped_at)};
        view.meterStopWh =
            std::optional{correction.meter_stop_wh.value_or(row.stop->meter_stop_wh)};
        view.stopReason = std::optional{row.stop->reason};
        view.estimated = row.stop->estimated && !is_corrected(row);
        view.energyWh = row.energy_wh;
        view.energySource = row.energy_source;
    } else if (so_far) {
        view.energyWh = std::optional{so_far->wh};
        view.energySource = std::optional{so_far->source};
    }
    return view;
}

std::string version_of(const db::TransactionRow& row) {
    auto correction = row.correction.value_or(db::TransactionCorrected{});
    correction.id = row.start.id;
    correction.at = {};
    correction.by.clear();
    std::string version = to_json(correction);
    if (row.stop) {
        version += to_string(row.stop->stopped_at) + std::to_string(row.stop->meter_stop_wh) +
                   cell(row.stop->estimated);
    }
    return version;
}

std::string audit_json(db::TransactionRow row, const std::optional<EnergySoFar>& so_far,
                       const db::TransactionRow* before) {
    const auto veil = [&](std::optional<std::string> db::TransactionCorrected::*member,
                          const char* word) {
        auto& text = (*row.correction).*member;
        if (!text) return;
        const bool has_before = before && before->correction && (*before->correction).*member;
        const bool is_other = has_before && (*before->correction).*member != text;
        text = is_other ? "(changed)" : word;
    };
    if (row.correction) {
        veil(&db::TransactionCorrected::badge, "(corrected)");
        veil(&db::TransactionCorrected::note, "(set)");
    }
    row.start.id_tag = "(set)";
    row.start.badge = "(set)";
    row.badge = row.correction ? row.correction->badge.value_or("(set)") : "(set)";
    return to_json(view_of(row, so_far), TimeStyle::milliseconds);
}

std::vector<std::string> table_header() {
    return {"id",           "transactionId", "chargePoint", "connectorId",  "idTag",
            "badge",        "group",         "costCentre",  "startedAt",    "stoppedAt",
            "meterStartWh", "meterStopWh",   "energyWh",    "energySource", "stopReason",
            "estimated",    "reconstructed", "corrected",   "note"};
}

std::vector<std::string> table_row(const db::TransactionRow& row,
                                   const std::optional<EnergySoFar>& so_far) {
    const auto correction = row.correction.value_or(db::TransactionCorrected{});
    const auto& start = row.start;
    std::optional<Timestamp> stopped_at;
    std::optional<std::int32_t> meter_stop_wh;
    std::optional<std::string> reason;
    if (row.stop) {
        stopped_at = correction.stopped_at.value_or(row.stop->stopped_at);
        meter_stop_wh = correction.meter_stop_wh.value_or(row.stop->meter_stop_wh);
        reason = row.stop->reason;
    }
    auto energy_wh = row.energy_wh;
    auto source = row.energy_source;
    if (!row.stop && so_far) {
        energy_wh = so_far->wh;
        source = so_far->source;
    }
    return {std::to_string(start.id),
            std::to_string(start.transaction_id),
            guarded_cell(start.charge_point),
            std::to_string(start.connector_id),
            guarded_cell(start.id_tag),
            guarded_cell(row.badge),
            text_cell(start.badge_group),
            text_cell(start.cost_centre),
            cell(std::optional{correction.started_at.value_or(start.started_at)}),
            cell(stopped_at),
            std::to_string(correction.meter_start_wh.value_or(start.meter_start_wh)),
            cell(meter_stop_wh),
            cell(energy_wh),
            text_cell(source),
            text_cell(reason),
            cell(row.stop && row.stop->estimated && !is_corrected(row)),
            cell(start.reconstructed.value_or(false)),
            cell(is_corrected(row)),
            text_cell(correction.note)};
}

}  // namespace busbar::api
