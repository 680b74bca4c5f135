// What an operator asks of flashduty_api: gateway.md, "The operator's hand", as a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../spool/event_ledger.hpp"

namespace flashduty {

enum class ApiAction {
    kTargets,
    kList,
    kShow,
    kExport,
    kSupport,
    kResend,
    kDiscard,
    kDelete,
    kTry,
    kPause,
    kResume,
    kMove,
    kTest,
    kCount,
};

/// False for what only reads.
[[nodiscard]] bool is_change(ApiAction action) noexcept;

enum class ApiMethod { kGet, kPost, kDelete, kOther };

struct ApiRequest {
    ApiAction action = ApiAction::kTargets;
    Pile pile = Pile::kWaiting;
    std::int64_t id = 0;  ///< of the event or target that the path names; 0: it names none
    EventFilter filter;
    std::int64_t after = 0;  ///< events with greater ids only
    std::size_t limit = kUsualListed;
    std::int64_t pause_s = 0;
    std::string uri;     ///< of `to` or `uri`
    std::string server;  ///< of `server`: which of the server blocks that have that uri

    static constexpr std::size_t kUsualListed = 50;
    static constexpr std::size_t kMostListed = 500;
};

/// What became of reading one.
struct ApiParse {
    unsigned status = 200;   ///< else why there is none: 400, 404 or 405
    std::string reason;      ///< one sentence for the operator
    std::string_view allow;  ///< with 405: the methods that there are
    ApiRequest request;
};

/// `path` is what stands behind the location, such as `waiting/17/discard`; `arguments` what stands
/// behind `?`, as it came.
[[nodiscard]] ApiParse parse_api_request(ApiMethod method, std::string_view path,
                                         std::string_view arguments) noexcept;

}  // namespace flashduty
