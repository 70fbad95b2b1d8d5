// The smaller parsers of outside bytes: identities, credentials, times, plan files, meter profiles.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/time.hpp"
#include "dlm/plan_file.hpp"
#include "dlm/solver.hpp"
#include "meters/profile.hpp"
#include "ocpp/identity.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    if (size == 0) return 0;
    const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0] % 4) {
        case 0: {
            const auto identity = ocpp::identity_from_target(text);
            if (identity && identity->size() > ocpp::identity_size_max) std::abort();
            ocpp::password_for("CP1", text);
            break;
        }
        case 1: {
            const auto parsed = parse_timestamp(text);
            if (parsed && parse_timestamp(to_string(parsed->time))->time != parsed->time)
                std::abort();
            break;
        }
        case 2: {
            const auto problem = dlm::parse_problem(text);
            if (const auto* good = std::get_if<dlm::Problem>(&problem))
                dlm::to_json(dlm::solve(*good));
            break;
        }
        default:
            meters::parse_profile(text);
    }
    return 0;
}
