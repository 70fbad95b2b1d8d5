#include "app/commands/badge_table.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "api/badge_view.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"
#include "db/administration.hpp"
#include "site/badge_table.hpp"

namespace busbar::app::commands {
namespace {

// The file's text, no more than a table may have and one byte; nothing if it cannot be read.
std::optional<std::string> content(const std::string& path) {
    std::ifstream file;
    if (path != "-") file.open(path, std::ios::binary);
    auto& in = path == "-" ? std::cin : static_cast<std::istream&>(file);
    std::string text(csv_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || (path != "-" && !file.is_open())) return std::nullopt;
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

std::string shown(const std::optional<std::string>& value) {
    return value ? '"' + *value + '"' : "nothing";
}

void print(const site::TableLine& line) {
    if (line.result == site::LineResult::unchanged) return;
    std::printf("line %d: %s %s", line.line, line.id_tag.c_str(),
                enumerator_name(line.result).c_str());
    const char* separator = ": ";
    for (const auto& change : line.changes) {
        const bool is_new = line.result == site::LineResult::created;
        const auto from = is_new ? "" : shown(change.from) + " -> ";
        std::printf("%s%s %s%s", separator, change.field.c_str(), from.c_str(),
                    shown(change.to).c_str());
        separator = ", ";
    }
    std::puts("");
}

int report(const std::string& path, const site::BadgeImport& import, const site::KnownPlaces& known,
           bool dry_run) {
    for (const auto& line : import.lines) {
        for (const auto& violation : line.violations) {
            fail(path + ":" + std::to_string(line.line) + ": " + violation.pointer.substr(1) +
                 ": " + violation.detail);
        }
    }
    if (import.refused > 0) return fail("nothing was changed");
    for (const auto& line : import.lines) print(line);
    for (const auto& warning : site::warnings_of(import, known)) {
        fail("warning: " + path + ":" + std::to_string(warning.line) + ": " + warning.field + ": " +
             warning.detail);
    }
    std::printf("%d created, %d changed, %d unchanged%s\n", import.created, import.changed,
                import.unchanged, dry_run ? "; nothing was stored (--dry-run)" : "");
    return 0;
}

int import_table(const std::string& path, bool dry_run) {
    if (!dry_run && refused_for_token()) return 1;
    const auto text = content(path);
    if (!text) return fail("cannot read " + path);
    return with_database([&](const std::string& url) {
        std::variant<site::BadgeImport, CsvError> planned;
        db::edit_badges(url, [&](const std::vector<db::BadgeSaved>& rows) {
            site::BadgesByIdTag present;
            for (const auto& row : rows) present.emplace(row.id_tag, row);
            planned = site::plan_import(*text, present);
            std::vector<db::Record> records;
            const auto* import = std::get_if<site::BadgeImport>(&planned);
            if (dry_run || !import || import->refused > 0) return records;
            for (const auto& badge : import->badges) records.emplace_back(badge);
            if (records.empty()) return records;
            const auto pattern = db::command_line_entry("import", "badge", "");
            for (auto& entry : api::import_entries(pattern, present, *import)) {
                records.emplace_back(std::move(entry));
            }
            return records;
        });
        if (const auto* error = std::get_if<CsvError>(&planned)) {
            return fail(path + ":" + std::to_string(error->line) + ": " + error->detail);
        }
        site::KnownPlaces known;
        for (const auto& charge_point : db::charge_points(url)) known.add(charge_point);
        return report(path, std::get<site::BadgeImport>(planned), known, dry_run);
    });
}

int export_table(const std::string& path) {
    return with_database([&](const std::string& url) {
        std::string table;
        site::append_table_header(table);
        for (const auto& badge : db::badges(url)) site::append_table_line(table, badge);
        if (path == "-") {
            std::fwrite(table.data(), 1, table.size(), stdout);
            return 0;
        }
        std::ofstream file{path, std::ios::binary | std::ios::trunc};
        file << table;
        file.close();
        return file ? 0 : fail("cannot write " + path);
    });
}

}  // namespace

void add_badge_table(CLI::App& badge, int& exit_code) {
    struct Options {
        std::string path = "-";
        bool dry_run = false;
    };
    auto options = std::make_shared<Options>();
    auto* import_command =
        badge.add_subcommand("import", "Add and change badges by a CSV table, all or nothing");
    import_command->add_option("FILE", options->path, "The table; -: standard input")->required();
    import_command->add_flag("--dry-run", options->dry_run, "Only say what would change");
    import_command->callback(
        [options, &exit_code] { exit_code = import_table(options->path, options->dry_run); });

    auto* export_command = badge.add_subcommand("export", "Write all badges as a CSV table");
    export_command->add_option("FILE", options->path, "Where to; without: standard output");
    export_command->callback([options, &exit_code] { exit_code = export_table(options->path); });
}

}  // namespace busbar::app::commands
