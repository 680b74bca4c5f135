// BlueKing's body, to be written down.
#pragma once

#include <string>
#include <vector>

#include "../base/ngx.hpp"

namespace flashduty {

/// A request's body on its way to a thread: what lies in memory is copied, a temporary file is read
/// there.
class SpooledBody {
  public:
    /// Takes the body; false when its file cannot be kept open.
    [[nodiscard]] bool take(ngx_http_request_t* r) noexcept;

    /// Reads the whole body, in a thread; false when its file cannot be read.
    [[nodiscard]] bool read(std::string& body) noexcept;

    [[nodiscard]] std::size_t size_bytes() const noexcept { return body_.size(); }

    SpooledBody() = default;
    ~SpooledBody();
    SpooledBody(SpooledBody&& other) noexcept;
    SpooledBody& operator=(SpooledBody&& other) noexcept;

  private:
    struct FilePart {
        off_t file_offset_bytes;
        std::size_t at;  ///< offset in the body
        std::size_t size_bytes;
    };

    std::string body_;
    std::vector<FilePart> file_parts_;
    int file_ = -1;
};

}  // namespace flashduty
