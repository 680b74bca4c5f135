// An nginx timer that belongs to an object.
#pragma once

#include "ngx.hpp"

namespace flashduty {

/// Calls a member function of its owner when the time has come. Not copyable: nginx holds its
/// address.
class Timer {
  public:
    Timer() noexcept {
        event_ = {};
        anchor_ = {};
        anchor_.fd = static_cast<ngx_socket_t>(-1);
        event_.data = &anchor_;  // debug builds of nginx look here for a connection's number
        event_.log = ngx_cycle->log;
    }
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Sets the member function to call, and its object. Unless `is_cancelable`, the timer keeps a
    /// worker from exiting.
    template <auto Call, class Owner>
    void set(Owner& owner, bool is_cancelable) noexcept {
        anchor_.data = &owner;
        event_.cancelable = is_cancelable ? 1 : 0;
        event_.handler = [](ngx_event_t* event) {
            (static_cast<Owner*>(static_cast<ngx_connection_t*>(event->data)->data)->*Call)();
        };
    }

    void start(ngx_msec_t after_ms) noexcept { ngx_add_timer(&event_, after_ms); }
    void stop() noexcept {
        if (event_.timer_set) {
            ngx_del_timer(&event_);
        }
    }
    [[nodiscard]] bool is_running() const noexcept { return event_.timer_set; }

  private:
    ngx_event_t event_;
    ngx_connection_t anchor_;
};

}  // namespace flashduty
