// Looking at several bytes of a text at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace flashduty {

/// Four bytes.
class FourBytes {
  public:
    static constexpr std::size_t kSize = 4;

    explicit FourBytes(const char* bytes) noexcept { std::memcpy(&word_, bytes, kSize); }
    void copy(char* to) const noexcept { std::memcpy(to, &word_, kSize); }

    [[nodiscard]] std::uint32_t word() const noexcept { return word_; }

  private:
    std::uint32_t word_;
};

/// Eight bytes, and questions about all of them.
class EightBytes {
  public:
    static constexpr std::size_t kSize = 8;

    EightBytes(FourBytes a, FourBytes b) noexcept
        : word_(a.word() | static_cast<std::uint64_t>(b.word()) << 32) {}

    explicit EightBytes(const char* bytes) noexcept { std::memcpy(&word_, bytes, kSize); }
    void copy(char* to) const noexcept { std::memcpy(to, &word_, kSize); }

    [[nodiscard]] std::uint64_t word() const noexcept { return word_; }

    [[nodiscard]] bool are_ascii() const noexcept { return (word_ & kHighBits) == 0; }
    /// `limit` is at most 0x80.
    [[nodiscard]] bool have_below(unsigned char limit) const noexcept {
        return ((word_ - kEach * limit) & ~word_ & kHighBits) != 0;
    }
    [[nodiscard]] bool have(char c) const noexcept {
        const std::uint64_t other = word_ ^ (kEach * static_cast<unsigned char>(c));
        return ((other - kEach) & ~other & kHighBits) != 0;
    }

    /// Whether each is a digit where `form` has a 0, and else the same as in `form`, which is
    /// ASCII.
    [[nodiscard]] bool have_form(EightBytes form) const noexcept {
        const std::uint64_t above = word_ - form.word_;  // of digits, 0 to 9; no byte borrows then
        const std::uint64_t zeros = form.word_ ^ (kEach * '0');
        const std::uint64_t is_other = ((zeros + kEach * 0x7F) & kHighBits) >> 7;
        const std::uint64_t most = kEach * 9 - is_other * 9;
        return (above & kHighBits) == 0 && ((above + (kEach * 0x7F - most)) & kHighBits) == 0;
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
    SixteenBytes(EightBytes a, EightBytes b) noexcept
        : bytes_(
              _mm_set_epi64x(static_cast<long long>(b.word()), static_cast<long long>(a.word()))) {}
    /// The eight bytes of the two, twice.
    SixteenBytes(FourBytes a, FourBytes b) noexcept
        : SixteenBytes(EightBytes(a, b), EightBytes(a, b)) {}
    void copy(char* to) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes_); }

    /// A bit for each byte that is a control character, `"` or `\`, of the first one the lowest.
    [[nodiscard]] unsigned not_plain() const noexcept {
        const __m128i last_control = _mm_set1_epi8(0x1F);
        const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes_, last_control), bytes_);
        const __m128i others = _mm_or_si128(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\\')));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(controls, others)));
    }
    /// A bit for each byte that is a control character or not ASCII.
    [[nodiscard]] unsigned not_printable() const noexcept {
        const __m128i last_control = _mm_set1_epi8(0x1F);
        // Compared as signed: what is not ASCII is below all others.
        return static_cast<unsigned>(0xFFFF ^
                                     _mm_movemask_epi8(_mm_cmpgt_epi8(bytes_, last_control)));
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
    unsigned not_ascii = 0;
    while (static_cast<std::size_t>(end - at) >= SixteenBytes::kSize) {
        const SixteenBytes bytes(at);
        const unsigned found = bytes.not_plain();
        if (found != 0) {
            not_ascii |= bytes.not_ascii() & (found - 1);  // what is found is ASCII itself
            is_ascii &= not_ascii == 0;
            return at + __builtin_ctz(found);
        }
        not_ascii |= bytes.not_ascii();
        at += SixteenBytes::kSize;
    }
    is_ascii &= not_ascii == 0;
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

/// Where the first byte is that is a control character or not ASCII, from `at` on; else `end`.
inline const char* skip_printable(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    for (; static_cast<std::size_t>(end - at) >= SixteenBytes::kSize; at += SixteenBytes::kSize) {
        const unsigned found = SixteenBytes(at).not_printable();
        if (found != 0) {
            return at + __builtin_ctz(found);
        }
    }
#endif
    for (; static_cast<std::size_t>(end - at) >= EightBytes::kSize; at += EightBytes::kSize) {
        const EightBytes bytes(at);
        if (!bytes.are_ascii() || bytes.have_below(0x20)) {
            break;
        }
    }
    while (at != end && *at >= 0x20 && static_cast<unsigned char>(*at) < 0x80) {
        at++;
    }
    return at;
}

/// Whether two texts are the same: for short ones, which a call would cost more than the look.
[[nodiscard]] inline bool is_same(std::string_view a, std::string_view b) noexcept {
    const std::size_t size = a.size();
    if (size != b.size()) {
        return false;
    }
    if (size < EightBytes::kSize) {
        if (size >= FourBytes::kSize) {
            const std::size_t last = size - FourBytes::kSize;
            return FourBytes(a.data()).word() == FourBytes(b.data()).word() &&
                   FourBytes(a.data() + last).word() == FourBytes(b.data() + last).word();
        }
        std::size_t i = 0;
        while (i < size && a[i] == b[i]) {
            i++;
        }
        return i == size;
    }
    const auto word = [](const char* at) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof(word));
        return word;
    };
    const std::size_t last = size - EightBytes::kSize;
    std::size_t i = 0;
    while (i < last && word(a.data() + i) == word(b.data() + i)) {
        i += EightBytes::kSize;
    }
    return i >= last && word(a.data() + last) == word(b.data() + last);
}

