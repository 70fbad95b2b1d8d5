#include "net/byte_range.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "net/encoding.hpp"

namespace busbar::net {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
}

}  // namespace

RangeChoice choose_range(std::string_view header, std::uint64_t file_bytes) {
    constexpr std::string_view unit = "bytes=";
    header = trimmed(header);
    if (!equal_ignoring_case(header.substr(0, unit.size()), unit)) return {};
    const auto spec = trimmed(header.substr(unit.size()));
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return {};
    const auto first = number(trimmed(spec.substr(0, dash)));
    const auto last_text = trimmed(spec.substr(dash + 1));
    const auto last = number(last_text);
    if ((!last && !last_text.empty()) || (!first && (dash != 0 || !last))) return {};
    if (!first) {
        // The last so many bytes.
        if (*last == 0 || file_bytes == 0) return {.satisfiable = false, .range = {}};
        return {.range = ByteRange{file_bytes - std::min(*last, file_bytes), file_bytes - 1}};
    }
    if (last && *last < *first) return {};
    if (*first >= file_bytes) return {.satisfiable = false, .range = {}};
    return {.range = ByteRange{*first, std::min(last.value_or(file_bytes - 1), file_bytes - 1)}};
}

DownloadPlan plan_download(std::string_view range, std::string_view if_range, std::string_view etag,
                           std::uint64_t file_bytes) {
    const auto quoted = '"' + std::string{etag} + '"';
    RangeChoice choice;
    if (if_range.empty() || if_range == quoted) choice = choose_range(range, file_bytes);
    DownloadPlan plan{.status = 200, .first = 0, .end = file_bytes, .headers = {}};
    plan.headers = {{"Accept-Ranges", "bytes"},
                    {"ETag", quoted},
                    {"Content-Type", "application/octet-stream"},
                    {"X-Content-Type-Options", "nosniff"}};
    const auto total = std::to_string(file_bytes);
    if (!choice.satisfiable) {
        plan.status = 416;
        plan.end = 0;
        plan.headers.emplace_back("Content-Range", "bytes */" + total);
    } else if (choice.range) {
        plan.status = 206;
        plan.first = choice.range->first;
        plan.end = choice.range->last + 1;
        plan.headers.emplace_back("Content-Range", "bytes " + std::to_string(plan.first) + "-" +
                                                       std::to_string(choice.range->last) + "/" +
                                                       total);
    }
    return plan;
}

}  // namespace busbar::net
