// Helpers of the fuzzers: memory under watch, and chance that the input alone decides, so that
// every finding comes back.
#pragma once

#include <sanitizer/asan_interface.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../lib/malloc_rooms.hpp"
#include "arena.hpp"

/// Ends the run with a sentence that says what does not hold.
inline void demand(bool holds, const char* what, std::string_view shown = {}) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n%.*s\n", what, static_cast<int>(shown.size()),
                     shown.data());
        std::abort();
    }
}

/// Chance made of an input.
class Dice {
  public:
    explicit Dice(std::string_view input) {
        for (const char c : input) {
            state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3;  // FNV-1a
        }
    }

    /// Rolls a number from 0 to `sides` - 1.
    std::size_t roll(std::size_t sides) {
        state_ += 0x9E3779B97F4A7C15;  // SplitMix64
        std::uint64_t mixed = state_;
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
        return static_cast<std::size_t>((mixed ^ mixed >> 31) % sides);
    }

    /// Other dice, which leave these alone.
    Dice split() {
        Dice other({});
        other.state_ ^= roll(static_cast<std::size_t>(-1));
        return other;
    }

    /// A part of `text`, of at most `max_bytes`.
    std::string_view part_of(std::string_view text, std::size_t max_bytes) {
        const std::size_t from = roll(text.size() + 1);
        return text.substr(from, roll(max_bytes + 1));
    }

  private:
    std::uint64_t state_ = 0xCBF29CE484222325;
};

/// Makes one block of memory for each allocation, and really frees it, so that AddressSanitizer
/// sees every access outside of them; aligned as an Arena promises and no better.
class WatchedArena final : public flashduty::Arena {
  public:
    static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

    explicit WatchedArena(std::size_t allocations = kNoLimit) : left_(allocations) {}
    ~WatchedArena() {
        for (const Block& block : blocks_) {
            ASAN_UNPOISON_MEMORY_REGION(block.memory, kHeaderBytes);
            std::free(block.memory);
        }
    }

    [[nodiscard]] std::size_t allocations() const { return allocations_; }

  private:
    struct Block {
        char* memory;
        std::size_t number;
    };

    // A block's place in the list stands before it, out of everybody's reach.
    static constexpr std::size_t kHeaderBytes = sizeof(std::size_t);

    void* take(std::size_t size_bytes) noexcept override {
        if (left_ == 0 || !hold(size_bytes)) {
            return nullptr;
        }
        left_ -= left_ == kNoLimit ? 0 : 1;
        allocations_++;
        char* memory = static_cast<char*>(std::malloc(kHeaderBytes + size_bytes));
        move_to(blocks_.size(), memory);
        blocks_.push_back({memory, blocks_taken()});
        return memory + kHeaderBytes;
    }

    void give_back(void* given, std::size_t) noexcept override {
        char* memory = static_cast<char*>(given) - kHeaderBytes;
        ASAN_UNPOISON_MEMORY_REGION(memory, kHeaderBytes);
        std::size_t place = 0;
        std::memcpy(&place, memory, kHeaderBytes);
        demand(place < blocks_.size() && blocks_[place].memory == memory,
               "only memory of the arena is given back");
        drop(place);
    }

    void give_back_blocks(std::size_t after, std::size_t upto) noexcept override {
        for (std::size_t i = blocks_.size(); i-- > 0;) {
            if (blocks_[i].number > after && blocks_[i].number <= upto) {
                ASAN_UNPOISON_MEMORY_REGION(blocks_[i].memory, kHeaderBytes);
                drop(i);
            }
        }
    }

    void drop(std::size_t place) noexcept {
        std::free(blocks_[place].memory);
        blocks_[place] = blocks_.back();
        blocks_.pop_back();
        if (place < blocks_.size()) {
            move_to(place, blocks_[place].memory);
        }
    }

    static void move_to(std::size_t place, char* memory) noexcept {
        ASAN_UNPOISON_MEMORY_REGION(memory, kHeaderBytes);
        std::memcpy(memory, &place, kHeaderBytes);
        ASAN_POISON_MEMORY_REGION(memory, kHeaderBytes);
    }

    std::size_t left_;
    std::size_t allocations_ = 0;
    std::vector<Block> blocks_;
};

/// A text in memory of its own, so that nobody reads on behind it.
class Owned {
  public:
    explicit Owned(std::string_view text) : memory_(new char[text.size()]), size_(text.size()) {
        std::memcpy(memory_.get(), text.data(), text.size());
    }

    [[nodiscard]] std::string_view text() const { return {memory_.get(), size_}; }

  private:
    std::unique_ptr<char[]> memory_;
    std::size_t size_;
};

/// True for a text of nothing but ASCII white space.
inline bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\n\v\f\r") == std::string_view::npos;
}
