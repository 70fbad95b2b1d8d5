#include "site/files.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "site/operations.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

constexpr std::size_t url_name_size_max = 40;

std::string hex(std::uint64_t value, std::size_t digits) {
    constexpr std::string_view alphabet = "0123456789abcdef";
    std::string text(digits, '0');
    for (std::size_t at = digits; at-- > 0; value >>= 4U) text[at] = alphabet[value & 15U];
    return text;
}

// 128 random bits: nobody guesses one.
std::string new_token(const Files& files) {
    return hex(files.random(), 16) + hex(files.random(), 16);
}

// "20260501T080000Z": sorts, and is a file name everywhere.
std::string stamp(Timestamp now) {
    auto text = to_string(std::chrono::floor<std::chrono::seconds>(now));
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

// Grows with time, so that ids sort by age, and never repeats.
std::string new_id(const Files& files, Timestamp now) {
    return hex(static_cast<std::uint64_t>(now.time_since_epoch().count()), 12) +
           hex(files.random(), 8);
}

db::Record row_of(const StoredFile& file) {
    return db::StateSaved{std::string{file_kind}, file.id, {to_json(file)}};
}
db::Record row_of(const FileDownload& download) {
    return db::StateSaved{std::string{file_download_kind}, download.tokenHash, {to_json(download)}};
}

bool is_expired(const StoredFile& file, Timestamp now) {
    return file.state == FileState::expected && file.expiresAt && *file.expiresAt <= now;
}

void forget_upload(Files& files, const StoredFile& file) {
    if (file.tokenHash) files.uploads.erase(*file.tokenHash);
    files.receiving.erase(file.id);
}

// Drops what has been expired for long. URLs are offered rarely: that is when there is time.
void prune(Site& site, Timestamp now) {
    auto& files = site.files;
    std::vector<db::Record> unit;
    std::erase_if(files.downloads, [&](const auto& entry) {
        if (entry.second.expiresAt > now) return false;
        unit.push_back(db::StateRemoved{std::string{file_download_kind}, entry.first});
        return true;
    });
    std::erase_if(files.all, [&](const auto& entry) {
        const auto& file = entry.second;
        if (!is_expired(file, now - expired_upload_kept)) return false;
        forget_upload(files, file);
        unit.push_back(db::StateRemoved{std::string{file_kind}, file.id});
        return true;
    });
    if (!unit.empty()) site.record(std::move(unit));
}

// Without a slash at its end; "" if it is not known how the charger reaches us.
std::string base_url(const Site& site, const ChargePoint& charger) {
    const auto& settings = site.files.settings;
    if (!settings.public_url.empty()) {
        const auto end = settings.public_url.find_last_not_of('/');
        return settings.public_url.substr(0, end + 1);
    }
    std::string host = charger.reached_as;
    const auto& address = settings.listener_address;
    if (host.empty() && address != "0.0.0.0" && address != "::" && address != "[::]") {
        host = address.find(':') == std::string::npos || address.starts_with('[')
                   ? address
                   : "[" + address + "]";
    }
    if (host.empty() || settings.listener_port == 0) return "";
    return "http://" + host + ":" + std::to_string(settings.listener_port);
}

constexpr const char* no_address =
    "how the charge point reaches this server is not known: connect it, or set [files] public_url";
constexpr const char* not_storable = "nothing can be stored at the moment: see /readyz";

TransferVerdict refused(int status, std::string detail) {
    TransferVerdict verdict;
    verdict.status = status;
    verdict.detail = std::move(detail);
    return verdict;
}

bool fits(const Files& files, std::uint64_t bytes) {
    const auto taken = files.bytes_taken();
    return taken <= files.settings.total_bytes_max &&
           bytes <= files.settings.total_bytes_max - taken;
}

TransferVerdict admit_upload(Files& files, StoredFile& file,
                             std::optional<std::uint64_t> announced_bytes, Timestamp now) {
    if (file.state == FileState::stored) return refused(409, "The file has been received already.");
    if (is_expired(file, now)) return refused(404, "There is no such file.");
    // A newer attempt takes the older one's place.
    files.receiving.erase(file.id);
    const auto bytes_max = files.settings.file_bytes_max;
    if (announced_bytes.value_or(0) > bytes_max + (bytes_max >> 4U) + 65536) {
        return refused(413, "The file is larger than " + std::to_string(bytes_max) + " bytes.");
    }
    const auto wanted = std::min(announced_bytes.value_or(bytes_max), bytes_max);
    if (!fits(files, wanted)) return refused(507, "There is no room for the file.");
    files.receiving[file.id] = wanted;
    TransferVerdict verdict;
    verdict.id = verdict.file = file.id;
    verdict.bytes_max = wanted;
    return verdict;
}

}  // namespace

const StoredFile* Files::find(std::string_view id) const {
    const auto it = all.find(id);
    return it == all.end() ? nullptr : &it->second;
}

