// Requests to flashduty_api: README, "The operator's hand", as a table.
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
    kForget,
    kCount,
};

/// False for requests that only read.
[[nodiscard]] bool is_change(ApiAction action) noexcept;

enum class ApiMethod { kGet, kPost, kDelete, kOther };

struct ApiRequest {
    ApiAction action = ApiAction::kTargets;
    Pile pile = Pile::kWaiting;
    std::int64_t id = 0;  ///< event or target that the path names; 0: none
    std::string edge;     ///< edge that it names
    EventFilter filter;
    std::int64_t after = 0;  ///< events with greater ids only
    std::size_t limit = kUsualListed;
    std::int64_t pause_s = 0;
    std::string uri;     ///< value of `to` or `uri`
    std::string server;  ///< value of `server`: one of the server blocks that have that uri

    static constexpr std::size_t kUsualListed = 50;
    static constexpr std::size_t kMostListed = 500;
};

/// Result of reading a request.
struct ApiParse {
    unsigned status = 200;   ///< else the refusal: 400, 404 or 405
    std::string reason;      ///< one sentence for the operator
    std::string_view allow;  ///< with 405: methods of the path
    ApiRequest request;
};

/// `path` is the part behind the location, such as `waiting/17/discard`; `arguments` is the part
/// behind `?`, unchanged.
[[nodiscard]] ApiParse parse_api_request(ApiMethod method, std::string_view path,
                                         std::string_view arguments) noexcept;

}  // namespace flashduty
