// The core's memory, taken from an nginx pool.
#pragma once

#include "../core/arena.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Takes its memory from a pool and leaves it there; large blocks can be given back early.
class PoolArena final : public Arena {
  public:
    explicit PoolArena(ngx_pool_t* pool) noexcept : pool_(pool) {}

  private:
    void* take(std::size_t size_bytes) noexcept override { return ngx_palloc(pool_, size_bytes); }
    void give_back(void* memory) noexcept override { (void)ngx_pfree(pool_, memory); }

    ngx_pool_t* pool_;
};

}  // namespace flashduty
