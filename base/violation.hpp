// What is wrong with a value someone sent, precise enough to be mended by its sender.
#pragma once

#include <string>
#include <vector>

namespace busbar {

// The kinds of defect a decoder tells apart; ocpp/error maps them to OCPP-J error codes and the
// REST interface to the entries of a 422.
enum class Defect { wrong_shape, missing_field, unknown_field, wrong_type, bad_value, empty_array };

struct Violation {
    Defect defect{};
    std::string pointer;  // JSON pointer: "/meterValue/0/sampledValue/2/unit"; "" is the whole
    std::string detail;   // "longer than 20 characters"
};

// What a decoder found: `errors` made the value unusable, `deviations` were tolerated.
struct DecodeReport {
    std::vector<Violation> errors;
    std::vector<Violation> deviations;
};

}  // namespace busbar
