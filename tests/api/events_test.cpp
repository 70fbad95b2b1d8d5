#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EventsOfTheSite : public Offline {
protected:
    Reply listen(const std::string& role,
                 const std::vector<std::pair<std::string, std::string>>& headers = {}) {
        return desk.ask_with("Bearer secret of " + role, "GET", "/api/v1/events", "", "127.0.0.1",
                             headers);
    }
    static std::shared_ptr<net::EventStream> open(const Reply& reply) {
        auto stream = std::make_shared<net::EventStream>();
        reply->stream(stream);
        return stream;
    }
    void publish(const std::string& data = "{}", Access access = Access::read) {
        desk.events.publish("load", access, desk.now.wall, data);
    }
    std::int64_t start() const { return desk.now.wall.time_since_epoch().count(); }
};

TEST_F(EventsOfTheSite, ArriveAsTheyHappen) {
    const auto reply = listen("viewer");
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->content_type, "text/event-stream");
    const auto stream = open(reply);
    EXPECT_EQ(stream->take(), ": listening\n\n");
    publish("{\"a\":\n1}");
    const auto id = std::to_string(start() + 1);
    EXPECT_EQ(stream->take(), "id: " + id + "\nevent: load\ndata: {\"id\":" + id +
                                  R"(,"type":"load","at":"2026-05-01T08:00:00.000Z",)" +
                                  "\"data\":{\"a\":1}}\n\n");
}

TEST_F(EventsOfTheSite, TapsAreForThoseWhoManageBadges) {
    const auto by_operator = open(listen("operator"));
    const auto by_viewer = open(listen("viewer"));
    const auto by_installer = open(listen("installer"));
    const auto link = desk.connect("CP1");
    desk.say("CP1", link, R"([2,"t","Authorize",{"idTag":"04A1"}])");
    const auto text = by_operator->take();
    EXPECT_THAT(text, HasSubstr("event: badge-tap\n"));
    EXPECT_THAT(text, HasSubstr(R"("idTag":"04A1","known":false,"accepted":false)"));
    EXPECT_EQ(by_viewer->take(), ": listening\n\n");
    EXPECT_EQ(by_installer->take(), ": listening\n\n");
}

TEST_F(EventsOfTheSite, ResumeBehindTheLastThatWasSeen) {
    publish("1");
    publish("2", Access::operate);
    publish("3");
    const auto seen = std::to_string(start() + 1);
    auto text = open(listen("viewer", {{"Last-Event-ID", seen}}))->take();
    EXPECT_THAT(text, HasSubstr("\"data\":3"));
    EXPECT_THAT(text, Not(HasSubstr("\"data\":2")));
    EXPECT_THAT(text, Not(HasSubstr("\"data\":1")));
    EXPECT_THAT(text, Not(HasSubstr("missed")));
    text = open(listen("operator", {{"Last-Event-ID", seen}}))->take();
    EXPECT_THAT(text, HasSubstr("\"data\":2"));
    // One that saw nothing of this run may have missed something of the run before.
    text = open(listen("viewer", {{"Last-Event-ID", std::to_string(start() - 5)}}))->take();
    EXPECT_THAT(text, HasSubstr("event: missed\n"));
    EXPECT_THAT(text, HasSubstr("\"data\":1"));
    EXPECT_EQ(listen("viewer", {{"Last-Event-ID", "yesterday"}})->status, 422);
}

TEST_F(EventsOfTheSite, OnlyTheNewestAreKept) {
    for (std::size_t i = 0; i <= Events::kept_max; ++i) publish();
    const auto seen = [&](std::int64_t id) {
        return open(listen("viewer", {{"Last-Event-ID", std::to_string(id)}}))->take();
    };
    EXPECT_THAT(seen(start() + 1), Not(HasSubstr("missed")));
    EXPECT_THAT(seen(start()), HasSubstr("missed"));
}

TEST_F(EventsOfTheSite, AStreamThatIsNotReadIsDropped) {
    const auto slow = open(listen("viewer"));
    const auto quick = open(listen("viewer"));
    const std::string data = '"' + std::string(1000, 'x') + '"';
    for (int i = 0; i < 100; ++i) {
        publish(data);
        EXPECT_FALSE(quick->take().empty());
    }
    EXPECT_TRUE(slow->has_ended());
    EXPECT_FALSE(quick->has_ended());
}

TEST_F(EventsOfTheSite, AStreamEndsWithItsToken) {
    const auto token = [](std::int64_t id, const std::string& role, const std::string& of) {
        db::Token out;
        out.id = id;
        out.name = of;
        out.role = role;
        out.secret_hash = token_hash("secret of " + of);
        return out;
    };
    const auto kept = open(listen("admin"));
    const auto changed = open(listen("operator"));
    const auto revoked = open(listen("viewer"));
    const auto late = listen("viewer");
    desk.api.set_tokens({token(1, "admin", "admin"), token(2, "installer", "installer"),
                         token(3, "viewer", "operator")});
    EXPECT_FALSE(kept->has_ended());
    EXPECT_TRUE(changed->has_ended()) << "it may see less now";
    EXPECT_TRUE(revoked->has_ended());
    EXPECT_TRUE(open(late)->has_ended()) << "revoked before it began";
    publish();
    EXPECT_THAT(kept->take(), HasSubstr("event: load"));
    EXPECT_EQ(open(listen("operator"))->take(), ": listening\n\n") << "by its new role";
}

TEST_F(EventsOfTheSite, ThereIsRoomForSoManyStreams) {
    std::vector<std::shared_ptr<net::EventStream>> streams;
    for (std::size_t i = 0; i < Events::streams_max; ++i) streams.push_back(open(listen("viewer")));
    EXPECT_EQ(listen("viewer")->status, 503);
    streams.front()->end();
    EXPECT_EQ(listen("viewer")->status, 200);
}

}  // namespace
}  // namespace busbar::api
