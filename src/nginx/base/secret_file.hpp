// Files that hold secrets: read once, while the configuration is.
#pragma once

#include "ngx.hpp"

namespace flashduty {

/// All of the file in `text`, which lives until the configuration has been read; wipe() it. False
/// when it cannot be read, is empty or larger than 64 KiB, no ordinary file, or can be read or
/// written by others; that is logged.
[[nodiscard]] bool read_secret_file(ngx_conf_t* cf, ngx_str_t path, ngx_str_t& text) noexcept;

/// Leaves nothing of `text` in memory.
void wipe(ngx_str_t& text) noexcept;

}  // namespace flashduty
