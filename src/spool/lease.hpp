// Lease that decides which agent of a fleet delivers: a row of two counters in the shared database.
// Knows no clock, no database and no network.
//
// - No clock of one machine is compared with another's. A leader may trust its lease for a while
//   from the *start* of the last call that raised its beat and was acknowledged; a candidate takes
//   the term when the row has stood still for longer than that, from the *end* of the call that
//   first showed it so.
// - The row is only ever changed by compare-and-set, so calls under way when the term changes
//   change nothing.
// - Only an acknowledged call grants validity. A call without an answer grants none and is made
//   again.
#pragma once

#include <cstdint>

#include "steady.hpp"

namespace flashduty {

struct LeaseTimes {
    SteadyMs lease_ms = 5'000;   ///< a row that stands still for so long may be taken
    SteadyMs margin_ms = 1'000;  ///< a leader trusts its lease for less by this
    SteadyMs beat_ms = 1'000;    ///< from the start of one beat to the next
    SteadyMs look_ms = 250;      ///< from the start of one look of a candidate to the next
    SteadyMs retry_ms = 100;     ///< from the end of a call that failed to the next
    SteadyMs grace_ms = 2'000;   ///< for bytes that a previous leader had under way
};

/// The row in the shared database.
struct LeaseRow {
    /// Stands in place of a beat, after a leader has let go.
    static constexpr std::int64_t kLetGo = -1;

    std::int64_t term = 0;      ///< grows with each leader
    std::int64_t beat = 0;      ///< grows while the leader lives
    std::int64_t edge_id = 0;   ///< leader's edge: the owner of a local spool
    std::int64_t agent_id = 0;  ///< leader's process on that edge

    bool operator==(const LeaseRow& other) const noexcept {
        return term == other.term && beat == other.beat && edge_id == other.edge_id &&
               agent_id == other.agent_id;
    }
};

/// A call to make to the database. One at a time.
struct LeaseCall {
    enum class Kind : std::uint8_t {
        kNone,
        kLook,   ///< read the row
        kTake,   ///< a new term for this agent, if the row still is `row`
        kBeat,   ///< raise the beat, if the term still is `row.term` and the agent this one
        kLetGo,  ///< write kLetGo for the beat, under the same conditions
    };

    Kind kind = Kind::kNone;
    LeaseRow row;
};

/// End of a call.
enum class LeaseAnswer : std::uint8_t {
    kDone,     ///< acknowledged: synchronously written, or read
    kRefused,  ///< acknowledged: the row had changed
    kUnknown,  ///< no answer, or one that does not say that it is safe
};

/// Lease of one agent: the process of an edge that holds the lock of its local spool.
class Lease {
  public:
    Lease(LeaseTimes times, std::int64_t edge_id, std::int64_t agent_id) noexcept
        : times_(times), edge_id_(edge_id), agent_id_(agent_id) {}

    // ---------------------------------------------------------------- calls

    /// Call to make now; report its end to answered(). kNone while one is under way.
    [[nodiscard]] LeaseCall call(SteadyMs now_ms) noexcept;

    /// Ends the call; `row` is the row that was read or has been written.
    void answered(LeaseAnswer answer, const LeaseRow& row, SteadyMs now_ms) noexcept;

    /// Forgets the row that was seen: the database may be another one than before.
    void reconnected() noexcept { has_seen_ = false; }

    /// Called when this process ends and nothing of it is under way any more. The next in line need
    /// not wait.
    void let_go() noexcept;

    /// Time to ask call() again; kNoCall while one is under way.
    static constexpr SteadyMs kNoCall = INT64_MAX;
    [[nodiscard]] SteadyMs next_call_ms() const noexcept;

    // ---------------------------------------------------------------- what it says

    /// True when this agent has a term, valid at the moment or not.
    [[nodiscard]] bool has_term() const noexcept { return term_ != 0; }
    [[nodiscard]] std::int64_t term() const noexcept { return term_; }

    /// True when a push may leave now. Ask directly before it does.
    [[nodiscard]] bool is_valid(SteadyMs now_ms) const noexcept {
        return term_ != 0 && now_ms < valid_until_ms_;
    }
    /// End of validity, unless another beat is acknowledged.
    [[nodiscard]] SteadyMs valid_until_ms() const noexcept {
        return term_ == 0 ? 0 : valid_until_ms_;
    }

    /// Time from which an event may leave that was written down under the given term: at once under
    /// this agent's own, since no previous leader can have had it.
    [[nodiscard]] SteadyMs may_leave_ms(std::int64_t event_term) const noexcept {
        return event_term == term_ ? 0 : grace_until_ms_;
    }

    /// True when a leader has let go of its term, and that was acknowledged or cannot be any more.
    [[nodiscard]] bool has_let_go() const noexcept { return is_leaving_ && term_ == 0; }

  private:
    [[nodiscard]] bool may_take(SteadyMs now_ms) const noexcept;
    void see(const LeaseRow& row, SteadyMs now_ms) noexcept;
    void lead(const LeaseRow& row, bool is_acknowledged, SteadyMs now_ms) noexcept;
    void follow() noexcept;

    LeaseTimes times_;
    std::int64_t edge_id_;
    std::int64_t agent_id_;

    LeaseCall under_way_;
    SteadyMs started_ms_ = 0;  ///< start of the call that is under way, or was last
    SteadyMs next_ms_ = 0;

    bool has_seen_ = false;
    LeaseRow seen_;
    SteadyMs seen_ms_ = 0;  ///< since when the row is known to stand still

    std::int64_t term_ = 0;  ///< 0: a candidate
    SteadyMs valid_until_ms_ = 0;
    SteadyMs grace_until_ms_ = 0;
    bool is_leaving_ = false;
};

}  // namespace flashduty
