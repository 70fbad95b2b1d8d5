#include "db/spill.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <spdlog/spdlog.h>
#include <boost/mp11/algorithm.hpp>

#include "base/codec.hpp"

namespace busbar::db {
namespace {

constexpr const char* schema = R"(
CREATE TABLE IF NOT EXISTS record (
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (sequence, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (
    single INTEGER PRIMARY KEY CHECK (single = 1), database TEXT NOT NULL);
)";

struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

std::string explained(sqlite3* database) {
    std::string out = sqlite3_errmsg(database);
    if (sqlite3_errcode(database) == SQLITE_FULL) {
        out += ": bring PostgreSQL back, or free space on the disk of the data directory";
    }
    return out;
}

class Statement {
public:
    Statement(sqlite3* database, const char* sql) : database_{database} {
        sqlite3_stmt* statement = nullptr;
        check(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr));
        statement_.reset(statement);
    }

    Statement& bind(int index, std::int64_t value) {
        check(sqlite3_bind_int64(statement_.get(), index, value));
        return *this;
    }
    Statement& bind(int index, std::uint64_t value) {
        return bind(index, static_cast<std::int64_t>(value));
    }
    // The text must live until the statement is reset.
    Statement& bind(int index, const std::string& text) {
        check(sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC,
                                  SQLITE_UTF8));
        return *this;
    }

    // True while there is a row.
    bool step() {
        const int code = sqlite3_step(statement_.get());
        if (code == SQLITE_ROW) return true;
        if (code != SQLITE_DONE) check(code);
        return false;
    }
    void run() {
        while (step()) {
        }
        reset();
    }
    void reset() { sqlite3_reset(statement_.get()); }

    std::int64_t integer(int column) { return sqlite3_column_int64(statement_.get(), column); }
    std::string text(int column) {
        const auto* data = sqlite3_column_text(statement_.get(), column);
        const auto size = sqlite3_column_bytes(statement_.get(), column);
        if (!data) return {};
        return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
    }

private:
    void check(int code) const {
        if (code != SQLITE_OK) throw SpillError{explained(database_)};
    }

    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
};

void execute(sqlite3* database, const char* sql) {
    if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw SpillError{explained(database)};
    }
}

// Made by us so that only we can read it: it holds idTags and password hashes. A file that exists
// is not touched: closing it would drop the locks that SQLite may hold on it in this process.
void make_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST) return;
    if (file < 0) throw SpillError{path + ": " + std::strerror(errno)};
    ::close(file);
    auto folder = std::filesystem::path{path}.parent_path();
    if (folder.empty()) folder = ".";
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    ::fsync(directory);
    ::close(directory);
}

Database open_file(const std::string& path) {
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    Database database{handle};
    if (code != SQLITE_OK) {
        throw SpillError{path + ": " + (handle ? sqlite3_errmsg(handle) : "out of memory")};
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, 2000);
    return database;
}

