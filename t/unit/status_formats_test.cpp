// Output of the status is sound Prometheus text and JSON, whatever alerts hold.
#include "status_format.hpp"
#include "status_page.hpp"
#include "status_support.hpp"

using namespace flashduty;

namespace {

bool is_json(const std::string& text) {
    HeapArena arena;
    ChunkSource source({text}, Stay::kPassing);
    return read_body(arena, source).kind == BodyKind::kNoAlert;
}

constexpr std::string_view kNames[] = {
    "flashduty_received_total",
    "flashduty_events_total",
    "flashduty_replayed_total",
    "flashduty_pushes_total",
    "flashduty_push_duration_seconds",
    "flashduty_delivery_delay_seconds",
    "flashduty_truncated_total",
    "flashduty_labels_dropped_total",
    "flashduty_spool_events",
    "flashduty_spool_bytes",
    "flashduty_spool_oldest_seconds",
    "flashduty_spool_commits_total",
    "flashduty_spool_usable",
    "flashduty_target_up",
    "flashduty_refusals_in_a_row",
    "flashduty_last_delivery_timestamp_seconds",
    "flashduty_build_info",
};

/// The words after each `# TYPE `.
std::vector<std::string> typed_names(const std::string& text) {
    constexpr std::string_view kType = "# TYPE ";
    std::vector<std::string> names;
    for (std::size_t at = text.find(kType); at != std::string::npos;
         at = text.find(kType, at + 1)) {
        const std::size_t begin = at + kType.size();
        names.push_back(text.substr(begin, text.find(' ', begin) - begin));
    }
    return names;
}

void every_figure_of_the_contract_is_there_and_no_other(void**) {
    Board board;
    const std::string text = board.prometheus(true), json = board.json(kNow, true);
    const std::vector<std::string> names = typed_names(text);
    assert_int_equal(names.size(), std::size(kNames));
    for (std::size_t i = 0; i < names.size(); i++) {
        assert_text(names[i], kNames[i]);
        assert_holds(text, "# HELP " + names[i] + " ");
        assert_holds(json, "\"" + names[i] + "\":");
    }
}

void a_spool_is_usable_while_nobody_has_trouble_with_it(void**) {
    Board board;
    assert_true(board.prometheus().find("flashduty_spool_usable") == std::string::npos);
    assert_holds(board.prometheus(true), std::string("\nflashduty_spool_usable 1\n"));
    for (const SpoolUser user : {SpoolUser::kAcceptor, SpoolUser::kDeliverer}) {
        assert_true(trouble_begins(board.stats, user, "the disk is full", kNow));
        assert_holds(board.prometheus(true), std::string("\nflashduty_spool_usable 0\n"));
        assert_true(end_trouble(board.stats, user, kNow));
    }
    assert_holds(board.prometheus(true), std::string("\nflashduty_spool_usable 1\n"));
}

void every_outcome_and_what_is_usual_of_codes_are_told_from_the_start(void**) {
    Board board;
    const std::string text = board.prometheus();
    for (const char* outcome :
         {"delivered", "spooled", "test", "preview", "refused", "failed", "rejected"}) {
        assert_holds(text,
                     "\nflashduty_events_total{outcome=\"" + std::string(outcome) + "\"} 0\n");
    }
    for (const char* code : {"200", "400", "401", "403", "404", "429", "500", "502", "503",
                             "timeout", "connect", "unreadable"}) {
        assert_holds(text, "\nflashduty_pushes_total{code=\"" + std::string(code) + "\"} 0\n");
    }
}

void numbers_and_labels_stand_where_prometheus_wants_them(void**) {
    Board board;
    count_received(board.stats);
    count_push(board.stats, {204, PushFailure::kTimeout, 7}, kNow);
    count_replay(board.stats, Fate::kRefused, kNow);
    count_cut(board.stats, CutField::kTitle);
    count_dropped_labels(board.stats, 9);
    count_commit(board.stats);
    publish_spool(board.stats, {7, 3, 4096, kNow - 1500}, kNow);
    const std::string text = board.prometheus();
    for (const char* line :
         {"\nflashduty_received_total 1\n", "\nflashduty_events_total{outcome=\"test\"} 0\n",
          "\nflashduty_pushes_total{code=\"204\"} 1\n",
          "\nflashduty_push_duration_seconds_bucket{le=\"0.005\"} 0\n",
          "\nflashduty_push_duration_seconds_bucket{le=\"0.01\"} 1\n",
          "\nflashduty_push_duration_seconds_bucket{le=\"+Inf\"} 1\n",
          "\nflashduty_push_duration_seconds_sum 0.007\n",
          "\nflashduty_push_duration_seconds_count 1\n",
          "\nflashduty_replayed_total{result=\"dead\"} 1\n",
          "\nflashduty_truncated_total{field=\"title_rule\"} 1\n",
          "\nflashduty_labels_dropped_total 9\n", "\nflashduty_spool_commits_total 1\n",
          "\nflashduty_spool_events{state=\"waiting\"} 7\n",
          "\nflashduty_spool_events{state=\"dead\"} 3\n", "\nflashduty_spool_bytes 4096\n",
          "\nflashduty_spool_oldest_seconds 1.5\n",
          "\nflashduty_build_info{version=\"1.2.3\",nginx=\"1.22.1\"} 1\n"}) {
        assert_holds(text, std::string(line));
    }
    const std::string json = board.json();
    assert_holds(json, R"("spool":{"enabled":false,"waiting":7,"dead":3,"bytes":4096,)"
                       R"("oldest_seconds":1.5,"next_try_seconds":null,"last_error":"",)"
                       R"("last_error_at":0,"trouble":""},"targets":[],)");
    assert_holds(json, R"("flashduty_build_info":{"version":"1.2.3","nginx":"1.22.1"})");
}

constexpr std::string_view kNasty =
    "</script><script>alert(1)</script> \"q\" 'a' \\ \n\t {x=\"y\"} \u2028 漢 &amp;";

void the_last_error_has_a_time_and_goes_when_it_is_over(void**) {
    Board board;
    publish_last_error(board.stats, "it hangs", kNow - 5000);
    assert_holds(board.json(), R"("last_error":"it hangs","last_error_at":1790000035,)");
    count_delivery(board.stats, 1, kNow);
    assert_holds(board.json(), R"("last_error":"","last_error_at":0,)");
    push_to(board.stats, {"s", "/a"}, false, "it hangs", kNow);
    assert_holds(board.json(), R"("last_error":"it hangs","last_error_at":1790000035,)");
}

void no_text_breaks_out_of_json_or_a_label(void**) {
    Board board;
    const std::string nasty(kNasty), broken = nasty + "\xFF\xC3\x28\x01\x7F";
    for (const std::string& text : {nasty, broken}) {
        AlertFact alert;
        alert.time_ms = kNow;
        for (std::string_view* field : {&alert.biz_id, &alert.biz_name, &alert.title, &alert.status,
                                        &alert.code, &alert.request_id, &alert.reason}) {
            *field = text;
        }
        record_alert(board.stats, alert);
        record_rejected(board.stats, text, text, kNow - 1);
        push_to(board.stats, {text, text}, false, text, kNow);
        publish_last_error(board.stats, text, kNow);
        assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, text, kNow));
        assert_true(is_json(board.json()));
        assert_true(
            is_json(std::string(write_health(board.arena, health_of(board.arena, board.view())))));
        assert_true(end_trouble(board.stats, SpoolUser::kAcceptor, kNow));
    }
    const StatusView view = board.view();
    assert_true(view.alerts[1].title.substr(0, 30) == kNasty.substr(0, 30));
    std::size_t lines = 0;
    const std::string text = board.prometheus();
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        const bool is_known =
            text.compare(at, 2, "# ") == 0 || text.compare(at, 10, "flashduty_") == 0;
        assert_true(is_known);
        lines++;
    }
    assert_true(lines > 80);
    assert_true(text.find("</script>") < text.find("flashduty_last_delivery"));
}

