// Every way to misbehave against the production site core: nothing is lost or doubled where the
// charger has kept its part, everything that can be answered is, and who obeys limits stays below
// the breaker. The seeds are the test cases.
#include <map>
#include <set>

#include "sim/building.hpp"
#include "sim/misbehaviour.hpp"
#include "tests/simulation/site_fixture.hpp"

namespace busbar::sim {
namespace {

constexpr Amps breaker = 40_A;
constexpr int charger_count = 3;

std::vector<std::string> names() {
    std::vector<std::string> result;
    for (const auto& each : misbehaviour_names()) result.push_back(each.name);
    return result;
}

Misbehaviour told(const std::string& name) {
    return std::get<Misbehaviour>(parse_misbehaviour(name));
}

// These draw what they like: there is nobody to obey.
const std::set<std::string> disobedient{"ignore-limits", "never-answers"};

// Charges that this charger does not tell about as they are.
const std::set<std::string> untold{"no-start", "forget-unanswered", "no-stop", "splits-charges"};

// Badges that are nobody's unless somebody says otherwise.
const std::set<std::string> strangers{"badge-suffix", "badge-empty", "badge-long"};

site::Settings small_site() {
    site::Settings settings;
    settings.load_management.limit = {breaker, breaker, breaker};
    settings.load_management.metered = false;
    return settings;
}

// What became durable.
struct Book {
    std::map<std::string, std::vector<db::TransactionStarted>> starts;
    std::map<db::TransactionKey, int> stops;  // that a charger has told

    void take(const db::Record& record) {
        if (const auto* start = std::get_if<db::TransactionStarted>(&record)) {
            starts[start->charge_point].push_back(*start);
        } else if (const auto* stop = std::get_if<db::TransactionStopped>(&record)) {
            stops[stop->id] += !stop->estimated;
        }
    }
};

class Rehearsal {
public:
    Rehearsal(std::uint64_t seed, const Misbehaviour& misbehaviour)
        : simulation_(seed, small_site(), network()) {
        simulation_.journal.observe([this](const db::Record& record) { book.take(record); });
        for (int i = 0; i < charger_count; ++i) {
            ChargerOptions charger;
            charger.misbehaviour = misbehaviour;
            charger.offline_starts = false;
            charger.step = 5s;
            charger.sample_interval = 60s;
            charger.initial_register_wh = 1'000'000;
            DriverOptions drivers;
            drivers.first_arrival_min = 30s;
            drivers.first_arrival_max = 2min;
            drivers.gap_min = 30s;
            drivers.gap_max = 2min;
            drivers.stay_max = 20min;
            simulation_.add_charger(i, charger, drivers);
        }
        simulation_.world.after(1s, [this] { look(); });
    }

    // An hour of charging with one failure of the network, then an hour to settle.
    void run() {
        simulation_.world.run_for(30min);
        simulation_.network.cut_all();
        simulation_.world.run_for(30min);
        simulation_.network.close_to_new_cars();
        for (std::size_t i = 0; i < simulation_.network.size(); ++i) {
            simulation_.network.charger(i).unplug(simulation_.world.now(), 1);
        }
        simulation_.world.run_for(1h);
    }

    Charger& charger(int number) {
        return simulation_.network.charger(static_cast<std::size_t>(number));
    }
    const site::ChargePoint& known(int number) {
        return *simulation_.site.find(charger(number).options().identity);
    }

    Book book;
    Duration longest_overload{0};

private:
    static NetworkOptions network() {
        NetworkOptions options;
        options.delay_max = 100ms;
        return options;
    }

    void look() {
        PhaseAmps sum{};
        for (int i = 0; i < charger_count; ++i) {
            const auto amps = to_grid(charger(i).drawn(), charger(i).options().phase_map);
            for (std::size_t phase = 0; phase < 3; ++phase) sum[phase] += amps[phase];
        }
        const bool above = std::max({sum[0], sum[1], sum[2]}) > breaker;
        overload_now_ = above ? overload_now_ + 1s : Duration{0};
        longest_overload = std::max(longest_overload, overload_now_);
        simulation_.world.after(1s, [this] { look(); });
    }

