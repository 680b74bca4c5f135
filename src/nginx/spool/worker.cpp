#include "worker.hpp"

#include <cerrno>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "../../spool/deliverer_lock.hpp"
#include "../../spool/fleet_appender.hpp"
#include "../../spool/sqlite_store.hpp"
#include "../base/version.hpp"
#include "../request/conf.hpp"
#include "../request/servers.hpp"
#include "../request/stats_zone.hpp"
#include "acceptor.hpp"
#include "agent.hpp"
#include "deliverer.hpp"
#include "desk.hpp"
#include "line.hpp"

namespace flashduty {

namespace {

/// Interval at which a worker without a line to the deliverer tries for one, or to become the
/// deliverer.
constexpr ngx_msec_t kElectionMs = 100;

/// Interval at which the deliverer checks its lock and its socket.
constexpr ngx_msec_t kLookMs = 1000;

/// Time after which another nginx that delivers counts as one that stays.
constexpr ngx_msec_t kStrangerMs = 5000;

/// Number of this nginx, kept over reloads: its master has it, and its workers come from that.
std::uint64_t instance = 0;

/// Worker's part in the spool.
class SpoolWorker {
  public:
    explicit SpoolWorker(const MainConf& conf) noexcept
        : conf_(conf),
          path_(to_view(conf.spool->path)),
          stores_(store_options()),
          acceptor_(make_acceptor()),
          desk_(make_desks_store(),
                conf.fleet == nullptr ? conf.spool->threads : conf.fleet->threads),
          lock_(path_) {
        look_.set<&SpoolWorker::look_at_files>(*this, true);
        stranger_.set<&SpoolWorker::complain_of_stranger>(*this, true);
        election_.set<&SpoolWorker::elect>(*this, true);
        elect();
    }

    /// Runs at the end of the process, which keeps the lock for as long as it has connections with
    /// pushes.
    ~SpoolWorker() {
        line_.reset();
        deliverer_.reset();
        agent_.reset();
    }
    SpoolWorker(const SpoolWorker&) = delete;
    SpoolWorker& operator=(const SpoolWorker&) = delete;

    void accept(Delivery& delivery) noexcept { acceptor_->accept(delivery); }

    void read(std::unique_ptr<Reading> reading) noexcept { desk_.read(std::move(reading)); }

    bool order(const Order& order, std::unique_ptr<Orderer> orderer) noexcept {
        if (line_ == nullptr) {
            return false;
        }
        line_->send(desk_.take_order(order, std::move(orderer)));
        return true;
    }

  private:
    [[nodiscard]] SqliteStoreOptions store_options() const noexcept {
        constexpr std::int64_t kSecond = 1000;
        const SpoolConf& spool = *conf_.spool;
        SqliteStoreOptions options;
        options.path = to_view(spool.path);
        options.max_size_bytes = static_cast<std::uint64_t>(spool.max_size_bytes);
        options.max_age_ms = spool.max_age_s * kSecond;
        options.dead_age_ms = spool.dead_age_s * kSecond;
        options.clock = clock_;
        options.is_of_fleet = conf_.fleet != nullptr;
        return options;
    }

    [[nodiscard]] std::unique_ptr<Acceptor> make_acceptor() noexcept {
        const Acceptor::Waker waker = {[](void* self, const std::vector<Woken>& woken) noexcept {
                                           static_cast<SpoolWorker*>(self)->wake(woken);
                                       },
                                       this};
        if (conf_.fleet == nullptr) {
            return std::make_unique<Acceptor>(stores_.make(StoreUser::kAcceptor),
                                              conf_.spool->threads, waker, clock_);
        }
        return std::make_unique<Acceptor>(
            std::make_unique<FleetAppender>(std::make_unique<SqliteStore>(store_options(), false),
                                            shared_options()),
            conf_.fleet->threads, waker, clock_);
    }

    // ------------------------------------------------------------ the fleet

