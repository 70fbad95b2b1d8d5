#include <algorithm>
#include <cmath>
#include <limits>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

double inverse_scale(double value, double scale) {
    const double inverse = std::round(1 / scale);
    if (std::abs(scale) < 1 && std::abs(inverse * scale - 1) < 1e-9) return value * inverse;
    return value / scale;
}

double inverse_exponent(double value, int exponent) {
    const double power = std::pow(10.0, std::abs(exponent));
    return exponent < 0 ? value * power : value / power;
}

// The greatest number the type holds that does not mean "no value".
double highest_of(NumberType type) {
    switch (type) {
        case NumberType::s16:
        case NumberType::m16:
            return 0x7FFE;
        case NumberType::u16:
            return 0xFFFE;
        case NumberType::s32:
        case NumberType::m32:
            return 0x7FFF'FFFE;
        case NumberType::u32:
            return 0xFFFF'FFFE;
        default:
            return std::numeric_limits<double>::max();
    }
}

// Takes values apart into registers, by one profile.
class Encoder {
public:
    Encoder(const Profile& profile, const Values& values) : profile_(profile), known_(values) {
        for (const Sum& sum : profile.sums) split(sum, values);
    }

    Registers run() {
        for (const Ratio& ratio : profile_.ratios) {
            put(ratio.address, ratio.type, inverse_scale(ratio_of(ratio), ratio.scale));
            product_ *= std::max(ratio_of(ratio), ratio.min);
        }
        for (const Identification& item : profile_.identification) put_identity(item);
        choose_exponents();
        for (const Quantity& quantity : profile_.quantities) put_quantity(quantity);
        // Last: what the others depend on is as it should be.
        for (const Quantity& quantity : profile_.quantities) {
            if (!quantity.condition || quantity.condition->values.empty()) continue;
            put_bits(quantity.condition->address, quantity.condition->type,
                     quantity.condition->values.front());
        }
        return std::move(registers_);
    }

private:
    // The parts that were given stay; the first that was not takes what is left, the others are 0.
    // A negative total of parts with a direction each goes to those that count the other way.
    void split(const Sum& sum, const Values& values) {
        const auto total = values.find(sum.name);
        if (total == values.end()) return;
        double rest = total->second;
        std::string of;
        std::string minus;
        const auto visit = [&](const std::vector<std::string>& parts, double sign,
                               std::string& open) {
            for (const std::string& part : parts) {
                const auto given = values.find(part);
                if (given != values.end()) {
                    rest -= sign * given->second;
                } else {
                    if (open.empty()) open = part;
                    known_[part] = 0;
                }
            }
        };
        visit(sum.of, 1, of);
        visit(sum.minus, -1, minus);
        if (rest < 0 && !minus.empty()) {
            known_[minus] = -rest;
        } else if (!of.empty()) {
            known_[of] = rest;
        } else if (!minus.empty()) {
            known_[minus] = -rest;
        }
    }

    double ratio_of(const Ratio& ratio) const {
        const auto given = known_.find(ratio.name);
        return given == known_.end() ? 1 : given->second;
    }

    void store(std::uint16_t address, std::vector<std::uint16_t> words) {
        if (profile_.byte_order == ByteOrder::low_first) {
            for (std::uint16_t& word : words) {
                word = static_cast<std::uint16_t>(word << 8 | word >> 8);
            }
        }
        registers_.store(address, words);
    }
    void put(std::uint16_t address, NumberType type, double raw) {
        store(address, encode_number(raw, type, profile_.word_order));
    }
    void put_bits(std::uint16_t address, NumberType type, std::uint64_t bits) {
        store(address, split_words(bits, type, profile_.word_order));
    }

    void put_identity(const Identification& item) {
        if (item.text_registers == 0) {
            put_bits(item.address, item.type, item.expected.empty() ? 0 : item.expected.front());
            return;
        }
        std::string text = item.expected_texts.empty() ? "" : item.expected_texts.front();
        text.resize(static_cast<std::size_t>(item.text_registers) * 2, '\0');
        std::vector<std::uint16_t> words;
        for (std::size_t at = 0; at < text.size(); at += 2) {
            words.push_back(static_cast<std::uint16_t>(static_cast<unsigned char>(text[at]) << 8 |
                                                       static_cast<unsigned char>(text[at + 1])));
        }
        store(item.address, std::move(words));
    }

    // The value without its unit: scale and ratios undone, the power of ten not yet.
    std::optional<double> unscaled(const Quantity& quantity) const {
        const auto given = known_.find(quantity.name);
        if (given == known_.end()) return std::nullopt;
        double value = given->second;
        for (const Ratio& ratio : profile_.ratios) {
            const bool times =
                std::ranges::find(quantity.times, ratio.name) != quantity.times.end();
            if (times) value /= std::max(ratio_of(ratio), ratio.min);
        }
        double scale = quantity.scale;
        for (const ScaleStep& step : quantity.scale_steps) {
            scale = step.scale;
            if (!step.below || product_ < *step.below) break;
        }
        return inverse_scale(value, scale);
    }

    // For each scale register the most decimals with which all its values still fit.
    void choose_exponents() {
        constexpr int finest = -3;
        constexpr int coarsest = 9;
        for (const Quantity& quantity : profile_.quantities) {
            if (!quantity.scale_register) continue;
            int& exponent = exponents_.try_emplace(*quantity.scale_register, finest).first->second;
            const double value = std::abs(unscaled(quantity).value_or(0));
            while (exponent < coarsest &&
                   inverse_exponent(value, exponent) > highest_of(quantity.type)) {
                ++exponent;
            }
        }
        for (const auto& [address, exponent] : exponents_) {
            put(address, NumberType::s16, exponent);
        }
    }

    void put_quantity(const Quantity& quantity) {
        const auto value = unscaled(quantity);
        if (!value) return;
        double raw = *value;
        if (quantity.scale_register) {
            raw = inverse_exponent(raw, exponents_.at(*quantity.scale_register));
        }
        if (!quantity.meanings.empty()) {
            double number = static_cast<double>(quantity.meanings.front().first);
            for (const auto& [from, meaning] : quantity.meanings) {
                if (meaning == raw) number = static_cast<double>(from);
            }
            raw = number;
        }
        if (quantity.sign_register) {
            const std::uint16_t negative = quantity.sign_register->negative_when;
            const std::uint16_t positive = negative == 0 ? 1 : 0;
            store(quantity.sign_register->address, {raw < 0 ? negative : positive});
        }
        if (quantity.sign_register || quantity.sign_from_phase_power) raw = std::abs(raw);
        put(quantity.address, quantity.type, raw);
    }

    const Profile& profile_;
    Values known_;
    double product_ = 1;
    std::map<std::uint16_t, int> exponents_;
    Registers registers_;
};

}  // namespace

Registers encode(const Profile& profile, const Values& values) {
    return Encoder{profile, values}.run();
}

}  // namespace busbar::meters
