// Page for a person on call. It has everything in it and asks its own URL for JSON.
#pragma once

#include <string_view>

#include "../core/arena.hpp"

namespace flashduty {

/// `api` is the path of a location of flashduty_api on the same server, which gives the page its
/// lists and buttons; empty: there is none. Empty when out of memory.
[[nodiscard]] std::string_view status_page(Arena& arena, std::string_view api) noexcept;

/// Content-Security-Policy that allows the `<script>` and `<style>` texts in `page`, images that
/// the page makes itself (its icon), and requests to its own server, and nothing else. Empty when
/// out of memory.
[[nodiscard]] std::string_view page_policy(Arena& arena, std::string_view page) noexcept;

}  // namespace flashduty
