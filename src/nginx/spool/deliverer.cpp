#include "deliverer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "../../core/alert_variables.hpp"
#include "../../core/text.hpp"
#include "../push/push.hpp"
#include "../push/silent_request.hpp"
#include "../request/conf.hpp"
#include "../request/recorder.hpp"
#include "../request/servers.hpp"
#include "../request/stats_zone.hpp"

namespace flashduty {

namespace {

constexpr UnixMs kTendingMs = 1000;
constexpr UnixMs kStoreRetryMs = 1000;

/// Failures of the store in a row after which a leaving worker goes without having written down its
/// last pushes: they will be pushed again, which does no harm.
constexpr unsigned kMostFailures = 5;

constexpr char kPaused[] = "its target is paused by the operator";

/// Time after which a caller that has not asked again counts as gone.
constexpr UnixMs kForgetMs = 60 * 1000;

/// Time for which a verdict is kept whose event was written down a moment ago: its worker is told
/// of that by a thread, and a busy machine may let the push overtake what the worker says. Most
/// such verdicts.
constexpr UnixMs kUnheardMs = 3000;
constexpr std::size_t kMostUnheard = 1024;

std::uint64_t seed() noexcept {
    return (static_cast<std::uint64_t>(ngx_random()) << 32) ^
           static_cast<std::uint64_t>(ngx_random()) ^ static_cast<std::uint64_t>(ngx_pid);
}

struct FateRow {
    Verdict verdict;
    Fate fate;
};

/// Fates by verdict for an event in the spool.
constexpr FateRow kFateOfVerdict[] = {
    {Verdict::kDelivered, Fate::kDelivered},  {Verdict::kEventRefused, Fate::kRefused},
    {Verdict::kAccountAtFault, Fate::kWaits}, {Verdict::kSlowDown, Fate::kWaits},
    {Verdict::kTimedOut, Fate::kWaits},       {Verdict::kTransient, Fate::kWaits},
};
static_assert(has_each_in_order(kFateOfVerdict, &FateRow::verdict));

Fate fate_of(Verdict verdict) noexcept { return kFateOfVerdict[index_of(verdict)].fate; }

/// Wait that a Retry-After asks for, in seconds or as a date, up to the longest hold.
UnixMs retry_after_ms(std::string_view text) noexcept {
    if (text.empty()) {
        return 0;
    }
    const ngx_str_t value = to_ngx(text);
    const ngx_int_t seconds = ngx_atoi(value.data, value.len);
    const time_t date = seconds == NGX_ERROR ? ngx_parse_http_time(value.data, value.len) : 0;
    const time_t wait_s = seconds != NGX_ERROR ? seconds
                          : date > ngx_time()  ? date - ngx_time()
                                               : 0;
    return std::min(static_cast<UnixMs>(wait_s) * 1000, kLongestHoldMs);
}

/// Time for people; 0 stays 0.
StatusMs to_status(const SpoolClock& clock, UnixMs ms) noexcept {
    return ms == 0 ? 0 : static_cast<StatusMs>(std::max<UnixMs>(clock.to_wall(ms), 1));
}

std::string for_log(std::string_view text) {
    std::string line(text);
    std::replace_if(
        line.begin(), line.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }, ' ');
    return line;
}

std::string target_name(const DueEvent& event) {
    return for_log(event.location + " of server " + event.server);
}

template <class... Values>
void log(ngx_uint_t level, const char* format, Values... values) noexcept {
    ngx_log_error(level, ngx_cycle->log, 0, format, values...);
}

void log_dead(std::string_view alert_key, std::int64_t event_id, std::string_view why) noexcept {
    log(NGX_LOG_ERR, "flashduty spool: alert \"%s\", event %L, is a dead letter: %s",
        for_log(alert_key).c_str(), event_id, for_log(why).c_str());
}

/// Makes those of `pushed` wait that the store had no room for as dead letters.
template <class Pushed>
void postpone(std::vector<Pushed>& pushed, const std::vector<std::int64_t>& event_ids) noexcept {
    for (Pushed& one : pushed) {
        const std::int64_t event_id = one.settlement.event_id;
        if (std::find(event_ids.begin(), event_ids.end(), event_id) != event_ids.end()) {
            one.settlement.fate = one.verdict.fate = Fate::kWaits;
        }
    }
}

void log_deleted(const DeadLetter& letter) noexcept {
    log(NGX_LOG_ERR, "flashduty spool: dead letter of alert \"%s\", event %L, deleted: %s",
        for_log(letter.alert_key).c_str(), letter.event_id, for_log(letter.reason).c_str());
}

}  // namespace

/// An event on its way. Lives as long as its request, which points into it.
struct Deliverer::Push {
    Deliverer* deliverer;  ///< nullptr once the deliverer is gone
    ngx_http_request_t* request;
    DueEvent event;

    Push(Deliverer& owner, ngx_http_request_t* r, DueEvent&& due) noexcept
        : deliverer(&owner), request(r), event(std::move(due)) {
        deliverer->pushes_.insert(this);
    }
    ~Push() {
        if (deliverer != nullptr) {
            deliverer->pushes_.erase(this);
        }
    }
    Push(const Push&) = delete;
    Push& operator=(const Push&) = delete;
};

/// Answer of the store to an ask.
struct Found {
    std::vector<DueEvent> due;
    Held held;
};

