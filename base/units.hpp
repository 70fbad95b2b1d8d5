// Electric current as an integer number of milliamps, alone and per grid phase. Integers make load
// management give the same answer on every machine.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace busbar {

// A current in mA, RMS. Plain arithmetic; no unit conversion happens silently.
struct Amps {
    std::int32_t milliamps = 0;

    static constexpr Amps from_milliamps(std::int32_t value) { return {value}; }
    // Rounds to the nearest milliamp. The caller has checked that the value is finite and small.
    static constexpr Amps from_double(double amps) {
        return {static_cast<std::int32_t>(amps * 1000.0 + (amps < 0 ? -0.5 : 0.5))};
    }
    constexpr double to_double() const { return milliamps / 1000.0; }

    friend constexpr auto operator<=>(const Amps&, const Amps&) = default;
    friend constexpr Amps operator+(Amps a, Amps b) { return {a.milliamps + b.milliamps}; }
    friend constexpr Amps operator-(Amps a, Amps b) { return {a.milliamps - b.milliamps}; }
    friend constexpr Amps operator-(Amps a) { return {-a.milliamps}; }
    constexpr Amps& operator+=(Amps other) { return *this = *this + other; }
    constexpr Amps& operator-=(Amps other) { return *this = *this - other; }
};

constexpr Amps operator""_A(unsigned long long amps) {
    return {static_cast<std::int32_t>(amps * 1000)};
}
constexpr Amps operator""_A(long double amps) {
    return Amps::from_double(static_cast<double>(amps));
}
constexpr Amps operator""_mA(unsigned long long milliamps) {
    return {static_cast<std::int32_t>(milliamps)};
}

// One value for each of the grid phases L1, L2, L3.
template <class T>
using PerPhase = std::array<T, 3>;
using PhaseAmps = PerPhase<Amps>;

// The grid phases something is connected to or draws from.
using Phases = PerPhase<bool>;
inline constexpr Phases three_phases{true, true, true};

constexpr int count(const Phases& phases) { return phases[0] + phases[1] + phases[2]; }

}  // namespace busbar
