// Secrets: made, hashed and compared (libsodium). Any thread; hash_password and verify_password
// take tens of milliseconds on purpose and must not run on the site loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace busbar {

// 160 random bits as "bsb_" and 32 letters and digits: a bearer token.
std::string new_token_secret();

// What is stored of a token: it has enough entropy for a plain hash (OWASP ASVS 5, 6.5.2). Hex of
// 256 bits of BLAKE2b.
std::string token_hash(std::string_view secret);

// argon2id in its encoded form (19 MiB, 2 passes), for secrets that people choose.
std::string hash_password(std::string_view password);
bool verify_password(std::string_view hash, std::string_view password);

// 64 random bits.
std::uint64_t random_bits();

// Equal, in a time that depends on the length only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Remembers, for as long as the process lives, a password that was found right: a keyed hash under
// a key of this process, so that a hundred chargers that reconnect cost microseconds, not seconds.
class PasswordMemory {
public:
    PasswordMemory();
    std::string remember(std::string_view hash, std::string_view password) const;

private:
    std::string key_;
};

}  // namespace busbar