/// Work for a thread, and its results.
struct Deliverer::Job {
    std::vector<Pushed> pushed;
    std::unique_ptr<OrderJob> order;
    bool is_tending = false;
    std::vector<std::int64_t> busy_events;
    std::vector<Ask> asks;
    UnixMs now_ms = 0;

    StoreStatus settled = StoreStatus::kOk;
    StoreStatus tended = StoreStatus::kOk;
    StoreStatus found = StoreStatus::kOk;  ///< first failure among `asks`, else kOk
    Tended tending;
    StoreSize size;  ///< with is_tending
    std::vector<std::int64_t> targets;
    StoreStatus looked_for_pauses = StoreStatus::kBusy;
    std::vector<EventLedger::Paused> paused;
    std::vector<Found> answers;  ///< one for each ask that was answered
    std::string error;
    std::string notice;
};

Deliverer::Deliverer(std::unique_ptr<EventStore> store, const Options& options,
                     const Owner& owner) noexcept
    : options_(options),
      owner_(owner),
      store_(std::move(store)),
      schedule_(options.rate, seed()),
      salt_(seed()),
      clock_(options.clock) {
    job_.set<&Deliverer::work, &Deliverer::on_worked>(*this);
    look_.set<&Deliverer::run>(*this, true);
    retry_.set<&Deliverer::run>(*this, false);
    if (!options_.is_shared) {
        log(NGX_LOG_NOTICE, "flashduty spool: this process delivers");
    }
    if (!options_.socket_path.empty()) {
        listen();
    }
    run();
}

Deliverer::~Deliverer() {
    for (Push* push : pushes_) {
        push->deliverer = nullptr;
    }
    record_unheard(clock_.now_ms());
}

void Deliverer::listen() noexcept {
    server_ = LineServer::listen(
        options_.socket_path,
        {[](void* self, std::unique_ptr<Line> line) noexcept {
             static_cast<Deliverer*>(self)->on_line(std::move(line));
         },
         [](void* self) noexcept { static_cast<Deliverer*>(self)->leave(); },
         {[](void* self, Line& line, std::string_view message) noexcept {
              static_cast<Deliverer*>(self)->on_message(line, message);
          },
          [](void* self, Line& line) noexcept { static_cast<Deliverer*>(self)->on_line_end(line); },
          this},
         this});
}

void Deliverer::listen_where_missing() noexcept {
    ngx_file_info_t info;
    if (!is_leaving_ && ngx_link_info(options_.socket_path.c_str(), &info) == NGX_FILE_ERROR &&
        ngx_errno == NGX_ENOENT) {
        server_.reset();
        listen();
    }
}

// ---------------------------------------------------------------- lines

void Deliverer::on_line(std::unique_ptr<Line> line) noexcept {
    Line* key = line.get();
    if (!options_.introduction.empty()) {
        line->send(options_.introduction);
    }
    lines_.emplace(key, std::move(line));
}

void Deliverer::forget(const Line& line) noexcept {
    orders_.erase(std::remove_if(orders_.begin(), orders_.end(),
                                 [&line](const OrderJob& job) { return job.line == &line; }),
                  orders_.end());
    if (work_ != nullptr && work_->order != nullptr && work_->order->line == &line) {
        work_->order->line = nullptr;  // threads do not read it
    }
}

void Deliverer::on_line_end(Line& line) noexcept {
    forget(line);
    for (auto at = listening_.begin(); at != listening_.end();) {
        at = at->second.line == &line ? listening_.erase(at) : std::next(at);
    }
    if (options_.gate != nullptr) {
        options_.gate->on_line_end(line);
    }
    lines_.erase(&line);
}

void Deliverer::on_message(Line& line, std::string_view message) noexcept {
    Order order;
    if (read_order(message, order)) {
        if (options_.gate == nullptr || !options_.gate->on_order(line, order)) {
            take_order(&line, {}, std::move(order));
        }
    } else {
        on_woken(line, message);
    }
}

void Deliverer::on_woken(Line& line, std::string_view message) noexcept {
    std::vector<Woken> own, shared;
    for (Woken woken : read_woken(message)) {
        const bool is_of_fleet = is_shared(woken.target_id);
        woken.event_id &= ~kShared;
        woken.target_id &= ~kShared;
        (is_of_fleet ? shared : own).push_back(woken);
    }
    if (!shared.empty() && options_.gate != nullptr) {
        options_.gate->on_woken(line, shared);
    }
    if (!own.empty() && options_.gate != nullptr) {
        options_.gate->on_own_woken();
    }
    if (!own.empty()) {
        listen_to(&line, own);
    }
}

void Deliverer::hear(const std::vector<Woken>& woken) noexcept { listen_to(nullptr, woken); }

void Deliverer::listen_to(Line* line, const std::vector<Woken>& all) noexcept {
    const UnixMs now_ms = clock_.now_ms();
    for (const Woken& woken : all) {
        if (tell_late(line, woken.event_id)) {
            continue;
        }
        if (woken.event_id != 0) {
            schedule_.arrived(woken.target_id, now_ms);
        } else {
            schedule_.wake(woken.target_id);
        }
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty deliverer: woken for target %L by event %L", woken.target_id,
                       woken.event_id);
        if (woken.event_id != 0) {
            listening_[woken.event_id] = {line, woken.target_id, now_ms};
        }
    }
    tell_who_waits(now_ms);
    run();
}

