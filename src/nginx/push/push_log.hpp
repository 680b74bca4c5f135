// Log in front of the connection's own while a push is under way: it hears the failures that nginx
// logs, at whatever level the configuration logs.
#pragma once

#include "../request/delivery.hpp"

namespace flashduty {

/// Puts `log`, which lives as long as the request, in front of the connection's.
void listen_to_log(Delivery& delivery, ngx_log_t& log) noexcept;

/// Restores the connection's own log.
void stop_listening(Delivery& delivery) noexcept;

}  // namespace flashduty
