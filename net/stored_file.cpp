#include "net/stored_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <openssl/evp.h>

namespace busbar::net {
namespace {

bool write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

// A new name is durable once its folder is.
bool sync_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool done = ::fsync(descriptor) == 0;
    ::close(descriptor);
    return done;
}

}  // namespace

struct IncomingFile::Hash {
    EVP_MD_CTX* context = EVP_MD_CTX_new();

    Hash() { start(); }
    ~Hash() { EVP_MD_CTX_free(context); }
    Hash(const Hash&) = delete;
    Hash& operator=(const Hash&) = delete;

    void start() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
    void add(std::string_view bytes) { EVP_DigestUpdate(context, bytes.data(), bytes.size()); }
    std::string hex() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        EVP_DigestFinal_ex(context, digest.data(), &size);
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        for (std::size_t at = 0; at < size; ++at) {
            text += digits[digest[at] >> 4U];
            text += digits[digest[at] & 15U];
        }
        return text;
    }
};

bool has_room(const std::filesystem::path& folder, std::uint64_t bytes) {
    std::error_code error;
    const auto space = std::filesystem::space(folder, error);
    return !error && space.available >= free_bytes_min && space.available - free_bytes_min >= bytes;
}

IncomingFile::IncomingFile() = default;

IncomingFile::~IncomingFile() { discard(); }

void IncomingFile::discard() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(part_.c_str());
    descriptor_ = -1;
}

bool IncomingFile::open(const std::filesystem::path& target) {
    discard();
    target_ = target;
    part_ = target.string() + std::string{part_mark} + "XXXXXX";
    descriptor_ = ::mkostemp(part_.data(), O_CLOEXEC);
    bytes_ = 0;
    hash_ = std::make_unique<Hash>();
    return descriptor_ >= 0;
}

bool IncomingFile::write(std::string_view bytes) {
    if (descriptor_ < 0 || !write_all(descriptor_, bytes)) return false;
    hash_->add(bytes);
    bytes_ += bytes.size();
    return true;
}

bool IncomingFile::restart() {
    if (descriptor_ < 0 || ::ftruncate(descriptor_, 0) != 0) return false;
    if (::lseek(descriptor_, 0, SEEK_SET) != 0) return false;
    bytes_ = 0;
    hash_->start();
    return true;
}

std::uint64_t IncomingFile::bytes() const { return bytes_; }

std::optional<StoredBody> IncomingFile::finish() {
    if (descriptor_ < 0) return std::nullopt;
    const bool kept = ::fsync(descriptor_) == 0 && ::rename(part_.c_str(), target_.c_str()) == 0;
    if (!kept) {
        discard();
        return std::nullopt;
    }
    ::close(descriptor_);
    descriptor_ = -1;
    if (!sync_folder(target_.parent_path())) {
        ::unlink(target_.c_str());
        return std::nullopt;
    }
    return StoredBody{target_, bytes_, hash_->hex()};
}

OutgoingFile::~OutgoingFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool OutgoingFile::open(const std::filesystem::path& path) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    return true;
}

std::string OutgoingFile::read(std::uint64_t offset, std::size_t size_max) const {
    std::string bytes(size_max, '\0');
    ssize_t count = -1;
    do {
        count = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    } while (count < 0 && errno == EINTR);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
}

}  // namespace busbar::net
