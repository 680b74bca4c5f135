// Counters that workers share: counted by all at once, read at any time.
#include <thread>

#include "status_support.hpp"

using namespace flashduty;

namespace {

constexpr TargetName kTarget = {"127.0.0.1:8080 gateway", "/flashduty"};

void answers_are_counted_by_kind(void**) {
    Board board;
    count_answer(board.stats, AnsweredAs::kDelivered, kNow);
    count_answer(board.stats, AnsweredAs::kDelivered, kNow);
    count_answer(board.stats, AnsweredAs::kRejected, kNow);
    assert_holds(board.json(),
                 R"("flashduty_events_total":{"delivered":2,"spooled":0,"test":0,"preview":0,)"
                 R"("refused":0,"failed":0,"rejected":1})");
}

void pushes_are_counted_by_status_and_failure(void**) {
    Board board;
    for (unsigned status : {200U, 200U, 502U, 100U, 599U}) {
        count_push(board.stats, {status, PushFailure::kTimeout, 1}, kNow);
    }
    count_push(board.stats, {0, PushFailure::kConnect, 1}, kNow);
    count_push(board.stats, {600, PushFailure::kUnreadable, 1}, kNow);
    count_push(board.stats, {99, PushFailure::kUnreadable, 1}, kNow);
    assert_holds(board.json(), R"("flashduty_pushes_total":{"100":1,"200":2,"400":0,"401":0,)"
                               R"("403":0,"404":0,"429":0,"500":0,"502":1,"503":0,"599":1,)"
                               R"("timeout":0,"connect":1,"unreadable":2})");
}

void a_bound_belongs_to_its_bucket(void**) {
    Board board;
    for (std::uint64_t duration_ms : {0, 5, 6, 10000, 10001}) {
        count_push(board.stats, {200, PushFailure::kTimeout, duration_ms}, kNow);
    }
    assert_holds(board.json(), R"("flashduty_push_duration_seconds":{"buckets":{"0.005":2,)"
                               R"("0.01":3,"0.025":3,"0.05":3,"0.1":3,"0.25":3,"0.5":3,"1":3,)"
                               R"("2.5":3,"5":3,"10":4,"+Inf":5},"sum":20.012,"count":5})");
}

void a_day_has_a_bucket_of_its_own(void**) {
    Board board;
    count_delivery(board.stats, kDayMs, kNow);
    count_delivery(board.stats, kDayMs + 1, kNow + 7);
    const std::string json = board.json();
    assert_holds(json, R"("43200":0,"86400":1,"+Inf":2},"sum":172800.001,"count":2})");
    assert_holds(json, R"("flashduty_last_delivery_timestamp_seconds":1790000040.007,)");
}

// ---------------------------------------------------------------- minutes

void a_minute_forgets_the_one_an_hour_before(void**) {
    Board board;
    count_answer(board.stats, AnsweredAs::kFailed, kNow);
    count_answer(board.stats, AnsweredAs::kFailed, kNow + 59'999);
    assert_holds(board.json(kNow),
                 R"({"time":1790000040,"delivered":0,"spooled":0,"test":0,)"
                 R"("preview":0,"refused":0,"failed":2,"rejected":0,)"
                 R"("replayed":0,"pushes":0,"push_p50":null,"push_p99":null}],"alerts":[)");
    assert_holds(board.json(kNow + 59 * kMinuteMs), R"("minutes":[{"time":1790000040,)"
                                                    R"("delivered":0,"spooled":0,"test":0,)"
                                                    R"("preview":0,"refused":0,"failed":2,)");
    assert_true(board.json(kNow + 60 * kMinuteMs).find(R"("failed":2,"rejected":0,"replayed")") ==
                std::string::npos);
    count_answer(board.stats, AnsweredAs::kFailed, kNow + 60 * kMinuteMs);
    assert_holds(board.json(kNow + 60 * kMinuteMs),
                 R"("failed":1,"rejected":0,"replayed":0,"pushes":0,)");
}

void what_left_the_spool_is_in_the_minutes(void**) {
    Board board;
    count_replay(board.stats, Fate::kDelivered, kNow);
    count_replay(board.stats, Fate::kDelivered, kNow);
    count_replay(board.stats, Fate::kWaits, kNow);
    assert_holds(board.json(), R"("rejected":0,"replayed":2,"pushes":0,)");
    assert_holds(board.json(), R"("flashduty_replayed_total":{"delivered":2,"retry":1,"dead":0})");
}

void every_duration_has_a_bucket_of_its_size(void**) {
    for (std::uint64_t ms = 0; ms < 200'000; ms++) {
        const std::size_t bucket = minute_bucket(ms);
        assert_true(bucket < kMinuteBuckets && least_ms_of_bucket(bucket) <= ms);
        assert_true(bucket == kMinuteBuckets - 1 || ms < least_ms_of_bucket(bucket + 1));
    }
}

void percentiles_are_those_of_the_minute(void**) {
    Board board;
    for (int i = 0; i < 98; i++) {
        count_push(board.stats, {200, PushFailure::kTimeout, 16}, kNow);
    }
    count_push(board.stats, {200, PushFailure::kTimeout, 4096}, kNow);
    count_push(board.stats, {200, PushFailure::kTimeout, 4096}, kNow);
    assert_holds(board.json(), R"("pushes":100,"push_p50":0.02,"push_p99":5.12})");
}

// ---------------------------------------------------------------- alerts

AlertFact alert_titled(std::string_view title) {
    AlertFact alert;
    alert.time_ms = kNow;
    alert.title = title;
    return alert;
}

void an_alert_is_shown_as_it_was_recorded(void**) {
    Board board;
    AlertFact alert = {kNow + 123, AnsweredAs::kDelivered, true,      1500, "2",
                       "BlueKing", "a \"title\" <b>",      "Warning", "C",  "id-1",
                       {}};
    record_alert(board.stats, alert);
    alert.has_delay = false;
    alert.outcome = AnsweredAs::kSpooled;
    alert.title = "the newer one";
    alert.reason = "it waits";
    record_alert(board.stats, alert);
    assert_holds(
        board.json(),
        R"("alerts":[{"time":1790000040.123,"biz_id":"2","biz_name":"BlueKing",)"
        R"("title":"the newer one","status":"Warning","outcome":"spooled","code":"C",)"
        R"("delay_seconds":null,"request_id":"id-1","reason":"it waits"},{"time":1790000040.123,)"
        R"("biz_id":"2","biz_name":"BlueKing","title":"a \"title\" <b>",)"
        R"("status":"Warning","outcome":"delivered","code":"C","delay_seconds":1.5,)"
        R"("request_id":"id-1"}]})");
}

void what_was_not_delivered_has_its_reason(void**) {
    Board board;
    AlertFact alert = alert_titled("a title");
    const std::string reason = times(100, "漢");
    alert.reason = reason;
    for (const AnsweredAs outcome : {AnsweredAs::kFailed, AnsweredAs::kRefused}) {
        alert.outcome = outcome;
        record_alert(board.stats, alert);
        assert_text(board.view().alerts[0].reason, times(79, "漢") + "…");
    }
}

void equal_rejections_are_one_with_a_count(void**) {
    Board board;
    for (StatusMs i = 0; i < 5; i++) {
        record_rejected(board.stats, "10.0.0.1", "no alert in the body", kNow + i);
    }
    record_rejected(board.stats, "10.0.0.2", "no alert in the body", kNow + 5);
    record_rejected(board.stats, "10.0.0.1", "the body is empty", kNow + 6);
    const StatusView view = board.view();
    assert_int_equal(view.alert_count, 3);
    assert_text(view.alerts[0].reason, "the body is empty");
    assert_text(view.alerts[1].address, "10.0.0.2");
    assert_int_equal(view.alerts[2].count, 5);
    assert_int_equal(view.alerts[2].time_ms, kNow + 4);
    assert_holds(board.json(kNow),
                 R"("outcome":"rejected","code":"","delay_seconds":null,"request_id":"",)"
                 R"("reason":"the body is empty","address":"10.0.0.1","count":1})");
    assert_int_equal(board.view(kNow + kDayMs + 5).alert_count, 2);
}

void twenty_rejections_are_kept_and_never_crowded_out(void**) {
    Board board;
    for (StatusMs i = 1; i <= 30; i++) {
        record_rejected(board.stats, "10.0.0." + std::to_string(i), "no alert", kNow + i);
    }
    assert_int_equal(board.view().alert_count, 20);
    for (int i = 0; i < 150; i++) {
        AlertFact alert = alert_titled("alert");
        alert.time_ms = kNow + kMinuteMs;
        record_alert(board.stats, alert);
    }
    const StatusView view = board.view();
    assert_int_equal(view.alert_count, 100);
    assert_text(view.alerts[79].title, "alert");
    assert_text(view.alerts[80].address, "10.0.0.30");
    assert_text(view.alerts[99].address, "10.0.0.11");
}

void the_last_hundred_are_kept(void**) {
    Board board;
    for (int i = 1; i <= 250; i++) {
        record_alert(board.stats, alert_titled("alert " + std::to_string(i)));
    }
    const StatusView view = board.view();
    assert_int_equal(view.alert_count, 100);
    assert_text(view.alerts[0].title, "alert 250");
    assert_text(view.alerts[99].title, "alert 151");
}

void long_texts_are_cut_between_characters(void**) {
    for (std::size_t lead = 0; lead < 4; lead++) {
        for (const char* unit : {"x", "é", "漢", "😀"}) {
            Board board;
            AlertFact alert = alert_titled("");
            const std::string text = std::string(lead, 'x') + times(2000, unit);
            for (std::string_view* field : {&alert.biz_id, &alert.biz_name, &alert.title,
                                            &alert.status, &alert.code, &alert.request_id}) {
                *field = text;
            }
            record_alert(board.stats, alert);
            const StatusView view = board.view();
            assert_int_equal(view.alert_count, 1);
            const std::string_view title = view.alerts[0].title;
            assert_text(title.substr(title.size() - 3), "…");
            assert_text(title.substr(0, title.size() - 3), text.substr(0, title.size() - 3));
            assert_true(title.size() > 380 && title.find("\xEF\xBF\xBD") == std::string::npos);
            assert_true(view.alerts[0].request_id.size() > 70);
        }
    }
}

void a_text_that_fits_is_not_cut(void**) {
    Board board;
    record_alert(board.stats, alert_titled(std::string(384, 'x')));
    assert_text(board.view().alerts[0].title, std::string(384, 'x'));
}

void a_torn_record_is_left_out(void**) {
    Board board;
    for (const char* title : {"one", "two", "three"}) {
        record_alert(board.stats, alert_titled(title));
    }
    board.stats.alerts[2].words[3] = 77;  // a worker was killed in the middle
    StatusView view = board.view();
    assert_int_equal(view.alert_count, 2);
    assert_text(view.alerts[0].title, "three");
    assert_text(view.alerts[1].title, "one");
    board.stats.alerts[2].size = ~std::uint64_t{0};
    assert_int_equal(board.view().alert_count, 2);
    for (int i = 0; i < 100; i++) {
        record_alert(board.stats, alert_titled("later"));
    }
    assert_int_equal(board.view().alert_count, 100);
}

void what_a_killed_worker_never_wrote_does_not_bring_back_the_one_before(void**) {
    Board board;
    for (int i = 0; i < 100; i++) {
        record_alert(board.stats, alert_titled("old"));
    }
    board.stats.alerts_begun += 1;
    assert_int_equal(board.view().alert_count, 99);
}

// ---------------------------------------------------------------- targets

void a_push_that_failed_takes_its_target_down(void**) {
    Board board;
    push_to(board.stats, kTarget, true, {}, kNow - 3000);
    assert_true(board.view().targets[0].is_up);
    push_to(board.stats, kTarget, false, "first", kNow - 2000);
    push_to(board.stats, kTarget, false, "second", kNow - 1000);
    const TargetView down = board.view().targets[0];
    assert_text(down.name, "127.0.0.1:8080 gateway /flashduty");
    assert_false(down.is_up);
    assert_int_equal(down.since_ms, kNow - 2000);
    assert_int_equal(down.failed_ms, kNow - 1000);
    assert_text(down.reason, "second");
    push_to(board.stats, kTarget, true, {}, kNow);
    const TargetView up = board.view().targets[0];
    assert_true(up.is_up);
    assert_int_equal(up.since_ms, kNow);
    assert_text(up.reason, "");
}

TargetName numbered(std::size_t number, std::string& location) {
    location = "/" + std::to_string(number);
    return {"server", location};
}

/// Every place is taken by a target that is well.
void fill_all_places(Board& board, StatusMs now_ms) {
    std::string location;
    for (std::size_t i = 0; i < kTargets; i++) {
        push_to(board.stats, numbered(i, location), true, {}, now_ms);
    }
}

void a_thousand_targets_have_a_place_of_their_own(void**) {
    Board board;
    fill_all_places(board, kNow);
    fill_all_places(board, kNow + 1);
    assert_int_equal(board.view(kNow + 1).target_count, 1000);
    std::string location;
    push_to(board.stats, numbered(777, location), false, "away", kNow + 2);
    const std::string text = board.prometheus();
    assert_holds(text, std::string("\nflashduty_target_up{target=\"server /777\"} 0\n"));
    assert_holds(text, std::string("\nflashduty_target_up{target=\"server /778\"} 1\n"));
}

void the_rest_share_a_series_that_tells_of_the_one_that_failed(void**) {
    Board board;
    fill_all_places(board, kNow);
    push_to(board.stats, {"server", "/rest-1"}, true, {}, kNow);
    assert_holds(board.prometheus(), std::string("\nflashduty_target_up{target=\"other\"} 1\n"));
    push_to(board.stats, {"server", "/rest-2"}, false, "no such key", kNow);
    push_to(board.stats, {"server", "/rest-1"}, true, {}, kNow + 1);
    assert_holds(board.prometheus(), std::string("\nflashduty_target_up{target=\"other\"} 0\n"));
    StatusView view = board.view(kNow + 1);
    assert_int_equal(view.target_count, kTargets + 1);
    assert_text(view.targets[kTargets].name, "other");
    assert_text(view.targets[kTargets].reason, "server /rest-2: no such key");
    push_to(board.stats, {"server", "/rest-2"}, true, {}, kNow + 2);
    assert_true(board.view(kNow + 2).targets[kTargets].is_up);
}

void of_the_deliverer_s_targets_the_worst_of_the_rest_is_told(void**) {
    Board board;
    fill_all_places(board, kNow);
    const TargetFact facts[] = {{{"s", "/a"}, false, kNow, 0, {}},
                                {{"s", "/b"}, true, kNow - 9000, kNow + 4500, "refused"},
                                {{"s", "/c"}, true, kNow - 5000, kNow + 1500, "later"}};
    publish_targets(board.stats, facts, 3, kNow - kHourMs, kNow);
    const StatusView view = board.view();
    const TargetView other = view.targets[kTargets];
    assert_text(other.name, "other");
    assert_text(other.reason, "s /b: refused");
    assert_int_equal(other.since_ms, kNow - 9000);
    publish_targets(board.stats, facts, 1, kNow - kHourMs, kNow);
    assert_true(board.view().targets[kTargets].is_up);
}

void a_place_is_free_again_when_nobody_has_heard_of_its_target_for_a_day(void**) {
    Board board;
    fill_all_places(board, kNow);
    push_to(board.stats, kTarget, false, "away", kNow + kDayMs + 1);
    const StatusView later = board.view(kNow + kDayMs + 1);
    assert_int_equal(later.target_count, 1);  // the others are forgotten
    assert_text(later.targets[0].name, "127.0.0.1:8080 gateway /flashduty");
    push_to(board.stats, kTarget, true, {}, kNow + kDayMs + 2);
    assert_int_equal(board.view(kNow + kDayMs + 2).target_count, 1);
}

void what_is_known_without_a_spool_is_of_the_last_two_minutes(void**) {
    Board board;
    push_to(board.stats, kTarget, false, "away", kNow);
    assert_holds(board.json(kNow + 119'999),
                 R"("flashduty_target_up":{"127.0.0.1:8080 gateway /flashduty":0})");
    assert_holds(board.json(kNow + 120'000), R"("flashduty_target_up":{})");
    assert_holds(board.json(kNow + 120'000), R"("up":null,"since":1790000040,)");
    // A deliverer tries what it calls away until that is over.
    const TargetFact away = {kTarget, true, kNow, kNow + 1000, "away", Blame::kNobody};
    publish_targets(board.stats, &away, 1, kNow - kHourMs, kNow + 100'000);
    assert_true(board.view(kNow + 120'000, true).targets[0].is_known);
}

void refusals_are_counted_until_one_is_taken(void**) {
    Board board;
    constexpr std::string_view kSeries =
        "\nflashduty_refusals_in_a_row{target=\"127.0.0.1:8080 gateway /flashduty\"} ";
    const auto says = [&](const char* count) {
        assert_holds(board.prometheus(), std::string(kSeries) + count + "\n");
    };
    push_to(board.stats, kTarget, true, {}, kNow);
    says("0");
    refuse_at(board.stats, kTarget, "a", kNow);
    refuse_at(board.stats, kTarget, "a", kNow);
    says("2");
    push_to(board.stats, kTarget, false, "timeout", kNow);
    refuse_at(board.stats, kTarget, "b", kNow);
    says("3");
    push_to(board.stats, kTarget, true, {}, kNow);
    says("0");
}

void the_deliverer_says_which_targets_there_are(void**) {
    Board board;
    const TargetFact facts[] = {{{"s", "/a"}, true, kNow - 9000, kNow + 4500, "refused"},
                                {{"s", "/b"}, false, 0, 0, {}}};
    publish_targets(board.stats, facts, 2, kNow - kHourMs, kNow);
    assert_holds(board.json(kNow, true),
                 R"("targets":[{"target":"s /a","up":false,"since":1790000031,)"
                 R"("next_try_seconds":4.5,"reason":"refused"},{"target":"s /b","up":true,)"
                 R"("since":0,"next_try_seconds":null,"reason":""}],)");
    publish_targets(board.stats, facts + 1, 1, kNow - kHourMs, kNow);
    assert_holds(board.json(kNow, true), R"("flashduty_target_up":{"s /a":1,"s /b":1})");
    assert_int_equal(board.view().targets[0].since_ms, kNow);
    assert_int_equal(board.view().targets[0].next_try_ms, 0);
}

void a_long_name_is_cut(void**) {
    Board board;
    const std::string server(150, 's'), location = "/" + times(100, "漢");
    push_to(board.stats, {server, location}, true, {}, kNow);
    const std::string_view name = board.view().targets[0].name;
    assert_true(name.size() <= kTargetNameBytes && name.size() > kTargetNameBytes - 4);
    assert_text(name.substr(name.size() - 3), "…");
}

void trouble_with_a_spool_at_another_path_is_forgotten(void**) {
    Board board;
    begin_spool(board.stats, "/a/spool.db");
    publish_spool(board.stats, {7, 3, 4096, kNow - 1500}, kNow);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "locked", kNow));
    begin_spool(board.stats, "/a/spool.db");
    assert_true(has_trouble(board.stats, SpoolUser::kAcceptor));
    assert_true(is_spool_at(board.stats, "/a/spool.db"));
    begin_spool(board.stats, "/b/spool.db");
    assert_false(has_trouble(board.stats, SpoolUser::kAcceptor));
    assert_false(is_spool_at(board.stats, "/a/spool.db"));
    assert_holds(board.json(), R"("spool":{"enabled":false,"waiting":0,"dead":0,"bytes":0,)");
}

// ---------------------------------------------------------------- removed targets

void a_removed_target_is_shown_while_something_waits_for_it(void**) {
    Board board;
    const TargetName stays = {"server", "/stays"}, goes = {"server", "/goes"};
    StatusContext context = {true, "1.2.3", "1.22.1", kNow};
    context.is_removed = [](const void*, std::string_view name, bool) {
        return name == "server /goes";
    };
    const TargetFact facts[] = {{stays, false, 0, 0, {}, Blame::kNobody},
                                {goes, true, kNow, kNow, "gone", Blame::kStray}};
    publish_targets(board.stats, facts, 2, kNow - kHourMs, kNow);
    assert_int_equal(view_status(board.arena, board.stats, context).target_count, 2);
    publish_targets(board.stats, facts, 1, kNow - kHourMs, kNow);
    const StatusView view = view_status(board.arena, board.stats, context);
    assert_int_equal(view.target_count, 1);
    assert_text(view.targets[0].name, "server /stays");
}

// ---------------------------------------------------------------- all at once

void nothing_is_lost_between_workers(void**) {
    Board board;
    constexpr int kTimes = 20'000;
    const auto work = [&board](char letter) {
        const std::string text(300, letter);
        AlertFact alert = alert_titled(text);
        alert.biz_name = std::string_view(text).substr(0, 60);
        for (int i = 0; i < kTimes; i++) {
            count_received(board.stats);
            count_answer(board.stats, AnsweredAs::kDelivered, kNow);
            count_push(board.stats, {200, PushFailure::kTimeout, 3}, kNow);
            push_to(board.stats, {"server", std::string_view(text).substr(0, i % 5 + 1)}, true, {},
                    kNow);
            if (i % 20 == 0) {
                record_alert(board.stats, alert);
            }
        }
    };
    std::vector<std::thread> workers;
    for (char letter : {'a', 'b', 'c'}) {
        workers.emplace_back(work, letter);
    }
    for (int i = 0; i < 100; i++) {
        HeapArena arena;
        const StatusView view = view_status(arena, board.stats, {false, "1.2.3", "1.22.1", kNow});
        for (std::size_t k = 0; k < view.alert_count; k++) {
            const AlertView& alert = view.alerts[k];
            assert_text(alert.title, std::string(300, alert.title[0]));
            assert_text(alert.biz_name, std::string(60, alert.title[0]));
        }
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
    const std::string json = board.json();
    assert_holds(json, R"("flashduty_received_total":60000,)");
    assert_holds(json, R"("flashduty_events_total":{"delivered":60000,)");
    assert_holds(json, R"("sum":180,"count":60000})");
    assert_holds(
        json, R"("rejected":0,"replayed":0,"pushes":60000,"push_p50":0.003,"push_p99":0.003}],)");
    assert_int_equal(board.view().alert_count, 100);
    assert_int_equal(board.view().target_count, 15);
}

// ---------------------------------------------------------------- what is kept

void the_same_layout_is_kept_and_another_is_not(void**) {
    Board board;
    count_received(board.stats);
    adopt(board.stats, kNow);
    assert_holds(board.json(), R"("flashduty_received_total":1,)");
    board.stats.layout += 1;
    adopt(board.stats, kNow);
    const std::string json = board.json();
    assert_holds(json, R"("flashduty_received_total":0,)");
    assert_holds(json, R"("since":1790000040,)");
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(answers_are_counted_by_kind),
        cmocka_unit_test(pushes_are_counted_by_status_and_failure),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(a_day_has_a_bucket_of_its_own),
        cmocka_unit_test(a_minute_forgets_the_one_an_hour_before),
        cmocka_unit_test(what_left_the_spool_is_in_the_minutes),
        cmocka_unit_test(every_duration_has_a_bucket_of_its_size),
        cmocka_unit_test(what_was_not_delivered_has_its_reason),
        cmocka_unit_test(equal_rejections_are_one_with_a_count),
        cmocka_unit_test(twenty_rejections_are_kept_and_never_crowded_out),
        cmocka_unit_test(percentiles_are_those_of_the_minute),
        cmocka_unit_test(an_alert_is_shown_as_it_was_recorded),
        cmocka_unit_test(the_last_hundred_are_kept),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(a_text_that_fits_is_not_cut),
        cmocka_unit_test(a_torn_record_is_left_out),
        cmocka_unit_test(what_a_killed_worker_never_wrote_does_not_bring_back_the_one_before),
        cmocka_unit_test(a_push_that_failed_takes_its_target_down),
        cmocka_unit_test(a_thousand_targets_have_a_place_of_their_own),
        cmocka_unit_test(the_rest_share_a_series_that_tells_of_the_one_that_failed),
        cmocka_unit_test(of_the_deliverer_s_targets_the_worst_of_the_rest_is_told),
        cmocka_unit_test(a_place_is_free_again_when_nobody_has_heard_of_its_target_for_a_day),
        cmocka_unit_test(what_is_known_without_a_spool_is_of_the_last_two_minutes),
        cmocka_unit_test(refusals_are_counted_until_one_is_taken),
        cmocka_unit_test(the_deliverer_says_which_targets_there_are),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(trouble_with_a_spool_at_another_path_is_forgotten),
        cmocka_unit_test(a_removed_target_is_shown_while_something_waits_for_it),
        cmocka_unit_test(nothing_is_lost_between_workers),
        cmocka_unit_test(the_same_layout_is_kept_and_another_is_not),
    };
    return run("status_record", tests);
}