/// Copies `text`, which has at least the bytes of a `Block` and at most twice as many.
template <class Block>
inline void copy_ends(std::string_view text, char* to) noexcept {
    const std::size_t last = text.size() - Block::kSize;
    const Block a(text.data()), b(text.data() + last);
    a.copy(to);
    b.copy(to + last);
}

/// Copies `text` to `to` and gives what is behind: for texts of which most are short.
inline char* copy_short(std::string_view text, char* to) noexcept {
    const std::size_t size = text.size();
    if (size > 2 * EightBytes::kSize) {
        std::memcpy(to, text.data(), size);
    } else if (size >= EightBytes::kSize) {
        copy_ends<EightBytes>(text, to);
    } else if (size >= FourBytes::kSize) {
        copy_ends<FourBytes>(text, to);
    } else {
        for (std::size_t i = 0; i < size; i++) {
            to[i] = text[i];
        }
    }
    return to + size;
}

#if defined(__SSE2__)

/// Copies `text`, which has at least the bytes of a `Block` and at most twice as many, and gives
/// how much of it stands before the first byte that needs_escape().
template <class Block>
inline std::size_t copy_plain_ends(std::string_view text, char* to) noexcept {
    const std::size_t last = text.size() - Block::kSize;
    const Block a(text.data()), b(text.data() + last);
    a.copy(to);
    b.copy(to + last);
    const unsigned found = SixteenBytes(a, b).not_plain();
    if (found == 0) {
        return text.size();
    }
    const auto place = static_cast<std::size_t>(__builtin_ctz(found));
    return place < Block::kSize ? place : last + place - Block::kSize;
}

#endif

/// Copies `text` up to the first byte that needs_escape() to `to`, which has room for all of it,
/// and gives how much that was.
inline std::size_t copy_plain(std::string_view text, char* to) noexcept {
    const char* const from = text.data();
    const std::size_t size = text.size();
    std::size_t i = 0;
#if defined(__SSE2__)
    if (size >= SixteenBytes::kSize) {
        const std::size_t last = size - SixteenBytes::kSize;
        for (;;) {
            const SixteenBytes bytes(from + i);
            bytes.copy(to + i);
            const unsigned found = bytes.not_plain();
            if (found != 0) {
                return i + static_cast<std::size_t>(__builtin_ctz(found));
            }
            if (i == last) {
                return size;
            }
            i = i + SixteenBytes::kSize < last ? i + SixteenBytes::kSize : last;
        }
    }
    if (size >= EightBytes::kSize) {
        return copy_plain_ends<EightBytes>(text, to);
    }
    if (size >= FourBytes::kSize) {
        return copy_plain_ends<FourBytes>(text, to);
    }
#else
    for (; size - i >= EightBytes::kSize && !EightBytes(from + i).need_escape();
         i += EightBytes::kSize) {
        EightBytes(from + i).copy(to + i);
    }
#endif
    for (; i < size && !needs_escape(from[i]); i++) {
        to[i] = from[i];
    }
    return i;
}

}  // namespace flashduty
