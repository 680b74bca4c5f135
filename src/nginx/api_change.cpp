// Changes by operators: ordered from the deliverer, one batch after the other.
#include <algorithm>
#include <utility>
#include <vector>

#include "../core/text.hpp"
#include "api_call.hpp"
#include "base/headers.hpp"
#include "base/pool_arena.hpp"
#include "request/conf.hpp"
#include "request/servers.hpp"
#include "spool/worker.hpp"

namespace flashduty {

namespace {

constexpr char kNoDeliverer[] =
    "there is no line to the process that delivers at the moment, nothing was done";

constexpr char kNoTarget[] = "there is no such target";
constexpr char kNoDeadLetter[] = "there is no such dead letter";
constexpr char kNoEvent[] = "no such event waits: it has left, or is a dead letter";

// ---------------------------------------------------------------- what is ordered

struct KindRow {
    ApiAction action;
    Order::Kind order;
    EventChange::Kind change;
    bool is_of_target;  ///< number in its path is a target's
};

constexpr KindRow kKinds[] = {
    {ApiAction::kResend, Order::Kind::kChange, EventChange::Kind::kResend, false},
    {ApiAction::kDiscard, Order::Kind::kChange, EventChange::Kind::kDiscard, false},
    {ApiAction::kDelete, Order::Kind::kChange, EventChange::Kind::kDelete, false},
    {ApiAction::kMove, Order::Kind::kChange, EventChange::Kind::kMove, true},
    {ApiAction::kTry, Order::Kind::kTry, EventChange::Kind::kResend, true},
    {ApiAction::kPause, Order::Kind::kPause, EventChange::Kind::kResend, true},
    {ApiAction::kResume, Order::Kind::kResume, EventChange::Kind::kResend, true},
};

const KindRow& row_of(ApiAction action) noexcept {
    return *std::find_if(std::begin(kKinds), std::end(kKinds),
                         [action](const KindRow& row) { return row.action == action; });
}

// ---------------------------------------------------------------- an order and its answers

/// Runs one change to its end, for as long as its caller stays.
struct Run {
    ApiCallPtr call;
    Doer doer;
    Order order;
    ApiDone total;
    EventsChanged last;  ///< result of the last batch
};
using RunPtr = std::shared_ptr<Run>;

void give(const RunPtr& run) noexcept;
void take(const RunPtr& run, const OrderDone& done) noexcept;

class RunOrderer final : public Orderer {
  public:
    explicit RunOrderer(RunPtr run) noexcept : run_(std::move(run)) {}

    void on_done(const OrderDone& done) noexcept override { take(run_, done); }

  private:
    RunPtr run_;
};

void give(const RunPtr& run) noexcept {
    if (!order_of_deliverer(run->order, std::make_unique<RunOrderer>(run))) {
        answer_api_later(*run->call, kNoDeliverer);
    }
}

std::string text_of(const ApiDone& total) {
    return std::to_string(total.done) + " done, " + std::to_string(total.busy) + " busy" +
           (total.is_whole ? "" : ", ended before its end");
}

/// Reason why one event was not changed; empty when it was.
std::string_view why_not(const ApiRequest& asked, const ApiDone& total) noexcept {
    const bool is_of_one_event = asked.id != 0 && asked.action != ApiAction::kMove;
    if (!is_of_one_event || total.done != 0) {
        return {};
    }
    return total.busy != 0 ? "it is being pushed at the moment"
           : total.superseded != 0
               ? "a newer event of its key was delivered since: it is never sent again"
               : std::string_view{};
}

void take(const RunPtr& run, const OrderDone& done) noexcept {
    ApiCall& call = *run->call;
    run->total.done += done.done;
    run->total.busy += done.busy;
    run->total.superseded += done.superseded;
    run->total.is_whole = done.is_done && done.next == 0;
    const bool goes_on = done.is_done && done.next != 0 && call.request != nullptr;
    if (goes_on) {
        run->order.change.after = done.next;
        give(run);
        return;
    }
    const bool is_there = !done.is_done || done.is_found || run->total.done != 0;
    const std::string_view why = why_not(call.asked, run->total);
    if (done.is_done && is_there && why.empty()) {
        run->doer.note(text_of(run->total));
    } else if (run->total.done != 0) {
        run->doer.note(text_of(run->total));
    }
    if (!done.is_done) {
        answer_api_later(
            call, run->total.done == 0 ? done.reason : text_of(run->total) + ": " + done.reason);
    } else if (!is_there) {
        answer_api(call, NGX_HTTP_NOT_FOUND,
                   write_api_reason(row_of(call.asked.action).is_of_target ? kNoTarget
                                    : call.asked.pile == Pile::kDead       ? kNoDeadLetter
                                                                           : kNoEvent));
    } else if (!why.empty()) {
        answer_api(call, NGX_HTTP_CONFLICT, write_api_reason(why));
    } else {
        answer_api(call, NGX_HTTP_OK, write_api_done(run->total));
    }
}

// ---------------------------------------------------------------- giving orders

RunPtr run_of(const ApiCallPtr& call) noexcept {
    const ApiRequest& asked = call->asked;
    const KindRow& row = row_of(asked.action);
    auto run = std::make_shared<Run>(Run{call, Doer(call->request), {}, {}, {}});
    run->order.kind = row.order;
    run->order.change.kind = row.change;
    run->order.change.filter = asked.filter;
    run->order.pause_ms = asked.pause_s * 1000;
    if (row.is_of_target) {
        run->order.target_id = asked.id;
        run->order.change.filter.target_id = asked.id;
    } else {
        run->order.change.event_id = asked.id;
    }
    return run;
}

/// Gives an order for a target once it is known that the target exists.
class TargetOrder final : public ApiReading {
  public:
    using ApiReading::ApiReading;