    [[nodiscard]] PostgresStoreOptions shared_options() const noexcept {
        const FleetConf& fleet = *conf_.fleet;
        const SqliteStoreOptions local = store_options();
        PostgresStoreOptions options;
        options.server.conninfo = to_view(fleet.conninfo);
        options.server.password = to_view(fleet.password);
        options.server.schema = to_view(fleet.schema);
        options.server.name = "flashduty/" + std::string(to_view(fleet.edge));
        options.max_size_bytes = local.max_size_bytes;
        options.max_age_ms = local.max_age_ms;
        options.dead_age_ms = local.dead_age_ms;
        options.timeout_ms = static_cast<std::int64_t>(fleet.timeout_ms);
        options.clock = clock_;
        options.writer = to_view(fleet.edge);
        return options;
    }

    /// With a fleet operators see what waits in all of it.
    [[nodiscard]] std::unique_ptr<EventStore> make_desks_store() const noexcept {
        return conf_.fleet == nullptr
                   ? stores_.make(StoreUser::kAcceptor)
                   : std::unique_ptr<EventStore>(new PostgresStore(shared_options()));
    }

    /// Setup that should be the same on all edges.
    [[nodiscard]] EdgeSetup setup() const noexcept {
        const FleetConf& fleet = *conf_.fleet;
        const SqliteStoreOptions local = store_options();
        EdgeSetup setup;
        setup.gateway = kVersion;
        setup.nginx = NGINX_VERSION;
        setup.version = to_view(fleet.version);
        setup.rate = conf_.rate;
        setup.max_size_bytes = static_cast<std::int64_t>(local.max_size_bytes);
        setup.max_age_ms = local.max_age_ms;
        setup.dead_age_ms = local.dead_age_ms;
        setup.lease_ms = static_cast<std::int64_t>(fleet.lease_ms);
        setup.alone_after_ms = static_cast<std::int64_t>(fleet.alone_after_ms);
        for_each_literal_push(
            conf_, [&](const ngx_http_core_srv_conf_t* server, std::string_view uri) {
                setup.locations.push_back({std::string(server_of(*conf_.servers, server)),
                                           std::string(uri.substr(0, uri.find('?')))});
            });
        return setup;
    }

    [[nodiscard]] std::unique_ptr<Agent> make_agent(const Deliverer::Options& deliverer) noexcept {
        Agent::Options options;
        options.edge = to_view(conf_.fleet->edge);
        options.setup = setup();
        options.deliverer = deliverer;
        options.deliverer.threads = conf_.fleet->threads;
        options.shared = shared_options();
        options.local = std::make_unique<SqliteStore>(store_options(), false);
        return std::make_unique<Agent>(
            std::move(options), Agent::Owner{[](void* self) noexcept {
                                                 static_cast<SpoolWorker*>(self)->on_agent_done();
                                             },
                                             this});
    }

    // ------------------------------------------------------------ who delivers

    /// Becomes the deliverer when there is none, and connects a line to it.
    void elect() noexcept {
        const bool is_leaving = ngx_exiting || ngx_terminate;
        if (deliverer_ == nullptr && !is_leaving && take_lock()) {
            Deliverer::Options options;
            options.rate = conf_.rate;
            options.conf = &conf_;
            options.threads = conf_.spool->threads;
            options.clock = clock_;
            options.introduction = write_introduction(introduction());
            options.socket_path = path_ + std::string(kSocketSuffix);
            is_deliverer_done_ = is_agent_done_ = false;
            if (conf_.fleet != nullptr) {
                agent_ = make_agent(options);
                options.gate = &agent_->gate();
            }
            deliverer_ = std::make_unique<Deliverer>(
                stores_.make(StoreUser::kDeliverer), options,
                Deliverer::Owner{
                    [](void* self) noexcept { static_cast<SpoolWorker*>(self)->on_done(); }, this});
            if (agent_ != nullptr) {
                agent_->set_local(deliverer_.get());
            }
            look_.start(kLookMs);
        }
        connect();
        if (line_ == nullptr || times_met_other_ > 0) {
            election_.start(kElectionMs);
        }
    }

