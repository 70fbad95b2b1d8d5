// Files that chargers send and fetch: which there are, which one-time URLs are good for what, and
// where an upload that is on its way will lie. Contents are the shell's; here is only what is known
// of them. Pure; site loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/secrets.hpp"
#include "base/time.hpp"
#include "db/journal.hpp"

namespace busbar::site {

class Site;
struct ChargePoint;

BOOST_DEFINE_ENUM_CLASS(FilePurpose, firmware, diagnostics, log)
BOOST_DEFINE_ENUM_CLASS(FileState, expected, stored)

// A file we have, or have given an upload URL for. Stored as it is (kind "file").
struct StoredFile {
    std::string id;  // names the content on the disk too; ids sort by age
    FilePurpose purpose{};
    FileState state{};
    std::string name;                        // ours, never a client's
    std::optional<std::string> chargePoint;  // that sent it or is to send it
    std::optional<std::int32_t> requestId;   // of a GetLog
    std::optional<std::int64_t> operation;   // that waits for it
    std::int64_t sizeBytes = 0;
    std::optional<std::string> sha256;
    Timestamp createdAt;
    std::optional<Timestamp> storedAt;
    // Of an upload that is expected.
    std::optional<std::string> tokenHash;
    std::optional<Timestamp> expiresAt;
    std::optional<std::string> lastFailure;
};
BOOST_DESCRIBE_STRUCT(StoredFile, (),
                      (id, purpose, state, name, chargePoint, requestId, operation, sizeBytes,
                       sha256, createdAt, storedAt, tokenHash, expiresAt, lastFailure))

// A URL from which a charger may fetch a file, as often as it likes until it expires. Stored as it
// is (kind "file_download").
struct FileDownload {
    std::string tokenHash;
    std::string file;
    std::string chargePoint;
    Timestamp expiresAt;
    std::int64_t sentBytes = 0;
    std::optional<Timestamp> fetchedAt;  // its end was reached
};
BOOST_DESCRIBE_STRUCT(FileDownload, (),
                      (tokenHash, file, chargePoint, expiresAt, sentBytes, fetchedAt))

inline constexpr std::string_view file_kind = "file";
inline constexpr std::string_view file_download_kind = "file_download";

struct FileSettings {
    std::uint64_t file_bytes_max = std::uint64_t{100} << 20;
    std::uint64_t total_bytes_max = std::uint64_t{2048} << 20;
    std::string public_url;        // "" derives it from how the charger reaches us
    std::string listener_address;  // of the listener for chargers
    std::uint16_t listener_port = 0;
};

inline constexpr std::size_t files_max = 2000;
inline constexpr std::size_t downloads_max = 2000;
inline constexpr std::chrono::hours upload_validity{24};
inline constexpr std::chrono::hours download_validity{7 * 24};
inline constexpr std::chrono::hours expired_upload_kept{7 * 24};  // so that it can be seen

// What the site knows of files.
struct Files {
    FileSettings settings;
    std::map<std::string, StoredFile, std::less<>> all;           // by id
    std::map<std::string, std::string, std::less<>> uploads;      // token hash to file id
    std::map<std::string, FileDownload, std::less<>> downloads;   // by token hash
    std::map<std::string, std::uint64_t, std::less<>> receiving;  // bytes kept free, by file id
    std::uint64_t unknown_requests = 0;                           // with no good token
    std::function<std::uint64_t()> random = random_bits;

    const StoredFile* find(std::string_view id) const;
    // Bytes of everything stored and of what is being received.
    std::uint64_t bytes_taken() const;
};

// A one-time URL for a charger.
struct FileOffer {
    std::string url;
    std::string file_id;
    Timestamp expires_at;
};
// Or why there is none, in words for an operator.
using FileOfferResult = std::variant<FileOffer, std::string>;

// An URL to which the charger may upload one file.
FileOfferResult offer_upload(Site& site, const ChargePoint& charger, FilePurpose purpose,
                             std::optional<std::int32_t> request_id, Now now);

// An URL from which the charger may fetch this file; good until download_validity after
// `not_before` (its retrieveDate) or now.
FileOfferResult offer_download(Site& site, const ChargePoint& charger, std::string_view file_id,
                               Timestamp not_before, Now now);

// The operation that ends when the upload to this URL arrives. Does nothing for other URLs.
void link_operation(Site& site, std::string_view url, std::int64_t operation);

// What somebody may do with a token.
struct TransferVerdict {
    int status = 200;    // else 404, 405, 409, 413 or 507
    std::string detail;  // of a refusal
    std::string id;      // for the functions below
    std::string file;    // id of the file
    std::uint64_t bytes_max = 0;
    std::string etag;
};
TransferVerdict admit_transfer(Site& site, std::string_view token, bool upload,
                               std::optional<std::uint64_t> announced_bytes, Now now);

// The upload is on the disk. The ticket its answer waits for, or nothing if it is not wanted.
std::optional<db::Journal::Ticket> upload_received(Site& site, std::string_view id,
                                                   std::uint64_t bytes, std::string_view sha256,
                                                   Now now);
// It was cut or refused: its URL stays good.
void upload_failed(Site& site, std::string_view id, std::uint64_t bytes, std::string_view cause,
                   Now now);
void download_sent(Site& site, std::string_view id, std::uint64_t bytes, bool end_reached, Now now);

// Names a file that an operator is about to upload: its id, or nothing (and why) where it does not
// fit. `announced_bytes` as its client says.
struct FilePlace {
    std::string id;
    std::string refusal;
};
FilePlace place_for_firmware(Site& site, std::optional<std::uint64_t> announced_bytes, Now now);
// It has arrived.
db::Journal::Ticket add_firmware(Site& site, std::string id, std::string name, std::uint64_t bytes,
                                 std::string sha256, Now now);
// Forgets a file and every URL for it; the shell removes the content. Nothing if it is not there.
std::optional<db::Journal::Ticket> remove_file(Site& site, std::string_view id);

// One row of the kinds above, kept before a restart.
void restore_file(Site& site, const db::StateSaved& row);

// The name for a file in a URL: letters, digits, ".", "_" and "-" only, not empty.
std::string url_file_name(std::string_view name);

// The host of a Host header; "" where it is none that a URL could name.
std::string host_name(std::string_view host_header);

}  // namespace busbar::site
