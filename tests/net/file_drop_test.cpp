#include "net/file_drop.hpp"

#include <unistd.h>

#include <fstream>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "net/byte_range.hpp"
#include "net/multipart.hpp"
#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string token(32, 'a');
const std::string other_token(32, 'b');

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

class FileDropTest : public ::testing::Test {
protected:
    FileDropTest() {
        char name[] = "/tmp/busbar-drop-XXXXXX";
        folder = ::mkdtemp(name);
        grants[token] = {200, "", "up", folder / "up", 1000, ""};
    }
    ~FileDropTest() override {
        drop.reset();
        std::filesystem::remove_all(folder);
    }

    void start(const FileDropLimits& limits = {}) {
        FileDropEvents events;
        events.admit = [this](const DropRequest& request, const auto& decide) {
            requests.push_back(request);
            const auto known = grants.find(request.token);
            decide(known == grants.end() ? DropGrant{404, "There is no such file.", "", {}, 0, ""}
                                         : known->second);
        };
        events.received = [this](const DropUpload& upload, const auto& settle) {
            uploads.push_back(upload);
            settle(wanted);
        };
        events.failed = [this](const DropLoss& loss) { losses.push_back(loss); };
        events.sent = [this](const DropSent& each) { sent.push_back(each); };
        drop = std::make_unique<FileDrop>(loop, "127.0.0.1", std::uint16_t{0}, limits, events);
    }
    void offer(const std::string& content) {
        std::ofstream{folder / "down", std::ios::binary} << content;
        grants[other_token] = {200, "", "down", folder / "down", 0, "tag"};
    }

