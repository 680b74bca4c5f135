#include "reserved_rate.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace flashduty {

namespace {

constexpr SteadyMs kSecondMs = 1'000;
constexpr SteadyMs kMinuteMs = 60'000;

/// Reads `12:34,...`: a number, a colon, pairs of age in seconds and count. A text that is not
/// understood is of another version, and is read as far as it goes.
class Reader {
  public:
    explicit Reader(std::string_view text) noexcept : at_(text.data()), end_(at_ + text.size()) {}

    bool number(std::int64_t& value) noexcept {
        const auto [next, error] = std::from_chars(at_, end_, value);
        at_ = error == std::errc() ? next : at_;
        return error == std::errc();
    }
    bool is(char c) noexcept {
        const bool has = at_ != end_ && *at_ == c;
        at_ += has ? 1 : 0;
        return has;
    }

  private:
    const char* at_;
    const char* end_;
};

std::uint32_t sum(const std::map<SteadyMs, std::uint32_t>& left, SteadyMs from_ms) noexcept {
    std::uint64_t total = 0;
    for (auto at = left.lower_bound(from_ms); at != left.end(); ++at) {
        total += at->second;
    }
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(total, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

/// Most pushes to a target while a beat is valid.
std::uint32_t ReservedRate::most() const noexcept {
    const auto seconds = static_cast<std::uint32_t>((valid_ms_ + kSecondMs - 1) / kSecondMs + 1);
    const std::uint32_t by_second =
        rate_.per_second == 0 ? rate_.per_minute : rate_.per_second * seconds;
    return rate_.per_minute == 0 ? by_second : std::min(by_second, rate_.per_minute);
}

void ReservedRate::forget_old(Target& target, SteadyMs now_ms) const noexcept {
    target.left.erase(target.left.begin(), target.left.lower_bound(now_ms - kMinuteMs - kSecondMs));
}

std::vector<Spent> ReservedRate::take_over(std::string_view text, SteadyMs still_ms,
                                           SteadyMs now_ms) noexcept {
    targets_.clear();
    room_anywhere_ = spent_anywhere_ = 0;
    std::vector<Spent> spent;
    Reader reader(text);
    std::int64_t anywhere = 0, target_id = 0, age = 0, count = 0;
    if (!reader.number(anywhere)) {
        return spent;
    }
    // Reserved pushes may have left at any time since.
    spent_anywhere_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(anywhere, 0, most()));
    while (reader.is(' ') && reader.number(target_id)) {
        Target& target = targets_[target_id];
        while ((reader.is(':') || reader.is(',')) && reader.number(age) && reader.is('*') &&
               reader.number(count)) {
            const SteadyMs left_ms =
                age < 0 ? now_ms : now_ms - std::max<SteadyMs>(still_ms, 0) - age * kSecondMs;
            if (left_ms > now_ms - kMinuteMs - kSecondMs && count > 0) {
                target.left[left_ms] += static_cast<std::uint32_t>(count);
                spent.push_back({target_id, left_ms, static_cast<std::uint32_t>(count)});
            }
        }
    }
    std::sort(spent.begin(), spent.end(),
              [](const Spent& a, const Spent& b) { return a.left_ms < b.left_ms; });
    return spent;
}

std::string ReservedRate::beat(bool lets_go, SteadyMs now_ms) noexcept {
    offered_anywhere_ = lets_go || !is_limited() ? 0 : most();
    std::string text = std::to_string(offered_anywhere_);
    for (auto& [target_id, target] : targets_) {
        forget_old(target, now_ms);
        // Of a minute's pushes, those that still count when the beat ends.
        const std::uint32_t counted = sum(target.left, now_ms + valid_ms_ - kMinuteMs);
        const std::uint32_t left =
            rate_.per_minute == 0 ? most() : rate_.per_minute - std::min(rate_.per_minute, counted);
        target.offered = std::min(offered_anywhere_, left);
        text += ' ' + std::to_string(target_id);
        char between = ':';
        const auto add = [&](std::int64_t age, std::uint32_t count) {
            text += between + std::to_string(age) + '*' + std::to_string(count);
            between = ',';
        };
        std::map<std::int64_t, std::uint32_t> by_age;
        for (const auto& [left_ms, count] : target.left) {
            by_age[std::max<SteadyMs>(now_ms - left_ms, 0) / kSecondMs] += count;
        }
        for (const auto& [age, count] : by_age) {
            add(age, count);
        }
        // The age of what has not left yet.
        add(-1, target.offered);
    }
    return text;
}

void ReservedRate::acknowledged() noexcept {
    room_anywhere_ = offered_anywhere_;
    for (auto& [target_id, target] : targets_) {
        target.room = target.offered;
    }
}

std::size_t ReservedRate::room(std::int64_t target_id) const noexcept {
    if (!is_limited()) {
        return std::numeric_limits<std::size_t>::max();
    }
    const auto target = targets_.find(target_id);
    return target == targets_.end() ? room_anywhere_ : target->second.room;
}

void ReservedRate::spend(std::int64_t target_id, SteadyMs now_ms) noexcept {
    const auto [at, is_new] = targets_.try_emplace(target_id);
    Target& target = at->second;
    if (is_new) {
        target.room = room_anywhere_;
        target.offered = offered_anywhere_;
    }
    target.room -= target.room > 0 ? 1 : 0;
    // A beat under way has not counted this one.
    target.offered -= target.offered > 0 ? 1 : 0;
    target.left[now_ms]++;
}

}  // namespace flashduty
