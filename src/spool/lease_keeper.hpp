// Keeps a Lease in a thread with a connection of its own, so that no beat queues behind anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "lease.hpp"
#include "postgres_lease.hpp"
#include "quiet_thread.hpp"
#include "reserved_rate.hpp"

namespace flashduty {

class LeaseKeeper {
  public:
    struct Options {
        PgOptions server;
        std::string edge;
        std::int64_t edge_id = 0;
        std::int64_t agent_id = 0;
        LeaseTimes times;
        Rate rate;  ///< of the fleet
    };
    /// Called in the thread, whenever something of the lease may have changed.
    struct Listener {
        void (*on_change)(void* owner) noexcept;
        void* owner;
    };

    LeaseKeeper(const Options& options, const Listener& listener) noexcept;
    ~LeaseKeeper() { thread_.end(); }
    /// See QuietThread::end_within().
    [[nodiscard]] bool end_within(std::chrono::seconds patience) noexcept {
        return thread_.end_within(patience);
    }
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;

    // ---------------------------------------------------------------- of every thread

    /// Term of this process, valid or not; 0: it has none.
    [[nodiscard]] std::int64_t term() const noexcept { return term_; }
    /// True when a push may leave now, under term().
    [[nodiscard]] bool is_valid() const noexcept { return steady_now_ms() < valid_until_ms_; }
    [[nodiscard]] SteadyMs valid_until_ms() const noexcept { return valid_until_ms_; }
    /// Time from which events of older terms may leave.
    [[nodiscard]] SteadyMs grace_until_ms() const noexcept { return grace_until_ms_; }
    [[nodiscard]] bool has_let_go() const noexcept { return has_let_go_; }

    // ---------------------------------------------------------------- of the leader: its rate

    void set_rate(Rate rate) noexcept;
    /// Pushes that earlier leaders have made, or may have; `anywhere`: to each target that is not
    /// named.
    [[nodiscard]] std::vector<Spent> spent_before(std::uint32_t& anywhere) noexcept;
    /// True when a push to the target is within what a beat has reserved.
    [[nodiscard]] bool may_spend(std::int64_t target_id) noexcept;
    /// Counts a push that leaves now.
    void spend(std::int64_t target_id) noexcept;

    /// Called when nothing is under way any more: the next in line need not wait.
    void let_go() noexcept;
    /// Why the last call failed; empty when it did not.
    [[nodiscard]] std::string error() noexcept;

  private:
    void run() noexcept;
    void call(const LeaseCall& call) noexcept;
    void publish() noexcept;

    Lease lease_;
    PostgresLease row_;
    Listener listener_;
    std::uint64_t generation_ = 0;

    std::atomic<std::int64_t> term_{0};
    std::atomic<SteadyMs> valid_until_ms_{0};
    std::atomic<SteadyMs> grace_until_ms_{0};
    std::atomic<bool> has_let_go_{false};
    std::atomic<bool> is_leaving_{false};
    ReservedRate rate_;  ///< under the thread's mutex, as the next ones
    std::vector<Spent> before_;
    std::string error_;
    std::string seen_spent_;  ///< the thread's
    SteadyMs seen_spent_ms_ = 0;
    QuietThread thread_;
};

}  // namespace flashduty
