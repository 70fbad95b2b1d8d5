// Calls that follow a call, and belong to nothing the charge point does.
#include "sim/distortion.hpp"
#include "sim/frame_text.hpp"

namespace busbar::sim {
namespace {

using M = Misbehaviour;
using Payload = const std::string&;
using Calls = std::vector<std::pair<std::string, std::string>>;

struct Rule {
    bool Misbehaviour::*flag;
    std::string_view after;  // the action it follows
    void (*add)(Payload payload, DistortionMemory& memory, Calls& calls);
};

std::string state_of(Payload payload) {
    return std::string{unquoted(member_text(payload, "status").value_or(""))};
}

std::string state(std::string_view connector, std::string_view status,
                  std::string_view error = "NoError") {
    return "{\"connectorId\":" + std::string{connector} + ",\"errorCode\":" + quoted(error) +
           ",\"status\":" + quoted(status) + "}";
}

bool is_whole(Payload payload) { return member_text(payload, "connectorId") == "0"; }

constexpr Rule rules[] = {
    {&M::repeated_status, "StatusNotification",
     [](Payload p, DistortionMemory&, Calls& calls) {
         for (int i = 0; i < 2; ++i) calls.emplace_back("StatusNotification", p);
     }},
    {&M::whole_charging, "StatusNotification",
     [](Payload p, DistortionMemory&, Calls& calls) {
         if (!is_whole(p)) calls.emplace_back("StatusNotification", state("0", state_of(p)));
     }},
    {&M::whole_faulted, "StatusNotification",
     [](Payload p, DistortionMemory&, Calls& calls) {
         if (is_whole(p)) return;
         calls.emplace_back("StatusNotification",
                            with_members(state("0", "Faulted", "OtherError"),
                                         "\"info\":\"energy manager lost, safe mode max 14.0 A\""));
     }},
    {&M::phantom_connector, "StatusNotification",
     [](Payload p, DistortionMemory& memory, Calls& calls) {
         if (is_whole(p)) return;
         calls.emplace_back("StatusNotification",
                            state(std::to_string(memory.connectors + 1), state_of(p)));
     }},
    {&M::flapping_status, "MeterValues",
     [](Payload p, DistortionMemory&, Calls& calls) {
         const std::string connector = member_text(p, "connectorId").value_or("1");
         calls.emplace_back("StatusNotification", state(connector, "SuspendedEV"));
         calls.emplace_back("StatusNotification", state(connector, "Charging"));
     }},
    {&M::samples_after_stop, "StopTransaction",
     [](Payload, DistortionMemory& memory, Calls& calls) {
         if (!memory.last_samples.empty()) calls.emplace_back("MeterValues", memory.last_samples);
     }},
    {&M::stops_unknown, "StatusNotification",
     [](Payload p, DistortionMemory& memory, Calls& calls) {
         const auto time = member_text(p, "timestamp");
         if (!time) return;
         calls.emplace_back("StopTransaction", "{\"meterStop\":12345,\"timestamp\":" + *time +
                                                   ",\"transactionId\":" +
                                                   std::to_string(900'000 + memory.calls) + "}");
     }},
    {&M::unknown_actions, "StatusNotification",
     [](Payload, DistortionMemory&, Calls& calls) {
         calls.emplace_back("VendorDiagnosis", "{\"level\":3}");
     }},
    {&M::data_transfer_chatter, "StatusNotification",
     [](Payload, DistortionMemory&, Calls& calls) {
         calls.emplace_back("DataTransfer",
                            "{\"vendorId\":\"org.vendor\",\"messageId\":\"parameters\",\"data\":"
                            "{\"current\":16,\"phases\":[1,2,3]}}");
     }},
    {&M::security_events, "StatusNotification",
     [](Payload p, DistortionMemory&, Calls& calls) {
         const auto time = member_text(p, "timestamp");
         if (!time) return;
         calls.emplace_back("SecurityEventNotification",
                            "{\"type\":\"StartupOfTheDevice\",\"timestamp\":" + *time + "}");
     }},
};

}  // namespace

std::vector<std::pair<std::string, std::string>> calls_that_follow(const Misbehaviour& misbehaviour,
                                                                   std::string_view action,
                                                                   const std::string& payload,
                                                                   DistortionMemory& memory) {
    Calls calls;
    for (const Rule& rule : rules) {
        if (misbehaviour.*rule.flag && rule.after == action) rule.add(payload, memory, calls);
    }
    return calls;
}

}  // namespace busbar::sim
