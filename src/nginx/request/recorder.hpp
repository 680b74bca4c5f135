// Records an alert on its way: calls of the handlers to the counters.
#pragma once

#include <string>

#include "../../spool/event_store.hpp"
#include "../../status/record.hpp"
#include "delivery.hpp"

namespace flashduty {

/// Records that the event of `delivery` is made.
void record_event(const Delivery& delivery) noexcept;

/// Records that the caller's answer is decided.
void record_answer(const Delivery& delivery, AnsweredAs answer) noexcept;

/// Records the end of a push; `sr` is its request, nullptr when nginx has ended it.
void record_push(const Delivery& delivery, ngx_http_request_t* sr) noexcept;

/// Logs a warning, once for each target: see note_push().
void log_doubt(const Delivery& delivery, const TargetName& name) noexcept;

/// Records the verdict of a push whose caller waits for it.
void record_live_push(const Delivery& delivery) noexcept;

/// Person who can fix a push that was not taken.
[[nodiscard]] Blame blame_of(const Delivery& delivery) noexcept;

/// Reason why the event of `delivery` waits, as far as all workers know: its target is away, the
/// spool has trouble; empty where nothing is known to be wrong. In the delivery's arena.
[[nodiscard]] std::string_view why_it_waits(Delivery& delivery) noexcept;

/// Puts the spool's trouble, if any, before `reason`.
[[nodiscard]] std::string_view with_spool_trouble(Delivery& delivery,
                                                  std::string_view reason) noexcept;

/// Records that there is no push, since its uri is empty.
void record_nowhere(const Delivery& delivery, std::string_view reason) noexcept;

/// Notes how a user's last use of the spool ended. Logged: the first user, over all processes, that
/// cannot use it, and the last one that can again.
void note_spool(SpoolUser user, StoreStatus status, const std::string& error) noexcept;

/// Sentence about a store that failed, of its error(): that of the spool begins with a verb, that
/// of a fleet's database with its name.
[[nodiscard]] std::string say_store_failed(const std::string& error) noexcept;

/// Copy of an alert for the status, for when its caller is gone.
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
