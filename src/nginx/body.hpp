// The request's body as the core reads it: where nginx put it, in memory or in a file.
#pragma once

#include "../core/blueking_body.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Gives a body that lies in one buffer as it lies. A part in nginx's temporary file is read, as
/// nginx itself reads it, and parts in several buffers, as chunked bodies have them, are gathered
/// through one buffer.
class RequestBody final : public BodySource {
  public:
    /// The buffer comes from `arena`, so that its failing can be told from the file's.
    RequestBody(ngx_http_request_t* r, Arena& arena) noexcept;
    ~RequestBody();
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;

    [[nodiscard]] bool next(JsonChunk& chunk, std::size_t wanted_bytes) noexcept override;
    void rewind() noexcept override;

  private:
    bool reserve(std::size_t size_bytes) noexcept;
    std::size_t gather(std::size_t size_bytes) noexcept;
    ssize_t take(u_char* to, std::size_t size_bytes) noexcept;
    void pass_empty() noexcept;

    ngx_http_request_t* r_;
    Arena& arena_;
    const ngx_chain_t* link_ = nullptr;
    off_t taken_ = 0;  ///< of the current link
    bool failed_ = false;
    u_char* buffer_ = nullptr;
    std::size_t buffer_bytes_ = 0;
};

}  // namespace flashduty
