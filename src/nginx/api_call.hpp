// A request to flashduty_api while somebody works for it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "../api/api_json.hpp"
#include "../api/api_request.hpp"
#include "base/ngx.hpp"
#include "spool/desk.hpp"

namespace flashduty {

/// Lives as long as the request and whoever works for it.
struct ApiCall {
    ngx_http_request_t* request;  ///< nullptr: it has ended
    ApiRequest asked;
    std::string body;         ///< what is being sent
    bool is_reading = false;  ///< the next page of an export
};
using ApiCallPtr = std::shared_ptr<ApiCall>;

/// From now on the request waits for answer_api(). nullptr when out of memory.
[[nodiscard]] ApiCallPtr hold_api_call(ngx_http_request_t* r, ApiRequest&& asked) noexcept;

/// That of a request which is held.
[[nodiscard]] const ApiCallPtr& find_api_call(ngx_http_request_t* r) noexcept;

/// Sends the answer of a call that was held, and ends its request; nothing when that has ended.
void answer_api(ApiCall& call, unsigned status, std::string body) noexcept;

/// The same of one that cannot be done at the moment: 503, to be tried again.
void answer_api_later(ApiCall& call, std::string_view reason) noexcept;

/// Adds the headers that each answer has; false when out of memory.
[[nodiscard]] bool add_api_headers(ngx_http_request_t* r) noexcept;

/// Something that is read for a call, as JSON.
class ApiReading : public Reading {
  public:
    explicit ApiReading(ApiCallPtr call) noexcept : call_(std::move(call)) {}

    void on_read(StoreStatus status, const std::string& error) noexcept override;

  protected:
    /// It was read. Sends body() unless that is overridden.
    virtual void finish() noexcept;

    [[nodiscard]] ApiCall& call() const noexcept { return *call_; }
    [[nodiscard]] const ApiCallPtr& call_pointer() const noexcept { return call_; }

    unsigned status_ = 200;
    std::string body_;

  private:
    ApiCallPtr call_;
};

// What each action does with a call that is held.
void list_targets_for(const ApiCallPtr& call) noexcept;
void list_events_for(const ApiCallPtr& call) noexcept;
void show_event_for(const ApiCallPtr& call) noexcept;
void export_events_for(const ApiCallPtr& call) noexcept;
void support_for(const ApiCallPtr& call) noexcept;
void change_for(const ApiCallPtr& call) noexcept;
void test_for(const ApiCallPtr& call) noexcept;

/// A place that events are pushed to: a target, or a `flashduty_push` of the configuration.
struct PushPlace {
    std::string server;
    std::string uri;  ///< with its arguments
};

/// That of `uri` of the one server block that has it: `asked.server`, else `usual_server`, else
/// any; `why` says why there is none. `targets` are those that are known.
[[nodiscard]] bool find_place(const ApiCall& call, std::string_view usual_server,
                              const std::vector<ListedTarget>& targets, PushPlace& place,
                              std::string& why) noexcept;

/// Writes down that an operator has done something: address and user are those of the call.
class Doer {
  public:
    explicit Doer(ngx_http_request_t* r) noexcept;

    void note(const std::string& what) const noexcept;

  private:
    std::string what_;
    std::string who_;
};

}  // namespace flashduty
