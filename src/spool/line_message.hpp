// What workers and the deliverer tell each other: short messages between processes of one machine,
// not necessarily of one version. One that is not understood is passed over; nothing is lost by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../core/fate.hpp"

namespace flashduty {

/// A message is never longer.
inline constexpr std::size_t kMaxLineMessageBytes = 16 * 1024;

/// To the deliverer: an event was written down.
struct Woken {
    std::int64_t event_id = 0;  ///< 0: nobody waits for its verdict
    std::int64_t target_id = 0;
};

/// From the deliverer: what became of an event, or that it cannot leave now.
struct PushVerdict {
    std::int64_t event_id = 0;
    Fate fate = Fate::kWaits;
    std::uint32_t http_status = 0;  ///< of the push; 0: there was none
    std::uint64_t push_time_ms = 0;
    std::string code;
    std::string request_id;
    std::string reason;
};

/// From the deliverer, first of all: which nginx it belongs to, and which servers that knows.
struct Introduction {
    std::uint64_t instance = 0;          ///< the same over reloads
    std::vector<std::uint64_t> servers;  ///< see server_mark()
};

/// Stands for a server's name.
[[nodiscard]] std::uint64_t server_mark(std::string_view server) noexcept;

/// Of servers that do not fit nothing is said; empty then.
[[nodiscard]] std::string write_introduction(const Introduction& introduction);

/// False when it is none.
[[nodiscard]] bool read_introduction(std::string_view message, Introduction& introduction);

/// As many messages as it takes.
[[nodiscard]] std::vector<std::string> write_woken(const std::vector<Woken>& woken);

/// Empty when it is none.
[[nodiscard]] std::vector<Woken> read_woken(std::string_view message);

/// Texts that are too long for a message are cut.
[[nodiscard]] std::string write_verdict(const PushVerdict& verdict);

/// False when it is none.
[[nodiscard]] bool read_verdict(std::string_view message, PushVerdict& verdict);

}  // namespace flashduty
