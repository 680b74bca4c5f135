#include "stats.hpp"

namespace flashduty {

namespace {

/// Raise it with every change of what the words mean.
constexpr std::uint64_t kLayoutVersion = 4;
constexpr std::uint64_t kLayout = kLayoutVersion << 32 | sizeof(Stats);

template <class Whole>
void clear(Whole& whole) noexcept {
    constexpr std::size_t kBytes = sizeof(whole);
    auto* words = reinterpret_cast<StatsWord*>(&whole);
    for (std::size_t i = 0; i < kBytes / sizeof(*words); i++) {
        words[i].store(0, std::memory_order_relaxed);
    }
}

template <class From, class To>
void copy_words(const From& from, To& to) noexcept {
    static_assert(sizeof(From) == sizeof(To));
    const auto* source = reinterpret_cast<const StatsWord*>(&from);
    auto* words = reinterpret_cast<std::uint64_t*>(&to);
    for (std::size_t i = 0; i < sizeof(To) / sizeof(*words); i++) {
        words[i] = source[i].load(std::memory_order_relaxed);
    }
}

}  // namespace

void adopt(Stats& stats, StatusMs now_ms) noexcept {
    stats.configured_ms.store(now_ms, std::memory_order_relaxed);
    if (stats.layout.load(std::memory_order_acquire) == kLayout) {
        return;
    }
    clear<Figures<StatsWord>>(stats);
    clear(stats.target_keys);
    clear(stats.targets);
    stats.started_ms.store(now_ms, std::memory_order_relaxed);
    stats.configured_ms.store(now_ms, std::memory_order_relaxed);
    stats.layout.store(kLayout, std::memory_order_release);
}

void take_snapshot(const Stats& stats, Snapshot& snapshot) noexcept {
    copy_words<Figures<StatsWord>>(stats, snapshot);
}

void take_snapshot(const Target<StatsWord>& target, Target<std::uint64_t>& copy) noexcept {
    copy_words(target, copy);
}

}  // namespace flashduty
