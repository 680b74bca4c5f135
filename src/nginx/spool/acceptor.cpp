#include "acceptor.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "../../core/alert_variables.hpp"
#include "../../core/secret.hpp"
#include "../../core/text.hpp"
#include "../../status/fleet_record.hpp"
#include "../push/live_push.hpp"
#include "../push/push.hpp"
#include "../request/answer.hpp"
#include "../request/conf.hpp"
#include "../request/servers.hpp"
#include "../request/stats_zone.hpp"

namespace flashduty {

namespace {

/// Limits of a batch. A larger commit would keep the other callers waiting, and take room that
/// nobody has counted. A single event may be larger.
constexpr std::size_t kMaxBatchEvents = 256;
constexpr std::size_t kMaxBatchBytes = 4 * 1024 * 1024;

/// Time in the queue for the disk after which an event goes past the spool.
constexpr UnixMs kLongestQueueMs = 10'000;

/// Most keys that are remembered in an outage of the spool; the dead letters of further ones may
/// come back.
constexpr std::size_t kMostDelivered = 10000;

/// Interval of telling the spool about them, and most keys in one commit: events wait for that.
constexpr ngx_msec_t kTellingMs = 1000;
constexpr std::size_t kMostTold = 1000;

/// Tries of a worker that is told to leave.
constexpr int kLastTellings = 5;

/// Time that is kept for the local spool when the fleet's database takes too long.
constexpr std::int64_t kForLocalMs = 300;
constexpr std::int64_t kLongestMs = 60'000;

/// Interval of connecting to the fleet's database.
constexpr ngx_msec_t kConnectMs = 1000;

/// Time between two lines about events that go to a fleet edge's own spool.
constexpr SteadyMs kLogMs = 1'000;

/// Interval of trying a spool that has taken nothing.
constexpr ngx_msec_t kTrialMs = 1000;

constexpr std::string_view kWritten = "the event is on disk and will be delivered";
constexpr std::string_view kBehind = "an earlier event of this alert waits";

/// Reason for a caller whose event waits: every answer says why, as far as that is known. `reason`
/// is the deliverer's.
std::string_view written(Delivery& delivery, std::string_view reason) noexcept {
    const bool is_own = !reason.empty() && reason != kBehind;
    std::string_view why = is_own ? with_spool_trouble(delivery, reason) : why_it_waits(delivery);
    why = why.empty() ? reason : why;
    return why.empty() ? kWritten : concat(delivery.arena, kWritten, std::string_view(": "), why);
}

/// Most alerts that are remembered because their verdict may still come.
constexpr std::size_t kMostKept = 256;

/// Answers a caller outside of all events of its own connection.
void answer(Delivery& delivery, Outcome outcome, std::string_view reason) noexcept {
    ngx_connection_t* c = delivery.request->connection;
    settle(delivery, outcome, reason);
    answer_caller(delivery.request);
    ngx_http_run_posted_requests(c);
}

template <class Value>
std::vector<Value> take_first(std::vector<Value>& values, std::size_t most) {
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), most));
    std::vector<Value> first(std::make_move_iterator(values.begin()), std::make_move_iterator(end));
    values.erase(values.begin(), end);
    return first;
}

std::string copy(std::string_view text) { return std::string(text); }

/// True when the uri of the push would bring an integration key into the spool.
bool has_key_in_uri(const Delivery& delivery) noexcept {
    const std::string uri =
        copy(to_view(delivery.push.uri)) + '?' + copy(to_view(delivery.push.args));
    std::string_view rest = uri;
    return !take_integration_key(rest).empty() ||
           before_key(delivery.request, uri).size() != uri.size();
}

NewEvent event_of(Delivery& delivery, UnixMs now_ms) noexcept {
    const FlashdutyEvent& event = delivery.event;
    NewEvent record;
    record.server = copy(server_of(delivery.request));
    record.location = copy(to_view(delivery.push.uri));
    record.arguments = copy(to_view(delivery.push.args));
    record.alert_key = copy(event.alert_key);
    record.event_status = copy(event.event_status);
    record.title = copy(event.title_rule);
    record.event = copy(delivery.event_json);
    record.variables = copy(write_alert_variables(delivery.arena, *delivery.alert));
    record.accepted_ms = now_ms;
    return record;
}

}  // namespace

/// A caller that waits. It may be gone at any time.
struct Acceptor::Waiter {
    Acceptor* acceptor;
    Delivery* delivery;         ///< nullptr: the request has ended
    std::int64_t event_id = 0;  ///< 0: not written down yet
    std::int64_t target_id = 0;
    bool has_waited = false;  ///< long enough to be answered
    Timer timer;

