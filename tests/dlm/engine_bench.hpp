// A fixture for engine tests: a site whose answers the test writes by hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "dlm/engine.hpp"

namespace busbar::dlm {

inline PhaseAmps on_all(Amps amps) { return {amps, amps, amps}; }

// EVSEs "a", "b", ... at one connection, with a meter whose value the test sets.
class EngineBench : public testing::Test {
protected:
    using Limits = std::map<std::string, double>;

    static Settings site(Amps limit, Amps margin, Amps reserve_blind = {}) {
        Settings settings;
        settings.limit = on_all(limit);
        settings.margin = on_all(margin);
        settings.reserve_blind = on_all(reserve_blind);
        settings.blind_limit = on_all(limit);
        return settings;
    }

    void use(Settings settings) { engine = Engine{std::move(settings)}; }

    EvseInput& add_car(const std::string& id) {
        EvseInput input;
        input.id = id;
        input.charging = input.reachable = true;
        input.charging_since = now.mono + std::chrono::milliseconds{cars.size()};
        return cars[id] = input;
    }

    // One meter sample (unless `metered` was reset) and one step.
    Output step() {
        Inputs inputs;
        if (metered) inputs.meter = MeterInput{*metered, now.mono};
        for (const auto& [id, car] : cars) inputs.evses.push_back(car);
        inputs.lowerings_only = lowerings_only;
        Output output = engine.step(inputs, now);
        for (const Command& command : output.commands) sent[command.evse] = command;
        return output;
    }

    void acknowledge(const Output& output) {
        for (const Command& command : output.commands) {
            engine.acknowledged(command.evse, command.sequence, now);
        }
    }

    void wait(std::chrono::milliseconds time) {
        now.mono += time;
        now.wall += time;
    }

    // Steps once a second; every command is accepted at once. `meter` sees what cars draw when they
    // follow their limits.
    void run(std::chrono::seconds time, Amps background) {
        for (auto left = time; left > left.zero(); left -= std::chrono::seconds{1}) {
            wait(std::chrono::seconds{1});
            meter_of_obedient_cars(background);
            const Output output = step();
            messages += static_cast<int>(output.commands.size());
            acknowledge(output);
        }
    }

    void meter_of_obedient_cars(Amps background) {
        PhaseAmps sum = on_all(background);
        for (const auto& [id, car] : cars) {
            if (!car.charging || !sent.contains(id)) continue;
            for (std::size_t p = 0; p < sum.size(); ++p) {
                if (car.in_use.value_or(car.wired)[p]) sum[p] += sent[id].limit;
            }
        }
        metered = sum;
        if (!meter_values || now.mono.time_since_epoch() % std::chrono::seconds{5} !=
                                 now.mono.time_since_epoch().zero())
            return;
        for (auto& [id, car] : cars) {
            if (!sent.contains(id)) continue;
            car.measured_at = now.mono;
            car.measured = PhaseAmps{};
            for (std::size_t p = 0; p < sum.size(); ++p) {
                if (car.in_use.value_or(car.wired)[p]) (*car.measured)[p] = sent[id].limit;
            }
        }
    }

    static Limits limits(const Output& output) {
        Limits result;
        for (const Command& command : output.commands) {
            result[command.evse] = command.limit.to_double();
        }
        return result;
    }

    Limits limits() const {
        Limits result;
        for (const auto& [id, command] : sent) result[id] = command.limit.to_double();
        return result;
    }

    EvseStatus status(const std::string& id) const {
        for (EvseStatus& one : engine.status(now)) {
            if (one.id == id) return one;
        }
        ADD_FAILURE() << "no status of " << id;
        return {};
    }

    Now now{Instant{std::chrono::hours{1}}, Timestamp{std::chrono::hours{500'000}}};
    Engine engine{site(63_A, 1_A, 10_A)};
    std::map<std::string, EvseInput> cars;
    std::map<std::string, Command> sent;  // the last command of each
    std::optional<PhaseAmps> metered = PhaseAmps{};
    bool lowerings_only = false;
    bool meter_values = false;  // chargers measure what their cars draw
    int messages = 0;
};

}  // namespace busbar::dlm
