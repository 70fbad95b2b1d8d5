#include "api/etag.hpp"

#include <algorithm>
#include <cstdint>

namespace busbar::api {
namespace {

// Whether an If-Match field is met by the tag: "*", or a list with the very tag in it. A weak tag
// never is.
bool names(std::string_view field, std::string_view tag) {
    while (!field.empty()) {
        const auto begin = field.find_first_not_of(" \t,");
        if (begin == std::string_view::npos) return false;
        field.remove_prefix(begin);
        // A comma can stand inside quotes.
        const auto open = field.find('"');
        const auto comma = field.find(',');
        const bool is_quoted = open < comma;
        const auto close = is_quoted ? field.find('"', open + 1) : std::string_view::npos;
        const auto end = is_quoted ? (close == std::string_view::npos ? field.size() : close + 1)
                                   : std::min(comma, field.size());
        auto item = field.substr(0, end);
        while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
        if (item == "*" || item == tag) return true;
        field.remove_prefix(end);
    }
    return false;
}

}  // namespace

std::string etag_of(std::string_view version) {
    // FNV-1a: versions need to be told apart, not kept from forgers.
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char c : version) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001B3;
    }
    constexpr char digits[] = "0123456789abcdef";
    std::string tag = "\"";
    for (int shift = 60; shift >= 0; shift -= 4) tag += digits[(hash >> shift) & 15];
    return tag + '"';
}

net::HttpResponse tagged(net::HttpResponse response, std::string_view version) {
    response.headers.emplace_back("ETag", etag_of(version));
    return response;
}

bool refused_as_stale(const Call& call, std::string_view version, const std::string& body) {
    const auto field = call.request.header("If-Match");
    const auto tag = etag_of(version);
    if (field.empty() || names(field, tag)) return false;
    call.respond(to_response({.status = 409,
                              .detail = "It has been changed since it was read: look at current, "
                                        "and send the change again with its ETag.",
                              .headers = {{"ETag", tag}},
                              .current = RawJson{body}}));
    return true;
}

}  // namespace busbar::api
