#include "agent.hpp"

#include <algorithm>
#include <functional>
#include <random>
#include <utility>

#include "../../spool/postgres_check.hpp"
#include "../../status/fleet_record.hpp"
#include "../request/recorder.hpp"
#include "../request/stats_zone.hpp"

namespace flashduty {

namespace {

constexpr UnixMs kBeatMs = 1000;

/// Time for one slice of moving what is local.
constexpr SteadyMs kDrainSliceMs = 500;

/// Batches that use one writer's row.
constexpr std::int64_t kBatchesOfWriter = 1000;

/// Keys that are reported at once.
constexpr std::size_t kMostReported = 256;

/// Longest wait for a lease's thread at the end of this process.
constexpr std::chrono::seconds kPatience{3};

/// Messages of channels; and the leader's name among them, which no edge can have.
constexpr char kWokenTag = 'w';
constexpr char kVerdictTag = 'v';
constexpr char kOrderTag = 'o';
constexpr char kOrderDoneTag = 'd';
constexpr char kLeadersName[] = "/leader";

/// Events in one message, and the longest texts of a verdict.
constexpr std::size_t kMostWoken = 256;
constexpr std::size_t kMostText = 500;

/// Time after which nobody waits for a verdict any more.
constexpr SteadyMs kForgetMs = 60'000;

/// Time for the test of a database, and between two tests of one that has failed.
constexpr std::chrono::seconds kCheckTime{5};
constexpr SteadyMs kCheckAgainMs = 30'000;

constexpr char kHeldBack[] = "PostgreSQL cannot be reached, and may be in a moment";
constexpr char kMoved[] = "PostgreSQL can be reached again, and gets what has waited first";

std::uint64_t random_number() noexcept {
    std::random_device random;
    return (static_cast<std::uint64_t>(random()) << 32) | random();
}

/// Positive, and not 0.
std::int64_t random_id() noexcept { return static_cast<std::int64_t>(random_number() >> 2) + 1; }

std::int64_t edge_id_of(const std::string& spool_id) noexcept {
    return static_cast<std::int64_t>(server_mark(spool_id) >> 2) + 1;
}

LeaseTimes times_of(const EdgeSetup& setup) noexcept {
    LeaseTimes times;
    times.lease_ms = setup.lease_ms;
    return times;
}

EdgeMode mode_of(LocalWork work, bool is_local) noexcept {
    switch (work) {
        case LocalWork::kNone:
            return is_local ? EdgeMode::kHolding : EdgeMode::kFleet;
        case LocalWork::kHold:
            return EdgeMode::kHolding;
        case LocalWork::kPush:
            return EdgeMode::kAlone;
        case LocalWork::kFinish:
        case LocalWork::kReport:
        case LocalWork::kDrain:
            break;
    }
    return EdgeMode::kDraining;
}

EdgeState state_of(EdgeMode mode) noexcept {
    constexpr EdgeState kStates[] = {EdgeState::kFleet, EdgeState::kHolding, EdgeState::kAlone,
                                     EdgeState::kDraining};
    return kStates[static_cast<std::size_t>(mode)];
}

template <class... Values>
void log(ngx_uint_t level, const char* format, Values... values) noexcept {
    ngx_log_error(level, ngx_cycle->log, 0, format, values...);
}

}  // namespace

/// Work for a thread, and its results.
struct Agent::Chores {
    LocalWork work = LocalWork::kNone;
    bool begins_alone = false;
    bool makes_local = false;  ///< the fleet does not want this edge
    bool with_waiting = false;
    EdgeReport report;
    std::int64_t term = 0;  ///< of this edge's leadership; 0: it has none
    FleetReport figures;    ///< with a term

    StoreStatus looked = StoreStatus::kBusy;
    LocalState local;
    std::string local_error;
    bool has_begun_alone = false;

