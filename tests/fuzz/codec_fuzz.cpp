// Payloads of every action: the first byte selects the action, '<' behind it the response, the rest
// is JSON. What is read can be written, and what was written is read as the same. With '*' behind
// the action the rest are numbers to make a value from.
#include <nlohmann/json.hpp>

#include "tests/fuzz/laws.hpp"
#include "tests/support/any_value.hpp"
#include "tests/support/messages.hpp"

namespace {

using namespace busbar;
using fuzz::law;

std::string written(const test::Payload& payload, const void* object) {
    std::string out;
    codec::encode(out, *payload.type, object, TimeStyle::shortest);
    return out;
}

// Reads it; "" if it is refused, and then the report must say why, as only then.
std::string read_and_written(const test::Payload& payload, std::string_view text,
                             const DecodeOptions& options) {
    std::string out;
    payload.with_object([&](void* object) {
        DecodeReport report;
        const bool good = codec::decode_text(text, *payload.type, object, options, report);
        law(good == report.errors.empty());
        law(options.lenient || report.deviations.empty());
        if (good) out = written(payload, object);
    });
    return out;
}

void check_text(const test::Payload& payload, std::string_view text) {
    const auto strict = read_and_written(payload, text, {});
    if (!strict.empty()) law(read_and_written(payload, strict, {}) == strict);
    DecodeOptions options{.lenient = true};
    for (const auto arrival : {std::optional<Timestamp>{}, std::optional<Timestamp>{Timestamp{}}}) {
        options.received_at = arrival;
        const auto lenient = read_and_written(payload, text, options);
        if (!strict.empty()) law(lenient == strict);
        if (!lenient.empty()) law(read_and_written(payload, lenient, options) == lenient);
    }
}

void check_value(const test::Payload& payload, std::string_view numbers) {
    const auto choose = [&](std::uint32_t below) {
        std::uint32_t number = 0;
        for (int i = 0; i < (below > 256 ? 4 : 1) && !numbers.empty(); ++i) {
            number = number << 8U | static_cast<std::uint8_t>(numbers.front());
            numbers.remove_prefix(1);
        }
        return number % below;
    };
    std::string text;
    payload.with_object([&](void* object) {
        test::make_any(*payload.type, object, false, choose);
        text = written(payload, object);
        payload.with_object([&](void* read) {
            DecodeReport report;
            law(codec::decode_text(text, *payload.type, read, {}, report));
            law(test::same(*payload.type, object, read));
        });
    });
    law(!Json::parse(text, nullptr, false).is_discarded());
    law(read_and_written(payload, text, {}) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    const auto& payloads = test::all_payloads();
    const auto actions = payloads.size() / 2;
    auto selected = fuzz::take_selector(text, actions);
    const bool is_value = text.starts_with('*');
    if (text.starts_with('<')) selected += actions;
    if (text.starts_with('<') || is_value) text.remove_prefix(1);
    is_value ? check_value(payloads[selected], text) : check_text(payloads[selected], text);
    return 0;
}
