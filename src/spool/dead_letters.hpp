// Dead letters: events that will not be sent any more, and those that an operator has sent again.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "event_store.hpp"
#include "kept_clock.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// Makes a dead letter of a waiting event; false when it does not wait.
bool bury(Connection& connection, std::int64_t event_id, UnixMs now_ms,
          std::string_view reason) noexcept;

/// Removes a delivered event, and with it the chance of all older ones of its key.
void take_delivered(Connection& connection, std::int64_t event_id, UnixMs now_ms) noexcept;

/// Supersedes all events of a key for an event that never was in here: it is newer than all that
/// came before it.
void supersede_older(Connection& connection, std::int64_t target_id, std::string_view alert_key,
                     UnixMs accepted_ms) noexcept;

struct Limits {
    std::int64_t max_age_ms = 0;
    std::int64_t dead_age_ms = 0;
    std::int64_t dead_bytes = 0;
};

/// True when dead letters take all the room that they may and none of them may be deleted yet.
[[nodiscard]] bool has_no_room_for_dead(Connection& connection, const Limits& limits,
                                        UnixMs now_ms) noexcept;

/// Work to be tended to, some of it at a time. Found by reading alone, since mostly there is none.
struct Chores {
    std::vector<DeadLetter> too_old;    ///< waiting events
    std::vector<DeadLetter> to_delete;  ///< dead letters
    std::vector<std::int64_t> marked;   ///< dead letters that an operator wants sent again
    std::vector<std::int64_t> of_1;  ///< events of workers of 1.0.0, which had clocks of their own
    UnixMs of_1_from_ms = 0;         ///< time of the last look for these
    bool is_clock_due = false;       ///< the clock has to be noted
    bool has_more = false;

    [[nodiscard]] bool are_none() const noexcept {
        return too_old.empty() && to_delete.empty() && marked.empty() && of_1.empty() &&
               !is_clock_due;
    }
};
[[nodiscard]] Chores look_for_chores(Connection& connection, const KeptClock& clock,
                                     const Limits& limits, UnixMs now_ms,
                                     const std::vector<std::int64_t>& busy) noexcept;

/// Does the chores, as far as they still apply.
void tend(Connection& connection, const KeptClock& clock, const Chores& chores, UnixMs now_ms,
          Tended& tended) noexcept;

/// Result of sending a dead letter again.
enum class Resent {
    kNone,        ///< there is no such
    kWaits,       ///< it waits again
    kMarked,      ///< its key is on its way: it waits again after that, unless superseded by it
    kSuperseded,  ///< a newer event of its key was delivered: it is never sent again
};

/// Lets a dead letter wait again, under its old id and so in its old place. `busy` are the
/// alert_ids that are on their way; `target_id` gets its target's.
[[nodiscard]] Resent resend(Connection& connection, std::int64_t event_id, UnixMs now_ms,
                            const std::vector<std::int64_t>& busy,
                            std::int64_t& target_id) noexcept;

/// Deletes a dead letter; false when there is none.
bool delete_dead(Connection& connection, std::int64_t event_id) noexcept;

/// alert_id of a key; a new one when none of its events waits. The caller adds its first event.
[[nodiscard]] std::int64_t alert_of(Connection& connection, std::int64_t target_id,
                                    std::string_view alert_key, bool& is_new) noexcept;

}  // namespace flashduty