void Deliverer::count_spent(const std::vector<Spent>& spent, std::uint32_t anywhere) noexcept {
    const UnixMs now_ms = clock_.now_ms();
    const SteadyMs steady_ms = steady_now_ms();
    for (const Spent& one : spent) {
        schedule_.spent(one.target_id, one.count, now_ms - (steady_ms - one.left_ms));
    }
    schedule_.spent_anywhere(anywhere, now_ms);
}

void Deliverer::look_again() noexcept {
    tell_who_waits(clock_.now_ms());
    run();
}

void Deliverer::answer(const OrderJob& job) noexcept {
    if (job.line != nullptr) {
        job.line->send(write_order_done(job.done()));
    } else if (!job.channel.empty() && options_.gate != nullptr) {
        options_.gate->on_order_done(job.channel, job.done());
    }
}

/// Takes an order; one that needs no thread is carried out at once.
void Deliverer::take_order(Line* line, const std::string& channel, Order&& order) noexcept {
    OrderJob job;
    job.line = line;
    job.channel = channel;
    job.order = std::move(order);
    if (is_leaving_) {
        job.status = StoreStatus::kBusy;
        job.error = "is about to be delivered by another process";
        answer(job);
        return;
    }
    if (job.order.kind == Order::Kind::kHearYes) {
        const auto target =
            std::find_if(target_texts_.begin(), target_texts_.end(), [&job](const auto& known) {
                return known.second.server == job.order.change.server &&
                       known.second.location == job.order.change.location;
            });
        if (target != target_texts_.end()) {
            schedule_.hear_yes(target->first, place_of(job.order.place), clock_.now_ms());
        }
        answer(job);
    } else if (job.order.kind == Order::Kind::kTry) {
        const UnixMs now_ms = clock_.now_ms();
        for (const TargetState& target : schedule_.targets()) {
            const bool is_meant =
                job.order.target_id == 0 || job.order.target_id == target.target_id;
            if (is_meant && !pauses_.has(target.target_id, now_ms)) {
                schedule_.probe_now(target.target_id, now_ms);
                job.changed.done++;
            }
        }
        answer(job);
    } else {
        orders_.push_back(std::move(job));
    }
    run();
}

void Deliverer::send(const Listening& listening, const PushVerdict& verdict) noexcept {
    if (listening.line != nullptr) {
        listening.line->send(write_verdict(verdict));
    } else if (options_.gate != nullptr) {
        options_.gate->tell(verdict);
    }
}

void Deliverer::tell(const PushVerdict& verdict) noexcept {
    const auto found = listening_.find(verdict.event_id);
    if (found != listening_.end()) {
        send(found->second, verdict);
        listening_.erase(found);
        return;
    }
    const auto unheard = unheard_.find(verdict.event_id);
    if (unheard != unheard_.end()) {
        unheard->second.verdict.fate = verdict.fate;  // may have been postponed
        unheard->second.is_settled = true;
    }
}

/// Tells a caller of whom is heard after its event's push; false when the event has none behind it,
/// or its verdict is still to come. The caller counts the event from now on.
bool Deliverer::tell_late(Line* line, std::int64_t event_id) noexcept {
    const auto found = unheard_.find(event_id);
    if (found == unheard_.end()) {
        return false;
    }
    const bool is_settled = found->second.is_settled;
    if (is_settled) {
        send({line, 0, 0}, found->second.verdict);
    }
    unheard_.erase(found);
    return is_settled;
}

/// True for an event that was pushed: its verdict comes once that is written down.
bool Deliverer::is_settling(std::int64_t event_id) const noexcept {
    const auto is_it = [event_id](const Pushed& pushed) {
        return pushed.settlement.event_id == event_id;
    };
    return std::any_of(pushed_.begin(), pushed_.end(), is_it) ||
           (work_ != nullptr && std::any_of(work_->pushed.begin(), work_->pushed.end(), is_it));
}

/// Newest event whose caller waits, by target_id.
std::unordered_map<std::int64_t, std::int64_t> Deliverer::newest() const noexcept {
    std::unordered_map<std::int64_t, std::int64_t> newest;
    for (const auto& [event_id, listening] : listening_) {
        std::int64_t& known = newest[listening.target_id];
        known = std::max(known, event_id);
    }
    return newest;
}

/// Answers callers whose events cannot leave now: they need not wait longer. The newest arrival for
/// a target that is away may be the next probe.
void Deliverer::tell_who_waits(UnixMs now_ms) noexcept {
    const auto newest = this->newest();
    const std::string why_not = options_.gate == nullptr ? std::string() : options_.gate->why_not();
    for (auto at = listening_.begin(); at != listening_.end();) {
        const auto& [event_id, listening] = *at;
        const std::int64_t target_id = listening.target_id;
        const bool is_away = schedule_.next_probe_ms(target_id) != 0;
        const bool is_pushed = pushing_.count(event_id) != 0 || is_settling(event_id);
        const bool is_forgotten = now_ms - listening.since_ms > kForgetMs;
        const bool is_paused = pauses_.has(target_id, now_ms);
        const bool may_leave = !is_leaving_ && !is_paused && why_not.empty() &&
                               schedule_.may_leave(target_id, now_ms) &&
                               (!is_away || newest.at(target_id) == event_id);
        if (!is_forgotten && (is_pushed || may_leave)) {
            ++at;
            continue;
        }
        PushVerdict verdict;
        verdict.event_id = event_id;
        if (is_paused) {
            verdict.reason = kPaused;
        } else if (const auto text = target_texts_.find(target_id);
                   is_away && text != target_texts_.end()) {
            verdict.reason = reason_of(target_id, text->second);
        } else {
            verdict.reason = why_not;
        }
        send(listening, verdict);
        at = listening_.erase(at);
    }
}

