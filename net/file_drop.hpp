// The HTTP listener that chargers fetch firmware from and upload diagnostics and logs to, by
// one-time URLs http://HOST:PORT/f/TOKEN/NAME. Whoever knows a token needs no password. Uploads are
// PUT, POST or multipart/form-data, streamed to disk; downloads may be resumed with Range.
//
// It works on a thread of its own, disk and sockets alike; its owner's loop is asked what each
// token is good for. Create and destroy on that loop; events run there.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "net/stored_file.hpp"

namespace busbar::net {

// What somebody wants to do with a token.
struct DropRequest {
    std::string token;  // lower case
    bool upload = false;
    std::optional<std::uint64_t> announced_bytes;  // of an upload; absent when it is chunked
    std::string peer_address;
};

// The answer: with status 200 the file may come or go, any other refuses.
struct DropGrant {
    int status = 200;    // 404 unknown or expired, 405 not in this direction, 409, 413, 507
    std::string detail;  // of a refusal: one plain sentence
    std::string id;      // the owner's own, handed back in the events
    std::filesystem::path path;
    std::uint64_t bytes_max = 0;  // of an upload
    std::string etag;             // of a download, without quotes
};

struct DropUpload {
    std::string id;
    StoredBody file;
    std::string peer_address;
};

// An upload that ended before it was whole, or was refused in the middle.
struct DropLoss {
    std::string id;
    std::uint64_t bytes = 0;
    std::string cause;
};

struct DropSent {
    std::string id;
    std::uint64_t bytes = 0;   // in this request
    bool end_reached = false;  // the last byte of the file was among them
};

struct FileDropEvents {
    // Call `decide` once, now or later, on the owner's loop.
    std::function<void(const DropRequest&, std::function<void(DropGrant)> decide)> admit;
    // An upload is on the disk under its path. The charger is answered when `settle` is called:
    // with false it is refused and the file removed.
    std::function<void(const DropUpload&, std::function<void(bool kept)> settle)> received;
    std::function<void(const DropLoss&)> failed;
    std::function<void(const DropSent&)> sent;
};

struct FileDropLimits {
    std::size_t header_bytes_max = std::size_t{8} * 1024;
    std::chrono::milliseconds header_timeout{10'000};  // from accept, or the last answer's end
    std::chrono::milliseconds idle_timeout{60'000};    // without a byte of progress
    // A transfer may take this long, and longer at this rate: chargers on mobile networks are
    // slow, attackers that trickle are slower.
    std::chrono::milliseconds transfer_grace{120'000};
    std::uint64_t bytes_per_second_min = 256;
    std::size_t connections_max = 192;
    std::size_t connections_per_address_max = 128;  // a whole site may sit behind one address
};

// The token in a request target: the segment of 32 hex digits behind "f", whatever stands before
// and after it. Lower case; "" if there is none.
std::string token_of_target(std::string_view target);

class FileDrop {
public:
    // Listens at once; port 0 takes a free one. Throws ListenError.
    FileDrop(boost::asio::io_context& owner_loop, std::string_view address, std::uint16_t port,
             const FileDropLimits& limits, FileDropEvents events);
    // Cuts everything off; no event follows.
    ~FileDrop();
    FileDrop(const FileDrop&) = delete;
    FileDrop& operator=(const FileDrop&) = delete;

    std::uint16_t port() const;

private:
    class Core;
    class Session;
    struct Thread;
    std::shared_ptr<Core> core_;
    std::unique_ptr<Thread> thread_;
};

}  // namespace busbar::net