    void on_timer() noexcept {
        has_waited = true;
        if (event_id != 0) {
            acceptor->keep(*this);
            acceptor->answer_late(*this);
        }
    }
};

struct Acceptor::Entry {
    NewEvent event;
    SpooledBody body;
    bool is_read = false;  ///< the body is read
    std::unique_ptr<Waiter> waiter;

    /// Size before it is written down.
    [[nodiscard]] std::size_t size_bytes() const noexcept {
        return event.event.size() + event.variables.size() + event.arguments.size() +
               event.body.size() + body.size_bytes();
    }
};

/// Work for a thread.
struct Acceptor::Batch {
    std::vector<Entry> entries;
    std::vector<NewEvent> events;  ///< events of the entries whose body could be read
    std::vector<DeliveredKey> delivered;
    std::vector<Appended> appended;  ///< results of `events`
    SteadyMs shared_until_ms = 0;    ///< end of the time for the fleet's database
    FleetAppender::Way way;
    StoreStatus status = StoreStatus::kOk;
    std::string error;
    std::string notice;
};

Acceptor::Acceptor(std::unique_ptr<EventStore> store, ngx_thread_pool_t* threads,
                   const Waker& waker, SpoolClock clock) noexcept
    : store_(std::move(store)), threads_(threads), waker_(waker), clock_(clock) {
    job_.set<&Acceptor::write_down, &Acceptor::on_written>(*this);
    telling_.set<&Acceptor::tell>(*this, false);
    trial_.set<&Acceptor::try_spool>(*this, true);
    if (has_trouble(stats(), SpoolUser::kAcceptor)) {
        trial_.start(kTrialMs);  // of a worker that may be gone
    }
}

Acceptor::Acceptor(std::unique_ptr<FleetAppender> store, ngx_thread_pool_t* threads,
                   const Waker& waker, SpoolClock clock) noexcept
    : Acceptor(std::unique_ptr<EventStore>(std::move(store)), threads, waker, clock) {
    fleet_ = static_cast<FleetAppender*>(store_.get());
    connecting_.set<&Acceptor::connect_in_thread, &Acceptor::on_connected>(*this);
    connect_again_.set<&Acceptor::connect>(*this, true);
    connect();
}

Acceptor::~Acceptor() = default;

// ---------------------------------------------------------------- the fleet's database

/// Connects where there is no connection: no caller may have to wait for that.
void Acceptor::connect() noexcept {
    const bool is_leaving = ngx_exiting || ngx_terminate;
    if (!is_leaving && fleet_->is_cut_off() && !connecting_.is_out()) {
        (void)connecting_.post(threads_);
    }
    if (!is_leaving) {
        connect_again_.start(kConnectMs);
    }
}

void Acceptor::connect_in_thread() noexcept { is_connected_ = fleet_->connect(connect_error_); }

void Acceptor::on_connected() noexcept {
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "flashduty acceptor: connected to the fleet's database: %ui",
                   static_cast<ngx_uint_t>(is_connected_));
}

/// Says once a second at most that events go to the local spool: batches are many.
void Acceptor::log_local(std::size_t events, const std::string& reason) noexcept {
    unlogged_events_ += events;
    const SteadyMs now_ms = steady_now_ms();
    if (now_ms - local_logged_ms_ < kLogMs) {
        return;
    }
    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "flashduty fleet: %uz events are written to the local spool: %s",
                  unlogged_events_, reason.c_str());
    local_logged_ms_ = now_ms;
    unlogged_events_ = 0;
}

/// Tells where a batch has gone.
void Acceptor::note_way(const Batch& batch) noexcept {
    const FleetAppender::Way& way = batch.way;
    if (way.is_shared) {
        count_append(stats(), static_cast<std::uint64_t>(way.took_ms), status_now_ms());
    }
    if (way.is_unknown) {
        count_unknown(stats());
    }
    if (!way.is_shared && !way.reason.empty()) {
        log_local(batch.events.size(), way.reason);
    }
}

// ---------------------------------------------------------------- in