// ---------------------------------------------------------------- what a thread does

/// Gives a thread all work that there is. While one is busy, new work is left for the next run.
void Deliverer::run() noexcept {
    if (job_.is_out() || is_running_ || is_abandoned_) {
        return;
    }
    is_running_ = true;
    is_leaving_ = is_leaving_ || ngx_exiting || ngx_terminate;
    const UnixMs now_ms = clock_.now_ms();
    auto work = std::make_unique<Job>();
    look_.stop();
    retry_.stop();
    if (now_ms >= not_before_ms_ && collect(*work, now_ms)) {
        work_ = std::move(work);
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty deliverer: %uz to settle, %uz asks, tends: %ui",
                       work_->pushed.size(), work_->asks.size(),
                       static_cast<ngx_uint_t>(work_->is_tending));
        if (!job_.post(options_.threads)) {
            not_before_ms_ = now_ms + kStoreRetryMs;
            work_->settled = work_->found = work_->tended = StoreStatus::kBusy;
            is_running_ = false;
            on_worked();
            return;
        }
    } else {
        set_timer(now_ms);
    }
    is_running_ = false;
    if (is_leaving_ && is_done()) {
        owner_.on_done(owner_.owner);  // ends this object
    }
}

/// Collects work; false when there is none.
bool Deliverer::collect(Job& job, UnixMs now_ms) noexcept {
    job.now_ms = now_ms;
    job.pushed = std::move(pushed_);
    pushed_.clear();
    if (!is_leaving_) {
        job.is_tending = now_ms >= next_tending_ms_;
        if (may_push()) {
            job.asks = schedule_.asks(now_ms);
        }
    }
    if (!is_leaving_ && !orders_.empty()) {
        job.order = std::make_unique<OrderJob>(std::move(orders_.front()));
        job.order->now_ms = now_ms;
        orders_.pop_front();
    }
    if (job.is_tending || job.order != nullptr) {
        for (const auto& [event_id, target_id] : pushing_) {
            job.busy_events.push_back(event_id);
        }
        if (job.order != nullptr) {
            job.order->busy = job.busy_events;
        }
        for (const Pushed& pushed : job.pushed) {
            job.busy_events.push_back(pushed.settlement.event_id);
        }
    }
    return job.order != nullptr || !job.pushed.empty() || job.is_tending || !job.asks.empty();
}

/// Runs in a thread.
void Deliverer::work() noexcept {
    Job& job = *work_;
    const auto keep = [&](StoreStatus status) {
        if (status != StoreStatus::kOk) {
            job.error = store_->error();
        }
        return status;
    };
    if (!job.pushed.empty()) {
        std::vector<Settlement> settlements;
        for (const Pushed& pushed : job.pushed) {
            settlements.push_back(pushed.settlement);
        }
        job.settled = keep(store_->settle(settlements));
        postpone(job.pushed, store_->take_postponed());
    }
    EventLedger* ledger = store_->ledger();
    if (!knows_pauses_) {
        job.looked_for_pauses =
            ledger == nullptr ? StoreStatus::kOk : keep(ledger->paused(job.now_ms, job.paused));
    }
    if (job.order != nullptr && job.settled == StoreStatus::kOk) {
        job.order->work(ledger);
    }
    if (job.is_tending) {
        job.tended = keep(store_->expire(job.now_ms, job.busy_events, job.tending));
        if (job.tended == StoreStatus::kOk) {
            job.tended = keep(store_->targets(job.targets));
        }
        if (job.tended == StoreStatus::kOk) {
            job.tended = keep(store_->size(job.size));
        }
    }
    for (std::size_t i = 0; i < job.asks.size() && job.found == StoreStatus::kOk; i++) {
        const Ask& ask = job.asks[i];
        Found found;
        job.found = keep(store_->find(ask.search, job.now_ms, found.due, found.held));
        if (job.found == StoreStatus::kOk) {
            job.answers.push_back(std::move(found));
        }
    }
    job.notice = store_->take_notice();
}

void Deliverer::on_worked() noexcept {
    const std::unique_ptr<Job> job = std::move(work_);
    if (is_abandoned_) {
        owner_.on_done(owner_.owner);  // ends this object
        return;
    }
    const UnixMs now_ms = clock_.now_ms();
    if (!job->notice.empty()) {
        log(NGX_LOG_CRIT, "flashduty spool: %s", job->notice.c_str());
    }
    StoreStatus worst = StoreStatus::kOk;
    for (const StoreStatus status : {job->settled, job->tended, job->found}) {
        worst = status == StoreStatus::kOk ? worst : status;
    }
    if (!options_.is_shared) {
        note_spool(SpoolUser::kDeliverer, worst, job->error);
    }
    if (options_.gate != nullptr) {
        options_.gate->on_store(worst, job->error);
    }
    failures_ = worst == StoreStatus::kOk ? 0 : failures_ + 1;
    not_before_ms_ = worst == StoreStatus::kOk ? 0 : now_ms + kStoreRetryMs;
    is_running_ = true;  // until all results are taken
    take_settled(*job);
    if (job->looked_for_pauses == StoreStatus::kOk) {
        pauses_.set(job->paused);
        knows_pauses_ = true;
    }
    take_order(*job);
    take_due(*job);
    if (job->is_tending) {
        take_tended(*job);
        next_tending_ms_ = job->tending.has_more ? now_ms : now_ms + kTendingMs;
    }
    tell_who_waits(clock_.now_ms());
    record_unheard(clock_.now_ms() - kUnheardMs);
    is_running_ = false;
    run();
}

