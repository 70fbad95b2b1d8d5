// A file on its way in over HTTP, whatever carries it: a raw body or multipart/form-data. Bytes go
// to the disk as they come. Calls block on the disk: not for the site loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "net/multipart.hpp"
#include "net/stored_file.hpp"

namespace busbar::net {

class Upload {
public:
    // Why it cannot go on: an HTTP status and one plain sentence.
    struct Refusal {
        int status = 500;
        std::string detail;
    };

    // `announced_bytes` is the Content-Length, where there is one.
    std::optional<Refusal> begin(const std::filesystem::path& target, std::uint64_t bytes_max,
                                 std::optional<std::uint64_t> announced_bytes,
                                 std::string_view content_type);
    // The next piece of the body.
    std::optional<Refusal> take(std::string_view piece);
    // The body is whole.
    std::variant<StoredBody, Refusal> finish();
    // Leaves nothing behind.
    void discard() { file_.discard(); }

    std::uint64_t body_bytes() const { return body_bytes_; }
    std::uint64_t file_bytes() const { return file_.bytes(); }

private:
    Refusal too_large() const;

    IncomingFile file_;
    std::optional<MultipartReader> multipart_;
    std::filesystem::path folder_;
    std::uint64_t bytes_max_ = 0;
    std::uint64_t overhead_max_ = 0;
    std::uint64_t body_bytes_ = 0;
    std::uint64_t room_checked_at_ = 0;
};

}  // namespace busbar::net
