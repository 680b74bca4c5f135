// Files that hold secrets: read once, while the configuration is read.
#pragma once

#include "ngx.hpp"

namespace flashduty {

/// Reads the whole file into `text`, which lives until the configuration has been read; wipe() it.
/// False, and logged, when the file cannot be read, is empty or larger than 64 KiB, is no ordinary
/// file, or can be read or written by others.
[[nodiscard]] bool read_secret_file(ngx_conf_t* cf, ngx_str_t path, ngx_str_t& text) noexcept;

/// Erases `text` from memory.
void wipe(ngx_str_t& text) noexcept;

}  // namespace flashduty
