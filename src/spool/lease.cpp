#include "lease.hpp"

#include <algorithm>

namespace flashduty {

bool Lease::may_take(SteadyMs now_ms) const noexcept {
    if (!has_seen_ || is_leaving_) {
        return false;
    }
    // Since this agent has the lock of the edge's spool, the previous agent is proven gone.
    const bool is_of_this_edge = seen_.edge_id == edge_id_ && seen_.agent_id != agent_id_;
    return is_of_this_edge || seen_.beat == LeaseRow::kLetGo ||
           now_ms - seen_ms_ >= times_.lease_ms;
}

LeaseCall Lease::call(SteadyMs now_ms) noexcept {
    if (under_way_.kind != LeaseCall::Kind::kNone || now_ms < next_ms_ || has_let_go()) {
        return {};
    }
    if (term_ != 0) {
        under_way_.kind = is_leaving_ ? LeaseCall::Kind::kLetGo : LeaseCall::Kind::kBeat;
        under_way_.row = seen_;
    } else if (may_take(now_ms)) {
        under_way_ = {LeaseCall::Kind::kTake, seen_};
    } else {
        under_way_ = {LeaseCall::Kind::kLook, {}};
    }
    started_ms_ = now_ms;
    return under_way_;
}

SteadyMs Lease::next_call_ms() const noexcept {
    return under_way_.kind != LeaseCall::Kind::kNone || has_let_go() ? kNoCall : next_ms_;
}

void Lease::see(const LeaseRow& row, SteadyMs now_ms) noexcept {
    if (!has_seen_ || !(row == seen_)) {
        seen_ = row;
        seen_ms_ = now_ms;
        has_seen_ = true;
    }
}

void Lease::lead(const LeaseRow& row, bool is_acknowledged, SteadyMs now_ms) noexcept {
    const bool is_new = term_ != row.term;
    // A leader that let go, or whose process is gone, has nothing under way.
    const bool was_left =
        is_acknowledged && (seen_.beat == LeaseRow::kLetGo || seen_.edge_id == edge_id_);
    seen_ = row;
    seen_ms_ = now_ms;
    has_seen_ = true;
    if (is_new) {
        term_ = row.term;
        valid_until_ms_ = 0;
        grace_until_ms_ = was_left ? 0 : now_ms + times_.grace_ms;
    }
    if (is_acknowledged) {
        valid_until_ms_ =
            std::max(valid_until_ms_, started_ms_ + times_.lease_ms - times_.margin_ms);
    }
}

void Lease::follow() noexcept {
    term_ = 0;
    valid_until_ms_ = 0;
    has_seen_ = false;
}

void Lease::let_go() noexcept {
    is_leaving_ = true;
    valid_until_ms_ = 0;
    next_ms_ = 0;
}

void Lease::answered(LeaseAnswer answer, const LeaseRow& row, SteadyMs now_ms) noexcept {
    const LeaseCall::Kind kind = under_way_.kind;
    under_way_.kind = LeaseCall::Kind::kNone;
    if (answer == LeaseAnswer::kUnknown) {
        next_ms_ = now_ms + times_.retry_ms;
        return;
    }
    if (answer == LeaseAnswer::kRefused) {
        // Another agent was faster: the row that was seen is outdated.
        follow();
        next_ms_ = now_ms;
        return;
    }
    switch (kind) {
        case LeaseCall::Kind::kLook:
            next_ms_ = std::max(now_ms, started_ms_ + times_.look_ms);
            // A take without an answer may have been written all the same.
            if (row.agent_id == agent_id_ && row.beat != LeaseRow::kLetGo) {
                lead(row, false, now_ms);
                next_ms_ = now_ms;
                return;
            }
            see(row, now_ms);
            if (may_take(now_ms)) {
                next_ms_ = now_ms;
            }
            return;
        case LeaseCall::Kind::kTake:
        case LeaseCall::Kind::kBeat:
            lead(row, true, now_ms);
            // The first beat says what may be spent.
            next_ms_ = kind == LeaseCall::Kind::kTake
                           ? now_ms
                           : std::max(now_ms, started_ms_ + times_.beat_ms);
            break;
        case LeaseCall::Kind::kLetGo:
        case LeaseCall::Kind::kNone:
            follow();
            break;
    }
    if (is_leaving_) {
        valid_until_ms_ = 0;
        next_ms_ = now_ms;
    }
}

}  // namespace flashduty