void Deliverer::take_settled(Job& job) noexcept {
    if (job.settled != StoreStatus::kOk) {
        // Flashduty's word holds even if the store fails; only the next events have to wait.
        for (const Pushed& pushed : job.pushed) {
            tell(pushed.verdict);
        }
        pushed_.insert(pushed_.begin(), std::make_move_iterator(job.pushed.begin()),
                       std::make_move_iterator(job.pushed.end()));
        return;
    }
    if (!job.pushed.empty()) {
        count_commit(stats());
    }
    for (const Pushed& pushed : job.pushed) {
        schedule_.settled(pushed.target_id, pushed.settlement.alert_id);
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "flashduty deliverer: event %L is settled: %s", pushed.settlement.event_id,
                       kFateNames[index_of(pushed.settlement.fate)]);
        schedule_.wake(pushed.target_id);
        if (options_.gate != nullptr) {
            options_.gate->on_settled();
        }
        if (pushed.settlement.fate == Fate::kRefused) {
            log_dead(pushed.alert_key, pushed.settlement.event_id, pushed.settlement.reason);
        }
        tell(pushed.verdict);
    }
}

/// Takes an order's result. Nothing is sent when its worker's line has gone.
void Deliverer::take_order(Job& job) noexcept {
    if (job.order == nullptr) {
        return;
    }
    OrderJob& order = *job.order;
    if (job.settled != StoreStatus::kOk) {
        order.status = job.settled;
        order.error = job.error;
    }
    const EventsChanged& changed = order.changed;
    for (const DeadLetter& letter : changed.dead) {
        log_dead(letter.alert_key, letter.event_id, letter.reason);
    }
    for (const DeadLetter& letter : changed.deleted) {
        log_deleted(letter);
    }
    schedule_.forget(changed.gone);
    for (const std::int64_t target_id : changed.wakes) {
        schedule_.wake(target_id);
    }
    if (order.status == StoreStatus::kOk && order.order.kind == Order::Kind::kPause) {
        pauses_.set(order.order.target_id, order.until_ms());
    }
    if (order.status == StoreStatus::kOk && order.order.kind == Order::Kind::kResume) {
        pauses_.set(order.order.target_id, 0);
        schedule_.probe_now(order.order.target_id, order.now_ms);
    }
    next_tending_ms_ = std::min(next_tending_ms_, order.now_ms);  // counts have changed
    answer(order);
}

void Deliverer::take_due(Job& job) noexcept {
    for (std::size_t i = 0; i < job.asks.size(); i++) {
        const Ask& ask = job.asks[i];
        if (i >= job.answers.size()) {
            schedule_.not_answered(ask);
            continue;
        }
        if (!knows_pauses_ || !may_push() || pauses_.has(ask.search.target_id, clock_.now_ms())) {
            schedule_.not_answered(ask);
            continue;
        }
        Found& found = job.answers[i];
        const std::size_t count =
            schedule_.answered(ask, found.due.size(), found.held, clock_.now_ms());
        bool is_early = false;
        for (std::size_t k = 0; k < count; k++) {
            // Time anew for each: a busy machine may stop this process between two of them, and
            // the budget counts pushes as sent.
            const UnixMs now_ms = clock_.now_ms();
            // A push that failed at once may have sent the target away.
            const std::int64_t target_id = ask.search.target_id;
            if (k != 0 && (schedule_.next_probe_ms(target_id) != 0 ||
                           !schedule_.may_leave(target_id, now_ms))) {
                schedule_.not_started(ask);
                break;
            }
            if (options_.gate != nullptr && !options_.gate->may_push_of(found.due[k].term)) {
                is_early = true;
                continue;
            }
            if (options_.gate != nullptr && !options_.gate->may_spend(target_id)) {
                is_early = true;
                break;
            }
            push(ask.kind, std::move(found.due[k]), now_ms);
        }
        if (is_early) {
            schedule_.not_answered(ask);  // asked again in a moment
        }
    }
}

void Deliverer::take_tended(Job& job) noexcept {
    std::vector<std::int64_t> dead;
    for (const DeadLetter& letter : job.tending.dead) {
        log_dead(letter.alert_key, letter.event_id, letter.reason);
        count_replay(stats(), Fate::kRefused, status_now_ms());
        dead.push_back(letter.event_id);
    }
    if (!dead.empty()) {
        schedule_.forget(dead);
    }
    for (const DeadLetter& letter : job.tending.deleted) {
        log_deleted(letter);
    }
    if (job.tending.held_wal_bytes != 0) {
        log(NGX_LOG_WARN,
            "flashduty spool: a reader keeps %uL MB in its \"-wal\" from being copied back and the "
            "disk fills: end its transaction, sqlite3's for instance",
            job.tending.held_wal_bytes >> 20);
    }
    if (job.tending.requeued != 0) {
        log(NGX_LOG_NOTICE, "flashduty spool: %uz dead letters wait again", job.tending.requeued);
    }
    for (const std::int64_t target_id : job.targets) {
        schedule_.wake(target_id);
    }
    if (job.tended == StoreStatus::kOk) {
        forget_removed(job.targets);
    }
    show_targets();
    if (job.tended == StoreStatus::kOk && options_.gate != nullptr) {
        options_.gate->on_figures(job.size, served_targets());
    }
    if (job.tended == StoreStatus::kOk && is_shown()) {
        publish_spool(stats(),
                      {job.size.waiting, job.size.dead, job.size.used_bytes,
                       to_status(clock_, job.size.oldest_ms)},
                      status_now_ms());
    }
}

