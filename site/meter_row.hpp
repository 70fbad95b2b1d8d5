// From a sampledValue to its row: names, defaults, units, the number in its text. Pure; a part of
// meter_values.
#pragma once

#include "site/meter_values.hpp"

namespace busbar::site {

struct MeterRow {
    db::MeterSample sample;  // without charger, connector, transaction and times
    bool says_kilo = false;  // its number was multiplied by 1000
};
MeterRow make_meter_row(const ocpp::v16::SampledValue& sent, const MeterValueQuirks& quirks,
                        MeterFindings& findings);

}  // namespace busbar::site
