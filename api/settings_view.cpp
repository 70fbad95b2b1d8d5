#include "api/settings_view.hpp"

#include <boost/describe/class.hpp>

#include "api/call.hpp"
#include "base/units.hpp"

namespace busbar::api {
namespace {

struct SettingsView {
    std::string id;
    std::string state;
    Nullable<std::string> label;
    Nullable<std::string> location;
    std::string validation;
    double maxAmps = 0;
    std::string phaseMap;
    bool assumeOcpp16 = false;
    Nullable<std::vector<std::string>> groups;
    std::string access;
    Nullable<std::string> openingHours;
    bool hasPassword = false;
};
BOOST_DESCRIBE_STRUCT(SettingsView, (),
                      (id, state, label, location, validation, maxAmps, phaseMap, assumeOcpp16,
                       groups, access, openingHours, hasPassword))

}  // namespace

std::string settings_json(const db::ChargePointSaved& settings) {
    return to_json(
        SettingsView{settings.id, settings.state, settings.label, settings.location,
                     settings.validation, Amps::from_milliamps(settings.max_milliamps).to_double(),
                     settings.phase_map, settings.assume_ocpp16, settings.groups,
                     settings.access.value_or("badge"), settings.opening_hours,
                     settings.password_hash.has_value()},
        TimeStyle::milliseconds);
}

}  // namespace busbar::api
