#include "db/batch.hpp"

#include <array>
#include <map>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <boost/mp11/algorithm.hpp>

#include "base/codec.hpp"
#include "base/text.hpp"

namespace busbar::db {
namespace {

// The last row of each key, in the order in which the keys were first seen.
template <class Key, class Row>
class LastOf {
public:
    void put(const Key& key, const Row* row) {
        const auto [it, added] = index_.try_emplace(key, rows_.size());
        if (added) {
            rows_.push_back(row);
        } else {
            rows_[it->second] = row;
        }
    }
    const Row* find(const Key& key) const {
        const auto it = index_.find(key);
        return it == index_.end() ? nullptr : rows_[it->second];
    }
    void drop(const Key& key) {
        const auto it = index_.find(key);
        if (it != index_.end()) rows_[it->second] = nullptr;
    }
    template <class Predicate>
    void drop_if(const Predicate& predicate) {
        for (auto& row : rows_) {
            if (row && predicate(*row)) row = nullptr;
        }
    }
    std::vector<const Row*> take() && {
        std::erase(rows_, nullptr);
        return std::move(rows_);
    }

private:
    std::map<Key, std::size_t> index_;
    std::vector<const Row*> rows_;
};

class Folder {
public:
    void operator()(const ChargePointSaved& row) { charge_points_.put(row.id, &row); }
    void operator()(const ChargePointRemoved& row) {
        charge_points_.drop(row.id);
        boots_.drop(row.id);
        connectors_.drop_if([&](const auto& status) { return status.charge_point == row.id; });
        charge_points_removed_.put(row.id, &row);
    }
    void operator()(const ChargePointBooted& row) { boots_.put(row.id, &row); }
    void operator()(const ConnectorStatus& row) {
        connectors_.put({row.charge_point, row.connector_id}, &row);
    }
    void operator()(const TransactionStarted& row) { batch_.starts.push_back(&row); }
    void operator()(const TransactionStopped& row) {
        // A repeat writes nothing; only a real stop replaces an estimated one.
        const auto* before = stops_.find(row.id);
        if (!before || (before->estimated && !row.estimated)) stops_.put(row.id, &row);
    }
    void operator()(const OrphanStop& row) { batch_.orphan_stops.push_back(&row); }
    void operator()(const MeterSample& row) { batch_.samples.push_back(&row); }
    void operator()(const LimitCommanded& row) { batch_.limits.push_back(&row); }
    void operator()(const LimitAnswered& row) { limit_answers_.put(row.sequence, &row); }
    void operator()(const BadgeSaved& row) { badges_.put(to_lower(row.id_tag), &row); }
    void operator()(const BadgeRemoved& row) {
        const auto key = to_lower(row.id_tag);
        badges_.drop(key);
        badges_removed_.put(key, &row);
    }
    void operator()(const StateSaved& row) { states_.put({row.kind, row.key}, &row); }
    void operator()(const StateRemoved& row) {
        states_.drop({row.kind, row.key});
        states_removed_.put({row.kind, row.key}, &row);
    }
    void operator()(const SecurityEventReceived& row) { batch_.security_events.push_back(&row); }
    void operator()(const BadgeGroupSaved& row) { badge_groups_.put(to_lower(row.name), &row); }
    void operator()(const BadgeGroupRemoved& row) {
        const auto key = to_lower(row.name);
        badge_groups_.drop(key);
        badge_groups_removed_.put(key, &row);
    }
    void operator()(const TransactionCorrected& row) { corrections_.put(row.id, &row); }
    void operator()(const AuditEntry& row) { batch_.audit.push_back(&row); }
    void operator()(const BadgeErased& row) {
        badges_.drop(to_lower(row.id_tag));
        batch_.badges_erased.push_back(&row);
    }

