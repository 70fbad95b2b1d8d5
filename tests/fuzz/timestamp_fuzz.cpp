// Any text as a date-time: what is read is written in a form that is read as the same time.
#include "base/time.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    using fuzz::law;
    const auto text = fuzz::as_text(data, size);
    const auto parsed = parse_timestamp(text);
    if (!parsed) return 0;
    for (const auto& written : {to_string(parsed->time), to_string_milliseconds(parsed->time)}) {
        const auto again = parse_timestamp(written);
        law(again && again->time == parsed->time && again->has_offset);
        law(written.size() >= 20 && written.size() <= 24 && written.back() == 'Z');
    }
    // A zone can move the time by less than a day, and only where one was named.
    if (parsed->has_offset) return 0;
    const auto in_utc = parse_timestamp(std::string{text} + "Z");
    law(in_utc && in_utc->time == parsed->time && in_utc->has_offset);
    return 0;
}