void a_full_board_is_json(void**) {
    Board board;
    for (int i = 0; i < 1000; i++) {
        const std::string text = times(1 + i % 7, "text");
        AlertFact alert;
        alert.title = text;
        record_alert(board.stats, alert);
        push_to(board.stats, {"s", text}, i % 2 == 0, text, kNow);
        count_push(board.stats, {static_cast<unsigned>(100 + i % 500), PushFailure::kTimeout, 1},
                   kNow - i * kMinuteMs / 10);
    }
    assert_true(is_json(board.json()));
}

void without_memory_nothing_is_shown(void**) {
    Board board;
    std::size_t allocations = 0;
    for (bool has_failed = true; has_failed; allocations++) {
        FailingArena arena(allocations);
        const StatusView view = view_status(arena, board.stats, {});
        if (!arena.failed()) {
            (void)write_status_json(arena, view);
            has_failed = arena.failed();
        }
    }
    assert_true(allocations >= 4);
}

// ---------------------------------------------------------------- which format

struct AcceptRow {
    const char* says;
    std::string_view accept;
    StatusFormat format;
};

const std::vector<AcceptRow> kAccepts = {
    {"no Accept", "", StatusFormat::kPrometheus},
    {"curl", "*/*", StatusFormat::kPrometheus},
    {"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
     StatusFormat::kHtml},
    {"Prometheus",
     "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     StatusFormat::kPrometheus},
    {"JSON", "application/json", StatusFormat::kJson},
    {"JSON in other letters", " Application/JSON ; charset=utf-8", StatusFormat::kJson},
    {"JSON before all else", "application/json, text/plain, */*", StatusFormat::kJson},
    {"text before JSON", "text/plain, application/json", StatusFormat::kPrometheus},
    {"JSON rather than HTML", "text/html;q=0.5, application/json;q=0.8", StatusFormat::kJson},
    {"HTML rather than JSON", "application/json;q=0.5, text/html;q=0.75", StatusFormat::kHtml},
    {"no HTML", "text/html;q=0, */*", StatusFormat::kPrometheus},
    {"nothing at all", ",;q=,", StatusFormat::kPrometheus},
    {"a weight that is none", "text/html;q=x", StatusFormat::kPrometheus},
    {"part of a name", "text/htmlx, x/application/json", StatusFormat::kPrometheus},
};

void a_format_is_chosen_by_accept(void** state) {
    const auto& row = row_of<AcceptRow>(state);
    assert_int_equal(static_cast<int>(format_for(row.accept)), static_cast<int>(row.format));
}

// ---------------------------------------------------------------- the page

void only_the_page_s_own_script_and_style_may_run(void**) {
    HeapArena arena;
    assert_text(
        page_policy(arena, "<style>a</style><script>b</script><script>c</script>"),
        "default-src 'none'; script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=' "
        "'sha256-Ln0sA6lQeuJl7PW1NWiFpTOTogKdJBOUmXJloaJa78Y='; style-src "
        "'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

void the_page_needs_nothing_from_elsewhere(void**) {
    HeapArena arena;
    std::string page(status_page(arena, "/api/"));
    // The name of a namespace, which nobody ever asks for.
    const std::string svg = "http://www.w3.org/2000/svg";
    for (std::size_t at = page.find(svg); at != std::string::npos; at = page.find(svg)) {
        page.erase(at, svg.size());
    }
    for (const char* word : {"http://", "https://", " src=", " onclick=", " style=", "@import"}) {
        assert_true(page.find(word) == std::string::npos);
    }
    assert_holds(page, std::string("<!doctype html>"));
    assert_holds(std::string(page_policy(arena, status_page(arena, "/api/"))),
                 std::string("script-src 'sha256-"));
}

void the_page_has_lists_where_there_is_an_api(void**) {
    HeapArena arena;
    const std::string without(status_page(arena, {}));
    assert_true(without.find("id=\"desk\"") == std::string::npos);
    assert_true(without.find("API") == std::string::npos);
    assert_true(without.find("desk*/") == std::string::npos);
    const std::string with(status_page(arena, "/a<\"b/api"));
    assert_holds(with, std::string("id=\"desk\""));
    assert_holds(with, std::string("const API = \"/a%3c%22b/api/\";\n"));
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(every_figure_of_the_contract_is_there_and_no_other),
        cmocka_unit_test(a_spool_is_usable_while_nobody_has_trouble_with_it),
        cmocka_unit_test(every_outcome_and_what_is_usual_of_codes_are_told_from_the_start),
        cmocka_unit_test(numbers_and_labels_stand_where_prometheus_wants_them),
        cmocka_unit_test(the_last_error_has_a_time_and_goes_when_it_is_over),
        cmocka_unit_test(no_text_breaks_out_of_json_or_a_label),
        cmocka_unit_test(a_full_board_is_json),
        cmocka_unit_test(without_memory_nothing_is_shown),
        cmocka_unit_test(only_the_page_s_own_script_and_style_may_run),
        cmocka_unit_test(the_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(the_page_has_lists_where_there_is_an_api),
    };
    add_rows(tests, kAccepts, a_format_is_chosen_by_accept);
    return run("status_formats", tests);
}
