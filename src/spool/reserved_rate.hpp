// Share of the fleet's rate that a leader has spent, and may still spend before its lease ends; its
// beats tell it to the next leader. Knows no database and no network.
//
// A beat reserves: it counts the pushes that may leave until its validity ends as if they had left.
// The leader keeps within what an acknowledged beat has reserved, so whoever follows it, without
// having heard what really left, never spends the same again. Times in the text are ages: no clock
// of one machine is compared with another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "budget.hpp"
#include "steady.hpp"

namespace flashduty {

/// Pushes to a target at about one time.
struct Spent {
    std::int64_t target_id = 0;
    SteadyMs left_ms = 0;
    std::uint32_t count = 0;
};

class ReservedRate {
  public:
    /// `valid_ms`: for how long at most a beat may be trusted from its start.
    ReservedRate(Rate rate, SteadyMs valid_ms) noexcept : rate_(rate), valid_ms_(valid_ms) {}

    /// Changes the rate from the next beat on.
    void set_rate(Rate rate) noexcept { rate_ = rate; }

    /// Takes over from the text of the last beat, seen to stand still since `still_ms` ago. Gives
    /// what is to be counted as spent, for the targets' Budgets; a target that is not among it is
    /// to be counted with spent_anywhere().
    [[nodiscard]] std::vector<Spent> take_over(std::string_view text, SteadyMs still_ms,
                                               SteadyMs now_ms) noexcept;
    /// Pushes that may have left, at `now_ms` of take_over(), to any target that it did not name.
    [[nodiscard]] std::uint32_t spent_anywhere() const noexcept { return spent_anywhere_; }

    /// Text for a beat that starts now. With `lets_go` it reserves nothing.
    [[nodiscard]] std::string beat(bool lets_go, SteadyMs now_ms) noexcept;
    /// The last beat() was acknowledged.
    void acknowledged() noexcept;

    /// Pushes that may leave to a target under the acknowledged beat.
    [[nodiscard]] std::size_t room(std::int64_t target_id) const noexcept;
    /// Counts a push that leaves now.
    void spend(std::int64_t target_id, SteadyMs now_ms) noexcept;

  private:
    struct Target {
        std::map<SteadyMs, std::uint32_t> left;  ///< by second, of the last minute
        std::uint32_t room = 0;                  ///< under the acknowledged beat
        std::uint32_t offered = 0;               ///< under the one that is under way
    };

    [[nodiscard]] std::uint32_t most() const noexcept;
    [[nodiscard]] bool is_limited() const noexcept {
        return rate_.per_second > 0 || rate_.per_minute > 0;
    }
    void forget_old(Target& target, SteadyMs now_ms) const noexcept;

    Rate rate_;
    SteadyMs valid_ms_;
    std::map<std::int64_t, Target> targets_;
    std::uint32_t spent_anywhere_ = 0;
    std::uint32_t room_anywhere_ = 0;  ///< of each target that the acknowledged beat did not name
    std::uint32_t offered_anywhere_ = 0;  ///< and the one that is under way
};

}  // namespace flashduty
