// Bearer tokens: reading them from a file's text, and checking a caller's.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "digest.hpp"

namespace flashduty {

enum class SecretLine {
    kSecret,
    kNothing,  ///< blank, or a comment
    kBad,      ///< more than one word, or a character that no secret has
};

/// Takes the first line off `rest`. A secret is one word of visible ASCII characters; a word that
/// begins with `#` begins a comment.
[[nodiscard]] SecretLine take_secret_line(std::string_view& rest,
                                          std::string_view& secret) noexcept;

/// Token of an `Authorization` header of the scheme `Bearer` (RFC 6750); empty when it is none.
[[nodiscard]] std::string_view bearer_token(std::string_view authorization) noexcept;

/// Digest that is kept in place of a token. All digests have one length, so that comparing them
/// reveals nothing about the tokens, not even their lengths.
using TokenDigest = std::array<unsigned char, kSha256Bytes>;

/// False when out of memory.
[[nodiscard]] bool digest_token(std::string_view token, TokenDigest& digest) noexcept;

/// True when `digest` is one of `count`; takes the same time wherever it is, and when it is not.
[[nodiscard]] bool is_one_of(const TokenDigest& digest, const TokenDigest* digests,
                             std::size_t count) noexcept;

}  // namespace flashduty
