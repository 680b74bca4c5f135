// Numbers as text.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flashduty {

/// A number in decimal digits. Owns its text.
class Digits {
  public:
    explicit Digits(std::uint64_t number) noexcept { append(number); }

    /// Milliseconds as seconds: `0.005`, `10`.
    [[nodiscard]] static Digits seconds(std::uint64_t ms) noexcept {
        constexpr std::uint64_t kSecondMs = 1000;
        Digits digits(ms / kSecondMs);
        std::uint64_t rest = ms % kSecondMs;
        if (rest != 0) {
            digits.text_[digits.size_++] = '.';
        }
        for (std::uint64_t unit = kSecondMs / 10; rest != 0; unit /= 10) {
            digits.append(rest / unit);
            rest %= unit;
        }
        return digits;
    }

    /// Same form below zero: `-0.005`.
    [[nodiscard]] static Digits signed_seconds(std::int64_t ms) noexcept {
        const bool is_negative = ms < 0;
        const auto magnitude = static_cast<std::uint64_t>(ms);
        Digits digits = seconds(is_negative ? ~magnitude + 1 : magnitude);
        if (is_negative) {
            std::memmove(digits.text_ + 1, digits.text_, digits.size_);
            digits.text_[0] = '-';
            digits.size_++;
        }
        return digits;
    }

    operator std::string_view() const noexcept { return {text_, size_}; }

  private:
    void append(std::uint64_t number) noexcept {
        size_ = static_cast<std::size_t>(
            std::to_chars(text_ + size_, text_ + sizeof(text_), number).ptr - text_);
    }

    char text_[28];  // the largest number, a point and three digits
    std::size_t size_ = 0;
};

}  // namespace flashduty
