#include "app/password_worker.hpp"

#include <boost/asio/post.hpp>

#include "base/text.hpp"
#include "ocpp/identity.hpp"

namespace busbar::app {
namespace {

constexpr std::size_t remembered_max = 1000;

bool is_right(const std::string& hash, const std::string& password) {
    if (verify_password(hash, password)) return true;
    const auto hex = ocpp::hex_of_raw_key(password);
    return hex && (verify_password(hash, *hex) || verify_password(hash, to_lower(*hex)));
}

}  // namespace

PasswordWorker::PasswordWorker(boost::asio::any_io_executor site_loop)
    : site_loop_(std::move(site_loop)) {}

PasswordWorker::~PasswordWorker() {
    thread_.stop();
    thread_.join();
}

void PasswordWorker::check(const std::string& hash, const std::string& password,
                           std::function<void(Answer)> done) {
    const auto key = memory_.remember(hash, password);
    if (right_.contains(key)) return done(Answer::right);
    if (waiting_ == waiting_max) return done(Answer::busy);
    ++waiting_;
    boost::asio::post(thread_, [this, hash, password, key, done = std::move(done)] {
        const bool right = is_right(hash, password);
        boost::asio::post(site_loop_, [this, right, key, done] {
            --waiting_;
            if (right) {
                if (right_.size() == remembered_max) right_.clear();
                right_.insert(key);
            }
            done(right ? Answer::right : Answer::wrong);
        });
    });
}

void PasswordWorker::hash(std::string password, std::function<void(std::string)> done) {
    if (waiting_ == waiting_max) return done("");
    ++waiting_;
    boost::asio::post(thread_, [this, password = std::move(password), done = std::move(done)] {
        auto result = hash_password(password);
        boost::asio::post(site_loop_, [this, result = std::move(result), done] {
            --waiting_;
            done(result);
        });
    });
}

}  // namespace busbar::app
