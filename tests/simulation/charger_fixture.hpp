// A simulated charge point against a central system made of a bare session that answers everything,
// unless it is told not to.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/charger.hpp"
#include "sim/world.hpp"

namespace busbar::sim {

namespace v16 = ocpp::v16;

inline ChargerOptions one_connector() {
    ChargerOptions options;
    options.identity = "CP1";
    options.step = 500ms;
    return options;
}

inline CarTraits thirsty_car() {
    CarTraits car;
    car.phases = 3;
    car.current_max = 16_A;
    car.energy_wh = 100'000;
    car.reaction = 1s;
    car.stay = 24h;
    return car;
}

// The central system: answers everything, unless it is told not to.
class Bench {
public:
    explicit Bench(ChargerOptions options = one_connector())
        : charger(std::move(options)), server("c-") {}

    void connect() {
        charger.connected(world.now());
        pump();
    }
    void disconnect() {
        server.on_disconnect();
        server.take_output();
        charger.disconnected(world.now());
        pump();
    }
    // Boots and lets everything be said.
    void start() {
        connect();
        run_for(2s);
    }
    void plug_in(CarTraits car = thirsty_car(), int connector = 1) {
        charger.plug_in(world.now(), connector, car, "TAG");
        pump();
    }
    // Into a running charge with its id.
    void charge() {
        start();
        plug_in();
        run_for(10s);
        ASSERT_TRUE(charger.connector(1).charge);
    }

    void run_for(Duration span) {
        const Instant end = world.now().mono + span;
        while (charger.deadline() <= end) {
            world.run_for(charger.deadline() - world.now().mono);
            charger.on_timer(world.now());
            pump();
        }
        world.run_for(end - world.now().mono);
        charger.on_timer(world.now());
        pump();
    }

    template <class M>
    std::optional<typename M::Response> ask(const typename M::Request& request) {
        std::optional<typename M::Response> result;
        server.call<M>(world.now(), request, {}, [&](const ocpp::Session::Answer<M>& answer) {
            if (auto* response = std::get_if<typename M::Response>(&answer)) result = *response;
        });
        pump();
        return result;
    }

    // Requests of one action so far.
    template <class M>
    std::vector<typename M::Request> sent() const {
        std::vector<typename M::Request> requests;
        for (const auto& call : calls) {
            if (call.action != M::action) continue;
            DecodeReport report;
            const auto request = decode<typename M::Request>(*call.payload, {}, report);
            EXPECT_TRUE(request) << M::action << ": "
                                 << (report.errors.empty() ? "" : report.errors[0].detail);
            if (request) requests.push_back(*request);
        }
        return requests;
    }
    std::vector<v16::StatusNotificationStatus> statuses(int connector) const {
        std::vector<v16::StatusNotificationStatus> result;
        for (const auto& request : sent<v16::StatusNotification>()) {
            if (request.connectorId == connector) result.push_back(request.status);
        }
        return result;
    }
    v16::SetChargingProfileStatus limit(Amps amps, std::optional<int> duration = {}) {
        v16::SetChargingProfile::Request request;
        request.connectorId = 1;
        auto& profile = request.csChargingProfiles;
        profile.chargingProfileId = 3001;
        profile.chargingProfilePurpose = v16::ChargingProfilePurpose::TxProfile;
        profile.chargingProfileKind = v16::ChargingProfileKind::Absolute;
        profile.transactionId = charger.connector(1).charge->transaction_id();
        profile.chargingSchedule.startSchedule = world.now().wall - 30s;
        if (duration) profile.chargingSchedule.duration = *duration + 30;
        v16::ChargingSchedulePeriod period;
        period.limit = {amps.milliamps / 100};
        profile.chargingSchedule.chargingSchedulePeriod = {period};
        return ask<v16::SetChargingProfile>(request)->status;
    }

    World world{1};
    Charger charger;
    ocpp::Session server;
    std::vector<ocpp::IncomingCall> calls;
    std::string deaf_to;  // an action that is not answered
    v16::BootNotificationStatus boot = v16::BootNotificationStatus::Accepted;
    v16::AuthorizationStatus verdict = v16::AuthorizationStatus::Accepted;
    std::int32_t next_transaction_id = 1001;
    std::map<std::string, std::int32_t> starts;

private:
    void pump() {
        for (bool moved = true; moved;) {
            moved = false;
            for (const auto& text : charger.take_output()) {
                moved = true;
                for (auto& call : server.receive(world.now(), text)) answer(call);
            }
            for (const auto& text : server.take_output()) {
                moved = true;
                charger.receive(world.now(), text);
            }
        }
    }
    void answer(ocpp::IncomingCall call) {
        call.text = {};
        calls.push_back(call);
        if (call.action == deaf_to) return;
        v16::IdTagInfo info;
        info.status = verdict;
        if (call.action == "BootNotification") {
            server.reply(call.id, v16::BootNotification::Response{boot, world.now().wall, 600});
        } else if (call.action == "Heartbeat") {
            server.reply(call.id, v16::Heartbeat::Response{world.now().wall});
        } else if (call.action == "Authorize") {
            server.reply(call.id, v16::Authorize::Response{info});
        } else if (call.action == "StartTransaction") {
            const auto request = sent<v16::StartTransaction>().back();
            const auto [same, is_new] =
                starts.try_emplace(to_string(request.timestamp), next_transaction_id);
            next_transaction_id += is_new;
            server.reply(call.id, v16::StartTransaction::Response{info, same->second});
        } else {
            server.reply(call.id, v16::StatusNotification::Response{});
        }
    }
};

}  // namespace busbar::sim
