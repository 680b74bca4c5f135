#include "fleet_record.hpp"

#include <algorithm>

#include "counting.hpp"

namespace flashduty {

namespace {

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

constexpr std::size_t kEdgeNameBytes = 64;
constexpr std::size_t kVersionBytes = 64;
constexpr std::size_t kEdgeNumbers = 4;

using EdgeWriter = SealWriter<kEdgeWords>;
static_assert(kEdgeNumbers * sizeof(std::uint64_t) + EdgeWriter::room_for(kEdgeNameBytes) +
                  2 * EdgeWriter::room_for(kVersionBytes) + EdgeWriter::room_for(kReasonBytes) <=
              kEdgeWords * sizeof(std::uint64_t));

/// Stores a value; true when it was another one.
bool changes(StatsWord& word, std::uint64_t value) noexcept {
    return word.exchange(value, kRelaxed) != value;
}

void write_edge(Sealed<StatsWord, kEdgeWords>& sealed, const EdgeFact& edge) noexcept {
    EdgeWriter writer;
    writer.number(static_cast<std::uint64_t>(edge.state));
    writer.number(edge.is_leader ? 1 : 0);
    writer.number(edge.local_events);
    writer.number(edge.seen_ms);
    writer.text(edge.name, kEdgeNameBytes);
    writer.text(edge.version, kVersionBytes);
    writer.text(edge.revision, kVersionBytes);
    writer.text(edge.drift, kReasonBytes);
    writer.seal(sealed);
}

}  // namespace

void count_append(Stats& stats, std::uint64_t duration_ms, StatusMs now_ms) noexcept {
    observe(stats.fleet.append, kAppendBoundsMs, duration_ms);
    add_to_minute(
        stats.fleet.appends[now_ms / kMinuteMs % kAppendMinutes][minute_bucket(duration_ms)],
        now_ms);
}

void count_unknown(Stats& stats) noexcept { add(stats.fleet.unknown, 1); }

void count_late(Stats& stats, LateResult result, std::uint64_t count) noexcept {
    add(stats.fleet.late[index_of(result)], count);
}

void publish_fleet(Stats& stats, const FleetFact& fleet, StatusMs now_ms) noexcept {
    FleetFigures<StatsWord>& figures = stats.fleet;
    const bool is_first = figures.seen_ms.exchange(now_ms, kRelaxed) == 0;
    const auto state = static_cast<std::uint64_t>(fleet.state);
    const std::uint64_t before = figures.state.exchange(state, kRelaxed);
    constexpr auto kIn = static_cast<std::uint64_t>(EdgeState::kFleet);
    if (is_first || before != state) {
        figures.state_since_ms.store(now_ms, kRelaxed);
    }
    if (before == kIn && state != kIn) {
        add(figures.departures, 1);
    }
    if (changes(figures.is_up, fleet.is_up ? 1 : 0) || is_first) {
        figures.up_since_ms.store(now_ms, kRelaxed);
    }
    figures.is_leader.store(fleet.is_leader ? 1 : 0, kRelaxed);
    figures.term.store(fleet.term, kRelaxed);
    figures.local_events.store(fleet.local_events, kRelaxed);
    figures.clock_offset_ms.store(static_cast<std::uint64_t>(fleet.clock_offset_ms), kRelaxed);
    figures.is_synchronous.store(fleet.is_synchronous ? 1 : 0, kRelaxed);
    figures.standbys.store(fleet.knows_standbys ? fleet.standbys + 1 : 0, kRelaxed);
    figures.dead_rows.store(fleet.dead_rows, kRelaxed);
    figures.is_troubled.store(fleet.trouble.empty() ? 0 : 1, kRelaxed);
    write_text(figures.name, fleet.name, kBriefBytes);
    write_text(figures.server, fleet.server, kBriefBytes);
    write_text(figures.reason, fleet.reason, kReasonBytes);
    write_text(figures.trouble, fleet.trouble, kReasonBytes);
}

void publish_edges(Stats& stats, const EdgeFact* edges, std::size_t count) noexcept {
    std::uint64_t counts[kEdgeStates] = {};
    bool differs = false;
    for (std::size_t i = 0; i < count; i++) {
        counts[index_of(edges[i].state)]++;
        differs = differs || !edges[i].drift.empty();
        if (i < kEdges) {
            write_edge(stats.fleet.edges[i], edges[i]);
        }
    }
    for (std::size_t i = count; i < kEdges; i++) {
        stats.fleet.edges[i].size.store(0, kRelaxed);
        stats.fleet.edges[i].seal.store(0, kRelaxed);
    }
    for (std::size_t i = 0; i < kEdgeStates; i++) {
        stats.fleet.edge_count[i].store(counts[i], kRelaxed);
    }
    stats.fleet.config_differs.store(differs ? 1 : 0, kRelaxed);
}

}  // namespace flashduty
