// The randomness of a simulation: one seeded generator with its own arithmetic, so that a seed
// means the same run with every standard library. One thread at a time.
#pragma once

#include <cstdint>
#include <random>

namespace busbar::sim {

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    // A whole number from low to high, both included.
    int pick(int low, int high) {
        const auto span = static_cast<std::uint64_t>(static_cast<std::int64_t>(high) - low + 1);
        return low + static_cast<int>(engine_() % span);
    }
    // A real number in [low, high).
    double real(double low, double high) {
        constexpr double unit = 1.0 / static_cast<double>(std::uint64_t{1} << 53);
        return low + (high - low) * static_cast<double>(engine_() >> 11) * unit;
    }
    // True in that many of 100 cases.
    bool chance(double percent) { return real(0, 100) < percent; }
    // The seed of an independent generator: what one part draws does not shift the others.
    std::uint64_t fork() { return engine_(); }

private:
    std::mt19937_64 engine_;
};

}  // namespace busbar::sim
