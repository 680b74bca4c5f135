// Pushes all events that wait in the spool: one process of all that use it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../../core/verdict.hpp"
#include "../../spool/clock.hpp"
#include "../../spool/event_store.hpp"
#include "../../spool/line_message.hpp"
#include "../../spool/reserved_rate.hpp"
#include "../../spool/schedule.hpp"
#include "../base/thread_job.hpp"
#include "../request/conf.hpp"
#include "../request/delivery.hpp"
#include "../request/push_places.hpp"
#include "../request/recorder.hpp"
#include "../request/stats_zone.hpp"
#include "gate.hpp"
#include "line.hpp"
#include "orders.hpp"

namespace flashduty {

class Deliverer {
  public:
    struct Options {
        Rate rate;
        const MainConf* conf;
        ngx_thread_pool_t* threads;
        std::string socket_path;   ///< empty: no worker has a line to it
        SpoolClock clock;          ///< clock of the store
        std::string introduction;  ///< first message of a line
        Gate* gate = nullptr;      ///< of a fleet
        bool is_shared = false;    ///< the store is the fleet's database
    };

    /// Owner of the deliverer: is told when it has nothing left to do and may be destroyed.
    struct Owner {
        void (*on_done)(void* owner) noexcept;
        void* owner;
    };

    /// Begins to deliver. The caller holds the lock until the deliverer is done and destroyed.
    Deliverer(std::unique_ptr<EventStore> store, const Options& options,
              const Owner& owner) noexcept;
    ~Deliverer();
    Deliverer(const Deliverer&) = delete;
    Deliverer& operator=(const Deliverer&) = delete;

    /// Begins nothing more; done once everything under way is settled.
    void leave() noexcept;

    /// Ends at once: running pushes are closed, nothing more is settled. Not to be called by a
    /// push.
    void abandon() noexcept;

    /// Called when its socket is gone: new workers cannot find it.
    void listen_where_missing() noexcept;

    // ---------------------------------------------------------------- in a fleet

    /// Takes events that were written down; Gate::tell() gets the verdicts of those that have an
    /// event_id.
    void hear(const std::vector<Woken>& woken) noexcept;
    /// Takes an order of a worker, or of another edge: then its channel gets the answer.
    void take_order(Line* line, const std::string& channel, Order&& order) noexcept;
    /// A line of somebody who waits for an answer has ended.
    void forget(const Line& line) noexcept;
    /// Called when the gate may have changed its mind.
    void look_again() noexcept;
    void set_rate(Rate rate) noexcept { schedule_.set_rate(rate); }
    /// Counts what leaders before have sent: see LeaseKeeper::spent_before().
    void count_spent(const std::vector<Spent>& spent, std::uint32_t anywhere) noexcept;

  private:
    struct Push;
    struct Job;

    /// A target as the status names it.
    struct TargetText {
        std::string server;
        std::string location;
        std::string reason;   ///< reason of the last failed push
        std::string refusal;  ///< reason of the last push that was refused and waits
        std::string shown;    ///< the one of both that is shown
        bool is_refusal;      ///< the refusal was the last of both
        Blame blame;
        UnixMs newest_ms;  ///< when its newest event was accepted
        UnixMs pushed_ms;
        UnixMs since_ms;  ///< see TargetState
    };

    /// A caller that waits for the verdict of an event, in the worker at the other end of a line.
    struct Listening {
        Line* line;  ///< nullptr: the gate's
        std::int64_t target_id;
        UnixMs since_ms;
    };

    /// Result of a push that is not written down yet.
    struct Pushed {
        std::int64_t target_id;
        std::string alert_key;
        Settlement settlement;
        PushVerdict verdict;
    };

    /// Verdict that no caller was known to wait for: a worker may be about to say that one does.
    struct Unheard {
        KeptAlert alert;
        PushVerdict verdict;
        std::uint64_t delay_ms;
        UnixMs since_ms;
        bool is_settled;

        void record() const noexcept;  ///< as an event whose caller was answered before
    };

