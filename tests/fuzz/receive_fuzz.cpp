// Any text from a charger: the process lives, and each CALL is answered once.
#include <cstdint>
#include <cstdlib>

#include "site/connections.hpp"

namespace {

using namespace busbar;

class NoJournal final : public db::Journal {
public:
    Ticket append(std::vector<db::Record>) override { return ++tickets_; }
    void when_durable(Ticket, std::function<void()> release) override { release(); }
    bool full() const override { return false; }

private:
    Ticket tickets_ = 0;
};

class CountingLink final : public site::Link {
public:
    using Link::Link;
    void flush() override {
        for (const auto& text : session.take_output())
            answers += text.starts_with("[3") || text.starts_with("[4");
    }
    void close(std::uint16_t, std::string_view) override {}
    int answers = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    NoJournal journal;
    site::Settings settings;
    settings.load_management.limit = {63_A, 63_A, 63_A};
    site::Site site{journal, settings};
    auto& charger = site.charge_points["CP1"];
    charger.settings.id = "CP1";
    charger.settings.state = "accepted";
    // The first byte chooses the validation, the rest is what the charger sends.
    charger.settings.validation = size > 0 && data[0] % 2 ? "strict" : "lenient";
    const auto link = std::make_shared<CountingLink>(1, "f-");
    const Now now{Instant{std::chrono::hours{1}}, Timestamp{std::chrono::hours{500'000}}};
    site::connected(site, "CP1", link, "127.0.0.1", now);
    if (size > 0) {
        const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
        site::receive(site, "CP1", link, text, now);
        site::receive(site, "CP1", link, text, now);
    }
    if (link->answers > 2 * static_cast<int>(ocpp::Session::arrays_max)) std::abort();
    return 0;
}
