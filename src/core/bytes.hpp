// Looking at eight bytes of a text at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace flashduty {

/// Eight bytes, and questions about all of them.
class EightBytes {
  public:
    static constexpr std::size_t kSize = 8;

    explicit EightBytes(const char* bytes) noexcept { std::memcpy(&word_, bytes, kSize); }

    [[nodiscard]] bool are_ascii() const noexcept { return (word_ & kHighBits) == 0; }
    /// `limit` is at most 0x80.
    [[nodiscard]] bool have_below(unsigned char limit) const noexcept {
        return ((word_ - kEach * limit) & ~word_ & kHighBits) != 0;
    }
    [[nodiscard]] bool have(char c) const noexcept {
        const std::uint64_t other = word_ ^ (kEach * static_cast<unsigned char>(c));
        return ((other - kEach) & ~other & kHighBits) != 0;
    }

  private:
    static constexpr std::uint64_t kEach = 0x0101010101010101;
    static constexpr std::uint64_t kHighBits = 0x8080808080808080;

    std::uint64_t word_;
};

/// True for ASCII without control characters, `"` and `\`: what is the same in JSON and as a text.
[[nodiscard]] inline bool is_plain(std::string_view text) noexcept {
    const auto are_plain = [](EightBytes bytes) {
        return bytes.are_ascii() && !bytes.have_below(0x20) && !bytes.have('"') &&
               !bytes.have('\\');
    };
    if (text.size() < EightBytes::kSize) {
        bool is = true;
        for (const char c : text) {
            is &= c >= ' ' && c != '"' && c != '\\';
        }
        return is;
    }
    const char* const last = text.data() + text.size() - EightBytes::kSize;
    for (const char* at = text.data(); at < last; at += EightBytes::kSize) {
        if (!are_plain(EightBytes(at))) {
            return false;
        }
    }
    return are_plain(EightBytes(last));
}

/// Where the first control character, `"` or `\` is from `at` on, or `end`. Before that,
/// `are_ascii` becomes false where something is not ASCII.
inline const char* skip_plain(const char* at, const char* end, bool& are_ascii) noexcept {
#if defined(__SSE2__)
    constexpr std::ptrdiff_t kBlock = sizeof(__m128i);
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1F);
    while (end - at >= kBlock) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        const __m128i others =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(controls, others)));
        const auto beyond_ascii = static_cast<unsigned>(_mm_movemask_epi8(bytes));
        if (found != 0) {
            are_ascii &= (beyond_ascii & ~found & (found - 1)) == 0;
            return at + __builtin_ctz(found);
        }
        are_ascii &= beyond_ascii == 0;
        at += kBlock;
    }
#else
    while (end - at >= static_cast<std::ptrdiff_t>(EightBytes::kSize)) {
        const EightBytes bytes(at);
        if (bytes.have_below(0x20) || bytes.have('"') || bytes.have('\\')) {
            break;
        }
        are_ascii &= bytes.are_ascii();
        at += EightBytes::kSize;
    }
#endif
    while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != '"' && *at != '\\') {
        are_ascii &= static_cast<unsigned char>(*at) < 0x80;
        at++;
    }
    return at;
}

}  // namespace flashduty
