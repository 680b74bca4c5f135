// Spool in a worker: writes events down, and tells their callers what became of them.
#pragma once

#include <memory>

#include "../request/delivery.hpp"
#include "desk.hpp"

namespace flashduty {

/// Names this nginx. To be called in the process that all workers come from.
void name_instance() noexcept;

/// Hooks of nginx: as a worker starts, and before it ends.
ngx_int_t start_spool(ngx_cycle_t* cycle);
void stop_spool(ngx_cycle_t* cycle);

/// True between start_spool() and stop_spool(), in this process.
[[nodiscard]] bool is_spool_running() noexcept;

/// Writes the event of `delivery` down and answers its caller later. Pushes it live when that
/// cannot be done.
void spool(Delivery& delivery) noexcept;

/// Reads from the spool in a thread. There must be a spool.
void read_spool(std::unique_ptr<Reading> reading) noexcept;

/// Gives the deliverer an order; false when it cannot be reached at the moment. There must be a
/// spool.
[[nodiscard]] bool order_of_deliverer(const Order& order,
                                      std::unique_ptr<Orderer> orderer) noexcept;

}  // namespace flashduty
