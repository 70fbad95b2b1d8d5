// Payloads: what becomes of one, by misbehaviour and action. Samples: sim/distortion_samples.cpp.
#include <chrono>
#include <cstdlib>

#include "base/text.hpp"
#include "sim/distortion_rules.hpp"

namespace busbar::sim {
namespace {

using namespace std::chrono_literals;
using M = Misbehaviour;
using Memory = DistortionMemory;

// --- Words of the rules
std::string shift_times(Payload payload, std::string (*edit)(Timestamp, Memory&), Memory& memory) {
    return edit_members(payload, "timestamp", [&](std::string_view value) {
        const auto parsed = parse_timestamp(unquoted(value));
        return parsed ? quoted(edit(parsed->time, memory)) : std::string{value};
    });
}

std::string badge(Payload payload, std::string (*edit)(std::string_view)) {
    return edit_members(payload, "idTag",
                        [&](std::string_view value) { return edit(unquoted(value)); });
}

std::string own_transaction(Payload payload, Memory& memory) {
    return edit_members(payload, "transactionId", [&](std::string_view value) {
        const int next = static_cast<int>(memory.own_transactions.size()) + 1;
        return std::to_string(
            memory.own_transactions.try_emplace(std::string{value}, next).first->second);
    });
}

std::string big_transaction_data(Payload payload, Memory&) {
    const std::string time = member_text(payload, "timestamp").value_or("null");
    const std::string meter =
        std::string{unquoted(member_text(payload, "meterStop").value_or("0"))};
    const std::string entry =
        "{\"timestamp\":" + time + ",\"sampledValue\":[{\"value\":" + quoted(meter) +
        ",\"context\":\"Sample.Periodic\",\"measurand\":\"Energy.Active.Import.Register\"}]}";
    return with_members(payload, "\"transactionData\":[" + repeated(entry, 400) + "]");
}

std::string number_as_text(Payload payload, Memory&) {
    std::string result = payload;
    for (const auto name : {"connectorId", "transactionId", "meterStart", "meterStop"}) {
        result = edit_members(result, name, [](std::string_view value) {
            return value.starts_with('"') ? std::string{value} : quoted(value);
        });
    }
    return result;
}

std::string without_time_zero(Payload payload, Memory& memory) {
    return shift_times(
        payload, [](Timestamp, Memory&) { return std::string{"0001-01-01T00:00:00Z"}; }, memory);
}

std::string naive(Timestamp time, std::string_view zone) {
    std::string text = to_string(time + 2h);
    if (text.ends_with('Z')) text.pop_back();
    return text.append(zone);
}

// --- The rules, in the order in which they are applied
constexpr Rule of_any[] = {
    {&M::numbers_as_text, "", number_as_text},
    {&M::extra_members, "",
     [](Payload p, Memory&) {
         return with_members(p, "\"vendorExtra\":{\"a\":[1,2]},\"x-count\":7");
     }},
    {&M::connectors_from_eleven, "",
     [](Payload p, Memory&) {
         return edit_members(p, "connectorId", [](std::string_view value) {
             return value == "0" ? std::string{value}
                                 : std::to_string(std::atoi(std::string{value}.c_str()) + 10);
         });
     }},
    {&M::time_of_1970, "",
     [](Payload p, Memory& memory) {
         return shift_times(
             p,
             [](Timestamp time, Memory& m) {
                 if (!m.first_time) m.first_time = time;
                 return to_string(time - (std::chrono::floor<std::chrono::days>(*m.first_time) -
                                          std::chrono::sys_days{}));
             },
             memory);
     }},
    {&M::time_zero, "StatusNotification", without_time_zero},
    {&M::time_zero, "MeterValues", without_time_zero},
    {&M::naive_time, "",
     [](Payload p, Memory& memory) {
         return shift_times(
             p, [](Timestamp t, Memory&) { return naive(t, ""); }, memory);
     }},
    {&M::short_offset, "",
     [](Payload p, Memory& memory) {
         return shift_times(
             p, [](Timestamp t, Memory&) { return naive(t, "+02"); }, memory);
     }},
};

constexpr Rule of_boot[] = {
    {&M::long_serial, "BootNotification",
     [](Payload p, Memory&) {
         return set(p, "chargePointSerialNumber", quoted("SERIAL-0123456789-0123456789-01234"));
     }},
    {&M::empty_vendor, "BootNotification",
     [](Payload p, Memory&) { return set(p, "chargePointVendor", "\"\""); }},
    {&M::missing_vendor, "BootNotification",
     [](Payload p, Memory&) { return remove(p, "chargePointVendor"); }},
    {&M::raw_control_characters, "BootNotification",
     [](Payload p, Memory&) { return set(p, "firmwareVersion", "\"1.0\x10\x0e\n\""); }},
    {&M::lone_surrogate, "BootNotification",
     [](Payload p, Memory&) { return set(p, "firmwareVersion", "\"1.0\\ud800\""); }},
    {&M::null_members, "BootNotification",
     [](Payload p, Memory&) { return with_members(p, "\"iccid\":null,\"imsi\":null"); }},
    {&M::null_members, "StatusNotification",
     [](Payload p, Memory&) { return with_members(p, "\"info\":null,\"vendorId\":null"); }},
};

constexpr Rule of_transactions[] = {
    {&M::stop_id_zero, "StopTransaction",
     [](Payload p, Memory&) { return set(p, "transactionId", "0"); }},
    {&M::stop_id_zero, "MeterValues",
     [](Payload p, Memory&) { return set(p, "transactionId", "0"); }},
    {&M::stop_id_minus_one, "StopTransaction",
     [](Payload p, Memory&) { return set(p, "transactionId", "-1"); }},
    {&M::stop_id_minus_one, "MeterValues",
     [](Payload p, Memory&) { return set(p, "transactionId", "-1"); }},
    {&M::own_transaction_ids, "StopTransaction", own_transaction},
    {&M::own_transaction_ids, "MeterValues", own_transaction},
    {&M::bare_stop, "StopTransaction",
     [](Payload p, Memory&) { return remove(remove(p, "idTag"), "reason"); }},
    {&M::unknown_stop_reason, "StopTransaction",
     [](Payload p, Memory&) { return set(p, "reason", quoted("Unknown")); }},
    {&M::stop_by_other_badge, "StopTransaction",
     [](Payload p, Memory&) {
         return with_members(remove(p, "idTag"), "\"idTag\":\"SOMEBODY-ELSE\"");
     }},
    {&M::huge_transaction_data, "StopTransaction", big_transaction_data},
    {&M::stop_below_start, "StopTransaction",
     [](Payload p, Memory&) { return set(p, "meterStop", "0"); }},
    {&M::negative_start, "StartTransaction",
     [](Payload p, Memory&) { return set(p, "meterStart", "-5"); }},
    {&M::fractional_register, "StartTransaction",
     [](Payload p, Memory&) {
         return edit_members(p, "meterStart",
                             [](std::string_view v) { return std::string{v} + ".25"; });
     }},
    {&M::fractional_register, "StopTransaction",
     [](Payload p, Memory&) {
         return edit_members(p, "meterStop",
                             [](std::string_view v) { return std::string{v} + ".75"; });
     }},
    {&M::reservation_zero, "StartTransaction",
     [](Payload p, Memory&) { return with_members(p, "\"reservationId\":0"); }},
    {&M::badge_suffix, "",
     [](Payload p, Memory&) {
         return badge(p,
                      [](std::string_view tag) { return quoted(std::string{tag} + "_17000001"); });
     }},
    {&M::badge_other_case, "",
     [](Payload p, Memory&) {
         return badge(p, [](std::string_view tag) { return quoted(to_lower(tag)); });
     }},
    {&M::badge_padded, "",
     [](Payload p, Memory&) {
         return badge(p, [](std::string_view tag) {
             return "\" " + std::string{tag} + " \\u0010\\u000e\"";
         });
     }},
    {&M::badge_empty, "",
     [](Payload p, Memory&) {
         return badge(p, [](std::string_view) { return std::string{"\"\""}; });
     }},
    {&M::badge_long, "",
     [](Payload p, Memory&) {
         return badge(p, [](std::string_view tag) {
             return quoted(std::string{tag} +
                           std::string(40 - std::min<std::size_t>(40, tag.size()), '0'));
         });
     }},
};

constexpr Rule of_status[] = {
    {&M::unknown_error_code, "StatusNotification",
     [](Payload p, Memory&) { return set(p, "errorCode", quoted("Error")); }},
    {&M::error_while_fine, "StatusNotification",
     [](Payload p, Memory&) { return set(p, "errorCode", quoted("OtherError")); }},
    {&M::missing_error_code, "StatusNotification",
     [](Payload p, Memory&) { return remove(remove(p, "errorCode"), "timestamp"); }},
    {&M::long_vendor_error, "StatusNotification",
     [](Payload p, Memory&) {
         return with_members(p, "\"info\":" + quoted(std::string(300, 'i')) +
                                    ",\"vendorErrorCode\":" + quoted(std::string(300, 'e')));
     }},
    {&M::status_of_15, "StatusNotification",
     [](Payload p, Memory&) {
         return edit_members(p, "status", [](std::string_view v) {
             return v == "\"Charging\"" ? quoted("Occupied") : std::string{v};
         });
     }},
    {&M::stays_preparing, "StatusNotification",
     [](Payload p, Memory&) {
         return edit_members(p, "status", [](std::string_view v) {
             const bool in_use = v == "\"Charging\"" || v.starts_with("\"Suspended");
             return in_use ? quoted("Preparing") : std::string{v};
         });
     }},
    {&M::stays_available, "StatusNotification",
     [](Payload p, Memory&) { return set(p, "status", quoted("Available")); }},
    {&M::lower_case_status, "StatusNotification",
     [](Payload p, Memory&) {
         return edit_members(p, "status", [](std::string_view v) { return to_lower(v); });
     }},
    {&M::old_status, "StatusNotification",
     [](Payload p, Memory& memory) {
         return shift_times(
             p, [](Timestamp t, Memory&) { return to_string(t - 48h); }, memory);
     }},
};

constexpr Rule of_answers[] = {
    {&M::leading_comma, "GetConfiguration",
     [](Payload p, Memory&) {
         return edit_members(p, "configurationKey", [](std::string_view array) {
             return "[," + std::string{array.substr(1)};
         });
     }},
    {&M::configuration_quoted, "GetConfiguration",
     [](Payload p, Memory&) {
         return edit_members(p, "value", [](std::string_view v) {
             return quoted(" '" + std::string{unquoted(v)} + "' ");
         });
     }},
    {&M::configuration_empty, "GetConfiguration",
     [](Payload, Memory&) { return std::string{"{}"}; }},
    {&M::clear_says_unknown, "ClearChargingProfile",
     [](Payload p, Memory&) { return set(p, "status", quoted("Unknown")); }},
    {&M::no_diagnostics, "GetDiagnostics", [](Payload, Memory&) { return std::string{"{}"}; }},
    {&M::connectors_from_eleven, "GetCompositeSchedule",
     [](Payload p, Memory&) {
         return edit_members(p, "connectorId", [](std::string_view value) {
             return value == "0" ? std::string{value}
                                 : std::to_string(std::atoi(std::string{value}.c_str()) + 10);
         });
     }},
};

}  // namespace

std::string distort_payload(const Misbehaviour& misbehaviour, std::string_view action,
                            bool is_answer, std::string payload, DistortionMemory& memory) {
    if (is_answer) {
        apply(of_answers, misbehaviour, action, payload, memory);
        return payload;
    }
    if (action == "MeterValues") distort_samples(misbehaviour, payload, memory);
    apply(of_boot, misbehaviour, action, payload, memory);
    apply(of_status, misbehaviour, action, payload, memory);
    apply(of_transactions, misbehaviour, action, payload, memory);
    apply(of_any, misbehaviour, action, payload, memory);
    if (action == "MeterValues") memory.last_samples = payload;
    return payload;
}

}  // namespace busbar::sim
