// Memory for one alert: taken piece by piece, given back all at once by its owner.
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

/// Where the core takes its memory from: nginx's request pool, or plain memory in tests.
///
/// A refusal is remembered: callers go on with nothing in hand and whoever owns the whole
/// operation asks failed() once, at its end.
class Arena {
  public:
    /// Memory aligned for pointers, valid for as long as the arena; nullptr when there is none.
    [[nodiscard]] void* allocate(std::size_t size_bytes) noexcept {
        void* memory = nullptr;
        if (size_bytes <= limit_bytes_ - in_use_bytes_) {
            memory = size_bytes < room_bytes_ ? take_from_room(size_bytes) : take(size_bytes);
        }
        if (memory == nullptr) {
            failed_ = true;
            return nullptr;
        }
        in_use_bytes_ += size_bytes;
        return memory;
    }

    /// A hint that `memory`, `size_bytes` of it from allocate(), is no longer used. nullptr is
    /// allowed.
    void release(void* memory, std::size_t size_bytes) noexcept {
        if (memory == nullptr) {
            return;
        }
        in_use_bytes_ -= size_bytes;
        if (static_cast<char*>(memory) + aligned(size_bytes) == room_) {
            room_ -= aligned(size_bytes);
            room_bytes_ += aligned(size_bytes);
        } else {
            give_back(memory);
        }
    }

    /// Refuses what would make more than `size_bytes` from now on.
    void allow_more(std::size_t size_bytes) noexcept { limit_bytes_ = in_use_bytes_ + size_bytes; }

    /// What was allocated and not released.
    [[nodiscard]] std::size_t in_use_bytes() const noexcept { return in_use_bytes_; }

    /// Tells the owner that memory was refused elsewhere.
    void fail() noexcept { failed_ = true; }

    /// True once any allocation was refused: what was built since is not to be used.
    [[nodiscard]] bool failed() const noexcept { return failed_; }

    /// A new, value-initialised object that is never destroyed; nullptr when out of memory.
    template <class T>
    [[nodiscard]] T* make() noexcept {
        return make_array<T>(1);
    }

    /// `count` value-initialised objects that are never destroyed; nullptr when out of memory.
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

    /// A copy of `text` that lives as long as the arena; empty when out of memory.
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

    /// Asked for what does not fit into the room.
    virtual void* take(std::size_t size_bytes) noexcept = 0;
    /// Told of all but the last piece of the room, which goes back into it.
    virtual void give_back(void* memory) noexcept = 0;

    /// Memory to take pieces from without asking, instead of what is left of the last one; its
    /// size is a multiple of a pointer's. An arena that gives none is asked for each piece.
    void set_room(void* memory, std::size_t size_bytes) noexcept {
        room_ = static_cast<char*>(memory);
        room_bytes_ = size_bytes;
    }

    /// Less than what is left of it.
    [[nodiscard]] void* take_from_room(std::size_t size_bytes) noexcept {
        char* memory = room_;
        room_ += aligned(size_bytes);
        room_bytes_ -= aligned(size_bytes);
        return memory;
    }

  private:
    [[nodiscard]] static constexpr std::size_t aligned(std::size_t size_bytes) noexcept {
        return (size_bytes + alignof(void*) - 1) & ~(alignof(void*) - 1);
    }

    char* room_ = nullptr;
    std::size_t room_bytes_ = 0;
    std::size_t in_use_bytes_ = 0;
    std::size_t limit_bytes_ = std::numeric_limits<std::size_t>::max();
    bool failed_ = false;
};

}  // namespace flashduty
