#include "live_push.hpp"

#include "../request/answer.hpp"
#include "../request/recorder.hpp"
#include "push.hpp"

namespace flashduty {

namespace {

struct VerdictRow {
    Verdict verdict;
    Outcome outcome;
};

/// What a verdict means for the caller where there is no spool.
constexpr VerdictRow kVerdicts[] = {
    {Verdict::kDelivered, Outcome::kDelivered},    {Verdict::kEventRefused, Outcome::kRefused},
    {Verdict::kAccountAtFault, Outcome::kRefused}, {Verdict::kSlowDown, Outcome::kSlowDown},
    {Verdict::kTimedOut, Outcome::kTimedOut},      {Verdict::kTransient, Outcome::kUnreachable},
};

Outcome outcome_of(Verdict verdict) noexcept {
    const VerdictRow* row = kVerdicts;
    while (row->verdict != verdict) {
        row++;
    }
    return row->outcome;
}

}  // namespace

void push_live(Delivery& delivery, const DeliveredHook& on_delivered) noexcept {
    delivery.on_delivered = on_delivered;
    delivery.on_push_judged = [](Delivery& judged) {
        record_live_push(judged);
        if (judged.verdict == Verdict::kSlowDown) {
            judged.retry_after = judged.push_retry_after.empty() ? "1" : judged.push_retry_after;
        }
        settle(judged, outcome_of(judged.verdict), judged.push_reason);
        if (judged.verdict == Verdict::kDelivered && judged.on_delivered.call != nullptr) {
            judged.on_delivered.call(judged.on_delivered.owner, judged);
        }
    };
    delivery.on_push_over = answer_caller;
    if (!start_push(delivery)) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        answer_caller(delivery.request);
    }
}

}  // namespace flashduty
