#include "db/message_store.hpp"

#include <algorithm>

#include "base/codec.hpp"

namespace busbar::db {
namespace {

using namespace std::chrono_literals;

constexpr int rows_max = 10'000;
// What one search may look at before it answers, and what one page may hold.
constexpr int chunk_rows = 50'000;
constexpr auto search_time = 700ms;
constexpr std::int64_t page_bytes_max = std::int64_t{8} << 20;
// Ids follow time but for a clock that is set back: so much of that is allowed for.
constexpr auto clock_step_max = 48h;

DeletedMessages deleted(const pqxx::result& rows) {
    return {.rows = rows[0][0].as<std::int64_t>(), .bytes = rows[0][1].as<std::int64_t>()};
}

// The text as a pattern of LIKE that finds it anywhere.
std::string like_pattern(std::string_view text) {
    std::string pattern = "%";
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') pattern += '\\';
        pattern += c;
    }
    return pattern += '%';
}

std::optional<std::string> like_pattern(const std::optional<std::string>& text) {
    return text ? std::optional{like_pattern(std::string_view{*text})} : std::nullopt;
}

bool is_json(const std::string& text) {
    DecodeReport report;
    return decode_text<RawJson>(text, {}, report).has_value();
}

FoundMessage message_of(const pqxx::row& row) {
    FoundMessage out;
    out.id = row[0].as<std::int64_t>();
    out.row.at = time_of(row[1]);
    out.row.charge_point = row[2].as<std::string>();
    out.row.direction = row[3].as<std::string>();
    out.row.type = row[4].as<std::string>();
    out.row.action = row[5].as<std::string>();
    out.row.message_id = row[6].as<std::string>();
    out.row.payload = row[7].as<std::string>();
    if (!row[8].is_null()) out.row.latency_ms = row[8].as<std::int32_t>();
    out.row.violation = optional_text_of(row[9]);
    out.payload_is_json = is_json(out.row.payload);
    return out;
}

template <class Text>
std::int64_t bytes_of(const BasicMessageRow<Text>& row) {
    constexpr std::size_t fixed = 200;  // row header, id, time, lengths, padding, index entries
    const auto texts = 2 * row.charge_point.size() + row.action.size() + row.message_id.size() +
                       row.payload.size() + (row.violation ? row.violation->size() : 0);
    return static_cast<std::int64_t>(fixed + texts);
}

// One page being filled from chunks of the log.
class Search {
public:
    Search(Transaction& transaction, const MessageFilter& filter)
        : transaction_{transaction},
          filter_{filter},
          pattern_{like_pattern(filter.text)},
          limit_{std::clamp(filter.limit, 1, rows_max)},
          before_{filter.cursor} {}

    MessagePage run() && {
        const auto give_up = std::chrono::steady_clock::now() + search_time;
        for (;;) {
            const auto floor = chunk_floor();
            if (fill(floor)) return std::move(page_);
            if (!floor || reaches_beyond(floor->at)) return std::move(page_);
            before_ = floor->id;
            if (std::chrono::steady_clock::now() < give_up) continue;
            page_.next = before_;
            return std::move(page_);
        }
    }

private:
    // The first row of the next chunk.
    struct Floor {
        std::int64_t id;
        Timestamp at;
    };

    // Nothing where the index alone leads to the rows, or where the log ends before.
    std::optional<Floor> chunk_floor() {
        const bool looks_at_rows =
            filter_.from || filter_.to || filter_.direction || filter_.action || filter_.text;
        if (!looks_at_rows) return std::nullopt;
        const auto rows = transaction_.exec(
            "SELECT id, " + milliseconds_of("at") +
                " FROM message_log WHERE ($1::text IS NULL OR charge_point = $1) "
                "AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC OFFSET $3 LIMIT 1",
            Params{filter_.charge_point, before_, chunk_rows});
        if (rows.empty()) return std::nullopt;
        return Floor{rows[0][0].as<std::int64_t>(), time_of(rows[0][1])};
    }

    bool reaches_beyond(Timestamp at) const {
        return filter_.from && at + clock_step_max < *filter_.from;
    }

