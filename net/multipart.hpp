// The file in a multipart/form-data body (RFC 7578, RFC 2046), found while the body arrives in
// pieces of any size. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace busbar::net {

// The boundary a Content-Type names; nothing for another type, or one that RFC 2046 forbids.
std::optional<std::string> multipart_boundary(std::string_view content_type);

// Takes the first part that has a file name; where none has, the last part.
class MultipartReader {
public:
    explicit MultipartReader(const std::string& boundary);

    // What to do with a piece of the file; `restart`: forget what came before. False ends it.
    using Keep = std::function<bool(bool restart, std::string_view bytes)>;

    enum class Verdict { good, malformed, not_kept };
    Verdict feed(std::string_view piece, const Keep& keep);

    // Whether the body may end here: a part has come whole.
    bool is_complete() const;

private:
    enum class Stage { preamble, behind_delimiter, headers, content, epilogue };

    bool skip_preamble();
    Verdict pass_delimiter();
    Verdict read_headers();
    Verdict read_content(const Keep& keep, bool& waiting);

    std::string delimiter_;  // CRLF, two dashes, boundary
    std::string buffer_ = "\r\n";
    Stage stage_ = Stage::preamble;
    bool fresh_ = false;     // nothing of the present part has been kept
    bool wanted_ = false;    // the present part is kept
    bool has_file_ = false;  // a part with a file name has begun
    bool has_part_ = false;
};

}  // namespace busbar::net
