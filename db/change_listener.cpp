#include "db/change_listener.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include "db/select.hpp"

namespace busbar::db {
namespace {

using namespace std::chrono_literals;

constexpr const char* change_channel = "busbar_change";
// A frozen server sends nothing, not even an error: it is asked now and then.
constexpr auto probe_interval = 10s;
constexpr auto reconnect_wait_first = 100ms;
constexpr auto reconnect_wait_max = 5000ms;

class Receiver : public pqxx::notification_receiver {
public:
    Receiver(pqxx::connection_base& connection, std::set<std::string>& changed)
        : pqxx::notification_receiver{connection, change_channel}, changed_{changed} {}
    void operator()(const std::string& table, int) override { changed_.insert(table); }

private:
    std::set<std::string>& changed_;
};

// LISTENs while it lives, and names the tables that changed.
class Subscription {
public:
    explicit Subscription(Connection& connection) : connection_{connection} {
        connection_.guarded(
            [&] { receiver_ = std::make_unique<Receiver>(connection_.pqxx(), changed_); });
    }
    ~Subscription() {
        connection_.guarded([&] { receiver_.reset(); });
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    std::set<std::string> take() {
        connection_.guarded([&] { connection_.pqxx().get_notifs(); });
        if (!connection_.pqxx().is_open()) throw std::runtime_error{"the connection is closed"};
        return std::exchange(changed_, {});
    }

private:
    Connection& connection_;
    std::set<std::string> changed_;
    std::unique_ptr<Receiver> receiver_;
};

}  // namespace

class ChangeListener::Impl {
public:
    Impl(std::string url, boost::asio::any_io_executor site_loop, Callbacks callbacks,
         std::chrono::milliseconds call_timeout)
        : url_{std::move(url)},
          call_timeout_{call_timeout},
          site_loop_{std::move(site_loop)},
          shared_{std::make_shared<Shared>()},
          wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        shared_->callbacks = std::move(callbacks);
        thread_ = std::thread{[this] { run(); }};
    }
    ~Impl() {
        shared_->closed = true;
        stopping_ = true;
        ::eventfd_write(wake_, 1);
        thread_.join();
        ::close(wake_);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    bool listening() const { return listening_; }

private:
    struct Shared {
        Callbacks callbacks;
        bool closed = false;  // site loop only
    };

    void run() {
        auto wait = reconnect_wait_first;
        bool complained = false;
        while (!stopping_) {
            try {
                Connection connection{url_, call_timeout_, "busbar-listen"};
                Subscription subscription{connection};
                // Whatever changed before LISTEN took effect is in what is read now.
                read_and_post(connection, {"badge", "badge_group", "charge_point", "api_token"});
                listening_ = true;
                wait = reconnect_wait_first;
                complained = false;
                listen(connection, subscription);
            } catch (const std::exception& error) {
                if (!complained && !stopping_) {
                    spdlog::warn("change_listener away detail=\"{}\"", one_line(error));
                }
                complained = true;
            }
            listening_ = false;
            if (!stopping_) pause(wait);
            wait = std::min(2 * wait, reconnect_wait_max);
        }
    }

    void listen(Connection& connection, Subscription& subscription) {
        while (!stopping_) {
            pollfd files[] = {{connection.socket(), POLLIN, 0}, {wake_, POLLIN, 0}};
            const int ready = ::poll(files, 2, std::chrono::milliseconds{probe_interval}.count());
            if (stopping_) return;
            if (ready == 0) probe(connection);
            const auto changed = subscription.take();
            if (!changed.empty()) read_and_post(connection, changed);
        }
    }

    static void probe(Connection& connection) {
        Transaction transaction{connection};
        transaction.exec("SELECT 1");
    }

    void read_and_post(Connection& connection, const std::set<std::string>& tables) {
        Transaction transaction{connection};
        transaction.read_snapshot();
        const auto sequence = select_journal_sequence(transaction);
        if (tables.contains("badge")) {
            post(&Callbacks::badges, select_badges(transaction), sequence);
        }
        if (tables.contains("badge_group")) {
            post(&Callbacks::badge_groups, select_badge_groups(transaction), sequence);
        }
        if (tables.contains("charge_point")) {
            post(&Callbacks::charge_points, select_charge_points(transaction), sequence);
        }
        if (tables.contains("api_token")) {
            post(&Callbacks::tokens, select_tokens(transaction, false), sequence);
        }
        transaction.commit();
    }

    template <class Rows>
    void post(std::function<void(Rows, std::uint64_t)> Callbacks::*callback, Rows rows,
              std::uint64_t sequence) {
        boost::asio::post(site_loop_,
                          [shared = shared_, callback, rows = std::move(rows), sequence]() mutable {
                              const auto& run = shared->callbacks.*callback;
                              if (!shared->closed && run) run(std::move(rows), sequence);
                          });
    }

    void pause(std::chrono::milliseconds wait) {
        pollfd file{wake_, POLLIN, 0};
        ::poll(&file, 1, static_cast<int>(wait.count()));
    }

    const std::string url_;
    const std::chrono::milliseconds call_timeout_;
    boost::asio::any_io_executor site_loop_;
    std::shared_ptr<Shared> shared_;
    const int wake_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> listening_{false};
    std::thread thread_;
};

ChangeListener::ChangeListener(std::string url, boost::asio::any_io_executor site_loop,
                               Callbacks callbacks, std::chrono::milliseconds call_timeout)
    : impl_{std::make_unique<Impl>(std::move(url), std::move(site_loop), std::move(callbacks),
                                   call_timeout)} {}
ChangeListener::~ChangeListener() = default;
bool ChangeListener::listening() const { return impl_->listening(); }

}  // namespace busbar::db