    // Lines.
    void listen() noexcept;
    void on_line(std::unique_ptr<Line> line) noexcept;
    void on_line_end(Line& line) noexcept;
    void on_message(Line& line, std::string_view message) noexcept;
    void on_woken(Line& line, std::string_view message) noexcept;
    void answer(const OrderJob& job) noexcept;
    void listen_to(Line* line, const std::vector<Woken>& woken) noexcept;
    void send(const Listening& listening, const PushVerdict& verdict) noexcept;
    void tell(const PushVerdict& verdict) noexcept;
    [[nodiscard]] bool tell_late(Line* line, std::int64_t event_id) noexcept;
    [[nodiscard]] bool is_settling(std::int64_t event_id) const noexcept;
    [[nodiscard]] std::unordered_map<std::int64_t, std::int64_t> newest() const noexcept;
    void tell_who_waits(UnixMs now_ms) noexcept;

    // Work of a thread.
    void run() noexcept;
    bool collect(Job& job, UnixMs now_ms) noexcept;
    void work() noexcept;
    void on_worked() noexcept;
    void take_settled(Job& job) noexcept;
    void take_order(Job& job) noexcept;
    void take_due(Job& job) noexcept;
    void take_tended(Job& job) noexcept;
    void set_timer(UnixMs now_ms) noexcept;

    // Pushes.
    void push(Ask::Kind kind, DueEvent&& event, UnixMs now_ms) noexcept;
    void push_nowhere(const DueEvent& event, Standing standing, TargetText& text) noexcept;
    void on_judged(Push& push, Delivery& delivery) noexcept;
    void end_push(const DueEvent& event, Fate fate, Delivery* delivery,
                  const std::string& reason) noexcept;
    [[nodiscard]] std::string reason_of(std::int64_t target_id,
                                        const TargetText& text) const noexcept;
    [[nodiscard]] Place place_of(std::uint64_t where) const noexcept;
    [[nodiscard]] std::string not_compared(std::int64_t target_id,
                                           const std::string& reason) const noexcept;
    void log_away(const DueEvent& event, const TargetChange& change, bool is_refused,
                  const std::string& reason, UnixMs now_ms) noexcept;

    // Output to status and log.
    void record_end(const DueEvent& event, const PushVerdict& verdict, Delivery* delivery,
                    UnixMs now_ms) noexcept;
    void record_unheard(UnixMs until_ms) noexcept;
    void forget_removed(const std::vector<std::int64_t>& waiting) noexcept;
    void show_targets() noexcept;
    [[nodiscard]] std::vector<ServedTarget> served_targets() const noexcept;

    [[nodiscard]] bool may_push() const noexcept {
        return options_.gate == nullptr || options_.gate->may_push();
    }
    [[nodiscard]] bool is_shown() const noexcept {
        return options_.gate == nullptr || options_.gate->is_shown();
    }
    [[nodiscard]] bool is_done() const noexcept;

    Options options_;
    Owner owner_;
    std::unique_ptr<EventStore> store_;
    Schedule schedule_;
    std::uint64_t salt_;  ///< salt of places
    SpoolClock clock_;
    std::unique_ptr<LineServer> server_;
    std::unordered_map<Line*, std::unique_ptr<Line>> lines_;
    std::unordered_map<std::int64_t, Listening> listening_;      ///< by event_id
    std::unordered_map<std::int64_t, std::int64_t> pushing_;     ///< event_id to target_id: settled
                                                                 ///< ones are not in it
    std::unordered_map<std::int64_t, Unheard> unheard_;          ///< by event_id
    std::unordered_set<Push*> pushes_;                           ///< whose requests live
    std::unordered_map<std::int64_t, TargetText> target_texts_;  ///< by target_id
    std::deque<OrderJob> orders_;
    Pauses pauses_;
    bool knows_pauses_ = false;  ///< also those of the previous deliverer
    std::vector<Pushed> pushed_;
    std::unique_ptr<Job> work_;  ///< belongs to the thread while the job is out
    ThreadJob job_;
    Timer look_;
    Timer retry_;  ///< keeps a leaving worker until its last outcome is written down
    const StatusMs begun_ms_ = status_now_ms();
    const UnixMs clock_begun_ms_ = clock_.now_ms();
    UnixMs next_tending_ms_ = 0;
    UnixMs not_before_ms_ = 0;  ///< the store could not be used
    unsigned failures_ = 0;     ///< failures of the store in a row
    bool is_leaving_ = false;
    bool is_abandoned_ = false;
    bool is_running_ = false;
};

}  // namespace flashduty
