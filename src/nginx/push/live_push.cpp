#include "live_push.hpp"

#include "../../core/enum_table.hpp"
#include "../request/conf.hpp"
#include "../request/recorder.hpp"
#include "push.hpp"

namespace flashduty {

namespace {

struct VerdictRow {
    Verdict verdict;
    Outcome outcome;
};

/// Outcomes by verdict where there is no spool.
constexpr VerdictRow kVerdicts[] = {
    {Verdict::kDelivered, Outcome::kDelivered},    {Verdict::kEventRefused, Outcome::kRefused},
    {Verdict::kAccountAtFault, Outcome::kRefused}, {Verdict::kSlowDown, Outcome::kSlowDown},
    {Verdict::kTimedOut, Outcome::kTimedOut},      {Verdict::kTransient, Outcome::kUnreachable},
};

static_assert(has_each_in_order(kVerdicts, &VerdictRow::verdict));

}  // namespace

Outcome outcome_of(Verdict verdict) noexcept { return kVerdicts[index_of(verdict)].outcome; }

void push_live(Delivery& delivery, const DeliveredHook& on_delivered) noexcept {
    delivery.push.on_delivered = on_delivered;
    delivery.push.on_judged = [](Delivery& judged) {
        record_live_push(judged);
        if (judged.push.verdict == Verdict::kSlowDown) {
            judged.retry_after = judged.push.retry_after.empty() ? "1" : judged.push.retry_after;
        }
        const bool is_past_spool = main_conf(judged.request).spool != nullptr &&
                                   judged.push.verdict != Verdict::kDelivered;
        settle(judged, outcome_of(judged.push.verdict),
               is_past_spool ? with_spool_trouble(judged, judged.push.reason) : judged.push.reason);
        if (judged.push.verdict == Verdict::kDelivered &&
            judged.push.on_delivered.call != nullptr) {
            judged.push.on_delivered.call(judged.push.on_delivered.owner, judged);
        }
    };
    delivery.push.on_over = answer_caller;
    if (!start_push(delivery)) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        answer_caller(delivery.request);
    }
}

}  // namespace flashduty
