// Thread of a process that handles signals in another one.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace flashduty {

/// Runs a member function in a thread of its own, which gets no signals, until it returns. Waits
/// and ends are told by the same lock.
class QuietThread {
  public:
    using Moment = std::chrono::steady_clock::time_point;

    QuietThread() = default;
    QuietThread(const QuietThread&) = delete;
    QuietThread& operator=(const QuietThread&) = delete;
    ~QuietThread() { end(); }

    /// False when there can be no further thread.
    template <auto Run, class Owner>
    bool start(Owner& owner) noexcept {
        sigset_t all, before;
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        has_thread_ = pthread_create(
                          &thread_, nullptr,
                          [](void* self) -> void* {
                              (static_cast<Owner*>(self)->*Run)();
                              return nullptr;
                          },
                          &owner) == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return has_thread_;
    }

    void tell_to_end() noexcept {
        {
            const std::lock_guard<std::mutex> guard(mutex_);
            is_ending_ = true;
        }
        woken_.notify_all();
    }

    /// Tells the thread to end and waits for it. The owner calls this before its members go.
    void end() noexcept {
        tell_to_end();
        if (has_thread_) {
            (void)pthread_join(thread_, nullptr);
            has_thread_ = false;
        }
    }

    /// As end(), but for so long at most: the look-up of a name may take minutes. False when it has
    /// not ended: then the owner must never go, for the thread uses it.
    [[nodiscard]] bool end_within(std::chrono::seconds patience) noexcept {
        tell_to_end();
        timespec until{};
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += patience.count();
        if (has_thread_ && pthread_timedjoin_np(thread_, nullptr, &until) != 0) {
            return false;
        }
        has_thread_ = false;
        return true;
    }

    // ---------------------------------------------------------------- shared

    /// Guards what the owner and the thread share.
    [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
    void wake() noexcept {
        {
            const std::lock_guard<std::mutex> guard(mutex_);
            is_woken_ = true;
        }
        woken_.notify_all();
    }

    // ---------------------------------------------------------------- in the thread

    /// Waits until `until`, a wake() or the end. False at the end.
    [[nodiscard]] bool wait(Moment until) noexcept {
        std::unique_lock<std::mutex> guard(mutex_);
        (void)woken_.wait_until(guard, until, [this] { return is_woken_ || is_ending_; });
        is_woken_ = false;
        return !is_ending_;
    }
    [[nodiscard]] bool is_ending() noexcept {
        const std::lock_guard<std::mutex> guard(mutex_);
        return is_ending_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable woken_;
    bool is_woken_ = false;
    bool is_ending_ = false;
    pthread_t thread_{};
    bool has_thread_ = false;
};

}  // namespace flashduty
