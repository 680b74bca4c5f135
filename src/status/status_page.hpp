// The page for a person on call: everything it needs is in it, and it asks for JSON where it came
// from.
#pragma once

#include <string_view>

#include "../core/arena.hpp"

namespace flashduty {

[[nodiscard]] constexpr std::string_view status_page() noexcept {
    return R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flashduty gateway</title>
<style>body { font-family: sans-serif; margin: 2em; }</style>
</head>
<body>
<h1>Flashduty gateway</h1>
<p id="state" role="status"></p>
<script>
"use strict";
async function refresh() {
  const shown = document.getElementById("state");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "application/json" } });
    const status = await answer.json();
    shown.textContent = status.state + (status.reason ? ": " + status.reason : "");
  } catch (error) {
    shown.textContent = "the gateway does not answer";
  }
}
refresh();
setInterval(refresh, 2000);
</script>
</body>
</html>
)page";
}

/// A Content-Security-Policy that lets run what stands in `page` between `<script>` and `</script>`
/// and between `<style>` and `</style>`, and lets it ask nobody but its own server. Empty when out
/// of memory.
[[nodiscard]] std::string_view page_policy(Arena& arena, std::string_view page) noexcept;

}  // namespace flashduty
