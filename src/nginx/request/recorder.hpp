// What handlers tell the figures of an alert on its way.
#pragma once

#include <string>

#include "../../spool/event_store.hpp"
#include "../../status/record.hpp"
#include "delivery.hpp"

namespace flashduty {

/// The event of `delivery` is made.
void record_event(const Delivery& delivery) noexcept;

/// What the caller is told is decided.
void record_answer(const Delivery& delivery, AnsweredAs answer) noexcept;

/// A push has ended; `sr` is its request, nullptr when nginx has ended it.
void record_push(const Delivery& delivery, ngx_http_request_t* sr) noexcept;

/// A warning, once for each target: see note_push().
void log_doubt(const Delivery& delivery, const TargetName& name) noexcept;

/// The push of a caller that waits for it is judged.
void record_live_push(const Delivery& delivery) noexcept;

/// Who can do something about a push that was not taken.
[[nodiscard]] Blame blame_of(const Delivery& delivery) noexcept;

/// Why the event of `delivery` waits, as far as all workers know: its target is away, the spool has
/// trouble; empty where nothing is known to be wrong. In the delivery's arena.
[[nodiscard]] std::string_view why_it_waits(Delivery& delivery) noexcept;

/// `reason`, after what is wrong with the spool where it has trouble.
[[nodiscard]] std::string_view with_spool_trouble(Delivery& delivery,
                                                  std::string_view reason) noexcept;

/// There is no push, for its uri is empty.
void record_nowhere(const Delivery& delivery, std::string_view reason) noexcept;

/// What came of the spool's last use by one of its users. The first of them, over all processes,
/// that cannot use it is logged, and the last one that can again.
void note_spool(SpoolUser user, StoreStatus status, const std::string& error) noexcept;

/// What the status shows of an alert when its caller is gone.
class KeptAlert {
  public:
    explicit KeptAlert(Delivery& delivery) noexcept;

    void record(AnsweredAs outcome, std::string_view code, std::string_view request_id,
                std::string_view reason, std::uint64_t delay_ms) const noexcept;

  private:
    std::string biz_id_;
    std::string biz_name_;
    std::string title_;
    std::string status_;
};

}  // namespace flashduty
