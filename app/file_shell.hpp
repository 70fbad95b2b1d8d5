// The shell around site/files: the folder with the contents, the listener that chargers use, and
// the thread that waits for the disk on the REST interface's behalf. Site loop only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "app/config.hpp"
#include "base/time.hpp"
#include "net/file_drop.hpp"
#include "site/site.hpp"

namespace busbar::app {

class FileShell {
public:
    struct Options {
        std::function<Now()> now;
        std::function<void()> after_event;
    };

    // Makes the folder, removes what was left unfinished, listens. A port that is only our default
    // gives way to a free one where it is taken. Throws DataDirectoryError and net::ListenError.
    FileShell(boost::asio::io_context& loop, site::Site& site, const Config& config,
              const std::filesystem::path& data_dir, Options options);
    ~FileShell();

    const std::filesystem::path& folder() const { return folder_; }
    boost::asio::any_io_executor worker() { return worker_.get_executor(); }
    std::uint16_t port() const { return drop_->port(); }

    // Removes the content of a file, soon.
    void remove_content(const std::string& id);
    // Nobody is served any more.
    void stop() { drop_.reset(); }

private:
    void listen(boost::asio::io_context& loop, const Config& config);
    net::FileDropEvents events();
    void admit(const net::DropRequest& request, const std::function<void(net::DropGrant)>& decide);
    void received(const net::DropUpload& upload, std::function<void(bool)> settle);
    void warn_of_unknown(const std::string& address);

    site::Site& site_;
    Options options_;
    std::filesystem::path folder_;
    boost::asio::thread_pool worker_{1};
    Instant next_warning_{};
    std::unique_ptr<net::FileDrop> drop_;
};

}  // namespace busbar::app