void Acceptor::on_request_end(void* data) {
    Delivery& delivery = *static_cast<Delivery*>(data);
    auto* waiter = static_cast<Waiter*>(delivery.push.owner);
    if (waiter == nullptr) {
        return;
    }
    delivery.push.owner = nullptr;
    waiter->timer.stop();
    if (waiter->event_id == 0) {
        waiter->delivery = nullptr;
        settle(delivery, Outcome::kBroken,
               "nginx ended the request before the event was written down");
        return;
    }
    settle(delivery, Outcome::kSpooled, written(delivery, {}));
    waiter->acceptor->keep(*waiter);
    waiter->acceptor->waiters_.erase(waiter->event_id);
}

void Acceptor::accept(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    if (has_key_in_uri(delivery)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the uri of \"flashduty_push\" holds an integration key, which must not lie "
                      "in the spool: the event is pushed without it, put the key into the "
                      "\"proxy_pass\" of that location");
        push_past_spool(delivery);
        return;
    }
    Entry entry;
    entry.event = event_of(delivery, clock_.now_ms());
    ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(r, 0);
    if (cleanup == nullptr || delivery.arena.failed()) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        answer_caller(r);
        return;
    }
    cleanup->handler = on_request_end;
    cleanup->data = &delivery;
    if (!entry.body.take(r)) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, ngx_errno,
                      "flashduty spool: the request body file cannot be kept open");
        push_past_spool(delivery);
        return;
    }
    entry.waiter.reset(new Waiter{this, &delivery, 0, 0, false, {}});
    entry.waiter->timer.set<&Waiter::on_timer>(*entry.waiter, false);
    entry.waiter->timer.start(location_conf(r).spool_after_ms);
    delivery.push.owner = entry.waiter.get();
    hold_caller(r);
    queue_.push_back(std::move(entry));
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "flashduty acceptor: %uz events wait for the disk", queue_.size());
    post();
}

/// Time that the callers of a batch leave to the fleet's database.
std::int64_t Acceptor::time_for_shared(const Batch& batch) noexcept {
    std::int64_t left_ms = std::numeric_limits<std::int64_t>::max();
    for (const Entry& entry : batch.entries) {
        const Waiter& waiter = *entry.waiter;
        if (waiter.delivery != nullptr && !waiter.has_waited) {
            const ngx_http_request_t* r = waiter.delivery->request;
            const ngx_msec_t age_ms = ngx_current_msec - waiter.delivery->arrived_ms;
            const auto after_ms = static_cast<std::int64_t>(
                location_conf(const_cast<ngx_http_request_t*>(r)).spool_after_ms);
            left_ms = std::min(left_ms, after_ms - kForLocalMs - static_cast<std::int64_t>(age_ms));
        }
    }
    return std::clamp<std::int64_t>(left_ms, 0, kLongestMs);
}

void Acceptor::post() noexcept {
    while (!job_.is_out() && !queue_.empty()) {
        batch_ = std::make_unique<Batch>();
        batch_->entries = take_first(queue_, batch_size());
        if (fleet_ != nullptr) {
            batch_->shared_until_ms = steady_now_ms() + time_for_shared(*batch_);
        }
        if (!job_.post(threads_)) {
            const std::unique_ptr<Batch> refused = std::move(batch_);
            for (Entry& entry : refused->entries) {
                push_instead(entry);
            }
        }
    }
}

/// Number of events at the start of the queue that fit into a batch.
std::size_t Acceptor::batch_size() const noexcept {
    std::size_t count = 0, bytes = 0;
    while (count < std::min(queue_.size(), kMaxBatchEvents)) {
        bytes += queue_[count].size_bytes();
        if (count != 0 && bytes > kMaxBatchBytes) {
            break;
        }
        count++;
    }
    return count;
}

/// Finds out without an event that the spool can be used again.
void Acceptor::try_spool() noexcept {
    if (job_.is_out()) {
        trial_.start(kTrialMs);
        return;
    }
    batch_ = std::make_unique<Batch>();
    if (!job_.post(threads_)) {
        batch_.reset();
        trial_.start(kTrialMs);
    }
}

/// Tells the spool which keys were delivered past it, in a batch of their own: no caller waits for
/// that.
void Acceptor::tell() noexcept {
    is_telling_due_ = job_.is_out();
    if (is_telling_due_ || delivered_.empty()) {
        return;
    }
    if (ngx_exiting && ++last_tellings_ > kLastTellings) {
        delivered_.clear();  // the spool cannot be used
        return;
    }
    batch_ = std::make_unique<Batch>();
    batch_->delivered = take_first(delivered_, kMostTold);
    if (!job_.post(threads_)) {
        const std::unique_ptr<Batch> refused = std::move(batch_);
        refused->status = StoreStatus::kBusy;
        take_told(*refused);
    }
}

