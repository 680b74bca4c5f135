#include "lease_keeper.hpp"

#include <algorithm>
#include <chrono>

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;

/// Limits of one call. A beat that is answered later than that would grant little.
constexpr SteadyMs kLookMs = 1'500;
constexpr SteadyMs kBeatMs = 2'000;

/// Longest time between two looks at what the owner has said.
constexpr SteadyMs kLongMs = 60'000;

Clock::time_point moment(SteadyMs ms) noexcept {
    return Clock::time_point(std::chrono::milliseconds(ms));
}

}  // namespace

LeaseKeeper::LeaseKeeper(const Options& options, const Listener& listener) noexcept
    : lease_(options.times, options.edge_id, options.agent_id),
      row_(options.server, options.edge, options.edge_id, options.agent_id),
      listener_(listener),
      rate_(options.rate, options.times.lease_ms - options.times.margin_ms) {
    (void)thread_.start<&LeaseKeeper::run>(*this);
}

void LeaseKeeper::set_rate(Rate rate) noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    rate_.set_rate(rate);
}

std::vector<Spent> LeaseKeeper::spent_before(std::uint32_t& anywhere) noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    anywhere = rate_.spent_anywhere();
    return before_;
}

bool LeaseKeeper::may_spend(std::int64_t target_id) noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    return rate_.room(target_id) > 0;
}

void LeaseKeeper::spend(std::int64_t target_id) noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    rate_.spend(target_id, steady_now_ms());
}

std::string LeaseKeeper::error() noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    return error_;
}

void LeaseKeeper::let_go() noexcept {
    valid_until_ms_ = 0;
    is_leaving_ = true;
    thread_.wake();
}

/// Runs in the thread.
void LeaseKeeper::run() noexcept {
    SteadyMs next_ms = 0;
    bool was_told = false;
    do {
        if (is_leaving_ && !was_told) {
            was_told = true;
            lease_.let_go();
        }
        const LeaseCall next = lease_.call(steady_now_ms());
        if (next.kind != LeaseCall::Kind::kNone) {
            call(next);
        }
        publish();
        const SteadyMs now_ms = steady_now_ms();
        next_ms = std::clamp(lease_.next_call_ms(), now_ms, now_ms + kLongMs);
    } while (thread_.wait(moment(next_ms)));
}

void LeaseKeeper::call(const LeaseCall& call) noexcept {
    const bool is_look = call.kind == LeaseCall::Kind::kLook;
    const bool is_beat =
        call.kind == LeaseCall::Kind::kBeat || call.kind == LeaseCall::Kind::kLetGo;
    std::string spent;
    if (is_beat) {
        const std::lock_guard<std::mutex> guard(thread_.mutex());
        spent = rate_.beat(call.kind == LeaseCall::Kind::kLetGo, steady_now_ms());
    }
    LeaseRow row;
    const SteadyMs limit_ms = steady_now_ms() + (is_look ? kLookMs : kBeatMs);
    const LeaseAnswer answer = row_.run(call, spent, row, moment(limit_ms));
    if (row_.generation() != generation_) {
        generation_ = row_.generation();
        lease_.reconnected();
    }
    const SteadyMs now_ms = steady_now_ms();
    lease_.answered(answer, row, now_ms);
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    if (answer == LeaseAnswer::kDone && is_beat) {
        rate_.acknowledged();
    } else if (answer == LeaseAnswer::kDone && is_look && seen_spent_ != row_.spent()) {
        seen_spent_ = row_.spent();
        seen_spent_ms_ = now_ms;
    } else if (answer == LeaseAnswer::kDone && call.kind == LeaseCall::Kind::kTake) {
        before_ = rate_.take_over(seen_spent_, now_ms - seen_spent_ms_, now_ms);
    }
    error_ = answer == LeaseAnswer::kUnknown ? row_.error() : std::string();
}

void LeaseKeeper::publish() noexcept {
    const SteadyMs valid_until_ms = is_leaving_ ? 0 : lease_.valid_until_ms();
    const bool has_changed = term_ != lease_.term() || has_let_go_ != lease_.has_let_go() ||
                             valid_until_ms_ != valid_until_ms;
    grace_until_ms_ = lease_.term() == 0 ? 0 : lease_.may_leave_ms(0);
    term_ = lease_.term();
    valid_until_ms_ = valid_until_ms;
    has_let_go_ = lease_.has_let_go();
    if (has_changed) {
        listener_.on_change(listener_.owner);
    }
}

}  // namespace flashduty
