#include "api/call.hpp"

#include <algorithm>
#include <charconv>

namespace busbar::api {
namespace {

constexpr int limit_default = 100;
constexpr int limit_max = 1000;

std::optional<std::string> from_cursor(std::string_view cursor) {
    if (cursor.empty() || cursor.size() % 2 != 0) return std::nullopt;
    std::string key;
    for (std::size_t i = 0; i < cursor.size(); i += 2) {
        unsigned byte = 0;
        const char* end = cursor.data() + i + 2;
        const auto parsed = std::from_chars(cursor.data() + i, end, byte, 16);
        if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
        key += static_cast<char>(byte);
    }
    return key;
}

}  // namespace

net::HttpResponse json_response(int status, std::string body) {
    net::HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    // What a charge point or a badge says today is nobody's answer for tomorrow.
    response.headers = {{"Cache-Control", "no-store"}};
    return response;
}

net::HttpResponse no_content() {
    net::HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    return response;
}

std::string path_segment(std::string_view text) {
    constexpr std::string_view unreserved =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr char digits[] = "0123456789ABCDEF";
    std::string segment;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (unreserved.find(c) != std::string_view::npos) {
            segment += c;
        } else {
            segment += '%';
            segment += digits[byte >> 4];
            segment += digits[byte & 15];
        }
    }
    return segment;
}

void respond_when_durable(const Call& call, db::Journal::Ticket ticket,
                          net::HttpResponse response) {
    call.site().journal.when_durable(
        ticket, [respond = call.respond, response = std::move(response)]() mutable {
            respond(std::move(response));
        });
    call.on.after_change();
}

net::HttpResponse unreadable(const db::ReadError& error) {
    if (error.kind == db::ReadError::Kind::busy) {
        return unavailable("Too many requests are waiting for the database: try again.");
    }
    return unavailable("The database cannot be read at the moment: " + error.detail + ".");
}

bool refused_as_full(const Call& call) {
    if (!call.site().journal.full()) return false;
    call.respond(unavailable("Nothing can be stored at the moment: see /readyz."));
    return true;
}

bool is_plain_text(std::string_view text) {
    std::string harmless{text};
    for (char& c : harmless) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) return false;
        if (c == '"' || c == '\\') c = ' ';
    }
    // Nothing is left to escape: only bytes that are not UTF-8 are written differently.
    std::string written;
    append_json_string(written, harmless);
    return written == '"' + harmless + '"';
}

void check_text(std::vector<Violation>& out, std::string_view pointer,
                const std::optional<std::string>& text, std::size_t size_max) {
    if (!text) return;
    if (text->size() > size_max) {
        out.push_back({Defect::bad_value, std::string{pointer},
                       "longer than " + std::to_string(size_max) + " bytes"});
    } else if (!is_plain_text(*text)) {
        out.push_back({Defect::bad_value, std::string{pointer}, "holds control characters"});
    }
}

bool read_body(const Call& call, std::string_view text, const codec::TypeInfo& type, void* out,
               std::vector<Violation>& violations) {
    // Decoding to RawJson fails only where there is no JSON to decode.
    DecodeReport report;
    if (!decode_text<RawJson>(text, {}, report)) {
        call.respond(to_response(
            {.status = 400,
             .detail = "The body cannot be read as JSON: " + report.errors.front().detail + "."}));
        return false;
    }
    codec::decode_text(text, type, out, {}, report);
    violations = std::move(report.errors);
    return true;
}

int Query::limit() {
    const auto text = request_.parameter("limit");
    if (!text) return limit_default;
    const auto value = parse_id(*text);
    if (value && *value <= limit_max) return static_cast<int>(*value);
    refuse("limit", "must be 1 to 1000");
    return limit_default;
}

std::optional<std::string> Query::cursor() {
    const auto text = request_.parameter("cursor");
    if (!text) return std::nullopt;
    auto key = from_cursor(*text);
    if (!key) refuse("cursor", "must be the next of an earlier page");
    return key;
}

std::optional<std::int64_t> Query::number_cursor() {
    const auto key = cursor();
    if (!key) return std::nullopt;
    const auto number = parse_id(*key);
    if (!number) refuse("cursor", "must be the next of an earlier page");
    return number;
}

std::optional<Timestamp> Query::time(std::string_view name) {
    const auto text = request_.parameter(name);
    if (!text) return std::nullopt;
    const auto parsed = parse_timestamp(*text);
    if (parsed && parsed->has_offset) return parsed->time;
    refuse(name,
           "must be an RFC 3339 date-time with its zone, such as 2026-05-01T08:00:00Z (a + is "
           "written %2B in a URL)");
    return std::nullopt;
}

std::optional<bool> Query::flag(std::string_view name) {
    const auto text = request_.parameter(name);
    if (!text) return std::nullopt;
    if (*text != "true" && *text != "false") refuse(name, "must be true or false");
    return *text == "true";
}

std::optional<std::string> Query::text(std::string_view name) const {
    const auto text = request_.parameter(name);
    if (!text) return std::nullopt;
    return std::string{*text};
}

void Query::refuse(std::string_view name, std::string detail) {
    add(violations_, {{Defect::bad_value, "/" + std::string{name}, std::move(detail)}});
}

std::string to_cursor(std::string_view key) {
    constexpr char digits[] = "0123456789abcdef";
    std::string cursor;
    for (const char c : key) {
        const auto byte = static_cast<unsigned char>(c);
        cursor += digits[byte >> 4];
        cursor += digits[byte & 15];
    }
    return cursor;
}

std::optional<std::int64_t> parse_id(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < 1) return std::nullopt;
    return value;
}

}  // namespace busbar::api