/// Takes back the keys that the spool has not taken, to tell it again.
void Acceptor::take_told(Batch& batch) noexcept {
    if (batch.status == StoreStatus::kOk) {
        batch.delivered.clear();
    }
    std::move(batch.delivered.begin(), batch.delivered.end(), std::back_inserter(delivered_));
    tell_later();
}

void Acceptor::tell_later() noexcept {
    if (delivered_.size() > kMostDelivered) {
        delivered_.resize(kMostDelivered);
    }
    if (!delivered_.empty() && !telling_.is_running() && !is_telling_due_) {
        telling_.start(kTellingMs);
    }
}

/// Runs in a thread.
void Acceptor::write_down() noexcept {
    std::vector<NewEvent>& events = batch_->events;
    events.reserve(batch_->entries.size());
    for (Entry& entry : batch_->entries) {
        entry.is_read = entry.is_read || entry.body.read(entry.event.body);
        if (entry.is_read) {
            events.push_back(std::move(entry.event));
        }
    }
    if (fleet_ != nullptr) {
        fleet_->hurry(batch_->shared_until_ms - steady_now_ms());
    }
    batch_->status = batch_->delivered.empty() ? store_->append(events, batch_->appended)
                                               : store_->supersede(batch_->delivered);
    batch_->error = copy(store_->error());
    batch_->notice = store_->take_notice();
    if (fleet_ != nullptr) {
        batch_->way = fleet_->way();
    }
}

// ---------------------------------------------------------------- written down, or not

void Acceptor::on_written() noexcept {
    const std::unique_ptr<Batch> batch = std::move(batch_);
    if (!batch->notice.empty()) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0, "flashduty spool: %s",
                      batch->notice.c_str());
    }
    if (fleet_ != nullptr && batch->delivered.empty()) {
        note_way(*batch);
    }
    if (batch->delivered.empty()) {
        take(*batch);
    } else {
        take_told(*batch);
    }
    if (is_telling_due_) {
        tell();
    }
    post();
}

void Acceptor::take(Batch& batch) noexcept {
    note_spool(SpoolUser::kAcceptor, batch.status, batch.error);
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "flashduty acceptor: batch of %uz events, store status %ui",
                   batch.entries.size(), static_cast<ngx_uint_t>(batch.status));
    if (batch.status != StoreStatus::kOk && !trial_.is_running()) {
        trial_.start(kTrialMs);
    }
    if (batch.status == StoreStatus::kStalled) {
        queue_again(batch);
    }
    if (batch.status != StoreStatus::kOk) {
        for (Entry& entry : batch.entries) {
            push_instead(entry);
        }
        return;
    }
    count_commit(stats());
    std::vector<Woken> woken;
    auto appended = batch.appended.begin();
    for (Entry& entry : batch.entries) {
        if (entry.is_read) {
            const bool waits = entry.waiter->delivery != nullptr && !appended->has_elder &&
                               !entry.waiter->has_waited;
            woken.push_back({waits ? appended->event_id : 0, appended->target_id});
            take_written(entry, *appended++);
        } else {
            push_instead(entry);
        }
    }
    waker_.wake(waker_.owner, woken);
}

/// Queues the entries again that have not queued for long enough, before all that came later.
void Acceptor::queue_again(Batch& batch) noexcept {
    std::vector<Entry> gone, queue;
    auto event = batch.events.begin();
    const UnixMs since_ms = clock_.now_ms() - kLongestQueueMs;
    for (Entry& entry : batch.entries) {
        if (entry.is_read) {
            entry.event = std::move(*event++);
        }
        const bool has_queued = !entry.is_read || entry.event.accepted_ms <= since_ms;
        (has_queued ? gone : queue).push_back(std::move(entry));
    }
    std::move(queue_.begin(), queue_.end(), std::back_inserter(queue));
    queue_ = std::move(queue);
    batch.entries = std::move(gone);
}

void Acceptor::take_written(Entry& entry, const Appended& appended) noexcept {
    Waiter& waiter = *entry.waiter;
    if (waiter.delivery == nullptr) {
        return;
    }
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, waiter.delivery->request->connection->log, 0,
                   "flashduty acceptor: event %L of target %L is on disk, behind another: %ui",
                   appended.event_id, appended.target_id,
                   static_cast<ngx_uint_t>(appended.has_elder));
    waiter.event_id = appended.event_id;
    waiter.target_id = appended.target_id;
    waiters_.emplace(appended.event_id, std::move(entry.waiter));
    if (appended.has_elder) {
        hear({appended.event_id, Fate::kWaits, 0, 0, {}, {}, std::string(kBehind)});
    } else if (waiter.has_waited) {
        answer_late(waiter);
    }
}

