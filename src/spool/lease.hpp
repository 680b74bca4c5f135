// Who of a fleet delivers: a lease that is a row of two counters in the shared database. Knows no
// clock, no database and no network.
//
// - No clock of one machine is compared with another's. A leader may trust its lease for a while
//   from the *start* of the last call that raised its beat and was acknowledged; a candidate takes
//   the term when the row has stood still for longer than that, from the *end* of the call that
//   first showed it so.
// - A row is only ever changed by compare-and-set, so what is under way when the term changes
//   changes nothing.
// - Only an acknowledged call grants validity. A call of which nothing is known grants none and is
//   made again.
#pragma once

#include <cstdint>

#include "steady.hpp"

namespace flashduty {

struct LeaseTimes {
    SteadyMs lease_ms = 5'000;   ///< a row that stands still for so long may be taken
    SteadyMs margin_ms = 1'000;  ///< a leader trusts its lease for so much less
    SteadyMs beat_ms = 1'000;    ///< from the start of one beat to the next
    SteadyMs look_ms = 250;      ///< the same of a candidate's looks
    SteadyMs retry_ms = 100;     ///< from the end of a call that failed to the next
    SteadyMs grace_ms = 2'000;   ///< for bytes that a leader before had under way
};

/// The row as everybody sees it.
struct LeaseRow {
    /// Instead of a beat, after a leader has let go.
    static constexpr std::int64_t kLetGo = -1;

    std::int64_t term = 0;      ///< grows with each leader
    std::int64_t beat = 0;      ///< grows while that one lives
    std::int64_t edge_id = 0;   ///< the leader's edge: the owner of a local spool
    std::int64_t agent_id = 0;  ///< and which process of that edge

    bool operator==(const LeaseRow& other) const noexcept {
        return term == other.term && beat == other.beat && edge_id == other.edge_id &&
               agent_id == other.agent_id;
    }
};

/// What to ask of the database. One call at a time.
struct LeaseCall {
    enum class Kind : std::uint8_t {
        kNone,
        kLook,   ///< read the row
        kTake,   ///< a new term for this agent, if the row still is `row`
        kBeat,   ///< raise the beat, if the term still is `row.term` and the agent this one
        kLetGo,  ///< the same, with kLetGo for the beat
    };

    Kind kind = Kind::kNone;
    LeaseRow row;
};

/// How a call has ended.
enum class LeaseAnswer : std::uint8_t {
    kDone,     ///< acknowledged: synchronously written, or read
    kRefused,  ///< acknowledged: the row was another one
    kUnknown,  ///< no answer, or not one that says that it is safe
};

/// Of one agent: the process of an edge that holds the lock of its local spool.
class Lease {
  public:
    Lease(LeaseTimes times, std::int64_t edge_id, std::int64_t agent_id) noexcept
        : times_(times), edge_id_(edge_id), agent_id_(agent_id) {}

    // ---------------------------------------------------------------- calls

    /// What to ask for now; its end is to be told to answered(). kNone while one is under way.
    [[nodiscard]] LeaseCall call(SteadyMs now_ms) noexcept;

    /// The call has ended; `row` is what was read, or is written now.
    void answered(LeaseAnswer answer, const LeaseRow& row, SteadyMs now_ms) noexcept;

    /// The database may be another one than before: nothing that was seen counts any more.
    void reconnected() noexcept { has_seen_ = false; }

    /// This process ends, and all that it had under way has ended. The next in line need not wait.
    void let_go() noexcept;

    /// When call() is to be asked again; kNoCall while one is under way.
    static constexpr SteadyMs kNoCall = INT64_MAX;
    [[nodiscard]] SteadyMs next_call_ms() const noexcept;

    // ---------------------------------------------------------------- what it says

    /// Whether this agent has a term, be it valid at the moment or not.
    [[nodiscard]] bool has_term() const noexcept { return term_ != 0; }
    [[nodiscard]] std::int64_t term() const noexcept { return term_; }

    /// Whether something may leave now. To be asked directly before it does.
    [[nodiscard]] bool is_valid(SteadyMs now_ms) const noexcept {
        return term_ != 0 && now_ms < valid_until_ms_;
    }
    /// Until when that holds, unless a beat is acknowledged.
    [[nodiscard]] SteadyMs valid_until_ms() const noexcept {
        return term_ == 0 ? 0 : valid_until_ms_;
    }

    /// From when on an event may leave that was written down under that term: at once under this
    /// agent's own, since no leader before can have had it.
    [[nodiscard]] SteadyMs may_leave_ms(std::int64_t event_term) const noexcept {
        return event_term == term_ ? 0 : grace_until_ms_;
    }

    /// A leader has let go of its term, and that was acknowledged or cannot be any more.
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
    SteadyMs started_ms_ = 0;  ///< the call that is or was under way last
    SteadyMs next_ms_ = 0;

    bool has_seen_ = false;
    LeaseRow seen_;
    SteadyMs seen_ms_ = 0;  ///< since when it is known to stand still

    std::int64_t term_ = 0;  ///< 0: a candidate
    SteadyMs valid_until_ms_ = 0;
    SteadyMs grace_until_ms_ = 0;
    bool is_leaving_ = false;
};

}  // namespace flashduty
