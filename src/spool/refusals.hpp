// Which refusal of an event is final: only one beside a yes, see docs/delivery.md, "Refused for good only
// beside a yes". A wrong key, licence or route is refused by many names, so that a refusal alone
// says nothing about the event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "../core/fate.hpp"
#include "event_store.hpp"

namespace flashduty {

/// Where a push ended: stands for its request line upstream, key included. 0: it did not get there.
using Place = std::uint64_t;

/// Of one target.
class Refusals {
  public:
    /// A push has ended. True when it is a refusal and final. `was_refused`: before, maybe in
    /// another process.
    bool ended(Place place, std::int64_t alert_id, std::int64_t event_id, Fate fate,
               bool was_refused, UnixMs now_ms) noexcept;

    /// Something was delivered there otherwise: what was refused may be tried again.
    void hear_yes(Place place, UnixMs now_ms) noexcept;

    /// Takes up to `most` keys, alert_ids, beside whose refusal there is a yes now, and that are
    /// not among `busy`.
    [[nodiscard]] std::vector<std::int64_t> take_to_try(
        std::size_t most, const std::vector<std::int64_t>& busy) noexcept;
    [[nodiscard]] bool has_to_try(const std::vector<std::int64_t>& busy) const noexcept;
    /// They were not tried.
    void put_back(std::vector<std::int64_t> alert_ids) noexcept;

    /// These events wait no more.
    void forget(std::vector<std::int64_t> event_ids) noexcept;

    /// The keys that are known to wait for a yes.
    [[nodiscard]] std::vector<std::int64_t> waiting() const noexcept;
    /// How many events are refused with nothing to compare.
    [[nodiscard]] std::size_t count() const noexcept;
    [[nodiscard]] bool knows_nothing() const noexcept { return alerts_.empty() && to_try_.empty(); }
    /// True once more than can be remembered were refused.
    [[nodiscard]] bool has_forgotten() const noexcept { return has_forgotten_; }

  private:
    struct End {
        std::int64_t event_id = 0;
        bool was_yes = false;
        UnixMs at_ms = 0;
    };
    struct There {
        End last;               ///< push
        End other;              ///< the last one of another event than that
        std::uint64_t yes = 0;  ///< the number of its last yes; 0: none
        std::uint64_t used = 0;
        std::vector<std::int64_t> waiting;  ///< alert_ids
    };
    /// A key of which events were refused and wait.
    struct Alert {
        Place place = 0;                              ///< of the last refusal
        std::map<std::int64_t, std::uint64_t> first;  ///< the number of an event's first refusal
        bool is_released = false;
    };

    There& there(Place place) noexcept;
    [[nodiscard]] bool is_final(const There& there, std::int64_t alert_id, std::int64_t event_id,
                                bool was_refused, UnixMs now_ms) const noexcept;
    void wait(Place place, There& there, std::int64_t alert_id, std::int64_t event_id) noexcept;
    void release(Place place, There& there) noexcept;
    void forget_one(std::int64_t alert_id, std::int64_t event_id) noexcept;
    void forget_until(std::int64_t alert_id, std::int64_t event_id) noexcept;
    static void note(There& there, const End& end) noexcept;

    std::unordered_map<Place, There> places_;
    std::unordered_map<std::int64_t, Alert> alerts_;
    std::vector<std::int64_t> to_try_;  ///< alert_ids, the last first
    std::uint64_t count_ = 0;           ///< numbers what happens
    bool has_forgotten_ = false;
};

}  // namespace flashduty
