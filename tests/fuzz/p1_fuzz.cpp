// Any bytes from a P1 port: cut at any place they give the same telegrams, each no longer than the
// limit; what is taken has finite values.
#include <cmath>

#include "meters/p1.hpp"
#include "tests/fuzz/laws.hpp"

namespace {

using namespace busbar;
using fuzz::law;

void check(std::string_view text) {
    const auto parsed = meters::parse_p1(text);
    law(parsed.telegram.has_value() == parsed.problem.empty());
    if (!parsed.telegram) return;
    for (const auto& [name, value] : parsed.telegram->values) law(std::isfinite(value));
    for (const auto& peak : parsed.telegram->month_peaks) law(std::isfinite(peak.watts));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    check(text);
    meters::P1Stream whole;
    const auto telegrams = whole.push(text);
    for (const auto& telegram : telegrams) {
        law(telegram.size() <= meters::p1_bytes_max && telegram.starts_with('/'));
        check(telegram);
    }
    meters::P1Stream pieces;
    std::vector<std::string> again;
    for (std::size_t at = 0; at < text.size(); at += 7) {
        for (auto& telegram : pieces.push(text.substr(at, 7))) again.push_back(std::move(telegram));
    }
    law(again == telegrams && pieces.dropped() == whole.dropped());
    return 0;
}
