// Takes events in: writes them down, those that come together in one commit, and answers their
// callers when their verdict is there or they have waited long enough.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../spool/clock.hpp"
#include "../../spool/event_store.hpp"
#include "../../spool/fleet_appender.hpp"
#include "../../spool/line_message.hpp"
#include "../../spool/steady.hpp"
#include "../base/thread_job.hpp"
#include "../request/delivery.hpp"
#include "../request/recorder.hpp"
#include "spooled_body.hpp"

namespace flashduty {

class Acceptor {
  public:
    /// Callback that tells the deliverer what was written down.
    struct Waker {
        void (*wake)(void* owner, const std::vector<Woken>& woken) noexcept;
        void* owner;
    };

    Acceptor(std::unique_ptr<EventStore> store, ngx_thread_pool_t* threads, const Waker& waker,
             SpoolClock clock) noexcept;
    /// Of a fleet's edge.
    Acceptor(std::unique_ptr<FleetAppender> store, ngx_thread_pool_t* threads, const Waker& waker,
             SpoolClock clock) noexcept;
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// Takes an event; see spool().
    void accept(Delivery& delivery) noexcept;

    /// Takes the deliverer's verdict on an event.
    void hear(const PushVerdict& verdict) noexcept;

    /// Events whose callers still wait.
    [[nodiscard]] std::vector<Woken> waiting() const noexcept;

  private:
    struct Waiter;
    struct Entry;
    struct Batch;

    /// An alert whose caller has not waited for its verdict, which may still come.
    struct Kept {
        KeptAlert alert;
        ngx_msec_t arrived_ms;
    };

    void connect() noexcept;
    void connect_in_thread() noexcept;
    void on_connected() noexcept;
    void log_local(std::size_t events, const std::string& reason) noexcept;
    void note_way(const Batch& batch) noexcept;
    [[nodiscard]] static std::int64_t time_for_shared(const Batch& batch) noexcept;
    void post() noexcept;
    [[nodiscard]] std::size_t batch_size() const noexcept;
    void try_spool() noexcept;
    void tell() noexcept;
    void take_told(Batch& batch) noexcept;
    void tell_later() noexcept;
    void write_down() noexcept;
    void on_written() noexcept;
    void take(Batch& batch) noexcept;
    void queue_again(Batch& batch) noexcept;
    void take_written(Entry& entry, const Appended& appended) noexcept;
    void answer_late(Waiter& waiter) noexcept;
    void keep(const Waiter& waiter) noexcept;
    void hear_of_kept(const PushVerdict& verdict) noexcept;
    void push_instead(Entry& entry) noexcept;
    void push_past_spool(Delivery& delivery) noexcept;
    static void on_request_end(void* data);

    std::unique_ptr<EventStore> store_;
    FleetAppender* fleet_ = nullptr;  ///< the store, if this is a fleet's edge
    ngx_thread_pool_t* threads_;
    Waker waker_;
    SpoolClock clock_;
    ThreadJob job_;
    std::vector<Entry> queue_;
    std::vector<DeliveredKey> delivered_;  ///< delivered past the spool, not written down yet
    Timer trial_;                          ///< while the spool takes nothing
    Timer telling_;                        ///< tells the spool about those
    bool is_telling_due_ = false;          ///< tell as soon as the job is back
    int last_tellings_ = 0;
    ThreadJob connecting_;  ///< to the fleet's database
    Timer connect_again_;
    SteadyMs local_logged_ms_ = -1'000;
    std::size_t unlogged_events_ = 0;
    std::string connect_error_;     ///< belongs to the thread while that job is out
    bool is_connected_ = false;     ///< end of that job
    std::unique_ptr<Batch> batch_;  ///< belongs to the thread while the job is out
    std::unordered_map<std::int64_t, std::unique_ptr<Waiter>> waiters_;  ///< by event_id
    std::unordered_map<std::int64_t, Kept> kept_;                        ///< by event_id
};

}  // namespace flashduty