    bool is_unfit = false;  ///< the database cannot be a fleet's
    StoreStatus beat = StoreStatus::kBusy;
    RollAnswer answer = RollAnswer::kDone;
    std::string error;
    bool is_reported = false;
    bool owes_report = false;
    bool has_moved = false;  ///< `is_local` is known
    bool is_local = false;
    std::size_t moved = 0;
    std::vector<DeadLetter> late;
    StoreStatus read = StoreStatus::kBusy;
    Fleet fleet;
};

Agent::Agent(Options options, const Owner& owner) noexcept
    : options_(std::move(options)),
      owner_(owner),
      agent_id_(random_id()),
      mode_(options_.setup.alone_after_ms, false, steady_now_ms()),
      store_(options_.shared) {
    job_.set<&Agent::work, &Agent::on_worked>(*this);
    look_.set<&Agent::run>(*this, true);
    validity_.set<&Agent::on_lease>(*this, true);
    leader_done_.set<&Agent::end_leader>(*this, false);
    done_.set<&Agent::finish>(*this, false);
    has_wakeup_ =
        lease_wakeup_.set<&Agent::on_lease>(*this) && ear_wakeup_.set<&Agent::on_news>(*this);
    leaders_channel_ = channel_name(options_.shared.server.schema, kLeadersName);
    own_channel_ = channel_name(options_.shared.server.schema, options_.edge);
    if (has_wakeup_) {
        ear_ = std::make_unique<PostgresEar>(
            options_.shared.server, std::vector<std::string>{leaders_channel_, own_channel_},
            PostgresEar::Listener{[](void* self) noexcept { static_cast<Wakeup*>(self)->wake(); },
                                  &ear_wakeup_});
    }
    options_.deliverer.gate = &leader_gate_;
    options_.deliverer.is_shared = true;
    options_.deliverer.socket_path.clear();
    options_.deliverer.introduction.clear();
    run();
}

Agent::~Agent() {
    leader_.reset();
    if (lease_ != nullptr && !lease_->end_within(kPatience)) {
        // Its thread looks up a name, and ends with the process.
        (void)lease_.release();
    }
    if (ear_ != nullptr && !ear_->end_within(kPatience)) {
        (void)ear_.release();
    }
}

// ---------------------------------------------------------------- the local spool

bool Agent::may_push_local() noexcept {
    if (!knows_local_) {
        return false;
    }
    switch (work_now()) {
        case LocalWork::kPush:
            return has_begun_alone_;
        case LocalWork::kNone:
            // Events that PostgreSQL cannot hold.
            return !local_.is_local && local_.unfit > 0 && has_begun_alone_;
        default:
            return false;
    }
}

std::string Agent::why_not_local() noexcept {
    if (may_push_local()) {
        return {};
    }
    switch (work_now()) {
        case LocalWork::kPush:
            return {};  // it will, in a moment
        case LocalWork::kFinish:
        case LocalWork::kReport:
        case LocalWork::kDrain:
            return kMoved;
        default:
            return kHeldBack;
    }
}

void Agent::on_settled_local() noexcept {
    mode_.push_ended();
    run();
}

/// A worker could not write to the shared database: the edge is local.
void Agent::on_local_woken() noexcept {
    if (!local_.is_local) {
        local_.is_local = true;
        mode_.found(true);
        run();
    }
}

// ---------------------------------------------------------------- waking and verdicts

void Agent::on_woken(Line& line, const std::vector<Woken>& all) noexcept {
    for (const Woken& woken : all) {
        if (woken.event_id != 0) {
            ears_[woken.event_id] = {&line, {}, steady_now_ms()};
        }
    }
    if (leader_ != nullptr) {
        leader_->hear(all);
    } else {
        say_woken(all);
    }
}

/// Tells the leader, whoever that is.
void Agent::say_woken(const std::vector<Woken>& all) noexcept {
    for (std::size_t from = 0; ear_ != nullptr && from < all.size(); from += kMostWoken) {
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end =
            all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), from + kMostWoken));
        for (const std::string& message : write_woken(std::vector<Woken>(first, end))) {
            ear_->say(leaders_channel_, write_payload(kWokenTag, own_channel_ + " " + message));
        }
    }
}

void Agent::on_line_end(Line& line) noexcept {
    for (auto at = ears_.begin(); at != ears_.end();) {
        at = at->second.line == &line ? ears_.erase(at) : std::next(at);
    }
    for (auto at = ordered_.begin(); at != ordered_.end();) {
        at = at->second.line == &line ? ordered_.erase(at) : std::next(at);
    }
    if (leader_ != nullptr) {
        leader_->forget(line);
    }
}

/// Forgets those who have been answered long ago, without a verdict.
void Agent::forget_ears() noexcept {
    const SteadyMs before_ms = steady_now_ms() - kForgetMs;
    for (auto at = ears_.begin(); at != ears_.end();) {
        at = at->second.since_ms < before_ms ? ears_.erase(at) : std::next(at);
    }
    for (auto at = ordered_.begin(); at != ordered_.end();) {
        at = at->second.since_ms < before_ms ? ordered_.erase(at) : std::next(at);
    }
}

