// Hashes and checks passwords on a thread of its own: argon2id takes tens of milliseconds, and the
// site loop must not wait. Create, call and destroy on the site loop; callbacks run there.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/secrets.hpp"

namespace busbar::app {

class PasswordWorker {
public:
    explicit PasswordWorker(boost::asio::any_io_executor site_loop);
    ~PasswordWorker();

    enum class Answer { right, wrong, busy };
    // Is this the password, as text or as the raw bytes of its hex text (ruling R10)? A password
    // that was right before is known at once.
    void check(const std::string& hash, const std::string& password,
               std::function<void(Answer)> done);
    // The argon2id hash, or "" if too many wait.
    void hash(std::string password, std::function<void(std::string)> done);

private:
    static constexpr int waiting_max = 256;

    boost::asio::any_io_executor site_loop_;
    PasswordMemory memory_;
    std::unordered_set<std::string> right_;  // by PasswordMemory::remember
    int waiting_ = 0;
    boost::asio::thread_pool thread_{1};
};

}  // namespace busbar::app
