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

    /// Whether one of them needs_escape().
    [[nodiscard]] bool need_escape() const noexcept {
        return have_below(0x20) || have('"') || have('\\');
    }

  private:
    static constexpr std::uint64_t kEach = 0x0101010101010101;
    static constexpr std::uint64_t kHighBits = 0x8080808080808080;

    std::uint64_t word_;
};

#if defined(__SSE2__)

/// Sixteen bytes.
class SixteenBytes {
  public:
    static constexpr std::size_t kSize = 16;

    explicit SixteenBytes(const char* bytes) noexcept
        : bytes_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))) {}

    /// A bit for each byte that is a control character, `"` or `\`, of the first one the lowest.
    [[nodiscard]] unsigned not_plain() const noexcept {
        const __m128i last_control = _mm_set1_epi8(0x1F);
        const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes_, last_control), bytes_);
        const __m128i others = _mm_or_si128(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\\')));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(controls, others)));
    }
    [[nodiscard]] unsigned not_ascii() const noexcept {
        return static_cast<unsigned>(_mm_movemask_epi8(bytes_));
    }

  private:
    __m128i bytes_;
};

#endif

/// True for a control character, `"` and `\`: what may not stand for itself in a JSON string.
[[nodiscard]] constexpr bool needs_escape(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

/// Where the first byte is that needs_escape(), from `at` on; else `end`. `is_ascii` becomes false
/// where something before that is not ASCII.
inline const char* skip_plain(const char* at, const char* end, bool& is_ascii) noexcept {
#if defined(__SSE2__)
    while (static_cast<std::size_t>(end - at) >= SixteenBytes::kSize) {
        const SixteenBytes bytes(at);
        const unsigned found = bytes.not_plain();
        if (found != 0) {
            const unsigned before = ~found & (found - 1);
            is_ascii &= (bytes.not_ascii() & before) == 0;
            return at + __builtin_ctz(found);
        }
        is_ascii &= bytes.not_ascii() == 0;
        at += SixteenBytes::kSize;
    }
#else
    while (static_cast<std::size_t>(end - at) >= EightBytes::kSize) {
        const EightBytes bytes(at);
        if (bytes.need_escape()) {
            break;
        }
        is_ascii &= bytes.are_ascii();
        at += EightBytes::kSize;
    }
#endif
    while (at != end && !needs_escape(*at)) {
        is_ascii &= static_cast<unsigned char>(*at) < 0x80;
        at++;
    }
    return at;
}

/// True when nothing in `text` needs_escape().
[[nodiscard]] inline bool is_plain(std::string_view text) noexcept {
    if (text.size() < EightBytes::kSize) {
        bool is = true;
        for (const char c : text) {
            is &= !needs_escape(c);
        }
        return is;
    }
    const char* at = text.data();
    const char* const last = at + text.size() - EightBytes::kSize;
#if defined(__SSE2__)
    for (; last - at >= static_cast<std::ptrdiff_t>(EightBytes::kSize); at += SixteenBytes::kSize) {
        if (SixteenBytes(at).not_plain() != 0) {
            return false;
        }
    }
#endif
    for (; at < last; at += EightBytes::kSize) {
        if (EightBytes(at).need_escape()) {
            return false;
        }
    }
    return !EightBytes(last).need_escape();
}

/// Copies `text` to `to` and gives what is behind: for texts of which most are short.
inline char* copy_short(std::string_view text, char* to) noexcept {
    constexpr std::size_t kBlock = 8;
    const char* from = text.data();
    const std::size_t size = text.size();
    if (size > 4 * kBlock) {
        std::memcpy(to, from, size);
    } else if (size >= kBlock) {
        for (std::size_t i = 0; i < size - kBlock; i += kBlock) {
            std::memcpy(to + i, from + i, kBlock);
        }
        std::memcpy(to + size - kBlock, from + size - kBlock, kBlock);
    } else {
        for (std::size_t i = 0; i < size; i++) {
            to[i] = from[i];
        }
    }
    return to + size;
}

}  // namespace flashduty
