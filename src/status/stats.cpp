#include "stats.hpp"

namespace flashduty {

namespace {

/// Another number with every change of what the figures mean.
constexpr std::uint64_t kLayoutVersion = 1;
constexpr std::uint64_t kLayout = kLayoutVersion << 32 | sizeof(Stats);

constexpr std::size_t kWords = sizeof(Stats) / sizeof(StatsWord);

}  // namespace

void adopt(Stats& stats, StatusMs now_ms) noexcept {
    if (stats.layout.load(std::memory_order_acquire) == kLayout) {
        return;
    }
    auto* words = reinterpret_cast<StatsWord*>(&stats);
    for (std::size_t i = 0; i < kWords; i++) {
        words[i].store(0, std::memory_order_relaxed);
    }
    stats.started_ms.store(now_ms, std::memory_order_relaxed);
    stats.layout.store(kLayout, std::memory_order_release);
}

void take_snapshot(const Stats& stats, Snapshot& snapshot) noexcept {
    const auto* from = reinterpret_cast<const StatsWord*>(&stats);
    auto* to = reinterpret_cast<std::uint64_t*>(&snapshot);
    for (std::size_t i = 0; i < kWords; i++) {
        to[i] = from[i].load(std::memory_order_relaxed);
    }
}

}  // namespace flashduty
