// Memory for one alert: taken piece by piece, returned all at once by its owner.
#pragma once

#if __cplusplus < 201703L
#error "C++17 is needed: -std=c++17, as config.make asks for"
#endif

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <type_traits>

namespace flashduty {

/// Source of the core's memory: nginx's request pool, or plain memory in tests.
///
/// A refusal is remembered: callers go on with nothing in hand, and the owner of the whole
/// operation asks failed() once, at its end.
class Arena {
    struct Room {
        char* at = nullptr;
        std::size_t size_bytes = 0;
    };

  public:
    /// Size from which a piece never comes from a room, so that it can be returned by itself.
    static constexpr std::size_t kLargeBytes = 4 * 1024;

    /// Memory aligned for pointers, valid for as long as the arena; nullptr when there is none.
    [[nodiscard]] void* allocate(std::size_t size_bytes) noexcept {
        const bool fits = size_bytes < room_.size_bytes && size_bytes < kLargeBytes;
        void* memory = fits ? take_from_room(size_bytes) : take(size_bytes);
        failed_ |= memory == nullptr;
        return memory;
    }

    /// Hint that `memory`, `size_bytes` of it from allocate(), is no longer used. A small piece
    /// only comes back when it is the last one; for many of them there is Scope. nullptr is
    /// allowed.
    void release(void* memory, std::size_t size_bytes) noexcept {
        if (memory == nullptr) {
            return;
        }
        if (!return_to_room(memory, size_bytes)) {
            give_back(memory, size_bytes);
        }
    }

    /// Limits the bytes held to `size_bytes` more than now.
    void allow_more(std::size_t size_bytes) noexcept { limit_bytes_ = held_bytes_ + size_bytes; }

    /// Bytes that were taken from the owner and not returned, used or not.
    [[nodiscard]] std::size_t held_bytes() const noexcept { return held_bytes_; }

    /// All memory that an arena gave between the scope's opening and close(), to be returned at
    /// once. A nested scope is closed or dropped first. Earlier memory must not be released while
    /// the scope is open, nor the scope's own once it is closed.
    class Scope {
      public:
        explicit Scope(Arena& arena) noexcept
            : arena_(&arena), room_(arena.room_), after_(arena.blocks_taken_) {
            arena.room_ = {};
        }

        void close() noexcept {
            arena_->room_ = room_;
            upto_ = arena_->blocks_taken_;
        }

        /// Returns the memory of a closed scope: nothing that was taken in it is used any more.
        void drop() noexcept { arena_->give_back_blocks(after_, upto_); }

      private:
        Arena* arena_;
        Room room_;  ///< room before the scope was opened
        std::size_t after_;
        std::size_t upto_ = 0;
    };

    /// Tells the owner that memory was refused elsewhere.
    void fail() noexcept { failed_ = true; }

    /// True once any allocation was refused: what was built since must not be used.
    [[nodiscard]] bool failed() const noexcept { return failed_; }

    /// Makes a value-initialised object that is never destroyed; nullptr when out of memory.
    template <class T>
    [[nodiscard]] T* make() noexcept {
        return make_array<T>(1);
    }

    /// Makes `count` value-initialised objects that are never destroyed; nullptr when out of
    /// memory.
    template <class T>
    [[nodiscard]] T* make_array(std::size_t count) noexcept {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignof(void*));
        void* memory = allocate(count * sizeof(T));
        if (memory == nullptr) {
            return nullptr;
        }
        T* objects = static_cast<T*>(memory);
        for (std::size_t i = 0; i < count; i++) {
            new (objects + i) T{};
        }
        return objects;
    }

    /// Copies `text`, for as long as the arena lives; empty when out of memory.
    [[nodiscard]] std::string_view copy(std::string_view text) noexcept {
        char* to = text.empty() ? nullptr : static_cast<char*>(allocate(text.size()));
        if (to == nullptr) {
            return {};
        }
        std::memcpy(to, text.data(), text.size());
        return {to, text.size()};
    }

    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

  protected:
    ~Arena() = default;

    /// Called for a piece that does not fit into the room.
    virtual void* take(std::size_t size_bytes) noexcept = 0;
    /// Called for every piece but the last one of the room, which goes back into it.
    virtual void give_back(void* memory, std::size_t size_bytes) noexcept = 0;
    /// Returns all held blocks whose number is above `after` and not above `upto`.
    virtual void give_back_blocks(std::size_t after, std::size_t upto) noexcept = 0;

    /// Counts a block that take() is about to get; false where that would be too much. The block's
    /// number is blocks_taken() then.
    [[nodiscard]] bool hold(std::size_t size_bytes) noexcept {
        if (size_bytes > limit_bytes_ - held_bytes_) {
            return false;
        }
        held_bytes_ += size_bytes;
        blocks_taken_++;
        return true;
    }
    /// Uncounts a block that hold() has counted and that is returned, or could not be had.
    void let_go(std::size_t size_bytes) noexcept { held_bytes_ -= size_bytes; }

    [[nodiscard]] std::size_t blocks_taken() const noexcept { return blocks_taken_; }

    /// Sets the memory to take pieces from; what is left of the previous room is not used. Its size
    /// is a multiple of a pointer's. Without a room take() is called for each piece.
    void set_room(void* memory, std::size_t size_bytes) noexcept {
        room_ = {static_cast<char*>(memory), size_bytes};
    }

    /// Takes less than what is left of the room.
    [[nodiscard]] void* take_from_room(std::size_t size_bytes) noexcept {
        char* memory = room_.at;
        room_.at += aligned(size_bytes);
        room_.size_bytes -= aligned(size_bytes);
        return memory;
    }

  private:
    [[nodiscard]] static constexpr std::size_t aligned(std::size_t size_bytes) noexcept {
        return (size_bytes + alignof(void*) - 1) & ~(alignof(void*) - 1);
    }

    /// Returns `memory` to the room; false unless it was the room's last piece.
    [[nodiscard]] bool return_to_room(void* memory, std::size_t size_bytes) noexcept {
        const bool is_last = static_cast<char*>(memory) + aligned(size_bytes) == room_.at;
        if (is_last) {
            room_.at -= aligned(size_bytes);
            room_.size_bytes += aligned(size_bytes);
        }
        return is_last;
    }

    Room room_;
    std::size_t held_bytes_ = 0;
    std::size_t blocks_taken_ = 0;
    std::size_t limit_bytes_ = std::numeric_limits<std::size_t>::max();
    bool failed_ = false;
};

}  // namespace flashduty
