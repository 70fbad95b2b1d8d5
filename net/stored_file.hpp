// Files written and read piece by piece, with their SHA-256. All calls block on the disk: they
// belong on a thread that may wait, never on the site loop. One thread at a time each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace busbar::net {

// A file that has arrived whole.
struct StoredBody {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::string sha256;  // lower-case hex
};

// Free bytes that a file system keeps, whoever wants to store what.
inline constexpr std::uint64_t free_bytes_min = std::uint64_t{128} << 20;

// Whether this many bytes fit below `folder` with free_bytes_min to spare.
bool has_room(const std::filesystem::path& folder, std::uint64_t bytes);

// A file that is being received beside its final name: it takes that name when it is whole, and
// leaves nothing behind otherwise.
class IncomingFile {
public:
    IncomingFile();
    ~IncomingFile();
    IncomingFile(const IncomingFile&) = delete;
    IncomingFile& operator=(const IncomingFile&) = delete;

    // False where no file can be made there.
    bool open(const std::filesystem::path& target);
    // False if the disk refuses (full, failing).
    bool write(std::string_view bytes);
    // Drops what was written so far.
    bool restart();
    std::uint64_t bytes() const;
    // Everything is on the disk under the final name, or nothing is.
    std::optional<StoredBody> finish();
    // Gives it up.
    void discard();

private:
    struct Hash;

    std::filesystem::path target_;
    std::string part_;
    int descriptor_ = -1;
    std::uint64_t bytes_ = 0;
    std::unique_ptr<Hash> hash_;
};

// The name of every unfinished file holds this.
inline constexpr std::string_view part_mark = ".part-";

// A file that is being sent.
class OutgoingFile {
public:
    OutgoingFile() = default;
    ~OutgoingFile();
    OutgoingFile(const OutgoingFile&) = delete;
    OutgoingFile& operator=(const OutgoingFile&) = delete;

    // False if it is not there.
    bool open(const std::filesystem::path& path);
    std::uint64_t bytes() const { return bytes_; }
    // Up to `size_max` bytes from `offset`; empty at the end and where the disk fails.
    std::string read(std::uint64_t offset, std::size_t size_max) const;

private:
    int descriptor_ = -1;
    std::uint64_t bytes_ = 0;
};

}  // namespace busbar::net