void Deliverer::set_timer(UnixMs now_ms) noexcept {
    if (is_leaving_) {
        if (!pushed_.empty() && failures_ < kMostFailures) {
            retry_.start(static_cast<ngx_msec_t>(std::max<UnixMs>(not_before_ms_ - now_ms, 1)));
        }
        return;
    }
    UnixMs next_ms = next_tending_ms_;
    if (may_push()) {
        next_ms = std::min(next_ms, schedule_.next_look_ms(now_ms));
    }
    next_ms = std::max(next_ms, not_before_ms_);
    look_.start(static_cast<ngx_msec_t>(std::max<UnixMs>(next_ms - now_ms, 1)));
}

// ---------------------------------------------------------------- pushes

void Deliverer::push(Ask::Kind kind, DueEvent&& event, UnixMs now_ms) noexcept {
    schedule_.started(kind, event, now_ms);
    if (options_.gate != nullptr) {
        options_.gate->on_push(event.target_id);
    }
    pushing_.emplace(event.event_id, event.target_id);
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "flashduty deliverer: event %L of target %L leaves, attempt %uD", event.event_id,
                   event.target_id, event.attempts + 1);
    TargetText& text =
        target_texts_
            .try_emplace(
                event.target_id,
                TargetText{
                    event.server, event.location, {}, {}, {}, false, Blame::kNobody, 0, 0, 0})
            .first->second;
    text.pushed_ms = now_ms;
    text.newest_ms = std::max(text.newest_ms, event.accepted_ms);
    const Standing standing = standing_of(*options_.conf, event.server, event.location);
    if (standing != Standing::kThere) {
        push_nowhere(event, standing, text);
        return;
    }
    ngx_http_request_t* r = make_silent_request(find_server(*options_.conf->servers, event.server));
    Delivery* delivery = r == nullptr ? nullptr : create_delivery(r);
    ngx_pool_cleanup_t* cleanup = r == nullptr ? nullptr : ngx_pool_cleanup_add(r->pool, 0);
    if (delivery == nullptr || cleanup == nullptr) {
        end_push(event, Fate::kWaits, nullptr, "nginx has no connection or memory left");
        if (r != nullptr) {
            end_silent_request(r);
        }
        return;
    }
    Push& push = *new Push(*this, r, std::move(event));
    cleanup->handler = [](void* data) { delete static_cast<Push*>(data); };
    cleanup->data = &push;
    delivery->push.owner = &push;
    delivery->push.is_from_spool = true;
    delivery->event.title_rule = push.event.title;
    delivery->event.event_status = push.event.event_status;
    delivery->event.alert_key = push.event.alert_key;
    delivery->event_json = push.event.event;
    delivery->alert_variables = push.event.variables;
    delivery->push.uri = to_ngx(push.event.location);
    delivery->push.args = to_ngx(push.event.arguments);
    delivery->push.on_judged = [](Delivery& judged) {
        Push& ended = *static_cast<Push*>(judged.push.owner);
        if (ended.deliverer != nullptr) {
            ended.deliverer->on_judged(ended, judged);
        }
    };
    if (options_.is_shared) {
        delivery->push.may_leave = [](Delivery& leaving) {
            const Push& leaves = *static_cast<Push*>(leaving.push.owner);
            return leaves.deliverer != nullptr && leaves.deliverer->may_push();
        };
    }
    delivery->push.on_over = end_silent_request;
    if (!start_push(*delivery)) {
        end_push(push.event, Fate::kWaits, nullptr, "out of memory");
        end_silent_request(r);
        return;
    }
    run_silent_request(r);
}

/// Ends the push of an event whose place has gone. Leftovers of an old configuration hide no other
/// reason; an evaluated uri that leads nowhere now is the configuration's fault.
void Deliverer::push_nowhere(const DueEvent& event, Standing standing, TargetText& text) noexcept {
    const bool is_new =
        text.newest_ms >= clock_begun_ms_ && is_named(*options_.conf, event.server, event.location);
    text.blame = is_new ? Blame::kOperator : Blame::kStray;
    end_push(event, Fate::kWaits, nullptr,
             why_gone(standing, for_log(event.server), for_log(event.location)));
}

void Deliverer::on_judged(Push& push, Delivery& delivery) noexcept {
    end_push(push.event, fate_of(delivery.push.verdict), &delivery,
             std::string(delivery.push.reason));
}

/// Stands for where a push ended, in this process alone.
Place Deliverer::place_of(std::uint64_t where) const noexcept {
    const std::uint64_t salted[] = {salt_, where};
    return digest_of({reinterpret_cast<const char*>(salted), sizeof(salted)});
}

/// Reason for refused events that wait.
std::string Deliverer::not_compared(std::int64_t target_id,
                                    const std::string& reason) const noexcept {
    return std::to_string(std::max<std::size_t>(schedule_.refused(target_id), 1)) +
           " events are refused: " + reason + "; nothing else was sent to compare";
}

