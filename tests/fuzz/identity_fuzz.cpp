// Any request target: an identity from it is safe to show, to store and to put into a path, and is
// found again in every URL that is made from it.
#include <algorithm>

#include "net/encoding.hpp"
#include "ocpp/identity.hpp"
#include "tests/fuzz/laws.hpp"

namespace {

std::string percent_encoded(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    using fuzz::law;
    const auto text = fuzz::as_text(data, size);
    const auto identity = ocpp::identity_from_target(text);
    if (!identity) return 0;
    law(!identity->empty() && identity->size() <= ocpp::identity_size_max);
    law(identity->find('/') == std::string::npos && *identity != "." && *identity != "..");
    law(std::none_of(identity->begin(), identity->end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
    const auto encoded = percent_encoded(*identity);
    for (const auto& target : {"/ocpp/" + encoded, "/" + encoded + "?a=b",
                               "ws://host:9000/ocpp/" + encoded, "//ocpp//" + encoded + "/"}) {
        law(ocpp::identity_from_target(target) == identity);
    }
    law(net::percent_decode(encoded) == identity);
    return 0;
}
