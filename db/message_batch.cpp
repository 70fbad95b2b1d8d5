#include "db/message_batch.hpp"

#include "db/message_store.hpp"

namespace busbar::db {

void MessageBatch::add(const MessageView& row) {
    Entry entry{.at = row.at,
                .lengths = {},
                .latency_ms = row.latency_ms,
                .has_violation = row.violation.has_value()};
    const std::array<std::string_view, texts> all{row.charge_point,
                                                  row.direction,
                                                  row.type,
                                                  row.action,
                                                  row.message_id,
                                                  row.payload,
                                                  row.violation.value_or(std::string_view{})};
    for (std::size_t i = 0; i < texts; ++i) {
        entry.lengths[i] = static_cast<std::uint32_t>(all[i].size());
        text_.append(all[i]);
    }
    entries_.push_back(entry);
    stored_bytes_ += static_cast<std::size_t>(db::stored_bytes(row));
}

void MessageBatch::clear() {
    entries_.clear();
    text_.clear();
    stored_bytes_ = 0;
}

std::vector<MessageRow> MessageBatch::rows() const {
    std::vector<MessageRow> out;
    out.reserve(entries_.size());
    std::size_t position = 0;
    for (const auto& entry : entries_) {
        std::size_t next = 0;
        const auto text = [&] {
            const auto length = entry.lengths[next++];
            position += length;
            return text_.substr(position - length, length);
        };
        auto& row = out.emplace_back();
        row.at = entry.at;
        row.charge_point = text();
        row.direction = text();
        row.type = text();
        row.action = text();
        row.message_id = text();
        row.payload = text();
        row.latency_ms = entry.latency_ms;
        auto violation = text();
        if (entry.has_violation) row.violation = std::move(violation);
    }
    return out;
}

}  // namespace busbar::db