    bool take_lock() noexcept {
        const int error = lock_.take();
        const bool can_take = error == 0 || error == EWOULDBLOCK;
        if (!can_take && !has_complained_) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, error,
                          "flashduty spool: this process cannot deliver, \"%V%s\" cannot be locked",
                          &conf_.spool->path, DelivererLock::kSuffix.data());
        }
        has_complained_ = !can_take;
        // Once may be a deliverer that dies: its file's lock can go before its folder's.
        times_met_other_ = lock_.has_met_other() ? times_met_other_ + 1 : 0;
        if (times_met_other_ == 2) {
            complain_of_lock("another process still delivers");
        }
        return error == 0;
    }

    void complain_of_lock(const char* what) noexcept {
        ngx_log_error(
            NGX_LOG_CRIT, ngx_cycle->log, 0,
            "flashduty spool: \"%V%s\" was removed or replaced under the running gateway, "
            "%s: leave it alone",
            &conf_.spool->path, DelivererLock::kSuffix.data(), what);
    }

    /// Checks, while this process delivers, whether it still is the only one and can be found.
    void look_at_files() noexcept {
        if (deliverer_ == nullptr) {
            return;
        }
        switch (lock_.look()) {
            case DelivererLock::State::kHeld:
                break;
            case DelivererLock::State::kRestored:
                complain_of_lock("this process still delivers");
                break;
            case DelivererLock::State::kLost:
                complain_of_lock("this process leaves it to another one to deliver");
                deliverer_->leave();
                return;
        }
        deliverer_->listen_where_missing();
        look_.start(kLookMs);
    }

    void on_done() noexcept {
        is_deliverer_done_ = true;
        stop_if_done();
    }

    void on_agent_done() noexcept {
        is_agent_done_ = true;
        stop_if_done();
    }

    void stop_if_done() noexcept {
        if (is_deliverer_done_ && (agent_ == nullptr || is_agent_done_)) {
            is_done_.set<&SpoolWorker::stop_delivering>(*this, false);
            is_done_.start(1);  // they are still at work
        }
    }

    void stop_delivering() noexcept {
        line_.reset();
        desk_.on_line_end();
        deliverer_.reset();
        agent_.reset();
        lock_.give_up();
        elect();
    }

    // ------------------------------------------------------------ the line to it

    void connect() noexcept {
        if (line_ != nullptr) {
            return;
        }
        line_ = Line::connect(
            path_ + std::string(kSocketSuffix),
            {[](void* self, Line&, std::string_view message) noexcept {
                 static_cast<SpoolWorker*>(self)->hear(message);
             },
             [](void* self, Line&) noexcept { static_cast<SpoolWorker*>(self)->on_line_end(); },
             this});
        wake(acceptor_->waiting());
    }

    void hear(std::string_view message) noexcept {
        PushVerdict verdict;
        OrderDone done;
        Introduction deliverers;
        if (read_verdict(message, verdict)) {
            acceptor_->hear(verdict);
        } else if (read_introduction(message, deliverers)) {
            meet(deliverers);
        } else if (read_order_done(message, done)) {
            desk_.hear(done);
        }
    }

    void on_line_end() noexcept {
        line_.reset();
        stranger_.stop();
        desk_.on_line_end();
        // Waits first: a deliverer without a connection to spare ends each line that comes in.
        election_.start(kElectionMs);
    }

    [[nodiscard]] Introduction introduction() const noexcept {
        Introduction introduction;
        introduction.instance = instance;
        for (const std::string_view server : server_names(*conf_.servers)) {
            introduction.servers.push_back(server_mark(server));
        }
        return introduction;
    }