/// An operator's order, for whoever leads. Where nobody answers, the operator is told so in time.
void Agent::on_order(Line& line, const Order& order) noexcept {
    if (leader_ != nullptr) {
        leader_->take_order(&line, {}, Order(order));
        return;
    }
    Order numbered = order;
    numbered.number = ++last_order_;
    const std::string payload =
        write_payload(kOrderTag, own_channel_ + " " + write_order(numbered));
    if (payload.empty() || ear_ == nullptr) {
        OrderDone done;
        done.number = order.number;
        done.is_done = false;
        done.reason = "the order is too long for the edge that leads: give it there";
        line.send(write_order_done(done));
        return;
    }
    ordered_[numbered.number] = {&line, order.number, steady_now_ms()};
    ear_->say(leaders_channel_, payload);
}

void Agent::take_order(std::string_view text) noexcept {
    const std::size_t space = text.find(' ');
    Order order;
    if (leader_ != nullptr && space != std::string_view::npos &&
        read_order(text.substr(space + 1), order)) {
        leader_->take_order(nullptr, std::string(text.substr(0, space)), std::move(order));
    }
}

void Agent::on_order_done(const std::string& channel, const OrderDone& done) noexcept {
    if (ear_ != nullptr) {
        OrderDone cut = done;
        cut.reason = cut.reason.substr(0, kMostText);
        ear_->say(channel, write_payload(kOrderDoneTag, write_order_done(cut)));
    }
}

void Agent::take_order_done(std::string_view text) noexcept {
    OrderDone done;
    if (!read_order_done(text, done)) {
        return;
    }
    const auto found = ordered_.find(done.number);
    if (found != ordered_.end()) {
        done.number = found->second.number;
        found->second.line->send(write_order_done(done));
        ordered_.erase(found);
    }
}

void Agent::tell(const PushVerdict& verdict) noexcept {
    const auto found = ears_.find(verdict.event_id);
    if (found == ears_.end()) {
        return;
    }
    const Ear ear = std::move(found->second);
    ears_.erase(found);
    PushVerdict shared = verdict;
    shared.event_id |= kShared;
    if (ear.line != nullptr) {
        ear.line->send(write_verdict(shared));
    } else if (ear_ != nullptr) {
        for (std::string* text : {&shared.reason, &shared.code, &shared.request_id}) {
            *text = text->substr(0, kMostText);
        }
        ear_->say(ear.channel, write_payload(kVerdictTag, write_verdict(shared)));
    }
}

void Agent::on_news() noexcept {
    for (const PgNotification& news : ear_->take()) {
        char tag = 0;
        std::string message;
        if (!read_payload(news.payload, tag, message)) {
            continue;
        }
        if (tag == kWokenTag) {
            take_woken(message);
        } else if (tag == kVerdictTag) {
            take_verdict(message);
        } else if (tag == kOrderTag) {
            take_order(message);
        } else if (tag == kOrderDoneTag) {
            take_order_done(message);
        }
    }
}

/// Another edge has written events down.
void Agent::take_woken(std::string_view text) noexcept {
    const std::size_t space = text.find(' ');
    if (leader_ == nullptr || space == std::string_view::npos) {
        return;
    }
    const std::string channel(text.substr(0, space));
    if (channel == own_channel_) {
        return;
    }
    const std::vector<Woken> all = read_woken(text.substr(space + 1));
    for (const Woken& woken : all) {
        if (woken.event_id != 0) {
            ears_[woken.event_id] = {nullptr, channel, steady_now_ms()};
        }
    }
    leader_->hear(all);
}

/// The leader has delivered an event of this edge.
void Agent::take_verdict(std::string_view text) noexcept {
    PushVerdict verdict;
    if (!read_verdict(text, verdict)) {
        return;
    }
    verdict.event_id &= ~kShared;
    const auto found = ears_.find(verdict.event_id);
    if (found != ears_.end() && found->second.line != nullptr) {
        tell(verdict);
    }
}

// ---------------------------------------------------------------- the lease

