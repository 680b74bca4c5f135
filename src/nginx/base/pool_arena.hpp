// Memory for the core that lives as long as an nginx pool.
#pragma once

#include <new>

#include "../../core/room_arena.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Spare rooms of a worker, for the next alerts: without them malloc returns the heap to the system
/// after each burst of alerts and fetches it anew for the next. Not thread-safe: for the worker's
/// main thread only.
class SpareRooms {
  public:
    [[nodiscard]] static void* take(ngx_log_t* log) noexcept {
        Block* const room = spare_.first;
        if (room == nullptr) {
            return ngx_alloc(kRoomBytes, log);
        }
        count_--;
        spare_.remove(room);
        return room;
    }

    static void give_back(Block* room) noexcept {
        if (count_ == kMost) {
            ngx_free(room);
            return;
        }
        count_++;
        spare_.add(room);
    }

    /// Keeps the rooms that a finished alert took first: they lie lowest, and malloc returns to the
    /// system what lies above all that is kept.
    static void give_back_all(Blocks& blocks) noexcept {
        std::size_t rooms = 0;
        for (const Block* block = blocks.first; block != nullptr; block = block->next) {
            rooms += block->is_room;
        }
        for (Block* block = blocks.first; block != nullptr;) {
            Block* const next = block->next;
            if (block->is_room && rooms-- + count_ <= kMost) {
                give_back(block);
            } else {
                ngx_free(block);
            }
            block = next;
        }
        blocks.first = nullptr;
    }

    /// Called at the end of the process.
    static void drop() noexcept {
        while (count_ != 0) {
            ngx_free(take(nullptr));
        }
    }

  private:
#ifdef __SANITIZE_ADDRESS__
    static constexpr std::size_t kMost = 0;  // lets the sanitizer see a use after free
#else
    static constexpr std::size_t kMost = 64;
#endif

    inline static Blocks spare_;
    inline static std::size_t count_ = 0;
};

/// Memory that lives as long as a pool, unless it is given back before.
class PoolArena final : public RoomArena {
  public:
    explicit PoolArena(ngx_pool_t* pool) noexcept : pool_(pool) {}

  private:
    Blocks* blocks() noexcept override {
        if (blocks_ == nullptr) {
            ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool_, sizeof(Blocks));
            if (cleanup != nullptr) {
                cleanup->handler = leave_blocks;
                blocks_ = new (cleanup->data) Blocks;
            }
        }
        return blocks_;
    }
    void* take_room() noexcept override { return SpareRooms::take(pool_->log); }
    void* take_large(std::size_t size_bytes) noexcept override {
        return ngx_alloc(size_bytes, pool_->log);
    }
    void leave(Block* block) noexcept override {
        if (block->is_room) {
            SpareRooms::give_back(block);
        } else {
            ngx_free(block);
        }
    }

    static void leave_blocks(void* blocks) noexcept {
        SpareRooms::give_back_all(*static_cast<Blocks*>(blocks));
    }

    ngx_pool_t* pool_;
    Blocks* blocks_ = nullptr;  ///< in the pool's memory
};

}  // namespace flashduty