void Acceptor::push_instead(Entry& entry) noexcept {
    Waiter& waiter = *entry.waiter;
    if (waiter.delivery == nullptr) {
        return;
    }
    waiter.timer.stop();
    ngx_connection_t* c = waiter.delivery->request->connection;
    waiter.delivery->push.owner = nullptr;
    push_past_spool(*waiter.delivery);
    ngx_http_run_posted_requests(c);
}

/// Pushes past the spool. The spool must hear of a delivery: the dead letters of its key are
/// superseded.
void Acceptor::push_past_spool(Delivery& delivery) noexcept {
    push_live(delivery,
              {[](void* self, Delivery& delivered) noexcept {
                   auto& acceptor = *static_cast<Acceptor*>(self);
                   const ngx_msec_t age_ms = ngx_current_msec - delivered.arrived_ms;
                   acceptor.delivered_.push_back(
                       {copy(server_of(delivered.request)), copy(to_view(delivered.push.uri)),
                        copy(delivered.event.alert_key),
                        acceptor.clock_.now_ms() - static_cast<UnixMs>(age_ms)});
                   acceptor.tell_later();
               },
               this});
}

// ---------------------------------------------------------------- out

void Acceptor::hear(const PushVerdict& verdict) noexcept {
    const auto found = waiters_.find(verdict.event_id);
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "flashduty acceptor: event %L %s, its caller waits: %ui", verdict.event_id,
                   kFateNames[index_of(verdict.fate)],
                   static_cast<ngx_uint_t>(found != waiters_.end()));
    if (found == waiters_.end()) {
        hear_of_kept(verdict);
        return;
    }
    const std::unique_ptr<Waiter> waiter = std::move(found->second);
    waiters_.erase(found);
    waiter->timer.stop();
    Delivery& delivery = *waiter->delivery;
    delivery.push.owner = nullptr;
    delivery.push.end.http_status = verdict.http_status;
    delivery.push.time_ms = static_cast<ngx_msec_t>(verdict.push_time_ms);
    delivery.answer.code = delivery.arena.copy(verdict.code);
    delivery.answer.request_id = delivery.arena.copy(verdict.request_id);
    const std::string_view why = delivery.arena.copy(verdict.reason);
    switch (verdict.fate) {
        case Fate::kDelivered:
            answer(delivery, Outcome::kDelivered, {});
            return;
        case Fate::kRefused:
            answer(delivery, Outcome::kRefused, why);
            return;
        case Fate::kWaits:
        case Fate::kCount:
            break;
    }
    answer(delivery, Outcome::kSpooled, written(delivery, why));
}

void Acceptor::answer_late(Waiter& waiter) noexcept {
    hear({waiter.event_id, Fate::kWaits, 0, 0, {}, {}, {}});
}

void Acceptor::keep(const Waiter& waiter) noexcept {
    if (kept_.size() == kMostKept) {
        kept_.erase(kept_.begin());
    }
    Delivery& delivery = *waiter.delivery;
    kept_.insert_or_assign(waiter.event_id, Kept{KeptAlert(delivery), delivery.arrived_ms});
}

/// Records the verdict of an alert that nobody waits for any more: the status shows it.
void Acceptor::hear_of_kept(const PushVerdict& verdict) noexcept {
    const auto found = kept_.find(verdict.event_id);
    const bool is_pushed = verdict.http_status != 0;
    if (verdict.fate == Fate::kWaits) {
        if (is_pushed) {
            count_replay(stats(), Fate::kWaits, status_now_ms());
        }
    } else {
        const bool is_delivered = verdict.fate == Fate::kDelivered;
        count_replay(stats(), verdict.fate, status_now_ms());
        if (found != kept_.end()) {
            found->second.alert.record(is_delivered ? AnsweredAs::kDelivered : AnsweredAs::kRefused,
                                       verdict.code, verdict.request_id, verdict.reason,
                                       ngx_current_msec - found->second.arrived_ms);
        }
    }
    if (found != kept_.end()) {
        kept_.erase(found);
    }
}

std::vector<Woken> Acceptor::waiting() const noexcept {
    std::vector<Woken> woken;
    for (const auto& [event_id, waiter] : waiters_) {
        woken.push_back({event_id, waiter->target_id});
    }
    return woken;
}

}  // namespace flashduty