/// Begins to take part in the choice of a leader.
void Agent::keep_lease() noexcept {
    if (lease_ != nullptr && lease_->has_let_go() && lease_->end_within(kPatience)) {
        lease_.reset();  // of a time when the fleet did not want this edge
    }
    if (lease_ != nullptr || is_leaving_ || is_refused_ || !has_wakeup_) {
        return;
    }
    LeaseKeeper::Options options;
    options.server = options_.shared.server;
    options.edge = options_.edge;
    options.edge_id = edge_id_of(local_.spool_id);
    options.agent_id = agent_id_;
    options.times = times_of(options_.setup);
    options.rate = options_.deliverer.rate;
    lease_ = std::make_unique<LeaseKeeper>(
        options,
        LeaseKeeper::Listener{[](void* self) noexcept { static_cast<Wakeup*>(self)->wake(); },
                              &lease_wakeup_});
}

bool Agent::leads() noexcept {
    return lease_ != nullptr && lease_->is_valid() && lease_->term() == leading_term_;
}

bool Agent::LeaderGate::may_push_of(std::int64_t term) noexcept {
    return term == agent_.leading_term_ ||
           (agent_.lease_ != nullptr && steady_now_ms() >= agent_.lease_->grace_until_ms());
}

/// Takes what the lease has become. Called by its thread, and when its validity ends.
void Agent::on_lease() noexcept {
    if (lease_ == nullptr) {
        return;
    }
    if (is_leaving_) {
        if (leader_ == nullptr && lease_->has_let_go()) {
            finish();
        } else if (leader_ != nullptr && !leads()) {
            leader_->abandon();
        }
        return;
    }
    const bool is_valid = lease_->is_valid();
    const SteadyMs now_ms = steady_now_ms();
    if (leader_ != nullptr && !leads()) {
        log(NGX_LOG_WARN, "flashduty fleet: this edge leads no more, term %L: %s", leading_term_,
            lease_->term() == leading_term_ ? "PostgreSQL did not confirm its lease in time"
                                            : "another one has taken over");
        leader_->abandon();
    } else if (leader_ == nullptr && is_valid) {
        lead();
    }
    SteadyMs next_ms = lease_->valid_until_ms();
    if (leader_ != nullptr && lease_->grace_until_ms() > now_ms) {
        next_ms = std::min(next_ms, lease_->grace_until_ms());
    } else if (leader_ != nullptr) {
        leader_->look_again();
    }
    if (is_valid) {
        validity_.start(static_cast<ngx_msec_t>(std::max<SteadyMs>(next_ms - now_ms, 1)));
    }
}

void Agent::lead() noexcept {
    leading_term_ = lease_->term();
    log(NGX_LOG_NOTICE, "flashduty fleet: this edge leads: it delivers for all as \"%s\", term %L",
        options_.edge.c_str(), leading_term_);
    auto store = std::make_unique<PostgresStore>(options_.shared);
    store->set_term(leading_term_);
    leader_ = std::make_unique<Deliverer>(
        std::move(store), options_.deliverer,
        Deliverer::Owner{[](void* self) noexcept { static_cast<Agent*>(self)->on_leader_done(); },
                         this});
    std::uint32_t anywhere = 0;
    const std::vector<Spent> spent = lease_->spent_before(anywhere);
    leader_->count_spent(spent, anywhere);
}

void Agent::on_leader_done() noexcept {
    leader_done_.start(1);  // it is still at work
}

void Agent::end_leader() noexcept {
    leader_.reset();
    if (is_leaving_) {
        leave();
    } else {
        on_lease();
    }
}

void Agent::on_shared_store(StoreStatus status, const std::string& error) noexcept {
    if (status != StoreStatus::kOk) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty fleet: the leader's database fails: %s", error.c_str());
    }
}

void Agent::on_figures(const StoreSize& size, std::vector<ServedTarget>&& targets) noexcept {
    figures_ = {};
    figures_.waiting = size.waiting;
    figures_.dead = size.dead;
    figures_.used_bytes = size.used_bytes;
    const UnixMs now_ms = options_.deliverer.clock.now_ms();
    figures_.oldest_age_ms = size.oldest_ms == 0 ? 0 : std::max<UnixMs>(now_ms - size.oldest_ms, 1);
    figures_.is_full = size.used_bytes >= static_cast<std::uint64_t>(options_.setup.max_size_bytes);
    for (ServedTarget& target : targets) {
        figures_.targets.push_back({std::move(target.server), std::move(target.location),
                                    target.is_up, std::move(target.reason), 0});
    }
}

