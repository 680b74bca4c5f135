// Decides which refusal of an event is final: only one beside a yes, see docs/delivery.md, "Refused
// for good only beside a yes". A wrong key, licence or route is refused by many names, so that a
// refusal alone says nothing about the event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "../core/fate.hpp"
#include "event_store.hpp"

namespace flashduty {

/// Place where a push ended: stands for its request line upstream, key included. 0: it did not get
/// there.
using Place = std::uint64_t;

/// Refusals of one target.
class Refusals {
  public:
    /// Ends a push. True when it is a final refusal. `was_refused`: the event was refused before,
    /// maybe in another process.
    bool ended(Place place, std::int64_t alert_id, std::int64_t event_id, Fate fate,
               bool was_refused, UnixMs now_ms) noexcept;

    /// A delivery there that was no push of an event: refused events may be tried again.
    void hear_yes(Place place, UnixMs now_ms) noexcept;

    /// Takes up to `most` keys (alert_ids) whose refusal now has a yes beside it, and that are not
    /// among `busy`.
    [[nodiscard]] std::vector<std::int64_t> take_to_try(
        std::size_t most, const std::vector<std::int64_t>& busy) noexcept;
    [[nodiscard]] bool has_to_try(const std::vector<std::int64_t>& busy) const noexcept;
    /// Takes back keys that were not tried.
    void put_back(std::vector<std::int64_t> alert_ids) noexcept;

    /// Forgets events that wait no more.
    void forget(std::vector<std::int64_t> event_ids) noexcept;

    /// Keys that are known to wait for a yes.
    [[nodiscard]] std::vector<std::int64_t> waiting() const noexcept;
    /// Refused events with nothing to compare.
    [[nodiscard]] std::size_t count() const noexcept;
    [[nodiscard]] bool knows_nothing() const noexcept { return alerts_.empty() && to_try_.empty(); }
    /// True once more events were refused than can be remembered.
    [[nodiscard]] bool has_forgotten() const noexcept { return has_forgotten_; }

  private:
    struct End {
        std::int64_t event_id = 0;
        bool was_yes = false;
        UnixMs at_ms = 0;
    };
    struct There {
        End last;               ///< last push
        End other;              ///< last push of another event than that
        std::uint64_t yes = 0;  ///< number of its last yes; 0: none
        std::uint64_t used = 0;
        std::vector<std::int64_t> waiting;  ///< alert_ids
    };
    /// A key with refused events that wait.
    struct Alert {
        Place place = 0;                              ///< last refusal
        std::map<std::int64_t, std::uint64_t> first;  ///< number of each event's first refusal
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
    std::vector<std::int64_t> to_try_;  ///< alert_ids, last first
    std::uint64_t count_ = 0;           ///< numbers the ends of pushes
    bool has_forgotten_ = false;
};

}  // namespace flashduty