std::uint64_t Files::bytes_taken() const {
    std::uint64_t bytes = 0;
    for (const auto& [id, file] : all) bytes += static_cast<std::uint64_t>(file.sizeBytes);
    for (const auto& [id, reserved] : receiving) bytes += reserved;
    return bytes;
}

FileOfferResult offer_upload(Site& site, const ChargePoint& charger, FilePurpose purpose,
                             std::optional<std::int32_t> request_id, Now now) {
    prune(site, now.wall);
    auto& files = site.files;
    const auto base = base_url(site, charger);
    if (base.empty()) return no_address;
    if (site.journal.full()) return not_storable;
    if (files.all.size() >= files_max) return "there are too many files: delete some";
    const auto token = new_token(files);
    const auto kind = enumerator_name(purpose);
    StoredFile file;
    file.id = new_id(files, now.wall);
    file.purpose = purpose;
    file.state = FileState::expected;
    file.name = url_file_name(charger.settings.id) + "-" + kind + "-" + stamp(now.wall) + ".bin";
    file.chargePoint = charger.settings.id;
    file.requestId = request_id;
    file.createdAt = now.wall;
    file.tokenHash = token_hash(token);
    file.expiresAt = now.wall + upload_validity;
    FileOffer offer{base + "/f/" + token + "/" + kind + ".bin", file.id, *file.expiresAt};
    files.uploads[*file.tokenHash] = file.id;
    site.record({row_of(file)});
    files.all.emplace(file.id, std::move(file));
    return offer;
}

FileOfferResult offer_download(Site& site, const ChargePoint& charger, std::string_view file_id,
                               Timestamp not_before, Now now) {
    prune(site, now.wall);
    auto& files = site.files;
    const auto* file = files.find(file_id);
    if (!file || file->state != FileState::stored) return "there is no such file: see /files";
    const auto base = base_url(site, charger);
    if (base.empty()) return no_address;
    if (site.journal.full()) return not_storable;
    if (files.downloads.size() >= downloads_max) return "too many downloads are waiting";
    const auto token = new_token(files);
    FileDownload download;
    download.tokenHash = token_hash(token);
    download.file = file->id;
    download.chargePoint = charger.settings.id;
    download.expiresAt = std::max(not_before, now.wall) + download_validity;
    FileOffer offer{base + "/f/" + token + "/" + url_file_name(file->name), file->id,
                    download.expiresAt};
    site.record({row_of(download)});
    files.downloads.emplace(download.tokenHash, std::move(download));
    return offer;
}

void link_operation(Site& site, std::string_view url, std::int64_t operation) {
    constexpr std::string_view mark = "/f/";
    constexpr std::size_t token_size = 32;
    const auto at = url.find(mark);
    if (at == std::string_view::npos) return;
    const auto hash = token_hash(url.substr(at + mark.size(), token_size));
    const auto known = site.files.uploads.find(hash);
    if (known == site.files.uploads.end()) return;
    auto& file = site.files.all.at(known->second);
    file.operation = operation;
    site.record({row_of(file)});
}

TransferVerdict admit_transfer(Site& site, std::string_view token, bool upload,
                               std::optional<std::uint64_t> announced_bytes, Now now) {
    auto& files = site.files;
    const auto unknown = [&] {
        ++files.unknown_requests;
        return refused(404, "There is no such file.");
    };
    if (token.empty()) return unknown();
    const auto hash = token_hash(token);
    if (const auto known = files.uploads.find(hash); known != files.uploads.end()) {
        auto& file = files.all.at(known->second);
        if (is_expired(file, now.wall)) return unknown();
        if (!upload) return refused(405, "A file is expected here, with PUT or POST.");
        return admit_upload(files, file, announced_bytes, now.wall);
    }
    const auto known = files.downloads.find(hash);
    if (known == files.downloads.end() || known->second.expiresAt <= now.wall) return unknown();
    const auto* file = files.find(known->second.file);
    if (!file) return unknown();
    if (upload) return refused(405, "This file is here to be fetched, with GET.");
    TransferVerdict verdict;
    verdict.id = hash;
    verdict.file = file->id;
    verdict.etag = file->sha256.value_or(file->id).substr(0, 32);
    return verdict;
}

std::optional<db::Journal::Ticket> upload_received(Site& site, std::string_view id,
                                                   std::uint64_t bytes, std::string_view sha256,
                                                   Now now) {
    auto& files = site.files;
    const auto found = files.all.find(id);
    if (found == files.all.end() || found->second.state == FileState::stored) return std::nullopt;
    auto& file = found->second;
    files.receiving.erase(file.id);
    file.state = FileState::stored;
    file.sizeBytes = static_cast<std::int64_t>(bytes);
    file.sha256 = sha256;
    file.storedAt = now.wall;
    file.lastFailure.reset();
    const auto ticket = site.record({row_of(file)});
    auto* charger = site.find(file.chargePoint.value_or(""));
    if (!charger) return ticket;
    // The bytes are here: whatever the charger reports of it, the upload has succeeded.
    auto& status =
        file.purpose == FilePurpose::log ? charger->log_status : charger->diagnostics_status;
    status = ProgressStatus{"Uploaded", now.wall, file.requestId, true};
    if (file.operation) {
        observe(site, *charger, FileArrived{*file.operation, file.sizeBytes});
    }
    return ticket;
}