    std::unique_ptr<Peer> connect() {
        auto peer = std::make_unique<Peer>(loop, drop->port());
        peer->read();
        return peer;
    }
    // What a connection answers to these bytes until it ends.
    std::string answer_to(const std::string& bytes) {
        auto peer = connect();
        peer->send(bytes);
        EXPECT_TRUE(peer->expect_end());
        return peer->input;
    }
    static std::string request(const std::string& method, const std::string& target,
                               const std::string& headers, const std::string& body = "") {
        return method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
               "\r\n" + body;
    }
    std::string put(const std::string& body, const std::string& target = "/f/" + token + "/a.bin",
                    const std::string& method = "PUT") {
        return answer_to(request(method, target,
                                 "Content-Length: " + std::to_string(body.size()) + "\r\n", body));
    }
    bool until(const std::function<bool()>& done) { return run_until(loop, done); }
    std::size_t files_there() const {
        const auto all = std::filesystem::directory_iterator{folder};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    std::filesystem::path folder;
    boost::asio::io_context loop{1};
    std::map<std::string, DropGrant> grants;
    bool wanted = true;
    std::vector<DropRequest> requests;
    std::vector<DropUpload> uploads;
    std::vector<DropLoss> losses;
    std::vector<DropSent> sent;
    std::unique_ptr<FileDrop> drop;
};

TEST(FileDropTarget, TheTokenIsFoundHoweverAClientManglesTheRest) {
    for (const std::string target :
         {"/f/T", "/f/T/", "/f/T/a.zip", "/f/T/a.bin/log%zz.zip", "//f//T//x", "/f/T?a=b",
          "http://h:9080/f/T/x", "/busbar/f/T/x", "/f/T/../../etc/passwd", "/f/T#x", "/f/f/T"}) {
        auto real = target;
        real.replace(real.find('T'), 1, std::string(32, 'A'));
        EXPECT_EQ(token_of_target(real), token) << target;
    }
    for (const std::string target :
         {"", "/", "*", "/f", "/f/", "/f/short", "/T", "/f/x/T", "/f?/T", "/f/%54", "/../f/"}) {
        auto real = target;
        if (const auto at = real.find('T'); at != std::string::npos) real.replace(at, 1, token);
        EXPECT_EQ(token_of_target(real), "") << target;
    }
}

TEST_F(FileDropTest, PutAndPostStoreTheBodyByteForByte) {
    start();
    std::string body(900, '\0');
    std::mt19937 random{7};
    for (char& c : body) c = static_cast<char>(random());
    for (const std::string method : {"PUT", "POST"}) {
        EXPECT_THAT(put(body, "/f/" + token + "/theirs.zip", method),
                    StartsWith("HTTP/1.1 201 Created\r\n"));
        ASSERT_EQ(uploads.size(), 1U);
        EXPECT_EQ(uploads[0].id, "up");
        EXPECT_EQ(uploads[0].file.bytes, body.size());
        EXPECT_EQ(uploads[0].file.sha256.size(), 64U);
        EXPECT_EQ(content_of(folder / "up"), body);
        EXPECT_EQ(files_there(), 1U);
        uploads.clear();
    }
    EXPECT_EQ(requests[0].announced_bytes, 900U);
    EXPECT_TRUE(requests[0].upload);
}

TEST_F(FileDropTest, NamesOfClientsNeverReachTheDisk) {
    start();
    for (const std::string tail : {"/../../../../tmp/evil", "/%2e%2e%2fevil", "/..\\evil", "/%00",
                                   "/.part-evil", "", "?file=../evil"}) {
        EXPECT_THAT(put("x", "/f/" + token + tail), StartsWith("HTTP/1.1 201 ")) << tail;
        EXPECT_EQ(files_there(), 1U);
        EXPECT_EQ(content_of(folder / "up"), "x");
    }
}

TEST_F(FileDropTest, ChunkedBodiesAndExpectations) {
    start();
    const auto answer = answer_to(request("PUT", "/f/" + token, "Transfer-Encoding: chunked\r\n",
                                          "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nT: 1\r\n\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 "));
    EXPECT_EQ(content_of(folder / "up"), "abcdefgh");
    EXPECT_FALSE(requests[0].announced_bytes);
    auto peer = connect();
    peer->send(request("PUT", "/f/" + token, "Content-Length: 2\r\nExpect: 100-continue\r\n"));
    ASSERT_TRUE(peer->expect("HTTP/1.1 100 Continue\r\n\r\n"));
    peer->send("ok");
    ASSERT_TRUE(peer->expect("HTTP/1.1 201 "));
    // Whoever is refused need not send its file at all.
    EXPECT_THAT(answer_to(request("PUT", "/f/" + std::string(32, 'c'),
                                  "Content-Length: 2\r\nExpect: 100-continue\r\n")),
                StartsWith("HTTP/1.1 404 "));
}

TEST_F(FileDropTest, MultipartFormsWithOddBoundaries) {
    start();
    const std::string file = "bytes\r\n--almost\r\n\r\n--";
    const auto form = [&](const std::string& boundary, const std::string& end) {
        return "preamble\r\n--" + boundary +
               "\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--" + boundary +
               " \t\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../x.zip\"\r\n"
               "Content-Type: application/zip\r\n\r\n" +
               file + "\r\n--" + boundary +
               "\r\nContent-Disposition: form-data; name=\"z\"\r\n\r\nlast\r\n--" + boundary + end;
    };
    const std::vector<std::pair<std::string, std::string>> types{
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;Boundary=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?"},
        {"multipart/form-data; charset=x; boundary=----------------------------1",
         "----------------------------1"},
        {"multipart/mixed; boundary=\"quo\\\"ted\"", "quo\"ted"}};
    for (const auto& [type, boundary] : types) {
        for (const std::string end : {"--\r\n", "--", "--\r\nepilogue", "\r\n", ""}) {
            const auto body = form(boundary, end);
            const auto answer = answer_to(request("POST", "/f/" + token,
                                                  "Content-Type: " + type + "\r\nContent-Length: " +
                                                      std::to_string(body.size()) + "\r\n",
                                                  body));
            EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 ")) << type << " " << end;
            EXPECT_EQ(content_of(folder / "up"), file) << type << " " << end;
        }
    }
    EXPECT_THAT(answer_to(request("POST", "/f/" + token,
                                  "Content-Type: multipart/form-data; boundary=abc\r\n"
                                  "Content-Length: 9\r\n",
                                  "no parts.")),
                StartsWith("HTTP/1.1 400 "));
}

TEST(Multipart, PiecesOfAnySizeGiveTheSameFile) {
    rc::check("the file does not depend on how the body is cut", [](const std::string& content) {
        // What would end the part early is no content of a part.
        const std::string boundary = "x9";
        RC_PRE(content.find("\r\n--x9") == std::string::npos);
        const auto body = "--x9\r\nContent-Disposition: form-data; filename=a\r\n\r\n" + content +
                          "\r\n--x9--\r\n";
        const auto size = *rc::gen::inRange<std::size_t>(1, 40);
        MultipartReader reader{boundary};
        std::string found;
        for (std::size_t at = 0; at < body.size(); at += size) {
            const auto verdict =
                reader.feed(body.substr(at, size), [&](bool restart, std::string_view bytes) {
                    if (restart) found.clear();
                    found += bytes;
                    return true;
                });
            RC_ASSERT(verdict == MultipartReader::Verdict::good);
        }
        RC_ASSERT(reader.is_complete());
        RC_ASSERT(found == content);
    });
}

TEST_F(FileDropTest, AnUploadThatIsCutLeavesNothingAndMayBeRepeated) {
    start();
    auto peer = connect();
    peer->send(request("PUT", "/f/" + token, "Content-Length: 900\r\n", std::string(400, 'x')));
    ASSERT_TRUE(until([&] { return !requests.empty() && files_there() == 1; }));
    peer->close();
    ASSERT_TRUE(until([&] { return !losses.empty(); }));
    EXPECT_EQ(losses[0].id, "up");
    EXPECT_THAT(losses[0].cause, HasSubstr("connection"));
    EXPECT_EQ(files_there(), 0U);
    EXPECT_THAT(uploads, IsEmpty());
    EXPECT_THAT(put("whole"), StartsWith("HTTP/1.1 201 "));
    EXPECT_EQ(content_of(folder / "up"), "whole");
}

TEST_F(FileDropTest, ANewerAttemptReplacesAHangingOne) {
    start();
    auto hanging = connect();
    hanging->send(request("PUT", "/f/" + token, "Content-Length: 900\r\n", "old"));
    ASSERT_TRUE(until([&] { return files_there() == 1; }));
    EXPECT_THAT(put("new"), StartsWith("HTTP/1.1 201 "));
    EXPECT_TRUE(hanging->expect_end());
    EXPECT_EQ(content_of(folder / "up"), "new");
    EXPECT_EQ(files_there(), 1U);
}

TEST_F(FileDropTest, TooLargeFilesAreRefusedAnnouncedOrNot) {
    start();
    EXPECT_THAT(put(std::string(1001, 'x')), StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(put(std::string(1000, 'x')), StartsWith("HTTP/1.1 201 "));
    std::string chunks;
    for (int i = 0; i < 11; ++i) chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
    EXPECT_THAT(answer_to(request("POST", "/f/" + token, "Transfer-Encoding: chunked\r\n",
                                  chunks + "0\r\n\r\n")),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(losses.size(), 2U);
    EXPECT_THAT(put(""), StartsWith("HTTP/1.1 400 "));
    EXPECT_EQ(files_there(), 1U);
}

TEST_F(FileDropTest, AFileThatIsNotWantedAnyMoreIsRemoved) {
    start();
    wanted = false;
    EXPECT_THAT(put("late"), StartsWith("HTTP/1.1 409 "));
    EXPECT_EQ(files_there(), 0U);
}

TEST_F(FileDropTest, RefusalsSayWhy) {
    start();
    grants[other_token] = {405, "A file is expected here.", "", {}, 0, ""};
    EXPECT_THAT(answer_to(request("GET", "/f/" + other_token, "")),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: PUT, POST\r\n"),
                      HasSubstr("A file is expected here.")));
    EXPECT_THAT(answer_to(request("GET", "/f/" + std::string(32, 'c') + "/x", "")),
                StartsWith("HTTP/1.1 404 "));
    EXPECT_EQ(requests.size(), 2U);
    EXPECT_THAT(answer_to(request("DELETE", "/f/" + token, "")), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer_to(request("PUT", "/f/" + token,
                                  "Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\n", "56789")),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer_to("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer_to(request("GET", "/", "X: " + std::string(9000, 'x') + "\r\n")),
                StartsWith("HTTP/1.1 431 "));
    EXPECT_EQ(requests.size(), 2U);
}

TEST_F(FileDropTest, SlowClientsAreCutOff) {
    FileDropLimits limits;
    limits.header_timeout = 100ms;
    limits.idle_timeout = 5s;
    limits.transfer_grace = 200ms;
    limits.bytes_per_second_min = 1'000'000;
    start(limits);
    auto silent = connect();
    auto slow_head = connect();
    slow_head->send("PUT /f/");
    auto slow_body = connect();
    slow_body->send(request("PUT", "/f/" + token, "Content-Length: 900\r\n", "x"));
    EXPECT_TRUE(silent->expect_end());
    EXPECT_TRUE(slow_head->expect_end());
    EXPECT_TRUE(slow_body->expect_end());
    ASSERT_TRUE(until([&] { return !losses.empty(); }));
    EXPECT_THAT(losses[0].cause, HasSubstr("too slow"));
    EXPECT_EQ(files_there(), 0U);
}

TEST_F(FileDropTest, ConnectionsAreLimited) {
    FileDropLimits limits;
    limits.connections_per_address_max = 2;
    start(limits);
    auto first = connect();
    auto second = connect();
    first->send("P");
    second->send("P");
    auto third = connect();
    ASSERT_TRUE(third->expect("HTTP/1.1 503 "));
    first->close();
    ASSERT_TRUE(until([&] {
        auto again = connect();
        again->send(request("GET", "/f/" + other_token, ""));
        return again->expect("HTTP/1.1 404 ");
    }));
}

TEST_F(FileDropTest, DownloadsMayBeResumed) {
    start();
    std::string content(50'000, ' ');
    for (std::size_t at = 0; at < content.size(); ++at) content[at] = static_cast<char>(at * 7);
    offer(content);
    const auto target = "/f/" + other_token + "/fw.bin";
    EXPECT_THAT(answer_to(request("GET", target, "")),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("ETag: \"tag\"\r\n"),
                      HasSubstr("Accept-Ranges: bytes\r\n"), HasSubstr("Content-Length: 50000\r\n"),
                      EndsWith("\r\n\r\n" + content)));
    EXPECT_THAT(answer_to(request("HEAD", target, "")),
                AllOf(HasSubstr("Content-Length: 50000\r\n"), EndsWith("\r\n\r\n")));
    EXPECT_THAT(
        answer_to(request("GET", target, "Range: bytes=49990-\r\n")),
        AllOf(StartsWith("HTTP/1.1 206 "), HasSubstr("Content-Range: bytes 49990-49999/50000\r\n"),
              EndsWith("\r\n\r\n" + content.substr(49990))));
    EXPECT_THAT(answer_to(request("GET", target, "Range: bytes=1-3\r\nIf-Range: \"tag\"\r\n")),
                EndsWith("\r\n\r\n" + content.substr(1, 3)));
    EXPECT_THAT(answer_to(request("GET", target, "Range: bytes=1-3\r\nIf-Range: \"old\"\r\n")),
                StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer_to(request("GET", target, "Range: bytes=50000-\r\n")),
                AllOf(StartsWith("HTTP/1.1 416 "), HasSubstr("Content-Range: bytes */50000")));
    ASSERT_TRUE(until([&] { return sent.size() == 5; }));
    EXPECT_EQ(sent[0].bytes, 50'000U);
    EXPECT_TRUE(sent[0].end_reached);
    EXPECT_TRUE(sent[1].end_reached);
    EXPECT_FALSE(sent[2].end_reached);
    std::filesystem::remove(folder / "down");
    EXPECT_THAT(answer_to(request("GET", target, "")), StartsWith("HTTP/1.1 404 "));
}

TEST_F(FileDropTest, OneConnectionServesSeveralRequests) {
    start();
    offer("firmware");
    auto peer = connect();
    const auto head = " /f/" + other_token + "/a HTTP/1.1\r\nHost: x\r\n\r\n";
    peer->send("HEAD" + head + "GET" + head);
    ASSERT_TRUE(peer->expect("\r\n\r\nfirmware"));
    peer->send("PUT /f/" + token + " HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    ASSERT_TRUE(peer->expect("HTTP/1.1 201 "));
    EXPECT_FALSE(peer->ended);
}

TEST_F(FileDropTest, ItEndsInTheMiddleOfEverything) {
    start();
    offer(std::string(2'000'000, 'x'));
    auto sending = connect();
    sending->send(request("PUT", "/f/" + token, "Content-Length: 900\r\n", "x"));
    auto fetching = connect();
    fetching->send(request("GET", "/f/" + other_token, ""));
    ASSERT_TRUE(until([&] { return requests.size() == 2 && files_there() == 2; }));
    drop.reset();
    EXPECT_EQ(files_there(), 1U);
    EXPECT_TRUE(sending->expect_end());
}

TEST(ByteRange, IsReadAsTheRfcSays) {
    const auto range = [](std::string_view text, std::uint64_t size) -> std::string {
        const auto choice = choose_range(text, size);
        if (!choice.satisfiable) return "416";
        if (!choice.range) return "all";
        return std::to_string(choice.range->first) + "-" + std::to_string(choice.range->last);
    };
    EXPECT_EQ(range("", 10), "all");
    EXPECT_EQ(range("bytes=0-", 10), "0-9");
    EXPECT_EQ(range("Bytes = 0-", 10), "all");
    EXPECT_EQ(range("bytes=2-4", 10), "2-4");
    EXPECT_EQ(range("bytes=2-400", 10), "2-9");
    EXPECT_EQ(range("bytes=-3", 10), "7-9");
    EXPECT_EQ(range("bytes=-30", 10), "0-9");
    EXPECT_EQ(range("bytes=-0", 10), "416");
    EXPECT_EQ(range("bytes=10-", 10), "416");
    EXPECT_EQ(range("bytes=0-", 0), "416");
    EXPECT_EQ(range("bytes=4-2", 10), "all");
    EXPECT_EQ(range("bytes=1-2,4-5", 10), "all");
    EXPECT_EQ(range("bytes=x-", 10), "all");
    EXPECT_EQ(range("bytes=-", 10), "all");
    EXPECT_EQ(range("bytes=99999999999999999999-", 10), "all");
}

}  // namespace
}  // namespace busbar::net::test
