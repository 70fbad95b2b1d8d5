// A charger with configuration keys of its own, for the tests of what is asked of them and changed.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "site/charger_keys.hpp"
#include "site/commands.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {

inline const std::string all_measurands =
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered";

struct ConfiguredCharger : testing::Test, OneCharger {
    ConfiguredCharger() {
        for (const char* key :
             {"AuthorizeRemoteTxRequests", "ClockAlignedDataInterval", "ConnectionTimeOut",
              "ConnectorPhaseRotation", "GetConfigurationMaxKeys", "LocalAuthorizeOffline",
              "LocalPreAuthorize", "MeterValuesAlignedData", "NumberOfConnectors", "ResetRetries",
              "StopTransactionOnInvalidId", "SupportedFeatureProfiles"}) {
            keys[key] = "100";
        }
        keys["MeterValueSampleInterval"] = "15";
        keys["MeterValuesSampledData"] = all_measurands;
        keys["HeartbeatInterval"] = "300";
    }
    void boot() {
        charger().configuration.last_begun.reset();
        send("BootNotification",
             R"({"chargePointVendor":"Acme","chargePointModel":"One","firmwareVersion":"1"})",
             "b" + std::to_string(++boots));
    }
    // Lets the time pass and the charger answer; what it was asked about configuration and
    // availability.
    std::vector<std::string> seconds(int count) {
        std::vector<std::string> asked;
        for (int i = 0; i < count * 4; ++i) {
            pass(250ms);
            for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
                for (const auto& text : texts) answer(text, asked);
            }
        }
        return asked;
    }
    void answer(const std::string& text, std::vector<std::string>& asked) {
        if (!text.starts_with("[2,")) return;
        const auto id = text.substr(4, text.find('"', 4) - 4);
        const auto action_at = text.find('"', 4) + 3;
        const auto action = text.substr(action_at, text.find('"', action_at) - action_at);
        const auto payload = text.substr(action_at + action.size() + 2);
        std::string reply = R"({"status":"Accepted"})";
        if (action == "GetConfiguration" || action.starts_with("Change")) {
            asked.push_back(action + payload.substr(0, payload.size() - 1));
        }
        if (is_cut(action, payload)) return disconnected(site, "CP1", link, now);
        if (action == "GetConfiguration") reply = read(payload);
        if (action == "ChangeConfiguration") reply = change(payload);
        if (action == "ChangeAvailability") reply = R"({"status":")" + availability + "\"}";
        if (reply.empty()) return;
        const bool refused = reply.front() == '"';
        receive(site, "CP1", link, (refused ? "[4,\"" : "[3,\"") + id + "\"," + reply + "]", now);
    }
    bool is_cut(const std::string& action, const std::string& payload) const {
        if (cuts.empty()) return false;
        if (cuts_when_read_back) {
            return action == "GetConfiguration" &&
                   payload.find("\"" + cuts + "\"") != std::string::npos;
        }
        return action == "ChangeConfiguration" && text_of(payload, "key") == cuts &&
               (cuts_value.empty() || text_of(payload, "value") == cuts_value);
    }
    static std::string text_of(const std::string& payload, const std::string& name) {
        const auto begin = payload.find("\"" + name + "\":\"") + name.size() + 4;
        return payload.substr(begin, payload.find('"', begin) - begin);
    }
    std::string read(const std::string& payload) {
        if (silent) return "";
        const bool all = payload.starts_with("{}");
        if (all && no_list) return "\"FormationViolation\",\"\",{}";
        std::string told;
        std::size_t count = 0;
        for (const auto& [key, value] : keys) {
            if (!all && payload.find("\"" + key + "\"") == std::string::npos) continue;
            if (count++ >= keys_max) break;
            told += (told.empty() ? "" : ",") + (R"({"key":")" + key + R"(","readonly":)") +
                    (readonly == key ? "true" : "false") + R"(,"value":")" + value + "\"}";
        }
        return R"({"configurationKey":[)" + told + "]}";
    }
    std::string change(const std::string& payload) {
        const auto key = text_of(payload, "key");
        const auto value = text_of(payload, "value");
        const auto status = statuses.find(key + "=" + value);
        const auto answered = status == statuses.end() ? "Accepted" : status->second;
        if (answered == "Accepted" && !liar) keys[key] = value;
        return R"({"status":")" + answered + "\"}";
    }
    KeyState state(const std::string& key) {
        for (const auto& line : configuration_lines(site, charger())) {
            if (line.key == key && line.state) return *line.state;
        }
        ADD_FAILURE() << "nothing is wanted of " << key;
        return {};
    }
    std::vector<std::string> rows(std::string_view kind) const {
        std::vector<std::string> out;
        for (const auto& row : journal.all<db::StateSaved>()) {
            if (row.kind == kind) out.push_back(row.body.text);
        }
        return out;
    }
    static bool has(const std::vector<std::string>& all, const std::string& one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    }
    static std::string set(const std::string& key, const std::string& value) {
        return R"(ChangeConfiguration{"key":")" + key + R"(","value":")" + value + "\"}";
    }
    std::string command_status(const std::string& action, const std::string& payload) {
        command(site, "CP1", action, payload, now, [](const CommandResult&) {});
        std::vector<std::string> asked;
        for (const auto& text : link->take()) answer(text, asked);
        return asked.empty() ? "" : asked.back();
    }

    std::map<std::string, std::string> keys;
    std::map<std::string, std::string> statuses;  // of changes "key=value"; others are accepted
    std::string readonly;
    std::string availability = "Accepted";
    std::size_t keys_max = 1000;
    bool no_list = false;
    bool silent = false;
    bool liar = false;
    std::string cuts;        // the connection ends when this key is changed
    std::string cuts_value;  // to this; "": to whatever
    bool cuts_when_read_back = false;
    int boots = 0;
};

}  // namespace busbar::site::test
