// Events that will not be sent any more, and those of them that will after all.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "event_store.hpp"
#include "kept_clock.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// Makes a dead letter of an event that waits; false when it does not.
bool bury(Connection& connection, std::int64_t event_id, UnixMs now_ms,
          std::string_view reason) noexcept;

/// Takes out an event that was delivered, and with it the chance of all older ones of its key.
void take_delivered(Connection& connection, std::int64_t event_id, UnixMs now_ms) noexcept;

/// The same of an event that never was in here: it is newer than all that had come before it.
void supersede_older(Connection& connection, std::int64_t target_id, std::string_view alert_key,
                     UnixMs accepted_ms) noexcept;

struct Limits {
    std::int64_t max_age_ms = 0;
    std::int64_t dead_age_ms = 0;
    std::int64_t dead_bytes = 0;
};

/// Whether dead letters take all that they may and none of them may be deleted yet.
[[nodiscard]] bool has_no_room_for_dead(Connection& connection, const Limits& limits,
                                        UnixMs now_ms) noexcept;

/// What is to be tended, some of it at a time: only looked for, as there mostly is nothing.
struct Chores {
    std::vector<DeadLetter> too_old;    ///< of what waits
    std::vector<DeadLetter> to_delete;  ///< of what is dead
    std::vector<std::int64_t> marked;   ///< dead letters that an operator wants sent again
    std::vector<std::int64_t> of_1;     ///< events of workers of 1.0.0, whose clocks were their own
    UnixMs of_1_from_ms = 0;            ///< when somebody looked for these last
    bool is_clock_due = false;          ///< to be noted
    bool has_more = false;

    [[nodiscard]] bool are_none() const noexcept {
        return too_old.empty() && to_delete.empty() && marked.empty() && of_1.empty() &&
               !is_clock_due;
    }
};
[[nodiscard]] Chores look_for_chores(Connection& connection, const KeptClock& clock,
                                     const Limits& limits, UnixMs now_ms,
                                     const std::vector<std::int64_t>& busy) noexcept;

/// Does them, as far as they still are to be done.
void tend(Connection& connection, const KeptClock& clock, const Chores& chores, UnixMs now_ms,
          Tended& tended) noexcept;

/// The alert_id of a key; a new one when nothing of it waits. Its first event is to follow.
[[nodiscard]] std::int64_t alert_of(Connection& connection, std::int64_t target_id,
                                    std::string_view alert_key, bool& is_new) noexcept;

}  // namespace flashduty
