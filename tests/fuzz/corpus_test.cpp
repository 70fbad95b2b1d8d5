// Every fuzz target on the files of its corpus: the laws that fuzzing looks for exceptions to hold
// there with every compiler and sanitizer.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gtest/gtest.h>

// The build renames each LLVMFuzzerTestOneInput to the name of its file.
extern "C" {
int basic_fuzz(const std::uint8_t*, std::size_t);
int codec_fuzz(const std::uint8_t*, std::size_t);
int csv_fuzz(const std::uint8_t*, std::size_t);
int identity_fuzz(const std::uint8_t*, std::size_t);
int meter_value_fuzz(const std::uint8_t*, std::size_t);
int opening_hours_fuzz(const std::uint8_t*, std::size_t);
int p1_fuzz(const std::uint8_t*, std::size_t);
int plan_fuzz(const std::uint8_t*, std::size_t);
int profile_fuzz(const std::uint8_t*, std::size_t);
int receive_fuzz(const std::uint8_t*, std::size_t);
int session_fuzz(const std::uint8_t*, std::size_t);
int speedwire_fuzz(const std::uint8_t*, std::size_t);
int timestamp_fuzz(const std::uint8_t*, std::size_t);
}

namespace busbar::fuzz {
namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);
const std::map<std::string, Target> targets{
    {"basic_fuzz", basic_fuzz},
    {"codec_fuzz", codec_fuzz},
    {"csv_fuzz", csv_fuzz},
    {"identity_fuzz", identity_fuzz},
    {"meter_value_fuzz", meter_value_fuzz},
    {"opening_hours_fuzz", opening_hours_fuzz},
    {"p1_fuzz", p1_fuzz},
    {"plan_fuzz", plan_fuzz},
    {"profile_fuzz", profile_fuzz},
    {"receive_fuzz", receive_fuzz},
    {"session_fuzz", session_fuzz},
    {"speedwire_fuzz", speedwire_fuzz},
    {"timestamp_fuzz", timestamp_fuzz},
};

std::string content(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

int run_all(Target target, const std::filesystem::path& folder) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        SCOPED_TRACE(entry.path());
        const auto bytes = content(entry.path());
        // A copy of exactly that size, so that a sanitizer sees what is read behind its end.
        const std::vector<std::uint8_t> copy{bytes.begin(), bytes.end()};
        EXPECT_EQ(target(copy.data(), copy.size()), 0);
        ++files;
    }
    return files;
}

TEST(Corpus, KeepsEveryLaw) {
    for (const auto& [name, target] : targets) {
        EXPECT_GT(run_all(target, std::filesystem::path{BUSBAR_FUZZ_CORPUS} / name), 0) << name;
    }
}

TEST(Corpus, BelongsToATarget) {
    for (const auto& entry : std::filesystem::directory_iterator{BUSBAR_FUZZ_CORPUS}) {
        EXPECT_TRUE(targets.contains(entry.path().filename().string())) << entry.path();
    }
}

}  // namespace
}  // namespace busbar::fuzz
