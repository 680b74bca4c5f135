// Looking at eight bytes of a text at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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

}  // namespace flashduty