/// Shows what the leader says of all: the same on every edge.
void Agent::show_leaders(const FleetReport& figures) const noexcept {
    const StatusMs now_ms = status_now_ms();
    const auto oldest_age_ms = static_cast<StatusMs>(figures.oldest_age_ms);
    publish_spool(stats(),
                  {figures.waiting, figures.dead, figures.used_bytes,
                   oldest_age_ms == 0 ? 0 : now_ms - std::min(oldest_age_ms, now_ms)},
                  now_ms);
    std::vector<TargetFact> facts;
    for (const RollTarget& target : figures.targets) {
        TargetFact fact;
        fact.name = {target.server, target.location};
        fact.is_away = !target.is_up;
        fact.reason = target.reason;
        facts.push_back(fact);
    }
    publish_targets(stats(), facts.data(), facts.size(), begun_ms_, now_ms);
}

// ---------------------------------------------------------------- what a thread does

/// Gives a thread what there is to do; while one is busy, as soon as it is back.
void Agent::run() noexcept {
    if (job_.is_out()) {
        is_due_ = true;
        return;
    }
    look_.stop();
    if (is_leaving_) {
        return;
    }
    is_due_ = false;
    chores_ = std::make_unique<Chores>();
    Chores& chores = *chores_;
    chores.work = knows_local_ ? work_now() : LocalWork::kNone;
    chores.makes_local = is_refused_ && !local_.is_local;
    chores.with_waiting = with_waiting_;
    chores.begins_alone =
        knows_local_ && !has_begun_alone_ &&
        (chores.work == LocalWork::kPush ||
         (chores.work == LocalWork::kNone && !local_.is_local && local_.unfit > 0));
    EdgeReport& report = chores.report;
    report.mode = mode_of(chores.work, local_.is_local);
    report.is_empty = knows_local_ && !local_.is_local && !local_.owes_report;
    report.local_events = local_.waiting;
    report.local_dead = local_.dead;
    report.clock_offset_ms = store_.clock_offset_ms();
    if (leader_ != nullptr && leads()) {
        chores.term = leading_term_;
        chores.figures = figures_;
    }
    if (!job_.post(options_.deliverer.threads)) {
        chores_.reset();
        set_timer(kBeatMs);
    }
}

/// Runs in the thread, as all below it.
void Agent::work() noexcept {
    work_locally(*chores_);
    if (chores_->looked == StoreStatus::kOk) {
        work_shared(*chores_);
    }
}

void Agent::work_locally(Chores& chores) noexcept {
    LocalSpool& local = *options_.local;
    if (chores.makes_local) {
        std::vector<Appended> none;
        bool is_written = false;
        chores.looked = local.append_local({}, {}, false, none, is_written);
    }
    if (chores.begins_alone) {
        chores.has_begun_alone = local.begin_alone() == StoreStatus::kOk;
    }
    chores.looked = local.look(chores.local);
    chores.local_error = options_.local->error();
}

StoreStatus Agent::register_edge(Chores& chores) noexcept {
    if (roll_ == nullptr) {
        roll_ =
            std::make_unique<FleetRoll>(store_, options_.edge, chores.local.spool_id, agent_id_);
    }
    if (is_registered_) {
        return StoreStatus::kOk;
    }
    const StoreStatus status = roll_->register_edge(options_.setup, chores.answer);
    is_registered_ = status == StoreStatus::kOk && chores.answer == RollAnswer::kDone;
    return status;
}

/// Tests the database before anything is trusted to it. False when it cannot be used.
bool Agent::check(Chores& chores) noexcept {
    if (is_checked_) {
        return true;
    }
    if (steady_now_ms() >= check_again_ms_) {
        const DatabaseCheck found =
            check_database(options_.shared.server, std::chrono::steady_clock::now() + kCheckTime);
        is_checked_ = found.fitness == DatabaseFitness::kFit;
        const bool is_unfit = found.fitness == DatabaseFitness::kUnfit;
        unfit_ = is_unfit ? found.reason : std::string();
        check_again_ms_ = is_unfit ? steady_now_ms() + kCheckAgainMs : 0;
        chores.error = found.reason;
    }
    chores.is_unfit = !unfit_.empty();
    chores.error = chores.is_unfit ? unfit_ : chores.error;
    chores.beat = is_checked_ ? StoreStatus::kOk : StoreStatus::kAway;
    return is_checked_;
}

