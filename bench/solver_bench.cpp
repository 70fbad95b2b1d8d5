// Time of one decision on trees of depth 4 with a mix of 3-phase and 1-phase cars, and of one step
// of the engine: the claims are 0.5 ms for 100 EVSEs and 20 ms for 10,000.
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "dlm/engine.hpp"
#include "dlm/solver.hpp"

namespace busbar::dlm {
namespace {

Problem site(int evses) {
    std::mt19937 random{1};
    const auto pick = [&](int from, int to) {
        return std::uniform_int_distribution{from, to}(random);
    };
    Problem problem;
    const int boards = std::max(4, evses / 8);
    for (int n = 0; n < boards; ++n) {
        Node node;
        node.id = "n" + std::to_string(n);
        const int level_above = n == 0 ? -1 : n <= boards / 16 ? 0 : n <= boards / 4 ? 1 : 2;
        node.parent = level_above < 1
                          ? level_above
                          : pick(level_above == 1 ? 1 : boards / 16 + 1,
                                 level_above == 1 ? std::max(1, boards / 16)
                                                  : std::max(boards / 16 + 1, boards / 4));
        if (node.parent >= n) node.parent = 0;
        const int limit = n == 0 ? evses * 12 : pick(63, 250);
        node.limit.fill(Amps{std::min(limit, 100'000) * 1000});
        node.background = {Amps{pick(0, 20'000)}, Amps{pick(0, 20'000)}, Amps{pick(0, 20'000)}};
        problem.nodes.push_back(std::move(node));
    }
    for (int e = 0; e < evses; ++e) {
        Evse evse;
        evse.id = "e" + std::to_string(e);
        evse.node = pick(boards / 4, boards - 1);
        evse.rank = e;
        const auto phase = static_cast<std::size_t>(pick(0, 2));
        if (pick(0, 1) == 0) {
            evse.phases = {};
            evse.phases[phase] = true;
        }
        evse.maximum = Amps{pick(10, 32) * 1000};
        problem.evses.push_back(std::move(evse));
    }
    return problem;
}

void solver(benchmark::State& state) {
    const Problem problem = site(static_cast<int>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(solve(problem));
}
BENCHMARK(solver)->Arg(20)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void engine_step(benchmark::State& state) {
    Settings settings;
    settings.limit.fill(1000_A);
    settings.margin = default_margin(settings.limit);
    Engine engine{settings};
    Inputs inputs;
    for (int e = 0; e < state.range(0); ++e) {
        EvseInput input;
        input.id = "CP" + std::to_string(e) + "/1";
        input.charging = input.reachable = true;
        inputs.evses.push_back(std::move(input));
    }
    Now now{Instant{std::chrono::hours{1}}, Timestamp{std::chrono::hours{500'000}}};
    for (auto _ : state) {
        now.mono += std::chrono::seconds{1};
        inputs.meter = MeterInput{{300_A, 300_A, 300_A}, now.mono};
        const Output output = engine.step(inputs, now);
        for (const Command& command : output.commands) {
            engine.acknowledged(command.evse, command.sequence, now);
        }
    }
}
BENCHMARK(engine_step)->Arg(10)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace busbar::dlm

BENCHMARK_MAIN();
