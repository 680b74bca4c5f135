// The request's body as the core reads it: where nginx put it, in memory or in a file.
#pragma once

#include "../core/blueking_message.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Gives the body's buffers as they lie. A part in nginx's temporary file is read through one
/// buffer from the request's pool, as nginx itself reads it.
class RequestBody final : public BodySource {
  public:
    explicit RequestBody(ngx_http_request_t* r) noexcept;
    ~RequestBody();
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;

    [[nodiscard]] bool next(JsonChunk& chunk, std::size_t wanted_bytes) noexcept override;
    void rewind() noexcept override;

  private:
    bool read_file(const ngx_buf_t& buf, JsonChunk& chunk, std::size_t wanted_bytes) noexcept;

    ngx_http_request_t* r_;
    const ngx_chain_t* link_ = nullptr;
    off_t file_offset_ = 0;  ///< within the file part of the current link
    u_char* buffer_ = nullptr;
    std::size_t buffer_bytes_ = 0;
};

}  // namespace flashduty
