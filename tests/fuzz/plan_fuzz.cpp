// Any text as a load management problem: one that is read is solved.
#include "dlm/plan_file.hpp"
#include "dlm/solver.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    const auto problem = dlm::parse_problem(fuzz::as_text(data, size));
    if (const auto* good = std::get_if<dlm::Problem>(&problem)) dlm::to_json(dlm::solve(*good));
    return 0;
}
