#include "bearer.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr bool is_visible(char c) noexcept { return c > ' ' && c < 0x7F; }

}  // namespace

SecretLine take_secret_line(std::string_view& rest, std::string_view& secret) noexcept {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line[0] == '#') {
        return SecretLine::kNothing;
    }
    secret = line.substr(0, line.find_first_of(" \t"));
    const std::string_view behind = trim(line.substr(secret.size()));
    const bool is_alone = behind.empty() || behind[0] == '#';
    const bool is_sound = std::all_of(secret.begin(), secret.end(), is_visible);
    return is_alone && is_sound ? SecretLine::kSecret : SecretLine::kBad;
}

std::string_view bearer_token(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "Bearer ";
    return equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)
               ? trim(authorization.substr(kScheme.size()))
               : std::string_view{};
}

bool digest_token(std::string_view token, TokenDigest& digest) noexcept {
    Sha256 sha256;
    sha256.add(token);
    return sha256.finish(digest);
}

bool is_one_of(const TokenDigest& digest, const TokenDigest* digests, std::size_t count) noexcept {
    int found = 0;
    for (std::size_t i = 0; i < count; i++) {
        found |= CRYPTO_memcmp(digest.data(), digests[i].data(), digest.size()) == 0 ? 1 : 0;
    }
    return found != 0;
}

}  // namespace flashduty
