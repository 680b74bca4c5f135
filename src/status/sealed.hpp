// Records in shared memory with many writers and many readers, without locks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flashduty {

/// Words under a seal computed from them. If a writer was killed in the middle, or two have written
/// at once, the seal does not match and readers skip the record.
template <class Word, std::size_t Words>
struct Sealed {
    Word seal;  ///< 0: never written
    Word size;  ///< in words
    Word words[Words];
};

/// Sum of words: a change of any single word changes it.
class Sum {
  public:
    void add(std::uint64_t word) noexcept { sum_ = (sum_ ^ word) * kOdd; }

    /// Never 0. `size` is the number of all words.
    [[nodiscard]] std::uint64_t seal(std::size_t size) const noexcept {
        const std::uint64_t seal = sum_ ^ size;
        return seal == 0 ? 1 : seal;
    }

  private:
    static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;

    std::uint64_t sum_ = kOdd;
};

/// Size that stands before each text.
using SealedTextSize = std::uint16_t;

/// Longest start of valid UTF-8 that fits, without a split character.
[[nodiscard]] inline std::string_view whole_start(std::string_view text,
                                                  std::size_t most_bytes) noexcept {
    if (text.size() <= most_bytes) {
        return text;
    }
    while (most_bytes > 0 && (static_cast<unsigned char>(text[most_bytes]) & 0xC0) == 0x80) {
        most_bytes--;
    }
    return text.substr(0, most_bytes);
}

/// Packs numbers and texts, to be sealed. They always fit: `Words` is the sum of the texts' limits.
template <std::size_t Words>
class SealWriter {
  public:
    void number(std::uint64_t number) noexcept { append(number); }

    /// `text` is valid UTF-8; a longer one is cut and ends in `…`.
    void text(std::string_view text, std::size_t most_bytes) noexcept {
        if (text.size() > most_bytes) {
            cut_text(text, most_bytes);
            return;
        }
        append(static_cast<SealedTextSize>(text.size()));
        size_ += text.copy(bytes_ + size_, text.size());
    }

    void seal(Sealed<std::atomic<std::uint64_t>, Words>& sealed) noexcept {
        std::memset(bytes_ + size_, 0, sizeof(std::uint64_t));
        const std::size_t size = (size_ + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
        Sum sum;
        for (std::size_t i = 0; i < size; i++) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes_ + i * sizeof(word), sizeof(word));
            sealed.words[i].store(word, std::memory_order_relaxed);
            sum.add(word);
        }
        sealed.size.store(size, std::memory_order_relaxed);
        sealed.seal.store(sum.seal(size), std::memory_order_release);
    }

    /// Bytes needed for a text of at most so many bytes.
    [[nodiscard]] static constexpr std::size_t room_for(std::size_t most_bytes) noexcept {
        return sizeof(SealedTextSize) + most_bytes;
    }

  private:
    template <class Value>
    void append(Value value) noexcept {
        std::memcpy(bytes_ + size_, &value, sizeof(value));
        size_ += sizeof(value);
    }

    void cut_text(std::string_view text, std::size_t most_bytes) noexcept {
        static constexpr std::string_view kEnd = "\xE2\x80\xA6";
        const std::string_view start = whole_start(text, most_bytes - kEnd.size());
        append(static_cast<SealedTextSize>(start.size() + kEnd.size()));
        for (const std::string_view part : {start, kEnd}) {
            size_ += part.copy(bytes_ + size_, part.size());
        }
    }

    char bytes_[(Words + 1) * sizeof(std::uint64_t)];
    std::size_t size_ = 0;
};

/// Unpacks a copy of a record; gives zeros and empty texts if it is not whole.
class SealReader {
  public:
    template <std::size_t Words>
    explicit SealReader(const Sealed<std::uint64_t, Words>& sealed) noexcept {
        Sum sum;
        for (std::size_t i = 0; sealed.size <= Words && i < sealed.size; i++) {
            sum.add(sealed.words[i]);
        }
        is_whole_ = sealed.size <= Words && sealed.seal == sum.seal(sealed.size);
        if (is_whole_) {
            left_ = {reinterpret_cast<const char*>(sealed.words),
                     sealed.size * sizeof(std::uint64_t)};
        }
    }

    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

    [[nodiscard]] std::uint64_t number() noexcept { return take<std::uint64_t>(); }

    /// Lives as long as the copy.
    [[nodiscard]] std::string_view text() noexcept {
        const std::size_t size = take<SealedTextSize>();
        const std::string_view text = left_.substr(0, size);
        left_.remove_prefix(text.size());
        return text;
    }

  private:
    template <class Value>
    Value take() noexcept {
        Value value = 0;
        const std::string_view from = left_.substr(0, sizeof(value));
        if (from.size() == sizeof(value)) {
            std::memcpy(&value, from.data(), sizeof(value));
        }
        left_.remove_prefix(from.size());
        return value;
    }

    std::string_view left_;
    bool is_whole_ = false;
};

}  // namespace flashduty
