// Counting in words that all workers share.
#pragma once

#include "stats.hpp"

namespace flashduty {

inline void add(StatsWord& word, std::uint64_t count) noexcept {
    word.fetch_add(count, std::memory_order_relaxed);
}

template <std::size_t Bounds>
void observe(Histogram<StatsWord, Bounds>& histogram, const std::uint64_t (&bounds_ms)[Bounds],
             std::uint64_t duration_ms) noexcept {
    std::size_t bucket = 0;
    while (bucket < Bounds && duration_ms > bounds_ms[bucket]) {
        bucket++;
    }
    add(histogram.buckets[bucket], 1);
    add(histogram.sum_ms, duration_ms);
}

/// Adds one in this minute; the count of an older minute is dropped.
inline void add_to_minute(StatsWord& word, StatusMs now_ms) noexcept {
    const std::uint64_t minute = now_ms / kMinuteMs;
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    while (!word.compare_exchange_weak(seen, (minute << 32) + count_of_minute(seen, minute) + 1,
                                       std::memory_order_relaxed, std::memory_order_relaxed)) {
    }
}

/// Writes a text, cut where it is longer than so many bytes.
template <std::size_t Words>
void write_text(Sealed<StatsWord, Words>& sealed, std::string_view text,
                std::size_t most_bytes) noexcept {
    SealWriter<Words> writer;
    writer.text(text, most_bytes);
    writer.seal(sealed);
}

}  // namespace flashduty
