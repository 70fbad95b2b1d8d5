#include "net/multipart.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "net/encoding.hpp"

namespace busbar::net {
namespace {

constexpr std::size_t boundary_size_max = 70;  // RFC 2046, 5.1.1
constexpr std::size_t headers_size_max = std::size_t{8} * 1024;
constexpr std::size_t preamble_size_max = std::size_t{8} * 1024;

// Cuts the next "; name=value" off the parameters of a header value. False at their end.
bool next_parameter(std::string_view& rest, std::string& name, std::string& value) {
    const auto semicolon = rest.find(';');
    if (semicolon == std::string_view::npos) return false;
    rest = trimmed(rest.substr(semicolon + 1));
    const auto equals = std::min(rest.find('='), rest.size());
    name = to_lower(trimmed(rest.substr(0, equals)));
    rest = trimmed(rest.substr(std::min(equals + 1, rest.size())));
    value.clear();
    if (!rest.starts_with('"')) {
        const auto token = rest.substr(0, rest.find(';'));
        value = trimmed(token);
        rest.remove_prefix(token.size());
        return true;
    }
    std::size_t at = 1;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
        value += rest[at];
    }
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return true;
}

bool has_file_name(std::string_view headers) {
    constexpr std::string_view field = "content-disposition:";
    while (!headers.empty()) {
        const auto line = headers.substr(0, headers.find("\r\n"));
        headers.remove_prefix(std::min(headers.size(), line.size() + 2));
        if (!equal_ignoring_case(line.substr(0, field.size()), field)) continue;
        std::string_view rest = line;
        for (std::string name, value; next_parameter(rest, name, value);) {
            if (name == "filename" || name == "filename*") return true;
        }
    }
    return false;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
    constexpr std::string_view type = "multipart/";
    content_type = trimmed(content_type);
    if (!equal_ignoring_case(content_type.substr(0, type.size()), type)) return std::nullopt;
    for (std::string name, value; next_parameter(content_type, name, value);) {
        if (name != "boundary") continue;
        const bool good =
            !value.empty() && value.size() <= boundary_size_max && is_printable(value);
        return good ? std::optional{value} : std::nullopt;
    }
    return std::nullopt;
}

MultipartReader::MultipartReader(const std::string& boundary) : delimiter_("\r\n--" + boundary) {}

MultipartReader::Verdict MultipartReader::feed(std::string_view piece, const Keep& keep) {
    if (stage_ == Stage::epilogue) return Verdict::good;
    buffer_ += piece;
    for (bool waiting = false; !waiting;) {
        const auto stage = stage_;
        const auto size = buffer_.size();
        auto verdict = Verdict::good;
        switch (stage_) {
            case Stage::preamble:
                if (!skip_preamble()) return Verdict::malformed;
                break;
            case Stage::behind_delimiter:
                verdict = pass_delimiter();
                break;
            case Stage::headers:
                verdict = read_headers();
                break;
            case Stage::content:
                verdict = read_content(keep, waiting);
                break;
            case Stage::epilogue:
                buffer_.clear();
                return Verdict::good;
        }
        if (verdict != Verdict::good) return verdict;
        waiting = waiting || (stage == stage_ && size == buffer_.size());
    }
    return Verdict::good;
}

bool MultipartReader::skip_preamble() {
    const auto at = buffer_.find(delimiter_);
    if (at == std::string::npos) return buffer_.size() <= preamble_size_max;
    buffer_.erase(0, at + delimiter_.size());
    stage_ = Stage::behind_delimiter;
    return true;
}

// Behind a delimiter comes the end of its line, or two dashes behind the last one.
MultipartReader::Verdict MultipartReader::pass_delimiter() {
    if (buffer_.starts_with("--")) {
        stage_ = Stage::epilogue;
        return Verdict::good;
    }
    const auto line_end = buffer_.find("\r\n");
    if (line_end == std::string::npos) {
        return buffer_.size() <= headers_size_max ? Verdict::good : Verdict::malformed;
    }
    // The line's end stays: a part without headers has an empty line at once.
    buffer_.erase(0, line_end);
    stage_ = Stage::headers;
    return Verdict::good;
}

MultipartReader::Verdict MultipartReader::read_headers() {
    const auto end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) {
        return buffer_.size() <= headers_size_max ? Verdict::good : Verdict::malformed;
    }
    const bool is_file = has_file_name(std::string_view{buffer_}.substr(0, end));
    wanted_ = !has_file_;
    has_file_ = has_file_ || is_file;
    fresh_ = true;
    buffer_.erase(0, end + 4);
    stage_ = Stage::content;
    return Verdict::good;
}

MultipartReader::Verdict MultipartReader::read_content(const Keep& keep, bool& waiting) {
    std::size_t at = 0;
    bool found = false;
    for (;; ++at) {
        at = buffer_.find(delimiter_, at);
        if (at == std::string::npos) break;
        const auto behind = at + delimiter_.size();
        // Whether it is the delimiter or only begins like one, the next two bytes tell.
        if (buffer_.size() < behind + 2) break;
        const auto next = std::string_view{buffer_}.substr(behind, 2);
        found = next == "--" || next == "\r\n" || next[0] == ' ' || next[0] == '\t';
        if (found) break;
    }
    std::size_t size = at;
    if (at == std::string::npos) {
        size = buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
    }
    if (wanted_ && (size > 0 || fresh_)) {
        if (!keep(std::exchange(fresh_, false), std::string_view{buffer_}.substr(0, size))) {
            return Verdict::not_kept;
        }
    }
    buffer_.erase(0, size);
    waiting = !found;
    if (found) {
        buffer_.erase(0, delimiter_.size());
        has_part_ = true;
        stage_ = Stage::behind_delimiter;
    }
    return Verdict::good;
}

bool MultipartReader::is_complete() const {
    // Some clients forget the dashes behind the last delimiter.
    if (stage_ == Stage::content) return buffer_ == delimiter_;
    if (!has_part_) return false;
    return stage_ == Stage::epilogue ||
           (stage_ == Stage::behind_delimiter && trimmed(buffer_).empty()) ||
           (stage_ == Stage::headers && buffer_ == "\r\n");
}

}  // namespace busbar::net