void Agent::work_shared(Chores& chores) noexcept {
    if (!check(chores)) {
        return;
    }
    chores.beat = register_edge(chores);
    if (chores.beat == StoreStatus::kOk && chores.answer == RollAnswer::kDone) {
        chores.beat = roll_->report(chores.report, chores.answer);
    }
    is_registered_ = is_registered_ && chores.answer == RollAnswer::kDone;
    chores.error = roll_->error();
    if (chores.beat != StoreStatus::kOk || chores.answer != RollAnswer::kDone) {
        return;
    }
    StoreStatus status = StoreStatus::kOk;
    if (chores.work == LocalWork::kReport) {
        status = report_alone(chores);
    } else if (chores.work == LocalWork::kDrain) {
        status = drain(chores);
    }
    if (status != StoreStatus::kOk) {
        // PostgreSQL answers, but does not write.
        chores.beat = status;
        chores.error = store_.error();
        return;
    }
    store_.set_term(chores.term);
    if (chores.term != 0) {
        // Written again in a second.
        (void)roll_->write_figures(chores.figures);
    }
    chores.read = roll_->read(chores.fleet);
    store_.set_term(0);
}

StoreStatus Agent::report_alone(Chores& chores) noexcept {
    LocalSpool& local = *options_.local;
    std::vector<AloneEvent> alone;
    if (local.pushed_alone(chores.with_waiting, kMostReported, alone) != StoreStatus::kOk) {
        return StoreStatus::kOk;  // the local spool is in trouble, which is logged elsewhere
    }
    std::vector<PushedAlone> pushed;
    for (const AloneEvent& one : alone) {
        pushed.push_back({one.event, one.delivered_ms});
    }
    const StoreStatus status =
        pushed.empty() ? StoreStatus::kOk : store_.report_alone(options_.edge, pushed, chores.late);
    if (status == StoreStatus::kOk) {
        chores.is_reported = local.reported(alone, chores.owes_report) == StoreStatus::kOk;
    }
    return status;
}

/// Name for the next batch to move, never used before.
BatchId Agent::next_drain() noexcept {
    if (drains_ % kBatchesOfWriter == 0) {
        drain_writer_ = options_.edge + "/" + std::to_string(random_number());
    }
    return {drain_writer_, ++drains_};
}

StoreStatus Agent::drain(Chores& chores) noexcept {
    LocalSpool& local = *options_.local;
    const SteadyMs until_ms = steady_now_ms() + kDrainSliceMs;
    do {
        LocalBatch batch;
        if (local.first_batch(next_drain(), batch) != StoreStatus::kOk) {
            return StoreStatus::kOk;
        }
        std::vector<std::int64_t> unfit;
        if (!batch.events.empty()) {
            std::vector<Appended> appended;
            const StoreStatus status = store_.drain(batch.id, batch.events, appended, chores.late);
            if (status != StoreStatus::kOk) {
                return status;
            }
            for (std::size_t i = 0; i < appended.size() && i < batch.event_ids.size(); i++) {
                if (appended[i].event_id == 0) {
                    unfit.push_back(batch.event_ids[i]);
                }
            }
        }
        if (local.moved(batch, unfit, chores.is_local) != StoreStatus::kOk) {
            return StoreStatus::kOk;
        }
        chores.has_moved = true;
        chores.moved += batch.events.size() - unfit.size();
        if (batch.events.empty()) {
            break;
        }
    } while (chores.is_local && steady_now_ms() < until_ms);
    return StoreStatus::kOk;
}

// ---------------------------------------------------------------- and what comes of it

void Agent::on_worked() noexcept {
    const std::unique_ptr<Chores> chores = std::move(chores_);
    if (is_leaving_) {
        leave();
        return;
    }
    take_local(*chores);
    take_beat(*chores);
    take_drain(*chores);
    take_fleet(*chores);
    log_mode();
    show();
    if (local_deliverer_ != nullptr) {
        local_deliverer_->look_again();
    }
    keep_lease();
    forget_ears();
    const LocalWork work = work_now();
    const bool has_more = chores->beat == StoreStatus::kOk &&
                          (work == LocalWork::kReport || work == LocalWork::kDrain);
    if (is_due_ || has_more) {
        run();
    } else {
        set_timer(kBeatMs);
    }
}

void Agent::set_timer(UnixMs wait_ms) noexcept {
    const SteadyMs now_ms = steady_now_ms();
    const SteadyMs change_ms = mode_.next_change_ms();
    const SteadyMs left_ms = change_ms == FleetMode::kNever ? wait_ms : change_ms - now_ms;
    look_.start(static_cast<ngx_msec_t>(std::clamp<SteadyMs>(left_ms, 1, wait_ms)));
}

