// Arena of a request, without nginx: it holds the same memory as a request's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "room_arena.hpp"

class MallocRooms final : public flashduty::RoomArena {
  public:
    MallocRooms() = default;
    ~MallocRooms() {
        while (blocks_.first != nullptr) {
            std::free(std::exchange(blocks_.first, blocks_.first->next));
        }
    }

    /// Most bytes held at one time.
    [[nodiscard]] std::size_t peak_bytes() const { return peak_bytes_; }

  private:
    flashduty::Blocks* blocks() noexcept override { return &blocks_; }
    void* take_room() noexcept override { return take_large(flashduty::kRoomBytes); }
    void* take_large(std::size_t size_bytes) noexcept override {
        peak_bytes_ = std::max(peak_bytes_, held_bytes());
        return std::malloc(size_bytes);
    }
    void leave(flashduty::Block* block) noexcept override { std::free(block); }

    flashduty::Blocks blocks_;
    std::size_t peak_bytes_ = 0;
};
