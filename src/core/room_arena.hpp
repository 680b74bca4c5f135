// An arena of blocks: large pieces have one each, small ones share rooms.
#pragma once

#include <utility>

#include "arena.hpp"

namespace flashduty {

/// Header before the memory of every block.
struct Block {
    Block* next;  ///< taken before it
    Block* previous;
    std::size_t number;      ///< counts up in the order of taking
    std::size_t size_bytes;  ///< including this header
    bool is_room;

    [[nodiscard]] char* memory() noexcept { return reinterpret_cast<char*>(this + 1); }
    [[nodiscard]] static Block* of(void* memory) noexcept {
        return static_cast<Block*>(memory) - 1;
    }
};

/// Size of a room, from which small pieces are cut: enough for all that most alerts need.
inline constexpr std::size_t kRoomBytes = 16 * 1024;

/// Blocks that are held, last one first.
struct Blocks {
    Block* first = nullptr;

    void add(Block* block) noexcept {
        block->next = std::exchange(first, block);
        block->previous = nullptr;
        if (block->next != nullptr) {
            block->next->previous = block;
        }
    }
    void remove(Block* block) noexcept {
        (block->previous == nullptr ? first : block->previous->next) = block->next;
        if (block->next != nullptr) {
            block->next->previous = block->previous;
        }
    }
};

/// Keeps its blocks in a list of its owner, who frees what is left in it at the end.
class RoomArena : public Arena {
  protected:
    ~RoomArena() = default;

    /// List that outlives the arena; nullptr when there is no memory for one.
    virtual Blocks* blocks() noexcept = 0;
    /// Takes kRoomBytes; nullptr when there is no memory.
    virtual void* take_room() noexcept = 0;
    virtual void* take_large(std::size_t size_bytes) noexcept = 0;
    virtual void leave(Block* block) noexcept = 0;

  private:
    void* take(std::size_t size_bytes) noexcept final {
        if (size_bytes >= kLargeBytes) {
            Block* block = size_bytes > std::numeric_limits<std::size_t>::max() - sizeof(Block)
                               ? nullptr
                               : add_block(sizeof(Block) + size_bytes, false);
            return block == nullptr ? nullptr : block->memory();
        }
        Block* room = add_block(kRoomBytes, true);
        if (room == nullptr) {
            return nullptr;
        }
        set_room(room->memory(), kRoomBytes - sizeof(Block));
        return take_from_room(size_bytes);
    }

    Block* add_block(std::size_t size_bytes, bool is_room) noexcept {
        Blocks* const all = blocks();
        if (all == nullptr || !hold(size_bytes)) {
            return nullptr;
        }
        void* memory = is_room ? take_room() : take_large(size_bytes);
        if (memory == nullptr) {
            let_go(size_bytes);
            return nullptr;
        }
        auto* block = new (memory) Block{nullptr, nullptr, blocks_taken(), size_bytes, is_room};
        all->add(block);
        return block;
    }

    void give_back(void* memory, std::size_t size_bytes) noexcept final {
        if (size_bytes >= kLargeBytes) {
            give_back_block(Block::of(memory));
        }
    }

    void give_back_blocks(std::size_t after, std::size_t upto) noexcept final {
        Blocks* const all = blocks();
        Block* block = all == nullptr ? nullptr : all->first;
        while (block != nullptr && block->number > after) {
            Block* const next = block->next;
            if (block->number <= upto) {
                give_back_block(block);
            }
            block = next;
        }
    }

    void give_back_block(Block* block) noexcept {
        blocks()->remove(block);
        let_go(block->size_bytes);
        leave(block);
    }
};

}  // namespace flashduty
