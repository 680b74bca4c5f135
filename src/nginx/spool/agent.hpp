// Agent of a fleet's edge: in the process that holds the lock of the edge's spool. It keeps the
// lease, delivers for all edges while it leads, tells the others of this edge, and says what
// becomes of the events in the local spool: see fleet_mode.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../spool/fleet_mode.hpp"
#include "../../spool/fleet_roll.hpp"
#include "../../spool/lease_keeper.hpp"
#include "../../spool/local_spool.hpp"
#include "../../spool/postgres_ear.hpp"
#include "../../spool/postgres_store.hpp"
#include "../../spool/sqlite_store.hpp"
#include "../base/thread_job.hpp"
#include "../base/wakeup.hpp"
#include "deliverer.hpp"
#include "gate.hpp"

namespace flashduty {

class Agent {
  public:
    struct Options {
        std::string edge;
        EdgeSetup setup;
        Deliverer::Options deliverer;  ///< of the one that delivers for all
        PostgresStoreOptions shared;
        std::unique_ptr<SqliteStore> local;
    };

    /// Owner: is told when nothing of the agent is under way any more and it may be destroyed.
    struct Owner {
        void (*on_done)(void* owner) noexcept;
        void* owner;
    };

    Agent(Options options, const Owner& owner) noexcept;
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Gate of the deliverer of the local spool, and that deliverer.
    [[nodiscard]] Gate& gate() noexcept { return local_gate_; }
    void set_local(Deliverer* deliverer) noexcept { local_deliverer_ = deliverer; }

    /// Begins nothing more; done once everything under way is settled and the lease is let go.
    void leave() noexcept;

  private:
    struct Chores;

    class LocalGate final : public Gate {
      public:
        explicit LocalGate(Agent& agent) noexcept : agent_(agent) {}
        [[nodiscard]] bool may_push() noexcept override { return agent_.may_push_local(); }
        [[nodiscard]] std::string why_not() noexcept override { return agent_.why_not_local(); }
        void on_push(std::int64_t) noexcept override { agent_.mode_.push_started(); }
        void on_settled() noexcept override { agent_.on_settled_local(); }
        [[nodiscard]] bool is_shown() noexcept override { return agent_.is_alone(); }
        void on_woken(Line& line, const std::vector<Woken>& woken) noexcept override {
            agent_.on_woken(line, woken);
        }
        void on_own_woken() noexcept override { agent_.on_local_woken(); }
        void on_line_end(Line& line) noexcept override { agent_.on_line_end(line); }
        bool on_order(Line& line, const Order& order) noexcept override {
            agent_.on_order(line, order);
            return true;
        }
        void on_leave() noexcept override { agent_.leave(); }

      private:
        Agent& agent_;
    };

    class LeaderGate final : public Gate {
      public:
        explicit LeaderGate(Agent& agent) noexcept : agent_(agent) {}
        [[nodiscard]] bool may_push() noexcept override { return agent_.leads(); }
        [[nodiscard]] bool may_push_of(std::int64_t term) noexcept override;
        [[nodiscard]] bool may_spend(std::int64_t target_id) noexcept override {
            return agent_.lease_ != nullptr && agent_.lease_->may_spend(target_id);
        }
        void on_push(std::int64_t target_id) noexcept override { agent_.lease_->spend(target_id); }
        void on_store(StoreStatus status, const std::string& error) noexcept override {
            agent_.on_shared_store(status, error);
        }
        void on_figures(const StoreSize& size,
                        std::vector<ServedTarget>&& targets) noexcept override {
            agent_.on_figures(size, std::move(targets));
        }
        void tell(const PushVerdict& verdict) noexcept override { agent_.tell(verdict); }
        void on_order_done(const std::string& channel, const OrderDone& done) noexcept override {
            agent_.on_order_done(channel, done);
        }

      private:
        Agent& agent_;
    };

    // The local spool.
    [[nodiscard]] bool may_push_local() noexcept;
    [[nodiscard]] std::string why_not_local() noexcept;
    [[nodiscard]] bool is_alone() noexcept { return work_now() == LocalWork::kPush; }
    [[nodiscard]] LocalWork work_now() noexcept { return mode_.work(steady_now_ms()); }
    void on_settled_local() noexcept;
    void on_local_woken() noexcept;

    // Waking and verdicts.
    void on_news() noexcept;
    void take_woken(std::string_view text) noexcept;
    void take_verdict(std::string_view text) noexcept;
    void say_woken(const std::vector<Woken>& woken) noexcept;
    void forget_ears() noexcept;
    void on_order(Line& line, const Order& order) noexcept;
    void on_order_done(const std::string& channel, const OrderDone& done) noexcept;
    void take_order(std::string_view text) noexcept;
    void take_order_done(std::string_view text) noexcept;
    void on_woken(Line& line, const std::vector<Woken>& woken) noexcept;
    void on_line_end(Line& line) noexcept;
    void tell(const PushVerdict& verdict) noexcept;

