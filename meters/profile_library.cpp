#include <algorithm>
#include <fstream>
#include <span>
#include <stdexcept>
#include <utility>

#include "meters/profile.hpp"

namespace busbar::meters {

// Written by the build from meters/profiles/*.json (cmake/embed.cmake).
std::span<const std::pair<std::string_view, std::string_view>> profile_files();

std::vector<Profile> builtin_profiles() {
    std::vector<Profile> profiles;
    for (const auto& [file, text] : profile_files()) {
        ParsedProfile parsed = parse_profile(text);
        // Ours to keep right: the tests parse every embedded profile.
        if (!parsed.profile) {
            throw std::logic_error(std::string{file} + ": " + to_string(parsed.problems.front()));
        }
        profiles.push_back(std::move(*parsed.profile));
    }
    std::ranges::sort(profiles, {}, &Profile::name);
    return profiles;
}

std::optional<Profile> find_profile(std::string_view name) {
    for (Profile& profile : builtin_profiles()) {
        if (profile.name == name) return std::move(profile);
    }
    return std::nullopt;
}

LoadedProfiles load_profiles(const std::filesystem::path& folder) {
    LoadedProfiles loaded{.profiles = builtin_profiles(), .problems = {}};
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry{folder, error}, end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".json") files.push_back(entry->path());
    }
    if (error) loaded.problems.push_back(folder.string() + ": " + error.message());
    std::ranges::sort(files);
    for (const auto& file : files) {
        std::ifstream stream{file, std::ios::binary};
        std::string text(profile_bytes_max + 1, '\0');
        stream.read(text.data(), static_cast<std::streamsize>(text.size()));
        if (!stream.is_open() || stream.bad()) {
            loaded.problems.push_back(file.string() + ": cannot be read");
            continue;
        }
        text.resize(static_cast<std::size_t>(stream.gcount()));
        ParsedProfile parsed = parse_profile(text);
        for (const ProfileProblem& problem : parsed.problems) {
            const std::string line = problem.line > 0 ? ":" + std::to_string(problem.line) : "";
            loaded.problems.push_back(file.string() + line + ": " + to_string(problem));
        }
        if (!parsed.profile) continue;
        const auto same = std::ranges::find(loaded.profiles, parsed.profile->name, &Profile::name);
        if (same != loaded.profiles.end()) {
            *same = std::move(*parsed.profile);
        } else {
            loaded.profiles.push_back(std::move(*parsed.profile));
        }
    }
    std::ranges::sort(loaded.profiles, {}, &Profile::name);
    return loaded;
}

}  // namespace busbar::meters
