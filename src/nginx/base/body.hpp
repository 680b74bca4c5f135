// Request body for the core, wherever nginx put it: in memory or in a file.
#pragma once

#include "../../core/body_pieces.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Gives a body in a single buffer without copying. Parts in nginx's temporary file are read as
/// nginx itself reads them.
class RequestBody final : public BodySource {
  public:
    explicit RequestBody(ngx_http_request_t* r) noexcept : r_(r) { seek(0); }

    /// Joins a short body of several buffers before it is read: nginx leaves in the header buffer
    /// what arrived with the headers. `arena` remembers when it had no room.
    void gather(Arena& arena) noexcept;

    [[nodiscard]] JsonChunk whole() const noexcept override;
    [[nodiscard]] std::size_t read(char* to, std::size_t size_bytes) noexcept override;
    [[nodiscard]] std::size_t left_bytes() const noexcept override;
    void seek(std::size_t offset_bytes) noexcept override;

  private:
    void pass_taken() noexcept;

    ngx_http_request_t* r_;
    const ngx_chain_t* link_ = nullptr;
    off_t taken_ = 0;  ///< of the current link, already read
    std::string_view gathered_;
};

}  // namespace flashduty
