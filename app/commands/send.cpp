#include "app/commands/send.hpp"

#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>

#include "app/commands/database.hpp"
#include "app/config.hpp"
#include "app/data_directory.hpp"
#include "base/codec.hpp"
#include "base/secrets.hpp"
#include "db/administration.hpp"

namespace busbar::app::commands {
namespace {

struct SendOptions {
    std::string id;
    std::string action;
    std::string payload = "{}";
    std::string url;
};

struct HttpAnswer {
    long status = 0;
    std::string body;
    std::string operation;  // the Location header: where what follows can be seen
};

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

// A token for this one command, where none was given: whoever may use the database may do all that
// a token could.
class BorrowedToken {
public:
    explicit BorrowedToken(std::string database_url) : database_url_(std::move(database_url)) {
        const char* given = std::getenv("BUSBAR_TOKEN");
        if (given != nullptr && *given != '\0') {
            secret_ = given;
            return;
        }
        secret_ = new_token_secret();
        id_ = db::create_token(database_url_, "charge-point send", "operator", token_hash(secret_));
    }
    ~BorrowedToken() {
        if (!id_) return;
        try {
            db::revoke_token(database_url_, *id_);
        } catch (const db::DatabaseError& error) {
            fail("token " + std::to_string(*id_) + " could not be revoked: " + error.what());
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
    static_cast<HttpAnswer*>(answer)->body.append(bytes, one * size);
    return one * size;
}

std::size_t take_header(char* bytes, std::size_t one, std::size_t size, void* answer) {
    const std::string_view line{bytes, one * size};
    constexpr std::string_view name = "location: ";
    if (line.size() > name.size() && equal_ignoring_case(line.substr(0, name.size()), name)) {
        auto value = line.substr(name.size());
        value = value.substr(0, value.find_first_of("\r\n"));
        static_cast<HttpAnswer*>(answer)->operation = value;
    }
    return one * size;
}

std::string escaped(CURL* curl, const std::string& segment) {
    const std::unique_ptr<char, decltype(&curl_free)> text{
        curl_easy_escape(curl, segment.c_str(), static_cast<int>(segment.size())), &curl_free};
    return text ? text.get() : "";
}

// The server's answer, or why there is none.
std::variant<std::string, HttpAnswer> post(const SendOptions& options, const std::string& secret) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(),
                                                                   &curl_easy_cleanup};
    if (!curl) return "libcurl cannot be used";
    const auto url = options.url + "/api/v1/charge-points/" + escaped(curl.get(), options.id) +
                     "/commands/" + escaped(curl.get(), options.action);
    const auto authorization = "Authorization: Bearer " + secret;
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers{
        curl_slist_append(curl_slist_append(nullptr, authorization.c_str()),
                          "Content-Type: application/json"),
        &curl_slist_free_all};
    HttpAnswer answer;
    constexpr long seconds_max = 90;  // longer than the server waits for a charger
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(options.payload.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, options.payload.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, seconds_max);
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer);
    const auto code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
        return "no answer from " + options.url + ": " + curl_easy_strerror(code) +
               " (does the server run?)";
    }
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

int tell(const HttpAnswer& answer) {
    if (answer.status == 200) {
        std::puts(answer.body.c_str());
        if (!answer.operation.empty()) {
            std::fprintf(stderr, "it goes on: GET %s shows how far it is\n",
                         answer.operation.c_str());
        }
        return 0;
    }
    DecodeReport report;
    const auto problem = decode_text<ProblemView>(answer.body, {.lenient = true}, report);
    if (!problem) return fail("the server answered " + std::to_string(answer.status));
    if (problem->errors) {
        for (const auto& error : *problem->errors) fail(error.pointer + ": " + error.detail);
    }
    auto text = problem->detail.value_or("the server answered " + std::to_string(answer.status));
    if (problem->errorCode) text += " " + *problem->errorCode;
    if (problem->errorDescription) text += ": " + *problem->errorDescription;
    return fail(text);
}

int send(SendOptions options, const std::string& database_url) {
    const BorrowedToken token{database_url};
    // A running server hears of a new token within milliseconds, but not at once.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    for (;;) {
        const auto result = post(options, token.secret());
        if (const auto* obstacle = std::get_if<std::string>(&result)) return fail(*obstacle);
        const auto& answer = std::get<HttpAnswer>(result);
        const bool not_heard_of = answer.status == 401 && token.is_fresh();
        if (!not_heard_of || std::chrono::steady_clock::now() > give_up) return tell(answer);
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

// Where the running server can be reached: as it said itself, else as it is configured.
std::string server_url(const Config& config) {
    std::ifstream noted{std::filesystem::path{config.data_dir} / web_url_file};
    std::string url;
    if (noted && std::getline(noted, url) && !url.empty()) return url;
    return "http://" + config.web_http_address + ":" + std::to_string(config.web_http_port);
}

int run(SendOptions options) {
    if (options.payload == "-") {
        options.payload.assign(std::istreambuf_iterator<char>{std::cin}, {});
    }
    const auto read = read_config_file(std::nullopt);
    if (options.url.empty() && std::holds_alternative<Config>(read)) {
        options.url = server_url(std::get<Config>(read));
    }
    return with_database([&](const std::string& database) { return send(options, database); });
}

}  // namespace

void add_charge_point_send(CLI::App& group, int& exit_code) {
    auto options = std::make_shared<SendOptions>();
    auto* command = group.add_subcommand(
        "send", "Send an OCPP request to a connected charger and print its answer");
    command->add_option("ID", options->id, "The charger's identity")->required();
    command->add_option("ACTION", options->action, "Such as Reset or UnlockConnector")->required();
    command->add_option("PAYLOAD", options->payload,
                        "The request as JSON; - reads it from standard input (default {})");
    command->add_option("--url", options->url,
                        "The server's web address (default: the one that runs here)");
    command->footer("BUSBAR_TOKEN in the environment is used where it is set.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace busbar::app::commands