/// Reason why nothing, or not everything, leaves for a target.
std::string Deliverer::reason_of(std::int64_t target_id, const TargetText& text) const noexcept {
    const bool is_away = schedule_.next_probe_ms(target_id) != 0;
    const bool is_refused = schedule_.refused(target_id) > 0 && (!is_away || text.is_refusal);
    return is_refused ? not_compared(target_id, text.refusal) : text.reason;
}

/// Ends a push; `delivery` is nullptr when nothing was pushed.
void Deliverer::end_push(const DueEvent& event, Fate answer, Delivery* delivery,
                         const std::string& why) noexcept {
    const UnixMs now_ms = clock_.now_ms();
    PushEnded end;
    end.fate = answer;
    if (delivery != nullptr) {
        end.place = place_of(where_pushed(*delivery));
        end.retry_after_ms = retry_after_ms(delivery->push.retry_after);
        end.is_too_frequent = delivery->push.verdict == Verdict::kSlowDown;
    }
    const Schedule::Ended ended = schedule_.ended(event.target_id, event.alert_id, end, now_ms);
    const Fate fate = ended.fate;
    const std::string reason = ended.is_compared ? why : not_compared(event.target_id, why);
    if (fate == Fate::kWaits) {
        TargetText& text = target_texts_[event.target_id];
        text.is_refusal = !ended.is_compared;
        (text.is_refusal ? text.refusal : text.reason) = for_log(why);
    }
    if (delivery != nullptr) {
        target_texts_[event.target_id].blame = blame_of(*delivery);
    }
    if (fate == Fate::kWaits) {
        log_away(event, ended.change, !ended.is_compared, why, now_ms);
    }
    PushVerdict verdict;
    verdict.event_id = event.event_id;
    verdict.fate = fate;
    verdict.reason = reason;
    if (delivery != nullptr) {
        verdict.http_status = delivery->push.end.http_status;
        verdict.push_time_ms = delivery->push.time_ms;
        verdict.code = std::string(delivery->answer.code);
        verdict.request_id = std::string(delivery->answer.request_id);
    }
    record_end(event, verdict, delivery, now_ms);
    if (ended.change.kind != TargetChange::Kind::kNone || !ended.is_compared) {
        show_targets();
    }
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "flashduty deliverer: event %L %s, due %L", event.event_id,
                   kFateNames[index_of(fate)], ended.due_ms);
    Pushed pushed;
    pushed.alert_key = event.alert_key;
    pushed.target_id = event.target_id;
    pushed.settlement.event_id = event.event_id;
    pushed.settlement.alert_id = event.alert_id;
    pushed.settlement.fate = fate;
    pushed.settlement.settled_ms = now_ms;
    pushed.settlement.due_ms = ended.due_ms;
    pushed.settlement.reason = why;
    pushed.settlement.http_status = verdict.http_status;
    pushed.verdict = std::move(verdict);
    pushing_.erase(event.event_id);
    pushed_.push_back(std::move(pushed));
    run();
}

/// Logs what the log has not said yet, in this process or another: a target that went away, or has
/// another reason now.
void Deliverer::log_away(const DueEvent& event, const TargetChange& change, bool is_refused,
                         const std::string& reason, UnixMs now_ms) noexcept {
    const UnixMs next_probe_ms = schedule_.next_probe_ms(event.target_id);
    const bool is_away = next_probe_ms != 0;
    const std::string why = for_log(reason);
    if ((!is_away && !is_refused) ||
        !is_news(stats(), {event.server, event.location}, why, status_now_ms())) {
        return;
    }
    if (!is_away) {
        log(NGX_LOG_ERR, "flashduty target \"%s\" takes no event, they wait in the spool: %s",
            target_name(event).c_str(), why.c_str());
        return;
    }
    const bool is_first = change.kind == TargetChange::Kind::kAway;
    log(NGX_LOG_ERR,
        is_first ? "flashduty target \"%s\" is away, its events wait in the spool, next try in %L "
                   "ms: %s"
                 : "flashduty target \"%s\" is still away, next try in %L ms: %s",
        target_name(event).c_str(), std::max<UnixMs>(next_probe_ms - now_ms, 0), why.c_str());
}

// ---------------------------------------------------------------- what is to be seen

void Deliverer::record_end(const DueEvent& event, const PushVerdict& verdict, Delivery* delivery,
                           UnixMs now_ms) noexcept {
    const std::string& reason = verdict.reason;
    const bool is_delivered = verdict.fate == Fate::kDelivered;
    const auto delay_ms =
        static_cast<std::uint64_t>(std::max<UnixMs>(now_ms - event.accepted_ms, 0));
    const bool is_refused = delivery != nullptr && delivery->push.verdict == Verdict::kEventRefused;
    const TargetName name = {event.server, event.location};
    if (is_delivered) {
        count_delivery(stats(), delay_ms, status_now_ms());
    } else {
        publish_last_error(stats(), for_log(reason), status_now_ms());
    }
    if (is_delivered || is_refused) {
        PushNote note;
        note.fate = is_delivered ? Fate::kDelivered : Fate::kRefused;
        note.reason = reason;
        note.alert_key = event.alert_key;
        note.is_live = false;
        note.doubt = delivery == nullptr ? PushDoubt::kNone : delivery->push.doubt;
        const PushNews news = note_push(stats(), target_key(name), name, note, status_now_ms());
        if (news.is_doubted) {
            log_doubt(*delivery, name);
        }
        if (news.is_back) {
            log(NGX_LOG_NOTICE, "flashduty target \"%s\" is back after %L s",
                target_name(event).c_str(),
                static_cast<std::int64_t>(status_now_ms() - news.away_since_ms) / 1000);
        }
    }
    const bool is_pushed = delivery != nullptr && delivery->push.end.http_status != 0;
    if (!is_pushed || listening_.count(event.event_id) != 0) {
        return;  // its caller counts it
    }
    if (verdict.fate == Fate::kWaits) {
        count_replay(stats(), Fate::kWaits, status_now_ms());
        return;
    }
    const Unheard unheard{KeptAlert(*delivery), verdict, delay_ms, now_ms, false};
    const bool is_new = event.attempts == 0 && now_ms - event.accepted_ms < kForgetMs;
    if (is_new && unheard_.size() < kMostUnheard) {
        unheard_.emplace(event.event_id, unheard);
    } else {
        unheard.record();
    }
}

