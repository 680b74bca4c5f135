// Records in shared memory that many write and many read, and nobody waits for anybody.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flashduty {

/// Some words under a seal, which is made of them: where a writer was killed in the middle, or two
/// have written at once, seal and words do not fit, and a reader leaves the record out.
template <class Word, std::size_t Words>
struct Sealed {
    Word seal;  ///< 0: never written
    Word size;  ///< in words
    Word words[Words];
};

/// What words add up to: no single word can change and leave it as it was.
class Sum {
  public:
    explicit Sum(std::size_t size) noexcept : sum_(size + 1) {}

    void add(std::uint64_t word) noexcept { sum_ = (sum_ ^ word) * kOdd; }

    /// Never 0.
    [[nodiscard]] std::uint64_t seal() const noexcept { return sum_ == 0 ? 1 : sum_; }

  private:
    static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;

    std::uint64_t sum_;
};

/// The start of valid UTF-8 that fits, no character split.
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

/// Puts numbers and texts one after the other, to be sealed. What is put fits: the sizes of texts
/// are limits that whoever makes a record of that many words has added up.
template <std::size_t Words>
class SealWriter {
  public:
    void number(std::uint64_t number) noexcept { words_[size_++] = number; }

    /// `text` is valid UTF-8; one that is too long ends in `…`.
    void text(std::string_view text, std::size_t most_bytes) noexcept {
        static constexpr std::string_view kEnd = "\xE2\x80\xA6";
        const bool is_cut = text.size() > most_bytes;
        const std::string_view start = is_cut ? whole_start(text, most_bytes - kEnd.size()) : text;
        const std::size_t bytes = start.size() + (is_cut ? kEnd.size() : 0);
        const std::size_t words = words_of(bytes);
        number(bytes);
        if (words != 0) {
            words_[size_ + words - 1] = 0;
            char* to = reinterpret_cast<char*>(words_ + size_);
            std::memcpy(to, start.data(), start.size());
            if (is_cut) {
                std::memcpy(to + start.size(), kEnd.data(), kEnd.size());
            }
        }
        size_ += words;
    }

    void seal(Sealed<std::atomic<std::uint64_t>, Words>& sealed) const noexcept {
        Sum sum(size_);
        for (std::size_t i = 0; i < size_; i++) {
            sealed.words[i].store(words_[i], std::memory_order_relaxed);
            sum.add(words_[i]);
        }
        sealed.size.store(size_, std::memory_order_relaxed);
        sealed.seal.store(sum.seal(), std::memory_order_release);
    }

    /// The words that a text of at most so many bytes takes, its size among them.
    [[nodiscard]] static constexpr std::size_t room_for(std::size_t most_bytes) noexcept {
        return 1 + words_of(most_bytes);
    }

  private:
    static constexpr std::size_t words_of(std::size_t bytes) noexcept {
        return (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    }

    std::uint64_t words_[Words];
    std::size_t size_ = 0;
};

/// Takes out of a copy of a record what was put into it; zeros and empty texts where it is not
/// whole.
class SealReader {
  public:
    template <std::size_t Words>
    explicit SealReader(const Sealed<std::uint64_t, Words>& sealed) noexcept
        : words_(sealed.words), left_(sealed.size) {
        Sum sum(left_);
        for (std::size_t i = 0; left_ <= Words && i < left_; i++) {
            sum.add(words_[i]);
        }
        is_whole_ = left_ <= Words && sealed.seal == sum.seal();
        left_ = is_whole_ ? left_ : 0;
    }

    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

    [[nodiscard]] std::uint64_t number() noexcept {
        if (left_ == 0) {
            return 0;
        }
        left_--;
        return *words_++;
    }

    /// Lives as long as the copy.
    [[nodiscard]] std::string_view text() noexcept {
        const std::uint64_t bytes = number();
        const std::size_t words = (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
        if (words > left_) {
            return {};
        }
        const std::string_view text(reinterpret_cast<const char*>(words_), bytes);
        words_ += words;
        left_ -= words;
        return text;
    }

  private:
    const std::uint64_t* words_;
    std::size_t left_;
    bool is_whole_;
};

}  // namespace flashduty
