// What the tests of load management on the site share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "site/load_management.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {

inline constexpr auto boot_text = R"({"chargePointVendor":"V","chargePointModel":"M"})";

// A charger whose answers the test decides, and a meter.
struct LoadManagementTest : testing::Test, OneCharger {
    std::function<bool(const std::string&)> refuses;

    void boot_and_start() {
        meter(10);
        send("BootNotification", boot_text);
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
        pass(1s);
        answer_all();
        send(
            "StartTransaction",
            R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    }
    void meter(int amps) {
        const auto current = Amps::from_double(amps);
        on_meter_sample(site, {.current = {current, current, current}, .at = now.mono}, now);
    }
    // Answers every call of ours, with Accepted unless `refuses` says otherwise of its text;
    // returns what was sent.
    std::vector<std::string> answer_all() {
        std::vector<std::string> all;
        for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
            for (const auto& text : texts) {
                all.push_back(text);
                if (!text.starts_with("[2,")) continue;
                const auto id = text.substr(4, text.find('"', 4) - 4);
                const auto* status = refuses && refuses(text) ? "Rejected" : "Accepted";
                receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":")" + status + "\"}]",
                        now);
            }
        }
        return all;
    }
    // Lets time pass with a fresh meter and an obedient charger.
    std::vector<std::string> live(std::chrono::seconds time, int amps) {
        std::vector<std::string> all;
        for (auto passed = 0s; passed < time; passed += 1s) {
            pass(1s);
            meter(amps);
            for (auto& text : answer_all()) all.push_back(std::move(text));
        }
        return all;
    }
    static double last_limit(const std::vector<std::string>& sent) {
        double limit = -1;
        for (const auto& text : sent) {
            const auto at = text.find("\"TxProfile\"");
            if (at == std::string::npos) continue;
            limit = std::stod(text.substr(text.find("\"limit\":") + 8));
        }
        return limit;
    }
};

// A charger that refuses what `refuses` says of the text, and what came of it.
struct Stubborn : LoadManagementTest {
    static bool has(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }
    std::vector<std::string> begin_charge() {
        boot_and_start();
        return live(2s, 20);
    }
    void reports(const std::string& key, const std::string& value) {
        charger().configuration.reported[key] = {key, value, true, {}};
    }
};

}  // namespace busbar::site::test