void Deliverer::Unheard::record() const noexcept {
    count_replay(stats(), verdict.fate, status_now_ms());
    if (verdict.fate != Fate::kWaits) {
        const bool is_delivered = verdict.fate == Fate::kDelivered;
        alert.record(is_delivered ? AnsweredAs::kDelivered : AnsweredAs::kRefused, verdict.code,
                     verdict.request_id, verdict.reason, delay_ms);
    }
}

/// Records the verdicts that came until `until_ms`, and for which nobody has asked.
void Deliverer::record_unheard(UnixMs until_ms) noexcept {
    for (auto at = unheard_.begin(); at != unheard_.end();) {
        if (at->second.since_ms > until_ms) {
            ++at;
            continue;
        }
        at->second.record();
        at = unheard_.erase(at);
    }
}

/// Forgets targets that the configuration has no more, once nothing waits for them.
void Deliverer::forget_removed(const std::vector<std::int64_t>& waiting) noexcept {
    for (auto at = target_texts_.begin(); at != target_texts_.end();) {
        const std::int64_t target_id = at->first;
        const auto is_pushed = [target_id](const auto& push) { return push.second == target_id; };
        const bool is_needed =
            std::find(waiting.begin(), waiting.end(), target_id) != waiting.end() ||
            std::any_of(pushing_.begin(), pushing_.end(), is_pushed) ||
            !is_removed(*options_.conf, at->second.server + ' ' + at->second.location, false);
        at = is_needed ? std::next(at) : target_texts_.erase(at);
    }
}

/// Shows the targets. Nothing is wrong with one that the schedule has forgotten, and it is shown
/// for a day.
void Deliverer::show_targets() noexcept {
    const UnixMs now_ms = clock_.now_ms();
    std::unordered_map<std::int64_t, TargetState> states;
    for (const TargetState& target : schedule_.targets()) {
        states.emplace(target.target_id, target);
    }
    std::vector<TargetFact> facts;
    for (auto at = target_texts_.begin(); at != target_texts_.end();) {
        TargetText& text = at->second;
        const auto state = states.find(at->first);
        if (state == states.end() && now_ms - text.pushed_ms > UnixMs{kForgetTargetMs}) {
            at = target_texts_.erase(at);
            continue;
        }
        TargetFact fact;
        if (state != states.end()) {
            const TargetState& now = state->second;
            fact.is_away = now.is_away || now.refused > 0;
            text.since_ms = fact.is_away && !now.is_away ? now.refused_ms : now.since_ms;
            text.shown = reason_of(at->first, text);
            fact.next_try_ms = to_status(clock_, now.next_probe_ms);
        }
        fact.name = {text.server, text.location};
        fact.since_ms = to_status(clock_, text.since_ms);
        fact.reason = text.shown;
        fact.blame = text.blame;
        facts.push_back(fact);
        ++at;
    }
    if (!is_shown()) {
        return;
    }
    publish_targets(stats(), facts.data(), facts.size(), begun_ms_, status_now_ms());
}

/// Targets for the other edges of a fleet.
std::vector<ServedTarget> Deliverer::served_targets() const noexcept {
    std::vector<ServedTarget> shown;
    for (const TargetState& state : schedule_.targets()) {
        const auto text = target_texts_.find(state.target_id);
        if (text != target_texts_.end()) {
            shown.push_back({text->second.server, text->second.location,
                             !state.is_away && state.refused == 0,
                             reason_of(state.target_id, text->second)});
        }
    }
    return shown;
}

// ---------------------------------------------------------------- the end

void Deliverer::leave() noexcept {
    if (is_abandoned_) {
        return;
    }
    is_leaving_ = true;
    if (options_.gate != nullptr) {
        options_.gate->on_leave();
    }
    tell_who_waits(clock_.now_ms());
    run();
}

void Deliverer::abandon() noexcept {
    if (is_abandoned_) {
        return;
    }
    is_abandoned_ = is_leaving_ = true;
    look_.stop();
    retry_.stop();
    const std::unordered_set<Push*> pushes = std::move(pushes_);
    pushes_.clear();
    for (Push* push : pushes) {
        push->deliverer = nullptr;
    }
    for (Push* push : pushes) {
        drop_silent_request(push->request);  // ends the push, too
    }
    if (!job_.is_out()) {
        owner_.on_done(owner_.owner);  // ends this object
    }
}

bool Deliverer::is_done() const noexcept {
    return !job_.is_out() && pushing_.empty() && (pushed_.empty() || failures_ >= kMostFailures);
}

}  // namespace flashduty
