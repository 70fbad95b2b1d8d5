// Any Authorization header: credentials that are read are what their canonical header says, and a
// password is only found for the identity that stands before it.
#include "net/encoding.hpp"
#include "ocpp/identity.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    using fuzz::law;
    const auto text = fuzz::as_text(data, size);
    law(net::base64_decode(net::base64_encode(text)) == std::string{text});
    law(net::printable(text, 100).size() <= 4 * 100 + 3);

    const auto credentials = net::basic_credentials(text);
    if (!credentials || credentials->empty()) return 0;
    law(net::basic_credentials("Basic " + net::base64_encode(*credentials)) == credentials);
    if (const auto identity = ocpp::identity_from_credentials(*credentials)) {
        law(identity->size() <= ocpp::identity_size_max && credentials->starts_with(*identity));
        law(identity->find_first_of("/:") == std::string::npos);
    }
    const auto password = ocpp::password_for("CP1", *credentials);
    if (!password) return 0;
    law(ocpp::password_for("CP1", "CP1:" + *password) == password);
    law(password->size() + 4 == credentials->size() && credentials->ends_with(*password));
    const auto hex = ocpp::hex_of_raw_key(*password);
    law(hex.has_value() == (password->size() >= 16 && password->size() <= 20));
    if (hex) law(hex->size() == 2 * password->size());
    return 0;
}
