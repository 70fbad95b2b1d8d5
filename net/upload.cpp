#include "net/upload.hpp"

namespace busbar::net {
namespace {

constexpr std::uint64_t multipart_overhead_max = std::uint64_t{64} * 1024;
constexpr std::uint64_t room_check_bytes = std::uint64_t{4} << 20;

Upload::Refusal no_room() { return {507, "There is no room for the file."}; }

}  // namespace

Upload::Refusal Upload::too_large() const {
    return {413, "The file is larger than " + std::to_string(bytes_max_) + " bytes."};
}

std::optional<Upload::Refusal> Upload::begin(const std::filesystem::path& target,
                                             std::uint64_t bytes_max,
                                             std::optional<std::uint64_t> announced_bytes,
                                             std::string_view content_type) {
    const auto boundary = multipart_boundary(content_type);
    multipart_.reset();
    if (boundary) multipart_.emplace(*boundary);
    folder_ = target.parent_path();
    bytes_max_ = bytes_max;
    overhead_max_ = boundary ? multipart_overhead_max : 0;
    body_bytes_ = room_checked_at_ = 0;
    if (announced_bytes.value_or(0) > bytes_max + overhead_max_) return too_large();
    if (!has_room(folder_, announced_bytes.value_or(0)) || !file_.open(target)) return no_room();
    return std::nullopt;
}

std::optional<Upload::Refusal> Upload::take(std::string_view piece) {
    body_bytes_ += piece.size();
    bool kept = true;
    if (multipart_) {
        const auto verdict = multipart_->feed(piece, [this](bool restart, std::string_view bytes) {
            return (!restart || file_.restart()) && file_.write(bytes);
        });
        if (verdict == MultipartReader::Verdict::malformed) {
            return Refusal{400, "The multipart body cannot be read."};
        }
        kept = verdict == MultipartReader::Verdict::good;
    } else {
        kept = file_.write(piece);
    }
    if (file_.bytes() > bytes_max_ || body_bytes_ > bytes_max_ + overhead_max_) return too_large();
    if (body_bytes_ >= room_checked_at_ + room_check_bytes) {
        room_checked_at_ = body_bytes_;
        kept = kept && has_room(folder_, 0);
    }
    if (!kept) return no_room();
    return std::nullopt;
}

std::variant<StoredBody, Upload::Refusal> Upload::finish() {
    if (multipart_ && !multipart_->is_complete()) {
        return Refusal{400, "The multipart body has no complete part."};
    }
    // Some clients try a URL with nothing first.
    if (file_.bytes() == 0) return Refusal{400, "The file is empty."};
    auto stored = file_.finish();
    if (!stored) return no_room();
    return std::move(*stored);
}

}  // namespace busbar::net
