// Requests of the subcommands to the server that runs here: what needs its memory (running
// transactions, chargers), and what is the REST interface's work already.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.hpp"

namespace busbar::app::commands {

struct RestRequest {
    std::string method = "GET";
    std::string path;  // without its begin: "/transactions/7"
    std::vector<std::pair<std::string, std::string>> query{};
    std::string body{};
    std::string content_type = "application/json";
};

struct RestAnswer {
    long status = 0;
    std::string body;
    std::string location;  // the Location header: where what follows can be seen

    bool is_good() const { return status >= 200 && status < 300; }
};

// True after saying on stderr that this command does nothing with BUSBAR_TOKEN set: it would write
// into the database past the server, which alone knows what the token may do, and as nobody.
bool refused_for_token();

// Text as one segment of a path or a query, percent-encoded.
std::string url_segment(std::string_view text);

// The way to a running server, with a token of this command's own, or that of BUSBAR_TOKEN.
class RestClient {
public:
    RestClient(std::string url, std::string secret, bool is_fresh);

    // The server's answer; nothing after saying on stderr why there is none.
    std::optional<RestAnswer> ask(const RestRequest& request);
    // The same for answers that are good; nothing after saying on stderr what is wrong.
    std::optional<RestAnswer> ask_for(const RestRequest& request);

private:
    std::string url_;
    std::string secret_;
    bool is_fresh_;  // the server may not have heard of the token yet
};

// Runs `work` against the running server ("": the one that runs here), in the role that it needs.
// Returns its exit code, or 1 after saying why there is no server or database to use. `name` is
// what the audit log calls the actor.
int with_server(const std::string& url, std::string_view name, std::string_view role,
                const std::function<int(RestClient&)>& work);
int with_server(std::string_view role, const std::function<int(RestClient&)>& work);

// A moment, before asking a server once more for what it waits for itself.
void wait_between_questions();

// Says on stderr what a refusal says; returns 1.
int tell_refusal(const RestAnswer& answer);

// Prints an answer's body as it is, then a line end; returns 0.
int print_json(const RestAnswer& answer);

// The items of a list, over as many pages as they take, at most `items_max` of them; nothing after
// saying on stderr what is wrong.
std::optional<std::vector<RawJson>> ask_for_items(RestClient& client, RestRequest request,
                                                  std::size_t items_max);

// Items as one JSON array.
void print_json(const std::vector<RawJson>& items);

// The members of a JSON object as it is sent, without space between them: names and JSON values.
std::vector<std::pair<std::string, std::string>> members_of(std::string_view object);

// JSON as it reads in a table: texts without quotes, nothing for null.
std::string plain(std::string_view json);

// Lines of the members of these names, in columns; `nothing` where there are no items.
struct Column {
    std::string_view member;
    int width = 0;
};
void print_table(const std::vector<RawJson>& items, const std::vector<Column>& columns,
                 std::string_view nothing);

// The object as "name  value" lines; members that are null are left out.
void print_members(std::string_view object);

// A JSON object made member by member, of those that are there.
class JsonObject {
public:
    template <class T>
    void add(std::string_view name, const std::optional<T>& value) {
        if (value) add_raw(name, to_json(*value, TimeStyle::milliseconds));
    }
    void add_raw(std::string_view name, std::string_view json);
    std::string text() const { return "{" + members_ + "}"; }

private:
    std::string members_;
};

}  // namespace busbar::app::commands
