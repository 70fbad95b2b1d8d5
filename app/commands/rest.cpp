#include "app/commands/rest.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <variant>

#include <boost/describe/class.hpp>

#include "app/commands/database.hpp"
#include "app/config.hpp"
#include "app/data_directory.hpp"
#include "base/secrets.hpp"
#include "db/error.hpp"
#include "db/lent_token.hpp"

namespace busbar::app::commands {
namespace {

struct ProblemView {
    std::optional<std::string> detail;
    std::optional<std::string> errorCode;
    std::optional<std::string> errorDescription;
    struct Error {
        std::string pointer;
        std::string detail;
    };
    std::optional<std::vector<Error>> errors;
};
BOOST_DESCRIBE_STRUCT(ProblemView::Error, (), (pointer, detail))
BOOST_DESCRIBE_STRUCT(ProblemView, (), (detail, errorCode, errorDescription, errors))

struct PageView {
    std::vector<RawJson> items;
    std::optional<std::string> next;
};
BOOST_DESCRIBE_STRUCT(PageView, (), (items, next))

// The token that was given to this command; empty: none.
std::string given_token() {
    const char* given = std::getenv("BUSBAR_TOKEN");
    return given ? given : "";
}

// A token for this one command, where none was given: whoever may use the database may do all that
// a token could.
class BorrowedToken {
public:
    BorrowedToken(std::string database_url, std::string_view name, std::string_view role)
        : database_url_(std::move(database_url)) {
        secret_ = given_token();
        if (!secret_.empty()) return;
        secret_ = new_token_secret();
        id_ = db::lend_token(database_url_, std::string{name}, std::string{role},
                             token_hash(secret_));
    }
    ~BorrowedToken() {
        if (!id_) return;
        try {
            db::take_back_token(database_url_, *id_);
        } catch (const db::DatabaseError& error) {
            fail("token " + std::to_string(*id_) + " has to be revoked by hand: " + error.what());
        }
    }
    BorrowedToken(const BorrowedToken&) = delete;
    BorrowedToken& operator=(const BorrowedToken&) = delete;

    const std::string& secret() const { return secret_; }
    // True if the server may not have heard of it yet.
    bool is_fresh() const { return id_.has_value(); }

private:
    std::string database_url_;
    std::string secret_;
    std::optional<std::int64_t> id_;
};

std::size_t take_body(char* bytes, std::size_t one, std::size_t size, void* answer) {
    static_cast<RestAnswer*>(answer)->body.append(bytes, one * size);
    return one * size;
}

std::size_t take_header(char* bytes, std::size_t one, std::size_t size, void* answer) {
    const std::string_view line{bytes, one * size};
    constexpr std::string_view name = "location: ";
    if (line.size() > name.size() && equal_ignoring_case(line.substr(0, name.size()), name)) {
        auto value = line.substr(name.size());
        value = value.substr(0, value.find_first_of("\r\n"));
        static_cast<RestAnswer*>(answer)->location = value;
    }
    return one * size;
}

std::string target_of(const RestRequest& request) {
    std::string target = "/api/v1" + request.path;
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        target += separator + name + "=" + url_segment(value);
        separator = '&';
    }
    return target;
}

// The server's answer, or why there is none.
std::variant<std::string, RestAnswer> send_once(const std::string& url, const std::string& secret,
                                                const RestRequest& request) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(),
                                                                   &curl_easy_cleanup};
    if (!curl) return "libcurl cannot be used";
    const auto address = url + target_of(request);
    const auto authorization = "Authorization: Bearer " + secret;
    const auto content_type = "Content-Type: " + request.content_type;
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers{
        curl_slist_append(curl_slist_append(nullptr, authorization.c_str()), content_type.c_str()),
        &curl_slist_free_all};
    RestAnswer answer;
    constexpr long seconds_max = 90;  // longer than the server waits for a charger
    curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    if (request.method != "GET") {
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, seconds_max);
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer);
    const auto code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
        return "no answer from " + url + ": " + curl_easy_strerror(code) +
               " (does the server run?)";
    }
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

// Where the running server can be reached: as it said itself, else as it is configured.
std::string server_url(const Config& config) {
    std::ifstream noted{std::filesystem::path{config.data_dir} / web_url_file};
    std::string url;
    if (noted && std::getline(noted, url) && !url.empty()) return url;
    return "http://" + config.web_http_address + ":" + std::to_string(config.web_http_port);
}

}  // namespace

bool refused_for_token() {
    if (given_token().empty()) return false;
    fail(
        "BUSBAR_TOKEN is set, but this command writes into the database itself, whatever that "
        "token may do: run it without (env -u BUSBAR_TOKEN ...), or use the REST interface");
    return true;
}

std::string url_segment(std::string_view text) {
    const std::unique_ptr<char, decltype(&curl_free)> escaped{
        curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), &curl_free};
    return escaped && !text.empty() ? escaped.get() : "";
}

RestClient::RestClient(std::string url, std::string secret, bool is_fresh)
    : url_(std::move(url)), secret_(std::move(secret)), is_fresh_(is_fresh) {}

