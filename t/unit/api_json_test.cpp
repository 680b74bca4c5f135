// Answers of flashduty_api.
#include "api_json.hpp"

#include "support.hpp"

using namespace flashduty;

namespace {

ListedEvent listed() {
    ListedEvent event;
    event.event_id = 17;
    event.alert_key = "k\"1";
    event.title = "CPU\xFF is\x01 high";
    event.event_status = "Warning";
    event.target_id = 3;
    event.accepted_ms = 1'700'000'000'005;
    event.attempts = 2;
    event.reason = "HTTP 503";
    event.waits_for = WaitsFor::kTime;
    event.next_try_ms = 1'700'000'001'000;
    return event;
}

constexpr char kWaiting[] =
    R"({"id":17,"key":"k\"1","title":"CPU)"
    "\xEF\xBF\xBD"
    R"( is high","status":"Warning",)"
    R"("target":3,"accepted":1700000000.005,"attempts":2,"next_try":1700000001.000,)"
    R"("reason":"HTTP 503","state":"waiting","waits_for":"time")";

void a_page_of_what_waits(void**) {
    EventPage page;
    assert_text(write_api_page(page, Pile::kWaiting), "{\"events\":[],\"next\":null}\n");
    page.events.push_back(listed());
    page.events.push_back(listed());
    page.events[1].waits_for = WaitsFor::kElder;
    page.events[1].elder_id = 5;
    page.events[1].next_try_ms = 0;
    page.next = 17;
    std::string second = kWaiting;
    second.replace(second.find("1700000001.000"), 14, "null");
    second.replace(second.find("\"time\""), 6, "\"event\",\"after\":5");
    assert_text(write_api_page(page, Pile::kWaiting),
                "{\"events\":[" + std::string(kWaiting) + "}," + second + "}],\"next\":17}\n");
}

void a_dead_letter_says_when_it_died(void**) {
    EventPage page;
    page.events.push_back(listed());
    page.events[0].next_try_ms = 0;
    page.events[0].dead = DeadState::kSuperseded;
    page.events[0].dead_ms = 1'700'000'009'000;
    const std::string text = write_api_page(page, Pile::kDead);
    assert_true(text.find(R"("next_try":null,"reason":"HTTP 503","state":"superseded",)"
                          R"("died":1700000009.000})") != std::string::npos);
}

void one_event_has_all_that_there_is_of_it(void**) {
    WholeEvent event;
    event.listed = listed();
    event.event = R"({"title_rule":"x"})";
    event.body = "{\"a\":\xFF}";
    event.tries = {{1'700'000'000'900, 503, "HTTP 503"}, {1'700'000'000'100, 0, "a \"b\""}};
    assert_text(write_api_event(event, Pile::kWaiting),
                std::string(kWaiting) + R"(,"event":{"title_rule":"x"},"body":"{\"a\":)" +
                    "\xEF\xBF\xBD" +
                    R"(}","tries":[{"time":1700000000.900,"http_status":503,"reason":"HTTP 503"},)"
                    R"({"time":1700000000.100,"http_status":0,"reason":"a \"b\""}]})"
                    "\n");
}

void what_is_no_event_is_null(void**) {
    WholeEvent event;
    event.event = "oops";
    assert_true(write_api_event(event, Pile::kWaiting).find("\"event\":null,") !=
                std::string::npos);
}

void an_export_has_a_line_for_each(void**) {
    WholePage page;
    assert_text(write_api_lines(page, Pile::kDead), "");
    page.events.resize(3);
    for (WholeEvent& event : page.events) {
        event.listed = listed();
        event.event = R"({"title_rule":"x\ny"})";
        event.body = "one\ntwo\n";
    }
    const std::string text = write_api_lines(page, Pile::kWaiting);
    assert_int_equal(std::count(text.begin(), text.end(), '\n'), 3);
    assert_true(text.find(R"("body":"one\ntwo\n"})") != std::string::npos);
}

void targets_and_whether_they_can_be_changed(void**) {
    assert_text(write_api_targets({}, false), "{\"write\":false,\"targets\":[]}\n");
    ShownTarget shown;
    shown.target.target_id = 3;
    shown.target.server = "127.0.0.1:80 a";
    shown.target.location = "/flashduty";
    shown.target.waiting = 7;
    shown.target.dead = 1;
    shown.figures = {"away", "HTTP 503", 1'700'000'000'000, 1'700'000'002'500};
    assert_text(write_api_targets({shown}, true),
                R"({"write":true,"targets":[{"id":3,"server":"127.0.0.1:80 a","uri":"/flashduty",)"
                R"("state":"away","reason":"HTTP 503","since":1700000000.000,)"
                R"("next_probe":1700000002.500,"paused_until":null,"waiting":7,"dead":1}]})"
                "\n");
}

void what_a_change_has_come_to(void**) {
    assert_text(write_api_done({3, 1, 2, true}),
                "{\"count\":3,\"busy\":1,\"superseded\":2,\"complete\":true}\n");
    assert_text(write_api_reason("no \"such\" target"),
                "{\"reason\":\"no \\\"such\\\" target\"}\n");
}

void what_a_test_has_come_to(void**) {
    ApiTested tested;
    tested.outcome = "delivered";
    tested.request_id = "r1";
    tested.alert_key = "flashduty-gateway-test";
    tested.http_status = 200;
    tested.push_time_ms = 1042;
    tested.has_alert_key = true;
    assert_text(write_api_tested(tested),
                R"({"outcome":"delivered","request_id":"r1","alert_key":"flashduty-gateway-test",)"
                R"("http_status":200,"push_time":1.042,"alert_key_came_back":true})"
                "\n");
}

}  // namespace

int main() {
    return run(
        "api_json",
        {cmocka_unit_test(a_page_of_what_waits), cmocka_unit_test(a_dead_letter_says_when_it_died),
         cmocka_unit_test(one_event_has_all_that_there_is_of_it),
         cmocka_unit_test(what_is_no_event_is_null),
         cmocka_unit_test(an_export_has_a_line_for_each),
         cmocka_unit_test(targets_and_whether_they_can_be_changed),
         cmocka_unit_test(what_a_change_has_come_to), cmocka_unit_test(what_a_test_has_come_to)});
}
