// A request to flashduty_api while it is being worked on.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "../api/api_json.hpp"
#include "../api/api_request.hpp"
#include "base/ngx.hpp"
#include "base/timer.hpp"
#include "spool/desk.hpp"

namespace flashduty {

/// Lives as long as the request and everything that works for it.
struct ApiCall {
    ngx_http_request_t* request;  ///< nullptr: it has ended
    ApiRequest asked;
    std::string body;         ///< answer being sent
    bool is_reading = false;  ///< the next page of an export is being read, or waits for that
    Timer rest;               ///< before the next page of an export
    ngx_msec_t rest_ms = 0;

    /// Reads the next page of an export.
    void end_rest() noexcept;
};
using ApiCallPtr = std::shared_ptr<ApiCall>;

/// Makes the request wait for answer_api(). nullptr when out of memory.
[[nodiscard]] ApiCallPtr hold_api_call(ngx_http_request_t* r, ApiRequest&& asked) noexcept;

/// Call of a request that is held.
[[nodiscard]] const ApiCallPtr& find_api_call(ngx_http_request_t* r) noexcept;

/// Sends the answer of a held call, and ends its request; does nothing when that has ended.
void answer_api(ApiCall& call, unsigned status, std::string body) noexcept;

/// Answers a held call that cannot be done at the moment: 503, to be tried again.
void answer_api_later(ApiCall& call, std::string_view reason) noexcept;

/// Adds the headers of every answer; false when out of memory.
[[nodiscard]] bool add_api_headers(ngx_http_request_t* r) noexcept;

/// A reading from the store for a call, answered as JSON.
class ApiReading : public Reading {
  public:
    explicit ApiReading(ApiCallPtr call) noexcept : call_(std::move(call)) {}

    void on_read(StoreStatus status, const std::string& error) noexcept override;

  protected:
    /// Called when it was read. Sends body() unless overridden.
    virtual void finish() noexcept;

    [[nodiscard]] ApiCall& call() const noexcept { return *call_; }
    [[nodiscard]] const ApiCallPtr& call_pointer() const noexcept { return call_; }

    unsigned status_ = 200;
    std::string body_;

  private:
    ApiCallPtr call_;
};

// Work of each action for a held call.
void list_targets_for(const ApiCallPtr& call) noexcept;
void list_events_for(const ApiCallPtr& call) noexcept;
void show_event_for(const ApiCallPtr& call) noexcept;
void export_events_for(const ApiCallPtr& call) noexcept;
void support_for(const ApiCallPtr& call) noexcept;
void change_for(const ApiCallPtr& call) noexcept;
void test_for(const ApiCallPtr& call) noexcept;

/// Target of pushes: from the store, or from a `flashduty_push` of the configuration.
struct PushPlace {
    std::string server;
    std::string uri;  ///< with its arguments
};

/// Finds the place with `uri` in the one server block that has it: `asked.server`, else
/// `usual_server`, else any; `why` says why there is none. `targets` are those that are known.
[[nodiscard]] bool find_place(const ApiCall& call, std::string_view usual_server,
                              const std::vector<ListedTarget>& targets, PushPlace& place,
                              std::string& why) noexcept;

/// Logs an operator's act, with address and user of the call.
class Doer {
  public:
    explicit Doer(ngx_http_request_t* r) noexcept;

    void note(const std::string& what) const noexcept;

  private:
    std::string what_;
    std::string who_;
};

}  // namespace flashduty
