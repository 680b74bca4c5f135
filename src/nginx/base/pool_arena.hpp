// The core's memory, taken from an nginx pool.
#pragma once

#include <new>
#include <utility>

#include "../../core/arena.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Where an arena's small pieces are cut from: room for all that most alerts need.
struct Room {
    Room* next;
    char memory[16 * 1024 - sizeof(Room*)];
};

/// A worker's rooms that no alert is using, some of which it keeps: the heap that malloc gives back
/// to the system after one burst of alerts has to be fetched anew for the next. For the worker
/// itself, not for threads of its pools.
class SpareRooms {
  public:
    [[nodiscard]] static Room* take(ngx_log_t* log) noexcept {
        if (first_ == nullptr) {
            return static_cast<Room*>(ngx_alloc(sizeof(Room), log));
        }
        count_--;
        return std::exchange(first_, first_->next);
    }

    static void give_back(Room* room) noexcept {
        if (count_ == kMost) {
            ngx_free(room);
            return;
        }
        count_++;
        room->next = std::exchange(first_, room);
    }

    /// At the end of the process.
    static void drop() noexcept {
        while (first_ != nullptr) {
            ngx_free(std::exchange(first_, first_->next));
        }
        count_ = 0;
    }

  private:
#ifdef __SANITIZE_ADDRESS__
    static constexpr std::size_t kMost = 0;  // what is used too late is to be seen
#else
    static constexpr std::size_t kMost = 64;
#endif

    inline static Room* first_ = nullptr;
    inline static std::size_t count_ = 0;
};

/// Memory that lives as long as a pool; large blocks can be given back early.
class PoolArena final : public Arena {
  public:
    explicit PoolArena(ngx_pool_t* pool) noexcept : pool_(pool) {}

  private:
    static constexpr std::size_t kLargeBytes = 4 * 1024;

    void* take(std::size_t size_bytes) noexcept override {
        if (size_bytes >= kLargeBytes) {
            return ngx_palloc(pool_, size_bytes);
        }
        return add_room() ? take_from_room(size_bytes) : nullptr;
    }
    void give_back(void* memory) noexcept override { (void)ngx_pfree(pool_, memory); }

    bool add_room() noexcept {
        if (rooms_ == nullptr) {
            ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool_, sizeof(Room*));
            if (cleanup == nullptr) {
                return false;
            }
            cleanup->handler = leave_rooms;
            rooms_ = new (cleanup->data) Room*(nullptr);
        }
        Room* room = SpareRooms::take(pool_->log);
        if (room == nullptr) {
            return false;
        }
        room->next = std::exchange(*rooms_, room);
        set_room(room->memory, sizeof(room->memory));
        return true;
    }

    static void leave_rooms(void* rooms) noexcept {
        for (Room* room = *static_cast<Room**>(rooms); room != nullptr;) {
            SpareRooms::give_back(std::exchange(room, room->next));
        }
    }

    ngx_pool_t* pool_;
    Room** rooms_ = nullptr;  ///< in the pool
};

}  // namespace flashduty
