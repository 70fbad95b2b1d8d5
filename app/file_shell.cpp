#include "app/file_shell.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include "app/data_directory.hpp"
#include "net/listener.hpp"

namespace busbar::app {
namespace {

constexpr std::chrono::minutes warning_gap{1};

void remove_unfinished(const std::filesystem::path& folder) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
        const auto name = entry.path().filename().string();
        if (name.find(net::part_mark) == std::string::npos) continue;
        std::filesystem::remove(entry.path(), ignored);
    }
}

}  // namespace

FileShell::FileShell(boost::asio::io_context& loop, site::Site& site, const Config& config,
                     const std::filesystem::path& data_dir, Options options)
    : site_(site),
      options_(std::move(options)),
      folder_(open_data_directory((data_dir / "files").string())) {
    remove_unfinished(folder_);
    auto& settings = site_.files.settings;
    settings.file_bytes_max = static_cast<std::uint64_t>(config.files_upload_mib_max) << 20U;
    settings.total_bytes_max = static_cast<std::uint64_t>(config.files_total_mib_max) << 20U;
    settings.public_url = config.files_public_url;
    settings.listener_address = config.files_address;
    listen(loop, config);
    settings.listener_port = drop_->port();
}

FileShell::~FileShell() {
    drop_.reset();
    worker_.join();
}

void FileShell::listen(boost::asio::io_context& loop, const Config& config) {
    const auto open = [&](std::int64_t port) {
        drop_ = std::make_unique<net::FileDrop>(loop, config.files_address,
                                                static_cast<std::uint16_t>(port),
                                                net::FileDropLimits{}, events());
    };
    if (config.files_port_configured) return open(config.files_port);
    try {
        open(config.files_port);
    } catch (const net::ListenError& error) {
        open(0);
        spdlog::warn("event=configuration detail=\"[files] port is not set, and {} is taken: {}\"",
                     config.files_port, drop_->port());
    }
}

net::FileDropEvents FileShell::events() {
    net::FileDropEvents events;
    events.admit = [this](const net::DropRequest& request, auto decide) { admit(request, decide); };
    events.received = [this](const net::DropUpload& upload, auto settle) {
        received(upload, std::move(settle));
    };
    events.failed = [this](const net::DropLoss& loss) {
        site::upload_failed(site_, loss.id, loss.bytes, loss.cause, options_.now());
        spdlog::warn("event=upload_failed file={} bytes={} cause=\"{}\"", loss.id, loss.bytes,
                     loss.cause);
        options_.after_event();
    };
    events.sent = [this](const net::DropSent& sent) {
        site::download_sent(site_, sent.id, sent.bytes, sent.end_reached, options_.now());
        options_.after_event();
    };
    return events;
}

void FileShell::admit(const net::DropRequest& request,
                      const std::function<void(net::DropGrant)>& decide) {
    auto verdict = site::admit_transfer(site_, request.token, request.upload,
                                        request.announced_bytes, options_.now());
    if (verdict.status == 404) warn_of_unknown(request.peer_address);
    net::DropGrant grant;
    grant.status = verdict.status;
    grant.detail = std::move(verdict.detail);
    grant.id = std::move(verdict.id);
    if (grant.status == 200) grant.path = folder_ / verdict.file;
    grant.bytes_max = verdict.bytes_max;
    grant.etag = std::move(verdict.etag);
    decide(std::move(grant));
}

// The charger is answered once the row is durable: until then it may have to send again.
void FileShell::received(const net::DropUpload& upload, std::function<void(bool)> settle) {
    site_.now = options_.now();
    const auto ticket = site::upload_received(site_, upload.id, upload.file.bytes,
                                              upload.file.sha256, options_.now());
    if (!ticket) return settle(false);
    spdlog::info("event=file_received file={} bytes={} address={}", upload.id, upload.file.bytes,
                 upload.peer_address);
    site_.journal.when_durable(*ticket, [settle = std::move(settle)] { settle(true); });
    options_.after_event();
}

void FileShell::warn_of_unknown(const std::string& address) {
    const auto now = options_.now().mono;
    if (now < next_warning_) return;
    next_warning_ = now + warning_gap;
    spdlog::warn("event=unknown_file_url address={} so_far={}", address,
                 site_.files.unknown_requests);
}

void FileShell::remove_content(const std::string& id) {
    boost::asio::post(worker_, [path = folder_ / id] {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    });
}

}  // namespace busbar::app