    StoreStatus read(EventLedger& ledger) noexcept override {
        return ledger.list_targets(targets_);
    }

  private:
    void finish() noexcept override {
        if (call().request == nullptr) {
            return;
        }
        const auto target = std::find_if(
            targets_.begin(), targets_.end(),
            [id = call().asked.id](const ListedTarget& one) { return one.target_id == id; });
        if (target == targets_.end()) {
            answer_api(call(), NGX_HTTP_NOT_FOUND, write_api_reason(kNoTarget));
            return;
        }
        const RunPtr run = run_of(call_pointer());
        if (call().asked.action == ApiAction::kMove && !direct(*run, *target)) {
            return;
        }
        give(run);
    }

    /// Sets the target of a move; false, and answered, when it leads nowhere.
    bool direct(Run& run, const ListedTarget& from) noexcept {
        PushPlace place;
        std::string why;
        if (!find_place(call(), from.server, targets_, place, why)) {
            answer_api(call(), NGX_HTTP_BAD_REQUEST, write_api_reason(why));
            return false;
        }
        run.order.change.server = place.server;
        run.order.change.location = place.uri.substr(0, place.uri.find('?'));
        return true;
    }

    std::vector<ListedTarget> targets_;
};

// ---------------------------------------------------------------- a fleet's roll

/// Takes an edge off the roll: the database does it, whoever leads.
class EdgeForgetting final : public ApiReading {
  public:
    explicit EdgeForgetting(const ApiCallPtr& call) noexcept
        : ApiReading(call), doer_(call->request) {}

    StoreStatus read(EventLedger& ledger) noexcept override {
        return ledger.forget_edge(call().asked.edge, forgotten_, seen_ago_ms_);
    }

  private:
    void finish() noexcept override {
        const std::string name = "edge \"" + call().asked.edge + "\"";
        switch (forgotten_) {
            case EventLedger::Forgotten::kDone:
                doer_.note("done");
                answer_api(call(), NGX_HTTP_OK, write_api_done({1, 0, 0, true}));
                return;
            case EventLedger::Forgotten::kLives:
                answer_api(
                    call(), NGX_HTTP_CONFLICT,
                    write_api_reason(name + " lives: it was seen " +
                                     std::to_string(seen_ago_ms_ / 1000) + "s ago, stop it first"));
                return;
            case EventLedger::Forgotten::kUnknown:
                answer_api(call(), NGX_HTTP_NOT_FOUND,
                           write_api_reason("there is no " + name + " on a fleet's roll"));
                return;
        }
    }

    Doer doer_;
    EventLedger::Forgotten forgotten_ = EventLedger::Forgotten::kUnknown;
    std::int64_t seen_ago_ms_ = 0;
};

}  // namespace

void change_for(const ApiCallPtr& call) noexcept {
    if (call->asked.action == ApiAction::kForget) {
        read_spool(std::make_unique<EdgeForgetting>(call));
    } else if (row_of(call->asked.action).is_of_target && call->asked.id != 0) {
        read_spool(std::make_unique<TargetOrder>(call));
    } else {
        give(run_of(call));
    }
}

// ---------------------------------------------------------------- for others too

bool find_place(const ApiCall& call, std::string_view usual_server,
                const std::vector<ListedTarget>& targets, PushPlace& place,
                std::string& why) noexcept {
    const MainConf& conf = main_conf(call.request);
    const ApiRequest& asked = call.asked;
    const std::string path = asked.uri.substr(0, asked.uri.find('?'));
    const bool has_arguments = path.size() != asked.uri.size();
    std::vector<PushPlace> places;
    const auto add = [&](std::string_view server, std::string_view uri) {
        const bool is_known = std::any_of(places.begin(), places.end(), [&](const PushPlace& one) {
            return one.server == server;
        });
        if (!is_known && (asked.server.empty() || asked.server == server)) {
            places.push_back({std::string(server), std::string(uri)});
        }
    };
    for_each_literal_push(conf, [&](const ngx_http_core_srv_conf_t* server, std::string_view uri) {
        if (has_arguments ? uri == asked.uri : uri.substr(0, uri.find('?')) == path) {
            add(server_of(*conf.servers, server), uri);
        }
    });
    for (const ListedTarget& target : targets) {
        if (target.location == path) {
            add(target.server, path);
        }
    }
    const auto usual = std::find_if(places.begin(), places.end(), [&](const PushPlace& one) {
        return one.server == usual_server;
    });
    if (usual != places.end()) {
        place = *usual;
        return true;
    }
    if (places.size() != 1) {
        why = places.empty() ? "there is no \"flashduty_push\" of that uri, and no such target"
                             : "several server blocks have that uri: name one by \"server\"";
        return false;
    }
    place = places.front();
    return true;
}

Doer::Doer(ngx_http_request_t* r) noexcept {
    PoolArena arena(r->pool);
    const bool has_user = ngx_http_auth_basic_user(r) == NGX_OK;
    const auto sound = [&arena](std::string_view text) {
        return std::string(without_controls(arena, repair(arena, text)));
    };
    what_ = std::string(to_view(r->method_name)) + " " + sound(to_view(r->unparsed_uri));
    who_ = "by user \"" + (has_user ? sound(to_view(r->headers_in.user)) : std::string{}) +
           "\" from " + std::string(to_view(r->connection->addr_text));
}

void Doer::note(const std::string& what) const noexcept {
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "flashduty api: %s %s: %s", what_.c_str(),
                  who_.c_str(), what.c_str());
}

}  // namespace flashduty