bool damaged(int extended_code) {
    const int code = extended_code & 0xff;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

// False if the file is damaged; throws for what is not the file's fault.
bool intact(sqlite3* database) {
    try {
        // A WAL left behind is carried into the file before anything is added: an append that
        // failed half-way must not stand in front of one that succeeds.
        execute(database,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA wal_checkpoint(TRUNCATE)");
        Statement check{database, "PRAGMA quick_check(1)"};
        if (!check.step() || check.text(0) != "ok") return false;
        execute(database, schema);
        return true;
    } catch (const SpillError&) {
        if (damaged(sqlite3_extended_errcode(database))) return false;
        throw;
    }
}

void move_aside(const std::string& path) {
    std::string target;
    for (int n = 1; target.empty() || std::filesystem::exists(target); ++n) {
        target = path + ".damaged-" + std::to_string(n);
    }
    spdlog::error("spill damaged file={} moved_to={}: what it held is not in the database", path,
                  target);
    std::error_code error;
    for (const char* suffix : {"", "-wal", "-shm"}) {
        if (std::filesystem::exists(path + suffix, error)) {
            std::filesystem::rename(path + suffix, target + suffix, error);
            if (error) throw SpillError{path + ": cannot be moved aside: " + error.message()};
        }
    }
}

// Members that rows spilled by an earlier version lack, or that are null: they stay as they are
// made.
constexpr std::array<std::string_view, 2> optional_members{"/security_profile", "/body"};

bool lacks_only_optional_members(const DecodeReport& report) {
    return std::all_of(report.errors.begin(), report.errors.end(), [](const Violation& error) {
        return error.defect == Defect::missing_field &&
               std::find(optional_members.begin(), optional_members.end(), error.pointer) !=
                   optional_members.end();
    });
}

// Sets `record` from its JSON; false if that does not fit the kind.
bool decode_record(std::size_t kind, const std::string& json, Record& record) {
    if (kind >= std::variant_size_v<Record>) return false;
    return boost::mp11::mp_with_index<std::variant_size_v<Record>>(kind, [&](auto index) {
        DecodeOptions options;
        options.empty_arrays = true;
        DecodeReport report;
        using Row = std::variant_alternative_t<index, Record>;
        Row row;
        if (!codec::decode_text(json, codec::type_info<Row>, &row, options, report) &&
            !lacks_only_optional_members(report)) {
            return false;
        }
        record = std::move(row);
        return true;
    });
}

// The unit so far, as text for the quarantine.
void append_unreadable(Unit& unit, std::size_t kind, const std::string& json) {
    if (unit.unreadable.empty()) unit.unreadable = describe(unit);
    unit.unreadable += "\n[" + std::to_string(kind) + "," + json + "]";
}

}  // namespace

class Spill::Impl {
public:
    Impl(const std::string& path, std::int64_t pages_max) {
        make_file(path);
        database_ = open_file(path);
        if (!intact(database_.get())) {
            database_.reset();
            move_aside(path);
            make_file(path);
            database_ = open_file(path);
            if (!intact(database_.get())) throw SpillError{path + ": a new file is damaged too"};
        }
        if (pages_max > 0) {
            execute(database_.get(),
                    ("PRAGMA max_page_count=" + std::to_string(pages_max)).c_str());
        }
        insert_ = std::make_unique<Statement>(
            database_.get(),
            "INSERT OR REPLACE INTO record (sequence, position, kind, json) "
            "VALUES (?1, ?2, ?3, ?4)");
    }

    void append(std::span<const Unit> units) {
        execute(database_.get(), "BEGIN IMMEDIATE");
        for (const auto& unit : units) {
            for (std::size_t i = 0; i < unit.records.size(); ++i) insert(unit, i);
        }
        execute(database_.get(), "COMMIT");
    }

    std::vector<Unit> read(std::uint64_t after, std::size_t units_max, std::size_t bytes_max) {
        std::vector<Unit> units;
        std::size_t bytes = 0;
        Statement select{database_.get(),
                         "SELECT sequence, kind, json FROM record WHERE sequence > ?1 "
                         "ORDER BY sequence, position"};
        select.bind(1, after);
        while (select.step()) {
            const auto sequence = static_cast<std::uint64_t>(select.integer(0));
            if (units.empty() || units.back().sequence != sequence) {
                if (units.size() == units_max || bytes > bytes_max) break;
                units.emplace_back().sequence = sequence;
            }
            const auto json = select.text(2);
            bytes += json.size();
            add_record(units.back(), static_cast<std::size_t>(select.integer(1)), json);
        }
        return units;
    }

    std::uint64_t count(std::uint64_t after) {
        Statement select{database_.get(),
                         "SELECT count(DISTINCT sequence) FROM record WHERE sequence > ?1"};
        select.bind(1, after);
        select.step();
        return static_cast<std::uint64_t>(select.integer(0));
    }

    std::uint64_t last_sequence() {
        Statement select{database_.get(), "SELECT coalesce(max(sequence), 0) FROM record"};
        select.step();
        return static_cast<std::uint64_t>(select.integer(0));
    }

    void adopt(const std::string& identity, std::uint64_t position) {
        std::string before;
        std::int64_t lowest = 0;
        {
            Statement select{database_.get(), "SELECT database FROM identity"};
            if (select.step()) before = select.text(0);
            Statement first{database_.get(), "SELECT coalesce(min(sequence), 0) FROM record"};
            first.step();
            lowest = first.integer(0);
        }
        if (before == identity) return;
        execute(database_.get(), "BEGIN IMMEDIATE");
        if (lowest > 0) {
            spdlog::warn("spill belongs to another database: its units are written to this one");
            // By way of negative numbers: no two rows may have one number meanwhile.
            const auto shift = static_cast<std::int64_t>(position) + 1 - lowest;
            Statement{database_.get(), "UPDATE record SET sequence = -(sequence + ?1) - 1"}
                .bind(1, shift)
                .run();
            execute(database_.get(), "UPDATE record SET sequence = -(sequence + 1)");
        }
        Statement{database_.get(), "INSERT OR REPLACE INTO identity VALUES (1, ?1)"}
            .bind(1, identity)
            .run();
        execute(database_.get(), "COMMIT");
    }

private:
    void insert(const Unit& unit, std::size_t index) {
        const auto& record = unit.records[index];
        std::string json;
        std::visit([&](const auto& row) { encode(json, row); }, record);
        insert_->bind(1, unit.sequence)
            .bind(2, static_cast<std::uint64_t>(index))
            .bind(3, static_cast<std::uint64_t>(record.index()))
            .bind(4, json);
        insert_->run();
    }

    static void add_record(Unit& unit, std::size_t kind, const std::string& json) {
        Record record;
        if (unit.unreadable.empty() && decode_record(kind, json, record)) {
            unit.records.push_back(std::move(record));
            unit.bytes += json.size();
        } else {
            append_unreadable(unit, kind, json);
        }
    }

    Database database_;
    std::unique_ptr<Statement> insert_;
};

Spill::Spill(const std::string& path, std::int64_t pages_max)
    : impl_{std::make_unique<Impl>(path, pages_max)} {}
Spill::~Spill() = default;

void Spill::append(std::span<const Unit> units) { impl_->append(units); }
std::vector<Unit> Spill::read(std::uint64_t after, std::size_t units_max, std::size_t bytes_max) {
    return impl_->read(after, units_max, bytes_max);
}
std::uint64_t Spill::count(std::uint64_t after) { return impl_->count(after); }
std::uint64_t Spill::last_sequence() { return impl_->last_sequence(); }
void Spill::adopt(const std::string& identity, std::uint64_t position) {
    impl_->adopt(identity, position);
}

void Spill::remove(const std::string& path) {
    // The file that gives the others their meaning goes last: a stop in between loses no order.
    for (const char* suffix : {"-wal", "-shm", ""}) {
        std::error_code error;
        std::filesystem::remove(path + suffix, error);
        if (error) throw SpillError{path + suffix + ": " + error.message()};
    }
}

}  // namespace busbar::db