void Agent::take_local(const Chores& chores) noexcept {
    if (chores.looked != StoreStatus::kOk) {
        return;
    }
    if (!knows_local_) {
        // A process before this one may have pushed alone.
        mode_ = FleetMode(options_.setup.alone_after_ms, chores.local.owes_report, steady_now_ms());
        with_waiting_ = chores.local.owes_report;
        has_begun_alone_ = chores.local.owes_report;
        knows_local_ = true;
    }
    has_begun_alone_ = has_begun_alone_ || chores.has_begun_alone;
    local_ = chores.local;
    mode_.found(local_.is_local);
}

void Agent::take_beat(const Chores& chores) noexcept {
    if (chores.looked != StoreStatus::kOk) {
        return;
    }
    const bool is_taken = chores.beat == StoreStatus::kOk && chores.answer == RollAnswer::kTaken;
    if ((is_taken || chores.is_unfit) && !is_refused_) {
        refusal_ = chores.error;
        log(NGX_LOG_CRIT, "flashduty fleet: this edge works alone: %s", refusal_.c_str());
    }
    is_refused_ = is_taken || chores.is_unfit;
    if (is_refused_ && lease_ != nullptr && leader_ == nullptr) {
        lease_->let_go();
    }
    if (chores.beat == StoreStatus::kOk && chores.answer == RollAnswer::kDone) {
        if (!away_reason_.empty()) {
            log(NGX_LOG_NOTICE, "flashduty fleet: PostgreSQL does what it is asked for again");
        }
        away_reason_.clear();
        mode_.answered();
        edges_ = std::max<std::size_t>(roll_->edges(), 1);
        if (roll_->take_gone_back()) {
            log(NGX_LOG_CRIT,
                "flashduty fleet: PostgreSQL has gone back to an earlier state: what it had "
                "confirmed since is not in it, and what was accepted long before waits");
        }
        return;
    }
    mode_.failed(steady_now_ms());
    if (chores.beat != StoreStatus::kOk && !chores.is_unfit) {
        if (away_reason_.empty()) {
            log(NGX_LOG_ERR, "flashduty fleet: this edge is cut off: %s", chores.error.c_str());
        }
        away_reason_ = chores.error;
    }
}

void Agent::take_drain(const Chores& chores) noexcept {
    if (chores.is_reported && !chores.owes_report) {
        mode_.reported();
        has_begun_alone_ = false;
        with_waiting_ = false;
        local_.owes_report = false;
    }
    if (chores.has_moved) {
        local_.is_local = chores.is_local;
        mode_.found(chores.is_local);
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty fleet: %uz events were moved to PostgreSQL", chores.moved);
        const SteadyMs now_ms = steady_now_ms();
        if (!chores.is_local && now_ms - back_logged_ms_ >= kBeatMs) {
            // Workers that are not connected yet make it local again, batch by batch.
            back_logged_ms_ = now_ms;
            log(NGX_LOG_NOTICE,
                "flashduty fleet: PostgreSQL has got what waited on this edge, which is back");
        }
    }
    count_late(stats(), LateResult::kSuperseded, chores.late.size());
    for (const DeadLetter& letter : chores.late) {
        log(NGX_LOG_ERR, "flashduty fleet: alert \"%s\", event %L, is a dead letter: %s",
            letter.alert_key.c_str(), letter.event_id, letter.reason.c_str());
    }
}

void Agent::take_fleet(Chores& chores) noexcept {
    if (chores.read == StoreStatus::kOk) {
        fleet_ = std::move(chores.fleet);
        alone_edges_ = count_alone(fleet_.edges);
        log_held_back();
        constexpr std::int64_t kFreshMs = 10'000;
        const std::int64_t age_ms = fleet_.figures_age_ms;
        if (leader_ == nullptr && !is_alone() && age_ms >= 0 && age_ms < kFreshMs) {
            show_leaders(fleet_.figures);
        }
    }
    const std::size_t all = std::max(edges_, alone_edges_ + 1);
    if (local_deliverer_ != nullptr) {
        local_deliverer_->set_rate(share_of(options_.deliverer.rate, 1, all));
    }
    if (leader_ != nullptr) {
        const Rate rate = share_of(options_.deliverer.rate, all - alone_edges_, all);
        leader_->set_rate(rate);
        lease_->set_rate(rate);
    }
}

