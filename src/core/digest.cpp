#include "digest.hpp"

#include <openssl/evp.h>

namespace flashduty {

std::string_view sha256_hex(Arena& arena, std::string_view text) noexcept {
    constexpr char kDigits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
        return {};
    }
    char* to = static_cast<char*>(arena.allocate(size * 2));
    if (to == nullptr) {
        return {};
    }
    for (unsigned int i = 0; i < size; i++) {
        to[i * 2] = kDigits[digest[i] >> 4];
        to[i * 2 + 1] = kDigits[digest[i] & 0xF];
    }
    return {to, size * 2};
}

}  // namespace flashduty