void upload_failed(Site& site, std::string_view id, std::uint64_t bytes, std::string_view cause,
                   Now now) {
    auto& files = site.files;
    const auto found = files.all.find(id);
    if (found == files.all.end() || found->second.state == FileState::stored) return;
    auto& file = found->second;
    files.receiving.erase(file.id);
    file.lastFailure = to_string(now.wall) + ": " + std::string{cause} + " after " +
                       std::to_string(bytes) + " bytes";
    if (!site.journal.full()) site.record({row_of(file)});
}

void download_sent(Site& site, std::string_view id, std::uint64_t bytes, bool end_reached,
                   Now now) {
    const auto found = site.files.downloads.find(id);
    if (found == site.files.downloads.end()) return;
    auto& download = found->second;
    download.sentBytes += static_cast<std::int64_t>(bytes);
    if (end_reached) download.fetchedAt = now.wall;
    if (end_reached && !site.journal.full()) site.record({row_of(download)});
}

FilePlace place_for_firmware(Site& site, std::optional<std::uint64_t> announced_bytes, Now now) {
    const auto& files = site.files;
    if (files.all.size() >= files_max) return {"", "There are too many files: delete some."};
    if (!fits(files, announced_bytes.value_or(files.settings.file_bytes_max))) {
        return {"",
                "The files take all the room they may: delete some, or raise [files] "
                "total_mib_max."};
    }
    return {new_id(files, now.wall), ""};
}

db::Journal::Ticket add_firmware(Site& site, std::string id, std::string name, std::uint64_t bytes,
                                 std::string sha256, Now now) {
    StoredFile file;
    file.id = std::move(id);
    file.purpose = FilePurpose::firmware;
    file.state = FileState::stored;
    file.name = std::move(name);
    file.sizeBytes = static_cast<std::int64_t>(bytes);
    file.sha256 = std::move(sha256);
    file.createdAt = now.wall;
    file.storedAt = now.wall;
    const auto ticket = site.record({row_of(file)});
    site.files.all.insert_or_assign(file.id, std::move(file));
    return ticket;
}

std::optional<db::Journal::Ticket> remove_file(Site& site, std::string_view id) {
    auto& files = site.files;
    const auto found = files.all.find(id);
    if (found == files.all.end()) return std::nullopt;
    std::vector<db::Record> unit{db::StateRemoved{std::string{file_kind}, found->first}};
    std::erase_if(files.downloads, [&](const auto& entry) {
        if (entry.second.file != found->first) return false;
        unit.push_back(db::StateRemoved{std::string{file_download_kind}, entry.first});
        return true;
    });
    forget_upload(files, found->second);
    files.all.erase(found);
    return site.record(std::move(unit));
}

void restore_file(Site& site, const db::StateSaved& row) {
    DecodeReport report;
    DecodeOptions options;
    options.lenient = true;
    if (row.kind == file_kind) {
        auto file = decode_text<StoredFile>(row.body.text, options, report);
        if (!file) return;
        if (file->tokenHash) site.files.uploads[*file->tokenHash] = file->id;
        site.files.all.insert_or_assign(file->id, std::move(*file));
    } else if (row.kind == file_download_kind) {
        auto download = decode_text<FileDownload>(row.body.text, options, report);
        if (download) site.files.downloads.insert_or_assign(download->tokenHash, *download);
    }
}

std::string url_file_name(std::string_view name) {
    std::string safe{name.substr(0, url_name_size_max)};
    for (char& c : safe) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!plain) c = '_';
    }
    // Neither a hidden file nor a way up, wherever it is saved.
    if (safe.empty()) return "file";
    if (safe.front() == '.') safe.front() = '_';
    return safe;
}

std::string host_name(std::string_view host_header) {
    constexpr std::size_t host_size_max = 253;
    const auto bracket = host_header.starts_with('[') ? host_header.find(']') : 0;
    if (bracket == std::string_view::npos) return "";
    const auto host = host_header.substr(0, host_header.find(':', bracket));
    if (host.empty() || host.size() > host_size_max) return "";
    const auto inner = bracket > 0 ? host.substr(1, host.size() - 2) : host;
    const bool plain = std::all_of(inner.begin(), inner.end(), [&](char c) {
        const bool digit = c >= '0' && c <= '9';
        const bool letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
        return digit || letter || c == '.' || (bracket > 0 ? c == ':' : c == '-');
    });
    return plain && (bracket == 0 || host.back() == ']') ? std::string{host} : "";
}

}  // namespace busbar::site
