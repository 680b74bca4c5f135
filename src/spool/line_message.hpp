// Messages between workers and the deliverer: short, between processes of one machine, not
// necessarily of one version. A message that is not understood is skipped; nothing is lost by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../core/fate.hpp"
#include "event_ledger.hpp"

namespace flashduty {

/// Longest message.
inline constexpr std::size_t kMaxLineMessageBytes = 16 * 1024;

/// To the deliverer: an event was written down.
struct Woken {
    std::int64_t event_id = 0;  ///< 0: nobody waits for its verdict
    std::int64_t target_id = 0;
};

/// From the deliverer: the result of an event, or that it cannot leave now.
struct PushVerdict {
    std::int64_t event_id = 0;
    Fate fate = Fate::kWaits;
    std::uint32_t http_status = 0;  ///< of the push; 0: there was none
    std::uint64_t push_time_ms = 0;
    std::string code;
    std::string request_id;
    std::string reason;
};

/// From the deliverer, as the first message: its nginx, and the servers that it knows.
struct Introduction {
    std::uint64_t instance = 0;          ///< stays over reloads
    std::vector<std::uint64_t> servers;  ///< see server_mark()
};

/// Hash of a server's name.
[[nodiscard]] std::uint64_t server_mark(std::string_view server) noexcept;

/// Empty when the servers do not fit into a message: then nothing is said of them.
[[nodiscard]] std::string write_introduction(const Introduction& introduction);

/// False when `message` is no introduction.
[[nodiscard]] bool read_introduction(std::string_view message, Introduction& introduction);

/// As many messages as needed.
[[nodiscard]] std::vector<std::string> write_woken(const std::vector<Woken>& woken);

/// Empty when `message` is of another type.
[[nodiscard]] std::vector<Woken> read_woken(std::string_view message);

/// Cuts texts that are too long for a message.
[[nodiscard]] std::string write_verdict(const PushVerdict& verdict);

/// False when `message` is no verdict.
[[nodiscard]] bool read_verdict(std::string_view message, PushVerdict& verdict);

/// To the deliverer: an operator's order. An order without an answer was lost, or the deliverer is
/// of a version that does not know it.
struct Order {
    enum class Kind : std::uint8_t {
        kChange,   ///< changes an event, or a batch of them
        kTry,      ///< probes `target_id` now; 0: all targets
        kPause,    ///< pauses pushes to `target_id` for `pause_ms`
        kResume,   ///< ends a pause
        kHearYes,  ///< a test was delivered to `change.server` and `change.location`
        kCount,
    };

    std::uint64_t number = 0;  ///< unique on this line, repeated in the answer
    Kind kind = Kind::kChange;
    EventChange change;
    std::int64_t target_id = 0;
    std::int64_t pause_ms = 0;
    std::uint64_t place = 0;  ///< with kHearYes: place where the test ended
};

/// From the deliverer: the result of an order.
struct OrderDone {
    std::uint64_t number = 0;
    bool is_done = true;  ///< false: `reason` says why not, and it may be given again
    bool is_found = true;
    std::uint64_t done = 0;
    std::uint64_t busy = 0;
    std::uint64_t superseded = 0;
    std::int64_t next = 0;
    std::string reason;
};

[[nodiscard]] std::string write_order(const Order& order);
[[nodiscard]] bool read_order(std::string_view message, Order& order);

[[nodiscard]] std::string write_order_done(const OrderDone& done);
[[nodiscard]] bool read_order_done(std::string_view message, OrderDone& done);

}  // namespace flashduty