    SimulatedSite simulation_;
    Duration overload_now_{0};
};

void expect_recorded_once(Rehearsal& rehearsal, int number) {
    Charger& charger = rehearsal.charger(number);
    const auto& rows = rehearsal.book.starts[charger.options().identity];
    EXPECT_EQ(rows.size(), charger.charges().size());
    std::set<std::int32_t> given;
    for (const Charge& charge : charger.charges()) {
        ASSERT_FALSE(charge.transaction_ids.empty());
        for (const auto id : charge.transaction_ids) EXPECT_EQ(id, charge.transaction_ids[0]);
        EXPECT_TRUE(given.insert(charge.transaction_ids[0]).second) << "given twice";
        EXPECT_TRUE(charge.stop_answered);
    }
    for (const auto& row : rows) {
        EXPECT_TRUE(given.contains(row.transaction_id)) << "nobody began it";
        EXPECT_LE(rehearsal.book.stops[row.id], 1);
    }
}

class Misbehaving : public testing::TestWithParam<std::string> {};

TEST_P(Misbehaving, KeepsTheBooksAndTheBreaker) {
    for (const auto seed : seeds(3)) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Rehearsal rehearsal{seed, told(GetParam())};
        rehearsal.run();
        std::size_t charges = 0;
        for (int i = 0; i < charger_count; ++i) {
            EXPECT_EQ(rehearsal.charger(i).waiting_messages(), 0U) << "not answered";
            charges += rehearsal.charger(i).charges().size();
            if (!untold.contains(GetParam())) expect_recorded_once(rehearsal, i);
        }
        if (!strangers.contains(GetParam())) {
            EXPECT_GT(charges, 0U);
        }
        // A charger may know the badge from its list; what it says of it is another matter.
        for (const auto& [id, rows] : rehearsal.book.starts) {
            for (const auto& row : rows) {
                // Nobody asked whether this one may begin: only its stop arrived.
                if (row.reconstructed.value_or(false)) continue;
                EXPECT_EQ(row.authorization == "Accepted", !strangers.contains(GetParam())) << id;
            }
        }
        RecordProperty("overload_s_" + std::to_string(seed),
                       static_cast<int>(rehearsal.longest_overload / 1s));
        if (!disobedient.contains(GetParam())) {
            EXPECT_LE(rehearsal.longest_overload, 60s);
        }
    }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Names, Misbehaving, testing::ValuesIn(names()), test_name);

TEST(MisbehaviourNames, AreUniqueAndEachSetsOneSwitch) {
    std::set<std::string> seen;
    const std::set<std::string> families{"handshake",    "framing", "boot",     "transactions",
                                         "meter-values", "status",  "commands", "reconnection"};
    std::set<std::string> used;
    for (const auto& each : misbehaviour_names()) {
        EXPECT_TRUE(seen.insert(each.name).second) << each.name;
        EXPECT_FALSE(each.meaning.empty()) << each.name;
        used.insert(each.family);
        Misbehaviour expected;
        expected.*each.flag = each.value;
        EXPECT_EQ(told(each.name), expected) << each.name;
        EXPECT_EQ(told(each.name) == Misbehaviour{}, !each.value) << each.name;
    }
    EXPECT_EQ(used, families);
}

// What the server has to notice, by the kind under which it counts it.
TEST(Misbehaving, IsCountedByItsKind) {
    const std::map<std::string, std::string> kinds{
        {"message-id-number", "message_id_not_text"},
        {"unknown-actions", "unknown_action"},
        {"unknown-message-type", "unknown_message_type"},
        {"action-case", "action_case"},
        {"payload-missing", "payload_missing"},
        {"pong-as-text", "not_ocpp_j"},
        {"answers-twice", "late_or_unknown_answer"},
        {"answers-wrong-id", "late_or_unknown_answer"},
        {"extra-members", "StartTransaction:unknown_field"},
        {"numbers-as-text", "StartTransaction:wrong_type"},
        {"missing-vendor", "BootNotification:missing_field"},
        {"raw-control-characters", "raw_control_characters"},
        {"several-in-one-frame", "several_in_one_frame"},
        {"lone-surrogate", "lone_surrogate"},
        {"byte-order-mark", "byte_order_mark"},
        {"trailing-nul", "nul_bytes"},
        {"leading-comma", "stray_comma"},
        {"truncated-answers", "missing_brackets"},
        {"late-answers", "late_answer"},
        {"stop-id-minus-one", "stop_with_wrong_transaction_id"},
        {"own-transaction-ids", "stop_with_wrong_transaction_id"},
        {"long-serial", "BootNotification:bad_value"},
        {"naive-time", "StartTransaction:bad_value"},
        {"missing-error-code", "StatusNotification:missing_field"},
        {"unknown-error-code", "StatusNotification:bad_value"},
        {"empty-sampled-value", "MeterValues:empty_array"},
        {"values-as-numbers", "MeterValues:wrong_type"},
        {"unknown-stop-reason", "StopTransaction:bad_value"},
        {"fractional-register", "StartTransaction:wrong_type"},
    };
    for (const auto& [name, kind] : kinds) {
        Rehearsal rehearsal{1, told(name)};
        rehearsal.run();
        const auto& deviations = rehearsal.known(0).deviations;
        std::string counted;
        for (const auto& [other, deviation] : deviations) counted += " " + other;
        EXPECT_TRUE(deviations.contains(kind)) << name << " counts" << counted;
    }
}

}  // namespace
}  // namespace busbar::sim
