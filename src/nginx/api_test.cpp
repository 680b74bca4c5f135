// Test: an event that opens nothing, pushed by a location as an alert would be, to see whether the
// way to Flashduty is free.
#include <algorithm>
#include <vector>

#include "../core/flashduty_event.hpp"
#include "../status/record.hpp"
#include "api_call.hpp"
#include "base/headers.hpp"
#include "push/live_push.hpp"
#include "push/push.hpp"
#include "push/silent_request.hpp"
#include "request/conf.hpp"
#include "request/servers.hpp"
#include "request/stats_zone.hpp"
#include "spool/worker.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kKey = "flashduty-gateway-test";
constexpr std::string_view kTitle = "Test of the Flashduty gateway";

/// A push under way for a call.
struct Test {
    ApiCallPtr call;
    Doer doer;
    PushPlace place;
};

void answer(const Test& test, Outcome outcome, ApiTested& tested) noexcept {
    const OutcomeText text = text_of(outcome);
    tested.outcome = text.name;
    test.doer.note("test of \"" + test.place.uri.substr(0, test.place.uri.find('?')) +
                   "\" of server \"" + test.place.server + "\" " + std::string(text.name));
    answer_api(*test.call, static_cast<unsigned>(text.status), write_api_tested(tested));
}

void fail(const Test& test, std::string_view reason) noexcept {
    ApiTested tested;
    tested.reason = reason;
    answer(test, Outcome::kBroken, tested);
}

class NobodyHears final : public Orderer {
  public:
    void on_done(const OrderDone&) noexcept override {}
};

/// Tells the deliverer of a yes: it counts for events that were refused there, too.
void tell_deliverer(const PushPlace& place, std::uint64_t where) noexcept {
    Order order;
    order.kind = Order::Kind::kHearYes;
    order.change.server = place.server;
    order.change.location = place.uri.substr(0, place.uri.find('?'));
    order.place = where;
    (void)order_of_deliverer(order, std::make_unique<NobodyHears>());
}

void on_judged(Delivery& delivery) noexcept {
    const Test& test = *static_cast<Test*>(delivery.push.owner);
    ApiTested tested;
    tested.reason = delivery.push.verdict == Verdict::kDelivered ? sentence_of(delivery.push.doubt)
                                                                 : delivery.push.reason;
    tested.code = delivery.answer.code;
    tested.request_id = delivery.answer.request_id;
    tested.alert_key = kKey;
    tested.http_status = delivery.push.end.http_status;
    tested.push_time_ms = delivery.push.time_ms;
    tested.has_alert_key = delivery.push.has_alert_key;
    if (delivery.push.verdict == Verdict::kDelivered &&
        main_conf(delivery.request).spool != nullptr) {
        tell_deliverer(test.place, where_pushed(delivery));
    }
    answer(test, outcome_of(delivery.push.verdict), tested);
}

/// Makes an `Ok` for an alert that does not exist.
bool fill_event(Delivery& delivery) noexcept {
    delivery.event.title_rule = kTitle;
    delivery.event.event_status = "Ok";
    delivery.event.alert_key = kKey;
    delivery.event_json = write_event(delivery.arena, delivery.event);
    return !delivery.arena.failed();
}

void push(Test&& from) noexcept {
    const MainConf& conf = main_conf(from.call->request);
    ngx_http_conf_ctx_t* server = find_server(*conf.servers, from.place.server);
    if (server == nullptr) {
        fail(from, "the configuration has no such server block any more");
        return;
    }
    ngx_http_request_t* r = make_silent_request(server);
    Delivery* delivery = r == nullptr ? nullptr : create_delivery(r);
    ngx_pool_cleanup_t* cleanup = r == nullptr ? nullptr : ngx_pool_cleanup_add(r->pool, 0);
    if (delivery == nullptr || cleanup == nullptr || !fill_event(*delivery)) {
        fail(from, "nginx has no connection or memory left");
        if (r != nullptr) {
            end_silent_request(r);
        }
        return;
    }
    auto* test = new Test(std::move(from));
    cleanup->handler = [](void* data) { delete static_cast<Test*>(data); };
    cleanup->data = test;
    const std::size_t at = test->place.uri.find('?');
    delivery->push.uri = to_ngx(std::string_view(test->place.uri).substr(0, at));
    if (at != std::string::npos) {
        delivery->push.args = to_ngx(std::string_view(test->place.uri).substr(at + 1));
    }
    delivery->push.owner = test;
    delivery->push.on_judged = on_judged;
    delivery->push.on_over = end_silent_request;
    if (!start_push(*delivery)) {
        fail(*test, kOutOfMemory);
        end_silent_request(r);
        return;
    }
    run_silent_request(r);
}

/// Finds the place of the push; answers when there is none.
bool find_test_place(const ApiCall& call, const std::vector<ListedTarget>& targets,
                     PushPlace& place, unsigned& status, std::string& why) noexcept {
    if (call.asked.id == 0) {
        status = NGX_HTTP_BAD_REQUEST;
        return find_place(call, server_of(call.request), targets, place, why);
    }
    const auto target =
        std::find_if(targets.begin(), targets.end(),
                     [id = call.asked.id](const ListedTarget& one) { return one.target_id == id; });
    if (target == targets.end()) {
        status = NGX_HTTP_NOT_FOUND;
        why = "there is no such target";
        return false;
    }
    place = {target->server, target->location};
    // A literal uri of that target has the arguments of its pushes.
    const MainConf& conf = main_conf(call.request);
    for_each_literal_push(conf, [&](const ngx_http_core_srv_conf_t* server, std::string_view uri) {
        if (server_of(*conf.servers, server) == target->server &&
            uri.substr(0, uri.find('?')) == target->location) {
            place.uri = uri;
        }
    });
    return true;
}

void test_with(const ApiCallPtr& call, const std::vector<ListedTarget>& targets) noexcept {
    PushPlace place;
    unsigned status = 0;
    std::string why;
    if (!find_test_place(*call, targets, place, status, why)) {
        answer_api(*call, status, write_api_reason(why));
        return;
    }
    if (!may_test(stats(), status_now_ms())) {
        constexpr unsigned kTooManyRequests = 429;
        (void)add_header(&call->request->headers_out.headers, "Retry-After", "1");
        answer_api(*call, kTooManyRequests, write_api_reason("one test a second: try again"));
        return;
    }
    push({call, Doer(call->request), std::move(place)});
}

class TestReading final : public ApiReading {
  public:
    using ApiReading::ApiReading;

    StoreStatus read(EventLedger& ledger) noexcept override {
        return ledger.list_targets(targets_);
    }

    /// A spool that cannot be read stops nobody from testing the configuration's places.
    void on_read(StoreStatus status, const std::string& error) noexcept override {
        const bool is_read = status == StoreStatus::kOk;
        if (!is_read && call().asked.id != 0) {
            ApiReading::on_read(status, error);
        } else if (call().request != nullptr) {
            test_with(call_pointer(), is_read ? targets_ : std::vector<ListedTarget>{});
        }
    }

  private:
    std::vector<ListedTarget> targets_;
};

}  // namespace

void test_for(const ApiCallPtr& call) noexcept {
    if (main_conf(call->request).spool == nullptr) {
        test_with(call, {});
    } else {
        read_spool(std::make_unique<TestReading>(call));
    }
}

}  // namespace flashduty