    // Adds what is found in a chunk; true when the page is full.
    bool fill(const std::optional<Floor>& floor) {
        const std::int64_t lowest = floor ? floor->id : 0;
        const auto wanted = limit_ - static_cast<int>(page_.items.size());
        const auto rows = transaction_.exec(
            "SELECT id, " + milliseconds_of("at") +
                ", charge_point, direction, type, action, message_id, payload, latency_ms, "
                "violation, bytes, found FROM (SELECT m.*, count(*) OVER () AS found, "
                "sum(bytes) OVER (ORDER BY id DESC) - bytes AS above FROM ("
                "SELECT * FROM message_log WHERE ($1::text IS NULL OR charge_point = $1) "
                "AND ($2::bigint IS NULL OR id < $2) AND id >= $3 "
                "AND ($4::timestamptz IS NULL OR at >= $4) "
                "AND ($5::timestamptz IS NULL OR at < $5) "
                "AND ($6::text IS NULL OR direction = $6) AND ($7::text IS NULL OR action = $7) "
                "AND ($8::text IS NULL OR payload COLLATE \"C\" ILIKE $8) "
                "ORDER BY id DESC LIMIT $9) m) n WHERE above < $10 ORDER BY id DESC",
            Params{filter_.charge_point, before_, lowest, filter_.from, filter_.to,
                   filter_.direction, filter_.action, pattern_, wanted + 1,
                   page_bytes_max - bytes_});
        for (const auto& row : rows) {
            if (page_.items.size() == static_cast<std::size_t>(limit_)) break;
            page_.items.push_back(message_of(row));
            bytes_ += row[10].as<std::int64_t>();
        }
        if (rows.empty()) return false;
        const bool cut = rows[0][11].as<std::int64_t>() > static_cast<std::int64_t>(rows.size());
        const bool more = static_cast<int>(rows.size()) > wanted;
        if (!cut && !more && bytes_ < page_bytes_max) return false;
        page_.next = page_.items.back().id;
        return true;
    }

    Transaction& transaction_;
    const MessageFilter& filter_;
    const std::optional<std::string> pattern_;
    const int limit_;
    std::optional<std::int64_t> before_;
    std::int64_t bytes_ = 0;
    MessagePage page_;
};

}  // namespace

std::int64_t stored_bytes(const MessageView& row) { return bytes_of(row); }
std::int64_t stored_bytes(const MessageRow& row) { return bytes_of(row); }

void prepare_message_log(Connection& connection) {
    connection.prepare(
        "write_messages",
        "INSERT INTO message_log (id, at, charge_point, direction, type, action, message_id, "
        "payload, latency_ms, violation, bytes) SELECT * FROM unnest($1::bigint[], "
        "$2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], "
        "$8::text[], $9::integer[], $10::text[], $11::integer[]) ON CONFLICT (id) DO NOTHING");
}

void write_messages(Transaction& transaction, std::span<const NumberedMessage> messages) {
    Params params;
    const auto add = [&](const auto& value_of) {
        ArrayLiteral array;
        for (const auto& message : messages) array.add(value_of(message));
        params.add(std::move(array));
    };
    const auto member = [&](auto MessageRow::*column) {
        add([column](const NumberedMessage& message) -> const auto& {
            return message.row.*column;
        });
    };
    add([](const NumberedMessage& message) { return message.id; });
    member(&MessageRow::at);
    member(&MessageRow::charge_point);
    member(&MessageRow::direction);
    member(&MessageRow::type);
    member(&MessageRow::action);
    member(&MessageRow::message_id);
    member(&MessageRow::payload);
    member(&MessageRow::latency_ms);
    member(&MessageRow::violation);
    add([](const NumberedMessage& message) { return stored_bytes(message.row); });
    transaction.exec_prepared("write_messages", params);
}

std::int64_t last_message_id(Transaction& transaction) {
    return transaction.exec("SELECT coalesce(max(id), 0) FROM message_log")[0][0]
        .as<std::int64_t>();
}

MeasuredMessages measure_messages(Transaction& transaction, std::int64_t after, std::int64_t until,
                                  int count_max) {
    const auto rows = transaction.exec(
        "SELECT count(*), coalesce(sum(bytes), 0)::bigint, coalesce(max(id), 0) FROM ("
        "SELECT id, bytes FROM message_log WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) m",
        Params{after, until, count_max});
    return {.rows = rows[0][0].as<std::int64_t>(),
            .bytes = rows[0][1].as<std::int64_t>(),
            .last_id = rows[0][2].as<std::int64_t>()};
}

DeletedMessages delete_messages_before(Transaction& transaction, Timestamp before, int count_max) {
    return deleted(transaction.exec(
        "WITH gone AS (DELETE FROM message_log WHERE id = ANY (ARRAY("
        "SELECT id FROM message_log WHERE at < $1 ORDER BY at LIMIT $2)) RETURNING bytes) "
        "SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM gone",
        Params{before, count_max}));
}

DeletedMessages delete_oldest_messages(Transaction& transaction, std::int64_t bytes,
                                       int count_max) {
    return deleted(transaction.exec(
        "WITH gone AS (DELETE FROM message_log WHERE id = ANY (ARRAY("
        "SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS below FROM ("
        "SELECT id, bytes FROM message_log ORDER BY id LIMIT $2) o) w WHERE below < $1)) "
        "RETURNING bytes) SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM gone",
        Params{bytes, count_max}));
}

MessagePage read_messages(Transaction& transaction, const MessageFilter& filter) {
    return Search{transaction, filter}.run();
}

}  // namespace busbar::db
