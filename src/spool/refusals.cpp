#include "refusals.hpp"

#include <algorithm>

namespace flashduty {

namespace {

/// Time for which a yes proves that other events refused there are refused for their own sake.
constexpr UnixMs kFreshMs = 60'000;

constexpr std::size_t kMostAlerts = 16'384;
constexpr std::size_t kMostPlaces = 1'024;

bool contains(const std::vector<std::int64_t>& ids, std::int64_t id) noexcept {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Refusals::There& Refusals::there(Place place) noexcept {
    if (places_.size() >= kMostPlaces && places_.count(place) == 0) {
        auto oldest = places_.end();
        for (auto at = places_.begin(); at != places_.end(); ++at) {
            const bool is_older = oldest == places_.end() || at->second.used < oldest->second.used;
            oldest = at->second.waiting.empty() && is_older ? at : oldest;
        }
        places_.erase(oldest == places_.end() ? places_.begin() : oldest);
    }
    There& there = places_[place];
    there.used = ++count_;
    return there;
}

void Refusals::note(There& there, const End& end) noexcept {
    if (there.last.event_id != end.event_id) {
        there.other = there.last;
    }
    there.last = end;
}

bool Refusals::is_final(const There& there, std::int64_t alert_id, std::int64_t event_id,
                        bool was_refused, UnixMs now_ms) const noexcept {
    const End& another = there.last.event_id == event_id ? there.other : there.last;
    if (another.was_yes && now_ms - another.at_ms <= kFreshMs) {
        return true;
    }
    std::uint64_t first = was_refused ? 0 : count_;
    if (const auto alert = alerts_.find(alert_id); alert != alerts_.end()) {
        const auto known = alert->second.first.find(event_id);
        first = known == alert->second.first.end() ? first : known->second;
    }
    return there.yes > first;
}

bool Refusals::ended(Place place, std::int64_t alert_id, std::int64_t event_id, Fate fate,
                     bool was_refused, UnixMs now_ms) noexcept {
    There& there = this->there(place);
    const bool is_final =
        fate == Fate::kRefused && this->is_final(there, alert_id, event_id, was_refused, now_ms);
    note(there, {event_id, fate == Fate::kDelivered, now_ms});
    if (fate == Fate::kDelivered) {
        there.yes = ++count_;
        const auto alert = alerts_.find(alert_id);
        const Place before = alert == alerts_.end() ? place : alert->second.place;
        forget_until(alert_id, event_id);
        release(place, there);
        // The key was refused elsewhere before: its way has been changed, for the other keys too.
        if (const auto old = places_.find(before); before != place && old != places_.end()) {
            release(before, old->second);
        }
    } else if (is_final) {
        forget_one(alert_id, event_id);
    } else if (fate == Fate::kRefused) {
        wait(place, there, alert_id, event_id);
    }
    return is_final;
}

void Refusals::hear_yes(Place place, UnixMs now_ms) noexcept {
    There& there = this->there(place);
    note(there, {0, true, now_ms});
    there.yes = ++count_;
    release(place, there);
}

void Refusals::wait(Place place, There& there, std::int64_t alert_id,
                    std::int64_t event_id) noexcept {
    if (alerts_.size() >= kMostAlerts && alerts_.count(alert_id) == 0) {
        has_forgotten_ = true;
        return;
    }
    Alert& alert = alerts_[alert_id];
    const bool is_listed = !alert.first.empty() && !alert.is_released && alert.place == place;
    alert.first.try_emplace(event_id, ++count_);
    alert.place = place;
    alert.is_released = false;
    if (!is_listed) {
        there.waiting.push_back(alert_id);
    }
}

void Refusals::release(Place place, There& there) noexcept {
    // Backwards: the first of them is tried next.
    for (auto at = there.waiting.rbegin(); at != there.waiting.rend(); ++at) {
        const auto alert = alerts_.find(*at);
        if (alert != alerts_.end() && alert->second.place == place && !alert->second.is_released) {
            alert->second.is_released = true;
            to_try_.push_back(*at);
        }
    }
    there.waiting.clear();
}

void Refusals::forget_one(std::int64_t alert_id, std::int64_t event_id) noexcept {
    const auto alert = alerts_.find(alert_id);
    if (alert != alerts_.end() && alert->second.first.erase(event_id) > 0 &&
        alert->second.first.empty()) {
        alerts_.erase(alert);
    }
}

void Refusals::forget_until(std::int64_t alert_id, std::int64_t event_id) noexcept {
    const auto alert = alerts_.find(alert_id);
    if (alert == alerts_.end()) {
        return;
    }
    auto& first = alert->second.first;
    first.erase(first.begin(), first.upper_bound(event_id));
    if (first.empty()) {
        alerts_.erase(alert);
    }
}

void Refusals::forget(std::vector<std::int64_t> event_ids) noexcept {
    std::sort(event_ids.begin(), event_ids.end());
    for (auto alert = alerts_.begin(); alert != alerts_.end();) {
        auto& first = alert->second.first;
        for (auto at = first.begin(); at != first.end();) {
            const bool is_gone = std::binary_search(event_ids.begin(), event_ids.end(), at->first);
            at = is_gone ? first.erase(at) : std::next(at);
        }
        alert = first.empty() ? alerts_.erase(alert) : std::next(alert);
    }
}

std::size_t Refusals::count() const noexcept {
    std::size_t count = 0;
    for (const auto& [alert_id, alert] : alerts_) {
        count += alert.is_released ? 0 : alert.first.size();
    }
    return count;
}

std::vector<std::int64_t> Refusals::take_to_try(std::size_t most,
                                                const std::vector<std::int64_t>& busy) noexcept {
    std::vector<std::int64_t> alert_ids;
    std::vector<std::int64_t> passed;
    while (alert_ids.size() < most && !to_try_.empty()) {
        (contains(busy, to_try_.back()) ? passed : alert_ids).push_back(to_try_.back());
        to_try_.pop_back();
    }
    to_try_.insert(to_try_.end(), passed.rbegin(), passed.rend());
    return alert_ids;
}

bool Refusals::has_to_try(const std::vector<std::int64_t>& busy) const noexcept {
    return std::any_of(to_try_.rbegin(), to_try_.rend(),
                       [&busy](std::int64_t alert_id) { return !contains(busy, alert_id); });
}

void Refusals::put_back(std::vector<std::int64_t> alert_ids) noexcept {
    to_try_.insert(to_try_.end(), alert_ids.rbegin(), alert_ids.rend());
}

std::vector<std::int64_t> Refusals::waiting() const noexcept {
    std::vector<std::int64_t> alert_ids;
    for (const auto& [place, there] : places_) {
        alert_ids.insert(alert_ids.end(), there.waiting.begin(), there.waiting.end());
    }
    return alert_ids;
}

}  // namespace flashduty