    /// Meets the deliverer's nginx. Another one may be about to take over from this one, or to be
    /// taken over by it: only one that stays is complained of.
    void meet(const Introduction& deliverers) noexcept {
        difference_ = deliverers.instance == instance ? std::string() : difference_to(deliverers);
        if (!difference_.empty()) {
            stranger_.start(kStrangerMs);
        } else if (end_trouble(stats(), SpoolUser::kStranger, status_now_ms())) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "flashduty spool: who delivers from it knows all server blocks");
        }
    }

    /// Difference between the servers that both know; empty when there is none.
    [[nodiscard]] std::string difference_to(const Introduction& deliverers) const noexcept {
        const std::set<std::uint64_t> theirs(deliverers.servers.begin(), deliverers.servers.end());
        std::size_t common = 0;
        for (const std::string_view server : server_names(*conf_.servers)) {
            if (theirs.count(server_mark(server)) == 0) {
                return "it does not know the server block \"" + std::string(server) +
                       "\", whose alerts wait";
            }
            common++;
        }
        return common < theirs.size() ? "it has server blocks that this one does not know" : "";
    }

    void complain_of_stranger() noexcept {
        const std::string reason = "another nginx delivers from the same spool, and " +
                                   difference_ +
                                   ": give each a spool of its own, or both the same servers";
        if (begin_trouble(stats(), SpoolUser::kStranger,
                          "another nginx delivers from the same spool", reason, status_now_ms())) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0, "flashduty spool \"%V\": %s",
                          &conf_.spool->path, reason.c_str());
        }
    }

    void wake(const std::vector<Woken>& woken) noexcept {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty line: %uz events for the deliverer, there is a line: %ui",
                       woken.size(), static_cast<ngx_uint_t>(line_ != nullptr));
        if (line_ != nullptr) {
            for (const std::string& message : write_woken(woken)) {
                line_->send(message);
            }
        }
    }

    const MainConf& conf_;
    std::string path_;
    SpoolClock clock_;
    SqliteStoreFactory stores_;
    std::unique_ptr<Acceptor> acceptor_;
    Desk desk_;
    DelivererLock lock_;
    bool has_complained_ = false;   ///< complained that nobody can take the lock
    unsigned times_met_other_ = 0;  ///< in a row, with another deliverer's file removed
    std::unique_ptr<Deliverer> deliverer_;
    std::unique_ptr<Agent> agent_;  ///< where that is, in a fleet
    bool is_deliverer_done_ = false;
    bool is_agent_done_ = false;
    std::unique_ptr<Line> line_;
    Timer election_;
    Timer is_done_;
    Timer look_;
    Timer stranger_;
    std::string difference_;  ///< between this nginx and the one that delivers
};

/// Set in a worker process; nullptr in all others, and where there is no spool.
SpoolWorker* worker = nullptr;

}  // namespace

void name_instance() noexcept {
    std::random_device random;
    while (instance == 0) {
        instance = (static_cast<std::uint64_t>(random()) << 32) | random();
    }
}

ngx_int_t start_spool(ngx_cycle_t* cycle) {
    const bool is_worker = ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE;
    const auto* conf = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_flashduty_module));
    if (is_worker && conf != nullptr && conf->spool != nullptr) {
        begin_spool(stats(), to_view(conf->spool->path));
        worker = new SpoolWorker(*conf);
    }
    return NGX_OK;
}

void stop_spool(ngx_cycle_t*) {
    delete worker;
    worker = nullptr;
}

bool is_spool_running() noexcept { return worker != nullptr; }

void spool(Delivery& delivery) noexcept { worker->accept(delivery); }

void read_spool(std::unique_ptr<Reading> reading) noexcept { worker->read(std::move(reading)); }

bool order_of_deliverer(const Order& order, std::unique_ptr<Orderer> orderer) noexcept {
    return worker->order(order, std::move(orderer));
}

}  // namespace flashduty