    // The lease.
    void keep_lease() noexcept;
    void on_lease() noexcept;
    [[nodiscard]] bool leads() noexcept;
    void lead() noexcept;
    void on_leader_done() noexcept;
    void end_leader() noexcept;
    void on_shared_store(StoreStatus status, const std::string& error) noexcept;
    void on_figures(const StoreSize& size, std::vector<ServedTarget>&& targets) noexcept;
    void show_leaders(const FleetReport& figures) const noexcept;

    // Work of the thread.
    void run() noexcept;
    void work() noexcept;
    void work_locally(Chores& chores) noexcept;
    void work_shared(Chores& chores) noexcept;
    [[nodiscard]] bool check(Chores& chores) noexcept;
    [[nodiscard]] StoreStatus register_edge(Chores& chores) noexcept;
    [[nodiscard]] StoreStatus report_alone(Chores& chores) noexcept;
    [[nodiscard]] StoreStatus drain(Chores& chores) noexcept;
    [[nodiscard]] BatchId next_drain() noexcept;
    void on_worked() noexcept;
    void take_local(const Chores& chores) noexcept;
    void take_beat(const Chores& chores) noexcept;
    void take_fleet(Chores& chores) noexcept;
    void take_drain(const Chores& chores) noexcept;
    void show() const noexcept;
    void show_edges() const noexcept;
    void log_mode() noexcept;
    void log_held_back() noexcept;
    void set_timer(UnixMs wait_ms) noexcept;
    void finish() noexcept;

    Options options_;
    Owner owner_;
    LocalGate local_gate_{*this};
    LeaderGate leader_gate_{*this};
    Deliverer* local_deliverer_ = nullptr;
    std::int64_t agent_id_;
    FleetMode mode_;
    LocalState local_;  ///< as last seen
    bool knows_local_ = false;
    bool has_begun_alone_ = false;  ///< the local spool says that a report will be owed
    bool with_waiting_ = false;     ///< a process before this one may have sent what waits there
    bool is_refused_ = false;       ///< the fleet does not want this edge: it works alone
    std::string refusal_;
    Fleet fleet_;                ///< as last read
    bool is_held_back_ = false;  ///< events wait in it because the database was restored
    std::string away_reason_;    ///< why PostgreSQL was last away; empty: it is not
    LocalWork logged_ = LocalWork::kNone;
    SteadyMs back_logged_ms_ = -1'000;
    std::size_t edges_ = 1;
    std::size_t alone_edges_ = 0;

    std::unique_ptr<LeaseKeeper> lease_;
    Wakeup lease_wakeup_;
    bool has_wakeup_ = false;
    Timer validity_;
    std::unique_ptr<Deliverer> leader_;
    std::int64_t leading_term_ = 0;
    FleetReport figures_;  ///< of the leader, for the other edges
    const StatusMs begun_ms_ = status_now_ms();
    Timer leader_done_;
    /// Somebody who waits for the verdict of a shared event: a worker of this edge, or another
    /// edge.
    struct Ear {
        Line* line;
        std::string channel;  ///< without a line
        SteadyMs since_ms;
    };
    std::unordered_map<std::int64_t, Ear> ears_;  ///< by event_id
    /// Order of a worker of this edge that the leader carries out on another one.
    struct Ordered {
        Line* line;
        std::uint64_t number;  ///< on that line
        SteadyMs since_ms;
    };
    std::unordered_map<std::uint64_t, Ordered> ordered_;  ///< by the number that the leader knows
    std::uint64_t last_order_ = 0;
    std::unique_ptr<PostgresEar> ear_;
    Wakeup ear_wakeup_;
    std::string leaders_channel_;
    std::string own_channel_;

    PostgresStore store_;  ///< the thread's, as the next ones
    std::unique_ptr<FleetRoll> roll_;
    bool is_checked_ = false;  ///< the database can be a fleet's
    SteadyMs check_again_ms_ = 0;
    std::string unfit_;  ///< why it cannot be
    bool is_registered_ = false;
    std::string drain_writer_;
    std::int64_t drains_ = 0;

    std::unique_ptr<Chores> chores_;  ///< belongs to the thread while the job is out
    ThreadJob job_;
    Timer look_;
    bool is_due_ = false;  ///< something is to be done as soon as the job is back
    bool is_leaving_ = false;
    bool is_finished_ = false;
    Timer done_;
};

}  // namespace flashduty
