#include <algorithm>
#include <cctype>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

std::string lower(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// The profile's device in words, for the message that says that this is another.
std::string device_of(const Profile& profile) {
    std::string models;
    for (const std::string& model : profile.models) {
        models += (models.empty() ? "" : " or ") + model;
    }
    return profile.vendor + " " + models;
}

std::string whole_text(std::uint64_t number) { return std::to_string(number); }

// Why the item is not what the profile expects; "" if it is.
std::string mismatch(const Profile& profile, const Identification& item,
                     const std::vector<std::uint16_t>& words) {
    std::string found;
    std::string wanted;
    if (item.text_registers > 0) {
        const std::string text = decode_text_registers(words);
        for (const std::string& part : item.expected_texts) {
            if (lower(text).find(lower(part)) != std::string::npos) return {};
            wanted += (wanted.empty() ? "" : " or ") + ("\"" + part + "\"");
        }
        found = "\"" + text + "\"";
    } else {
        const std::uint64_t bits = join_words(words, profile.word_order);
        for (const std::uint64_t number : item.expected) {
            if (number == bits) return {};
            wanted += (wanted.empty() ? "" : " or ") + whole_text(number);
        }
        found = whole_text(bits);
    }
    if (wanted.empty()) return {};
    return item.name + " reads " + found + ", but " + wanted + " in a " + device_of(profile);
}

}  // namespace

std::string decode_text_registers(std::span<const std::uint16_t> words) {
    std::string text;
    for (const std::uint16_t word : words) {
        for (const int shift : {8, 0}) {
            const auto byte = static_cast<unsigned char>(word >> shift);
            text += byte == 0 || std::isprint(byte) != 0 ? static_cast<char>(byte) : '?';
        }
    }
    text.resize(std::min(text.find('\0'), text.size()));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

Identity decode_identity(const Profile& profile, const Registers& registers) {
    Identity identity;
    for (const Identification& item : profile.identification) {
        const auto words = read_words(profile, registers, item.address, item.registers());
        if (!words) {
            if (item.expected.empty() && item.expected_texts.empty()) continue;
            identity.mismatches.push_back(item.name + " cannot be read: is this a " +
                                          device_of(profile) + "?");
            continue;
        }
        if (item.text_registers > 0) {
            identity.texts[item.name] = decode_text_registers(*words);
        } else if (const auto value = decode_number(*words, item.type, profile.word_order)) {
            identity.values[item.name] = *value;
        }
        auto differs = mismatch(profile, item, *words);
        if (!differs.empty()) identity.mismatches.push_back(std::move(differs));
    }
    identity.as_expected = identity.mismatches.empty();
    return identity;
}

}  // namespace busbar::meters
