// A job in an nginx thread pool for an object of a worker.
#pragma once

#include "timer.hpp"

namespace flashduty {

/// Runs one job at a time: `Work` in a thread, then `Done` in the worker. The worker does not exit
/// before that.
class ThreadJob {
  public:
    ThreadJob() noexcept { stay_.set<&ThreadJob::stay>(*this, false); }
    ThreadJob(const ThreadJob&) = delete;
    ThreadJob& operator=(const ThreadJob&) = delete;

    template <auto Work, auto Done, class Owner>
    void set(Owner& owner) noexcept {
        task_ = {};
        owner_ = &owner;
        task_.ctx = this;
        task_.handler = [](void* data, ngx_log_t*) {
            (static_cast<Owner*>(static_cast<ThreadJob*>(data)->owner_)->*Work)();
        };
        task_.event.data = this;
        task_.event.log = ngx_cycle->log;
        task_.event.handler = [](ngx_event_t* event) {
            ThreadJob& job = *static_cast<ThreadJob*>(event->data);
            job.is_out_ = false;
            job.stay_.stop();
            (static_cast<Owner*>(job.owner_)->*Done)();
        };
    }

    [[nodiscard]] bool is_out() const noexcept { return is_out_; }

    /// False when the pool's queue is full.
    [[nodiscard]] bool post(ngx_thread_pool_t* pool) noexcept {
        if (ngx_thread_task_post(pool, &task_) != NGX_OK) {
            return false;
        }
        is_out_ = true;
        stay();
        return true;
    }

  private:
    void stay() noexcept { stay_.start(kLongMs); }

    static constexpr ngx_msec_t kLongMs = 60 * 60 * 1000;

    ngx_thread_task_t task_ = {};
    void* owner_ = nullptr;
    bool is_out_ = false;
    Timer stay_;
};

}  // namespace flashduty
