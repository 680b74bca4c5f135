#include "reasons.hpp"

#include "../core/text.hpp"
#include "record.hpp"

namespace flashduty {

namespace {

/// Copies the text of a record into the arena.
template <std::size_t Words>
std::string_view text_of(Arena& arena, const Sealed<StatsWord, Words>& sealed) noexcept {
    Sealed<std::uint64_t, Words> copy;
    copy.seal = sealed.seal.load(std::memory_order_relaxed);
    copy.size = sealed.size.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < Words; i++) {
        copy.words[i] = sealed.words[i].load(std::memory_order_relaxed);
    }
    SealReader reader(copy);
    return without_controls(arena, repair(arena, arena.copy(reader.text())));
}

}  // namespace

std::string_view why_it_waits(Arena& arena, const Stats& stats, std::uint64_t target_key) noexcept {
    const Target<StatsWord>* target = find_target(stats, target_key);
    const bool is_away = target != nullptr && target->is_away.load(std::memory_order_relaxed) != 0;
    return with_trouble(arena, stats,
                        is_away ? text_of(arena, target->reason) : std::string_view{});
}

std::string_view with_trouble(Arena& arena, const Stats& stats, std::string_view reason) noexcept {
    if (stats.spool.trouble.load(std::memory_order_relaxed) == 0) {
        return reason;
    }
    const std::string_view brief = text_of(arena, stats.spool.trouble_brief);
    const bool are_both = !brief.empty() && !reason.empty();
    return are_both        ? concat(arena, brief, std::string_view(", and "), reason)
           : brief.empty() ? reason
                           : brief;
}

}  // namespace flashduty
