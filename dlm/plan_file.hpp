// The file format of one decision: problem in, plan out, as JSON (load-management.md chapter 16).
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dlm/model.hpp"

namespace busbar::dlm {

// Everything wrong with a file, one line each: "JSON pointer: what is wrong".
using PlanProblems = std::vector<std::string>;

// Reads a problem. All problems of the file are listed, not only the first.
std::variant<Problem, PlanProblems> parse_problem(std::string_view text);

// {"allocations": [...], "nodes": [...]}, currents in A.
std::string to_json(const Plan& plan);

// {"code": ..., "params": {...}, "text": ...}
std::string to_json(const Reason& reason);

}  // namespace busbar::dlm
