// Divides current among EVSEs: admission of minima in a strict order, then weighted max-min
// filling over every row (breaker phases, power, asymmetry, groups). Integer arithmetic, so that
// the answer is the same on every machine and does not depend on the order of the input.
// Pure; any thread.
#pragma once

#include "dlm/model.hpp"

namespace busbar::dlm {

// The plan for a problem (load-management.md chapters 5 and 16). Indices in the problem must be
// valid and parents must not form a cycle; any other value, however odd, is taken.
// O((EVSEs * depth + rows) * log).
Plan solve(const Problem& problem);

}  // namespace busbar::dlm
