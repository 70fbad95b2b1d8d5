#include "base/secrets.hpp"

#include <array>
#include <stdexcept>

#include <sodium.h>

namespace busbar {
namespace {

void ready() {
    static const bool started = sodium_init() >= 0;
    if (!started) throw std::runtime_error{"libsodium does not start: no source of randomness"};
}

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string keyed_hash(std::string_view text, std::string_view key) {
    std::array<unsigned char, 32> hash{};
    crypto_generichash(hash.data(), hash.size(), bytes(text), text.size(),
                       key.empty() ? nullptr : bytes(key), key.size());
    std::array<char, 65> hex{};
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
    return hex.data();
}

}  // namespace

std::string new_token_secret() {
    ready();
    constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    std::string secret = "bsb_";
    for (int i = 0; i < 32; ++i) secret += alphabet[randombytes_uniform(32)];
    return secret;
}

std::string token_hash(std::string_view secret) {
    ready();
    return keyed_hash(secret, {});
}

std::string hash_password(std::string_view password) {
    ready();
    constexpr unsigned long long passes = 2;
    constexpr std::size_t memory = std::size_t{19} << 20;
    std::array<char, crypto_pwhash_STRBYTES> encoded{};
    if (crypto_pwhash_str_alg(encoded.data(), password.data(), password.size(), passes, memory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        throw std::runtime_error{"not enough memory to hash a password"};
    }
    return encoded.data();
}

bool verify_password(std::string_view hash, std::string_view password) {
    ready();
    const std::string terminated{hash};
    return crypto_pwhash_str_verify(terminated.c_str(), password.data(), password.size()) == 0;
}

std::uint64_t random_bits() {
    ready();
    std::uint64_t value = 0;
    randombytes_buf(&value, sizeof value);
    return value;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

PasswordMemory::PasswordMemory() {
    ready();
    key_.resize(crypto_generichash_KEYBYTES);
    randombytes_buf(key_.data(), key_.size());
}

std::string PasswordMemory::remember(std::string_view hash, std::string_view password) const {
    std::string both{hash};
    both += '\n';
    both += password;
    return keyed_hash(both, key_);
}

}  // namespace busbar