    Batch take() && {
        for (const auto* row : std::move(charge_points_removed_).take()) {
            batch_.charge_points_removed.push_back(row->id);
        }
        for (const auto* row : std::move(badges_removed_).take()) {
            batch_.badges_removed.push_back(row->id_tag);
        }
        for (const auto* row : std::move(badge_groups_removed_).take()) {
            batch_.badge_groups_removed.push_back(row->name);
        }
        batch_.badge_groups_saved = std::move(badge_groups_).take();
        batch_.corrections = std::move(corrections_).take();
        batch_.charge_points_saved = std::move(charge_points_).take();
        batch_.boots = std::move(boots_).take();
        batch_.connectors = std::move(connectors_).take();
        batch_.stops = std::move(stops_).take();
        batch_.limit_answers = std::move(limit_answers_).take();
        batch_.badges_saved = std::move(badges_).take();
        batch_.states_removed = std::move(states_removed_).take();
        batch_.states_saved = std::move(states_).take();
        return std::move(batch_);
    }

private:
    Batch batch_;
    LastOf<std::string_view, ChargePointSaved> charge_points_;
    LastOf<std::string_view, ChargePointRemoved> charge_points_removed_;
    LastOf<std::string_view, ChargePointBooted> boots_;
    LastOf<std::pair<std::string_view, std::int32_t>, ConnectorStatus> connectors_;
    LastOf<TransactionKey, TransactionStopped> stops_;
    LastOf<std::int64_t, LimitAnswered> limit_answers_;
    LastOf<std::string, BadgeSaved> badges_;
    LastOf<std::string, BadgeRemoved> badges_removed_;
    LastOf<std::string, BadgeGroupSaved> badge_groups_;
    LastOf<std::string, BadgeGroupRemoved> badge_groups_removed_;
    LastOf<TransactionKey, TransactionCorrected> corrections_;
    LastOf<std::pair<std::string_view, std::string_view>, StateSaved> states_;
    LastOf<std::pair<std::string_view, std::string_view>, StateRemoved> states_removed_;
};

std::size_t extra_bytes(const std::string& text) { return text.size(); }
std::size_t extra_bytes(const std::optional<std::string>& text) { return text ? text->size() : 0; }
std::size_t extra_bytes(const RawJson& json) { return json.text.size(); }
std::size_t extra_bytes(const std::optional<RawJson>& json) { return json ? json->text.size() : 0; }
std::size_t extra_bytes(const std::optional<std::vector<std::string>>& texts) {
    std::size_t out = 0;
    if (texts) {
        for (const auto& text : *texts) out += sizeof text + text.size();
    }
    return out;
}
template <class T>
requires(!std::is_constructible_v<std::string, T> &&
         !std::is_constructible_v<std::optional<std::string>, T>) std::size_t
    extra_bytes(const T&) {
    return 0;
}

template <class Row>
std::size_t strings_in(const Row& row) {
    std::size_t out = 0;
    using Members = boost::describe::describe_members<Row, boost::describe::mod_public>;
    boost::mp11::mp_for_each<Members>(
        [&](auto member) { out += extra_bytes(row.*member.pointer); });
    return out;
}

constexpr std::array<std::string_view, std::variant_size_v<Record>> kind_names{
    "ChargePointSaved", "ChargePointRemoved", "ChargePointBooted",
    "ConnectorStatus",  "TransactionStarted", "TransactionStopped",
    "OrphanStop",       "MeterSample",        "LimitCommanded",
    "LimitAnswered",    "BadgeSaved",         "BadgeRemoved",
    "StateSaved",       "StateRemoved",       "SecurityEventReceived",
    "BadgeGroupSaved",  "BadgeGroupRemoved",  "TransactionCorrected",
    "AuditEntry",       "BadgeErased"};

}  // namespace

std::size_t size_in_bytes(const std::vector<Record>& records) {
    std::size_t out = sizeof(Unit) + records.size() * sizeof(Record);
    for (const auto& record : records) {
        out += std::visit([](const auto& row) { return strings_in(row); }, record);
    }
    return out;
}

std::string describe(const Unit& unit) {
    if (!unit.unreadable.empty()) return unit.unreadable;
    std::string out = "[";
    for (const auto& record : unit.records) {
        if (out.size() > 1) out += ',';
        out += "[\"";
        out += kind_names[record.index()];
        out += "\",";
        std::visit([&](const auto& row) { encode(out, row); }, record);
        out += ']';
    }
    return out += ']';
}

Batch fold(std::span<const Unit> units) {
    Folder folder;
    for (const auto& unit : units) {
        for (const auto& record : unit.records) std::visit(folder, record);
    }
    return std::move(folder).take();
}

}  // namespace busbar::db
