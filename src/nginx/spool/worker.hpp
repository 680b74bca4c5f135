// The spool as a worker has it: writes events down, and tells their callers what became of them.
#pragma once

#include "../request/delivery.hpp"

namespace flashduty {

/// To be called in the process that all workers come from, which has a name from then on.
void name_instance() noexcept;

/// Hooks of nginx: as a worker starts, and before it ends.
ngx_int_t start_spool(ngx_cycle_t* cycle);
void stop_spool(ngx_cycle_t* cycle);

/// True between these two, in this process.
[[nodiscard]] bool is_spool_running() noexcept;

/// Writes the event of `delivery` down and answers its caller, by and by. Pushes it live when that
/// cannot be done.
void spool(Delivery& delivery) noexcept;

}  // namespace flashduty