/// Shows this edge, the database as it sees it, and all edges.
void Agent::show() const noexcept {
    FleetFact fact;
    fact.name = options_.edge;
    fact.server = fleet_.database.host;
    fact.is_up = away_reason_.empty() && knows_local_ && !is_refused_;
    fact.reason = away_reason_;
    fact.trouble = is_refused_ ? std::string_view(refusal_) : std::string_view();
    fact.state = state_of(mode_of(logged_, local_.is_local));
    fact.is_leader = leader_ != nullptr;
    fact.term = static_cast<std::uint64_t>(leader_ != nullptr ? leading_term_ : fleet_.term);
    fact.local_events = local_.waiting;
    fact.clock_offset_ms = roll_ == nullptr ? 0 : roll_->clock_offset_ms();
    fact.is_synchronous = fleet_.database.is_synchronous;
    fact.knows_standbys = fleet_.database.replicas >= 0;
    fact.standbys = static_cast<std::uint64_t>(std::max(fleet_.database.replicas, 0));
    fact.dead_rows =
        static_cast<std::uint64_t>(std::max<std::int64_t>(fleet_.database.dead_rows, 0));
    publish_fleet(stats(), fact, status_now_ms());
    show_edges();
}

void Agent::show_edges() const noexcept {
    std::vector<EdgeFact> facts;
    std::vector<std::string> drifts;
    drifts.reserve(fleet_.edges.size());
    const StatusMs now_ms = status_now_ms();
    for (const RollEdge& edge : fleet_.edges) {
        std::string drift;
        for (const std::string& line : edge.drift) {
            drift += (drift.empty() ? "" : "; ") + line;
        }
        drifts.push_back(std::move(drift));
        EdgeFact fact;
        fact.name = edge.name;
        fact.version = edge.setup.gateway;
        fact.revision = edge.setup.version;
        fact.state = edge.is_seen ? state_of(edge.state.mode) : EdgeState::kUnseen;
        fact.is_leader = edge.is_leader;
        fact.local_events = edge.state.local_events;
        fact.seen_ms = now_ms - std::min(static_cast<StatusMs>(edge.seen_ago_ms), now_ms);
        fact.drift = drifts.back();
        facts.push_back(fact);
    }
    publish_edges(stats(), facts.data(), facts.size());
}

/// Says that an operator has to look at events that wait since the database was restored.
void Agent::log_held_back() noexcept {
    const std::uint64_t count = fleet_.database.held_back;
    if (count > 0 && !is_held_back_) {
        log(NGX_LOG_CRIT,
            "flashduty fleet: %uL events of before PostgreSQL was restored may have been delivered "
            "already, and wait until let_go_held_back() is called there",
            count);
    } else if (count == 0 && is_held_back_) {
        log(NGX_LOG_NOTICE,
            "flashduty fleet: no event of before PostgreSQL was restored waits any more");
    }
    is_held_back_ = count > 0;
}

void Agent::log_mode() noexcept {
    const LocalWork work = work_now();
    if (work == logged_) {
        return;
    }
    if (work == LocalWork::kPush) {
        log(NGX_LOG_CRIT, "flashduty fleet: this edge is alone and delivers what it takes in: %s",
            away_reason_.empty() ? refusal_.c_str() : away_reason_.c_str());
    } else if (work == LocalWork::kHold && logged_ == LocalWork::kNone) {
        log(NGX_LOG_ERR,
            "flashduty fleet: new events go to the local spool of this edge, which delivers them "
            "itself when PostgreSQL stays away for %L ms",
            options_.setup.alone_after_ms);
    }
    logged_ = work;
}

// ---------------------------------------------------------------- the end

void Agent::leave() noexcept {
    is_leaving_ = true;
    look_.stop();
    if (job_.is_out()) {
        return;  // called again when it is back
    }
    if (leader_ != nullptr) {
        if (leads()) {
            leader_->leave();
        } else {
            leader_->abandon();
        }
        return;
    }
    if (lease_ != nullptr && !lease_->has_let_go()) {
        lease_->let_go();
        // Nobody waits for a database that is away.
        done_.start(static_cast<ngx_msec_t>(kBeatMs));
        return;
    }
    finish();
}

void Agent::finish() noexcept {
    done_.stop();
    if (!is_finished_) {
        is_finished_ = true;
        owner_.on_done(owner_.owner);  // ends this object later
    }
}

}  // namespace flashduty
