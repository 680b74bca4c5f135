// The request's body as the core reads it: where nginx put it, in memory or in a file.
#pragma once

#include "../../core/body_pieces.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Gives a body that lies in one buffer as it lies. A part in nginx's temporary file is read as
/// nginx itself reads it.
class RequestBody final : public BodySource {
  public:
    explicit RequestBody(ngx_http_request_t* r) noexcept : r_(r) { seek(0); }

    /// Puts a short body that lies in several buffers into one, before it is read: nginx leaves in
    /// the buffer of the headers what came with them. A refusal of `arena` is remembered there.
    void gather(Arena& arena) noexcept;

    [[nodiscard]] JsonChunk whole() const noexcept override;
    [[nodiscard]] std::size_t read(char* to, std::size_t size_bytes) noexcept override;
    [[nodiscard]] std::size_t left_bytes() const noexcept override;
    void seek(std::size_t offset_bytes) noexcept override;

  private:
    void pass_taken() noexcept;

    ngx_http_request_t* r_;
    const ngx_chain_t* link_ = nullptr;
    off_t taken_ = 0;  ///< of the current link
    std::string_view gathered_;
};

}  // namespace flashduty
