// Any text as weekly hours: what is read is written so that it is read as the same, and what is
// refused is refused with a reason that names a place in it.
#include "site/opening_hours.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    using namespace busbar::site;
    using fuzz::law;
    const auto text = fuzz::as_text(data, size);
    const auto parsed = parse_opening_hours(text);
    if (const auto* error = std::get_if<OpeningHoursError>(&parsed)) {
        law(error->position <= size && error->detail.size() > 20 && error->detail.size() < 200);
        law(!hours_at(text, Timestamp{}, TimeZone::utc()).is_open);
        return 0;
    }
    const auto& hours = std::get<OpeningHours>(parsed);
    const auto written = hours.format();
    const auto again = parse_opening_hours(written);
    law(std::holds_alternative<OpeningHours>(again) && std::get<OpeningHours>(again) == hours);
    law(std::get<OpeningHours>(again).format() == written);
    // A week in steps from change to change.
    const Timestamp monday{std::chrono::sys_days{std::chrono::year{2026} / 5 / 4}};
    auto at = monday;
    while (at < monday + std::chrono::days{7}) {
        const bool is_open = hours.is_open(at, TimeZone::utc());
        const auto until = hours.until(at, TimeZone::utc());
        if (!until) break;
        law(*until > at && *until <= at + std::chrono::days{7});
        law(hours.is_open(*until, TimeZone::utc()) != is_open);
        law(hours.is_open(*until - std::chrono::milliseconds{1}, TimeZone::utc()) == is_open);
        at = *until;
    }
    return 0;
}
