#include "digest.hpp"

#include <openssl/evp.h>

namespace flashduty {

Sha256::Sha256() noexcept
    : context_(EVP_MD_CTX_new()),
      is_sound_(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1) {}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::add(std::string_view text) noexcept {
    is_sound_ = is_sound_ && EVP_DigestUpdate(context_, text.data(), text.size()) == 1;
}

bool Sha256::finish(std::array<unsigned char, kSha256Bytes>& digest) noexcept {
    is_sound_ = is_sound_ && EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1;
    return is_sound_;
}

std::string_view Sha256::hex(Arena& arena) noexcept {
    constexpr char kDigits[] = "0123456789abcdef";
    std::array<unsigned char, kSha256Bytes> digest;
    if (!finish(digest)) {
        arena.fail();
        return {};
    }
    char* to = static_cast<char*>(arena.allocate(kSha256Bytes * 2));
    if (to == nullptr) {
        return {};
    }
    for (std::size_t i = 0; i < kSha256Bytes; i++) {
        to[i * 2] = kDigits[digest[i] >> 4];
        to[i * 2 + 1] = kDigits[digest[i] & 0xF];
    }
    return {to, kSha256Bytes * 2};
}

std::string_view Sha256::base64(Arena& arena) noexcept {
    constexpr std::size_t kSize = (kSha256Bytes + 2) / 3 * 4;
    std::array<unsigned char, kSha256Bytes> digest;
    if (!finish(digest)) {
        arena.fail();
        return {};
    }
    auto* to = static_cast<unsigned char*>(arena.allocate(kSize + 1));  // one more for a NUL
    if (to == nullptr) {
        return {};
    }
    EVP_EncodeBlock(to, digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(to), kSize};
}

std::string_view sha256_hex(Arena& arena, std::string_view text) noexcept {
    Sha256 digest;
    digest.add(text);
    return digest.hex(arena);
}

}  // namespace flashduty
