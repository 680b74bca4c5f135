// The core's memory, taken from an nginx pool.
#pragma once

#include "../core/arena.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Takes its memory from a pool and leaves it there; large blocks can be given back early.
///
/// A pool itself grows by a page at a time and looks through several of them for each piece, so
/// small pieces are cut from rooms that hold all that one alert needs, as a rule.
class PoolArena final : public Arena {
  public:
    explicit PoolArena(ngx_pool_t* pool) noexcept : pool_(pool) {}

  private:
    static constexpr std::size_t kRoomBytes = 16 * 1024;
    static constexpr std::size_t kLargeBytes = 4 * 1024;
    /// Before the first piece of a room, which else could be given back as the room itself.
    static constexpr std::size_t kBeforeBytes = alignof(void*);

    void* take(std::size_t size_bytes) noexcept override {
        if (size_bytes >= kLargeBytes) {
            return ngx_palloc(pool_, size_bytes);
        }
        auto* room = static_cast<char*>(ngx_palloc(pool_, kRoomBytes));
        if (room == nullptr) {
            return nullptr;
        }
        set_room(room + kBeforeBytes, kRoomBytes - kBeforeBytes);
        return take_from_room(size_bytes);
    }
    void give_back(void* memory) noexcept override { (void)ngx_pfree(pool_, memory); }

    ngx_pool_t* pool_;
};

}  // namespace flashduty
