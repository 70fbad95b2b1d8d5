#include <algorithm>

#include "base/text.hpp"
#include "net/encoding.hpp"
#include "net/http_server.hpp"

namespace busbar::net {
namespace {

bool parse_path(HttpRequest& request, std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const auto segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (segment.empty()) continue;
        auto decoded = percent_decode(segment);
        if (!decoded) return false;
        request.path.push_back(std::move(*decoded));
    }
    return true;
}

bool parse_query(HttpRequest& request, std::string_view query) {
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        if (pair.empty()) continue;
        const auto equals = std::min(pair.find('='), pair.size());
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) return false;
        request.query.emplace_back(std::move(*name), std::move(*value));
    }
    return true;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (equal_ignoring_case(key, name)) return value;
    }
    return {};
}

std::optional<std::string_view> HttpRequest::parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return std::nullopt;
}

bool parse_target(HttpRequest& request) {
    request.path.clear();
    request.query.clear();
    std::string_view target = request.target;
    if (target == "*") return true;
    target = target.substr(0, target.find('#'));
    constexpr std::string_view scheme = "http://";
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
        target.remove_prefix(scheme.size());
        target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
        if (target.empty()) return true;
    } else if (target.empty() || target.front() != '/') {
        return false;
    }
    const auto path = target.substr(0, target.find('?'));
    const auto query = target.substr(std::min(path.size() + 1, target.size()));
    return parse_path(request, path) && parse_query(request, query);
}

bool is_local_host(std::string_view host) {
    host = trimmed(host);
    std::string_view port;
    const auto name_end = host.empty() || host.front() != '[' ? 0 : host.find(']');
    if (name_end == std::string_view::npos) return false;
    const auto colon = host.find(':', name_end);
    const auto name = host.substr(0, colon);
    if (colon != std::string_view::npos) port = host.substr(colon + 1);
    const bool numeric =
        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!numeric || port.size() > 5) return false;
    return equal_ignoring_case(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
}

}  // namespace busbar::net
