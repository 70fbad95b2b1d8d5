// OCPP-J error codes (OCPP-J 1.6, table 7) and how a decoder's finding becomes one. Pure.
#pragma once

#include <string>

#include <boost/describe/enum.hpp>

#include "base/violation.hpp"

namespace busbar::ocpp {

// Spelled as on the wire, including the specification's own "Occurence" and "Formation".
enum class ErrorCode {
    NotImplemented,
    NotSupported,
    InternalError,
    ProtocolError,
    SecurityError,
    FormationViolation,
    PropertyConstraintViolation,
    OccurenceConstraintViolation,
    TypeConstraintViolation,
    GenericError,
};
BOOST_DESCRIBE_ENUM(ErrorCode, NotImplemented, NotSupported, InternalError, ProtocolError,
                    SecurityError, FormationViolation, PropertyConstraintViolation,
                    OccurenceConstraintViolation, TypeConstraintViolation, GenericError)

// What a CALLERROR says.
struct CallError {
    ErrorCode code{};
    std::string description;
};

// Ruling R1: which code answers which defect.
constexpr ErrorCode error_code(Defect defect) {
    switch (defect) {
        case Defect::missing_field:
            return ErrorCode::ProtocolError;
        case Defect::wrong_type:
            return ErrorCode::TypeConstraintViolation;
        case Defect::bad_value:
            return ErrorCode::PropertyConstraintViolation;
        case Defect::empty_array:
            return ErrorCode::OccurenceConstraintViolation;
        case Defect::wrong_shape:
        case Defect::unknown_field:
            return ErrorCode::FormationViolation;
    }
    return ErrorCode::GenericError;
}

// The CALLERROR for the first error of a report (which must have one).
inline CallError call_error(const DecodeReport& report) {
    const auto& first = report.errors.front();
    return {error_code(first.defect),
            first.pointer.empty() ? first.detail : first.pointer + ": " + first.detail};
}

}  // namespace busbar::ocpp
