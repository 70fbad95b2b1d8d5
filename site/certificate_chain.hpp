// Whether text is a chain of X.509 certificates as PEM (RFC 7468), as far as its form shows: blocks
// that begin and end as they should, base64 between, and in it one whole DER sequence each. What
// the certificates say is the charger's to judge. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace busbar::site {

// What is wrong with it, in words; nothing if it is a chain of 1 to `certificates_max`.
std::optional<std::string> chain_defect(std::string_view pem, std::size_t certificates_max);

}  // namespace busbar::site
