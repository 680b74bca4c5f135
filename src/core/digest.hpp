// SHA-256, by libcrypto.
#pragma once

#include <openssl/ossl_typ.h>  // types.h, from OpenSSL 3 on

#include <array>
#include <cstddef>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

inline constexpr std::size_t kSha256Bytes = 32;

/// SHA-256 of all bytes added so far.
class Sha256 {
  public:
    Sha256() noexcept;
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::string_view text) noexcept;

    /// Ends it; false when libcrypto failed, which it does for want of memory. Call it once.
    [[nodiscard]] bool finish(std::array<unsigned char, kSha256Bytes>& digest) noexcept;

    /// Digest in lower-case hex; empty, and the arena failed(), when out of memory.
    [[nodiscard]] std::string_view hex(Arena& arena) noexcept;

    /// Digest in base64, as a Content-Security-Policy has it; empty, and the arena failed(), when
    /// out of memory.
    [[nodiscard]] std::string_view base64(Arena& arena) noexcept;

  private:
    EVP_MD_CTX* context_;
    bool is_sound_;
};

/// SHA-256 of `text` in lower-case hex; empty when out of memory.
[[nodiscard]] std::string_view sha256_hex(Arena& arena, std::string_view text) noexcept;

}  // namespace flashduty
