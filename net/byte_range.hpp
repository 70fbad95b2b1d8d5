// The Range header of a download (RFC 9110, 14.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace busbar::net {

// Bytes first to last of a file, both included.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

struct RangeChoice {
    bool satisfiable = true;         // false: 416
    std::optional<ByteRange> range;  // absent: the whole file
};

// What a Range header means for a file of this size. Headers that name several ranges or another
// unit, and those that are malformed, are ignored, as the RFC allows and asks.
RangeChoice choose_range(std::string_view header, std::uint64_t file_bytes);

// How a download is answered: 200, 206 or 416, and which bytes follow ("end" is not among them).
struct DownloadPlan {
    int status = 200;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::vector<std::pair<std::string, std::string>> headers;
};

// `etag` without quotes; `range` and `if_range` as the client sent them, "" where it did not.
DownloadPlan plan_download(std::string_view range, std::string_view if_range, std::string_view etag,
                           std::uint64_t file_bytes);

}  // namespace busbar::net