std::optional<RestAnswer> RestClient::ask(const RestRequest& request) {
    // A running server hears of a new token within milliseconds, but not at once.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    for (;;) {
        auto result = send_once(url_, secret_, request);
        if (const auto* obstacle = std::get_if<std::string>(&result)) {
            fail(*obstacle);
            return std::nullopt;
        }
        auto& answer = std::get<RestAnswer>(result);
        const bool not_heard_of = answer.status == 401 && is_fresh_;
        if (!not_heard_of || std::chrono::steady_clock::now() > give_up) {
            is_fresh_ = false;
            return std::move(answer);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

std::optional<RestAnswer> RestClient::ask_for(const RestRequest& request) {
    auto answer = ask(request);
    if (answer && !answer->is_good()) {
        tell_refusal(*answer);
        answer.reset();
    }
    return answer;
}

int with_server(const std::string& url, std::string_view name, std::string_view role,
                const std::function<int(RestClient&)>& work) {
    const auto read = read_config_file(std::nullopt);
    std::string address = url;
    if (address.empty() && std::holds_alternative<Config>(read)) {
        address = server_url(std::get<Config>(read));
    }
    return with_database([&](const std::string& database) {
        const BorrowedToken token{database, name, role};
        RestClient client{address, token.secret(), token.is_fresh()};
        return work(client);
    });
}

int with_server(std::string_view role, const std::function<int(RestClient&)>& work) {
    return with_server("", "command line", role, work);
}

void wait_between_questions() { std::this_thread::sleep_for(std::chrono::milliseconds{200}); }

int tell_refusal(const RestAnswer& answer) {
    const auto status = "the server answered " + std::to_string(answer.status);
    DecodeReport report;
    const auto problem = decode_text<ProblemView>(answer.body, {.lenient = true}, report);
    if (!problem) return fail(status);
    if (problem->errors) {
        for (const auto& error : *problem->errors) fail(error.pointer + ": " + error.detail);
    }
    auto text = problem->detail.value_or(status);
    if (problem->errorCode) text += " " + *problem->errorCode;
    if (problem->errorDescription) text += ": " + *problem->errorDescription;
    return fail(text);
}

int print_json(const RestAnswer& answer) {
    std::puts(answer.body.c_str());
    return 0;
}

std::optional<std::vector<RawJson>> ask_for_items(RestClient& client, RestRequest request,
                                                  std::size_t items_max) {
    constexpr std::size_t page_max = 1000;
    const auto query = request.query;
    std::vector<RawJson> items;
    std::optional<std::string> cursor;
    while (items.size() < items_max) {
        request.query = query;
        request.query.emplace_back("limit",
                                   std::to_string(std::min(page_max, items_max - items.size())));
        if (cursor) request.query.emplace_back("cursor", *cursor);
        const auto answer = client.ask_for(request);
        if (!answer) return std::nullopt;
        DecodeReport report;
        auto page = decode_text<PageView>(answer->body, {.empty_arrays = true}, report);
        if (!page) {
            fail("the server's list cannot be read");
            return std::nullopt;
        }
        for (auto& item : page->items) items.push_back(std::move(item));
        cursor = page->next;
        if (!cursor) break;
    }
    return items;
}

void print_json(const std::vector<RawJson>& items) { std::puts(to_json(items).c_str()); }

std::vector<std::pair<std::string, std::string>> members_of(std::string_view object) {
    std::vector<std::pair<std::string, std::string>> members;
    std::string name;
    std::size_t begin = 1;
    int depth = 0;
    bool is_quoted = false;
    for (std::size_t i = 0; i < object.size(); ++i) {
        const char c = object[i];
        if (is_quoted) {
            if (c == '\\') ++i;
            is_quoted = c != '"';
            continue;
        }
        is_quoted = c == '"';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth == 1 && c == ':') {
            name = plain(object.substr(begin, i - begin));
            begin = i + 1;
        } else if ((depth == 1 && c == ',') || (depth == 0 && c == '}')) {
            if (!name.empty()) members.emplace_back(name, object.substr(begin, i - begin));
            name.clear();
            begin = i + 1;
        }
    }
    return members;
}

std::string plain(std::string_view json) {
    if (json == "null") return "";
    if (!json.starts_with('"')) return std::string{json};
    DecodeReport report;
    auto text = decode_text<std::string>(json, {}, report);
    if (!text) return std::string{json};
    for (char& c : *text) {
        if (!is_printable({&c, 1})) c = ' ';
    }
    return std::move(*text);
}

void print_table(const std::vector<RawJson>& items, const std::vector<Column>& columns,
                 std::string_view nothing) {
    for (const auto& item : items) {
        const auto members = members_of(item.text);
        std::string line;
        for (const auto& column : columns) {
            const auto member = std::find_if(members.begin(), members.end(), [&](const auto& one) {
                return one.first == column.member;
            });
            auto text = member == members.end() ? std::string{} : plain(member->second);
            text.resize(std::max(text.size(), static_cast<std::size_t>(column.width)), ' ');
            line += text + "  ";
        }
        line.resize(line.find_last_not_of(' ') + 1);
        std::puts(line.c_str());
    }
    if (items.empty()) std::printf("%.*s\n", static_cast<int>(nothing.size()), nothing.data());
}

void print_members(std::string_view object) {
    for (const auto& [name, json] : members_of(object)) {
        if (json != "null") std::printf("%-22s  %s\n", name.c_str(), plain(json).c_str());
    }
}

void JsonObject::add_raw(std::string_view name, std::string_view json) {
    if (!members_.empty()) members_ += ',';
    members_.append("\"").append(name).append("\":").append(json);
}

}  // namespace busbar::app::commands
