// An operator's settings, and the limits that every event keeps.
#include "flashduty_event.hpp"

#include "support.hpp"

using namespace std::string_view_literals;
using flashduty::FlashdutyEvent;
using flashduty::Label;
using flashduty::Overrides;

namespace {

const FlashdutyEvent kBuiltIn = {"title", "Warning", "key", "description", nullptr, 0, 0};

struct Row {
    const char* says;
    std::string_view Overrides::*field;
    std::string text;
    const char* member;
    std::string expected;
};

const std::vector<Row> kRows = {
    {"a title is replaced", &Overrides::title, "t", "title_rule", "t"},
    {"an empty title keeps the built-in one", &Overrides::title, "", "title_rule", "title"},
    {"a blank title keeps the built-in one", &Overrides::title, " \n", "title_rule", "title"},
    {"a title of control characters keeps the built-in one", &Overrides::title, "\x01\r",
     "title_rule", "title"},
    {"white space in a title collapses", &Overrides::title, " a\n\t b ", "title_rule", "a b"},
    {"a title is never a template", &Overrides::title, "[TPL]a[tpl]", "title_rule",
     "［TPL]a［tpl]"},
    {"a title is repaired before templates are looked for", &Overrides::title, "[T\x01PL]\xFF",
     "title_rule", "［TPL]\uFFFD"},
    {"a title of 512 characters stays", &Overrides::title, times(512, "漢"), "title_rule",
     times(512, "漢")},
    {"a longer title is cut", &Overrides::title, times(513, "漢"), "title_rule",
     times(511, "漢") + "…"},

    {"a description is replaced", &Overrides::description, " a\n b ", "description", " a\n b "},
    {"a blank description keeps the built-in one", &Overrides::description, "\t", "description",
     "description"},
    {"a description is repaired", &Overrides::description, "a\r\x02\xC0", "description", "a\uFFFD"},
    {"a description of 2048 characters stays", &Overrides::description, times(2048, "漢"),
     "description", times(2048, "漢")},
    {"a longer description is cut", &Overrides::description, times(2049, "漢"), "description",
     times(2047, "漢") + "…"},

    {"an alert key is replaced", &Overrides::alert_key, "k", "alert_key", "k"},
    {"a blank alert key keeps the built-in one", &Overrides::alert_key, " ", "alert_key", "key"},
    {"an alert key is repaired", &Overrides::alert_key, "a\x02\xC0", "alert_key", "a\uFFFD"},
    {"an alert key of 255 characters stays", &Overrides::alert_key, times(255, "漢"), "alert_key",
     times(255, "漢")},
    {"a longer alert key becomes its digest", &Overrides::alert_key, times(256, "k"), "alert_key",
     "sha256:ce16fe78208a4e93f7158e62393680e025b2ad584f4e875ce903a654bb74cf93"},

    {"the status may be set to Critical", &Overrides::event_status, "Critical", "event_status",
     "Critical"},
    {"the status may be set to Warning", &Overrides::event_status, "Warning", "event_status",
     "Warning"},
    {"the status may be set to Info", &Overrides::event_status, "Info", "event_status", "Info"},
    {"the status may be set to Ok", &Overrides::event_status, "Ok", "event_status", "Ok"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    HeapArena arena;
    FlashdutyEvent event = kBuiltIn;
    Overrides overrides;
    overrides.*row.field = row.text;
    assert_true(flashduty::apply(arena, overrides, event));
    assert_text(member_of(event, row.member), row.expected);
    for (const char* other : {"title_rule", "event_status", "alert_key", "description"}) {
        if (other != std::string_view(row.member)) {
            assert_text(member_of(event, other), member_of(kBuiltIn, other));
        }
    }
}

void a_status_that_is_none_of_the_four_is_passed_over_and_told(void**) {
    for (const char* status : {"ok", "OK", " Ok", "Ok ", "Closed", "critical"}) {
        HeapArena arena;
        FlashdutyEvent event = kBuiltIn;
        Overrides overrides;
        overrides.event_status = status;
        assert_false(flashduty::apply(arena, overrides, event));
        assert_text(event.event_status, "Warning");
    }
}

void an_empty_status_keeps_the_built_in_one_silently(void**) {
    for (const char* status : {"", " "}) {
        HeapArena arena;
        FlashdutyEvent event = kBuiltIn;
        Overrides overrides;
        overrides.event_status = status;
        assert_true(flashduty::apply(arena, overrides, event));
        assert_text(event.event_status, "Warning");
    }
}

/// An alert with `source`, `check` and that many dimensions.
std::string body_with(std::size_t dimensions) {
    std::string body;
    for (std::size_t i = 0; i < dimensions; i++) {
        body += (i == 0 ? "\"d" : ",\"d") + std::to_string(i) + "\":\"v\"";
    }
    return R"({"event":{"dimensions":{)" + body + "}}}";
}

struct Labels {
    explicit Labels(std::string body_text, const std::vector<Label>& set)
        : body(std::move(body_text)), source({body}, Stay::kLasting) {
        Overrides overrides;
        overrides.labels = set.data();
        overrides.label_count = set.size();
        event = Translation(arena, source, overrides).event;
        names = label_names(event);
    }

    std::string body;
    HeapArena arena;
    ChunkSource source;
    FlashdutyEvent event;
    std::string names;
};

void labels_that_are_set_stand_first_in_their_order(void**) {
    const Labels labels(body_with(2), {{"team", "a"}, {"owner", "b"}});
    assert_text(labels.names, "team owner source check d0 d1");
    assert_text(member_of(labels.event, "owner"), "b");
    assert_int_equal(labels.event.dropped_labels, 0);
}

void a_label_that_is_set_takes_the_place_of_the_alerts_own(void**) {
    const Labels labels(body_with(2), {{"d1", "x"}, {"source", "y"}});
    assert_text(labels.names, "d1 source check d0");
    assert_text(member_of(labels.event, "d1"), "x");
    assert_text(member_of(labels.event, "source"), "y");
}

void an_empty_result_removes_a_label(void**) {
    const Labels labels(body_with(2), {{"d0", ""}, {"check", " \n"}, {"d1", "\x01"}, {"no", ""}});
    assert_text(labels.names, "source");
    assert_int_equal(labels.event.dropped_labels, 0);
}

void an_alert_may_lose_all_its_labels(void**) {
    const Labels labels(body_with(0), {{"source", ""}, {"check", ""}});
    assert_int_equal(labels.event.label_count, 0);
}

void a_label_that_is_set_is_fixed_and_cut(void**) {
    const std::string long_text = times(2049, "漢");
    const Labels labels(body_with(0), {{"a", "x\r\x01\xC0"}, {"b", long_text}});
    assert_text(member_of(labels.event, "a"), "x\uFFFD");
    assert_text(member_of(labels.event, "b"), times(2047, "漢") + "…");
}

void of_two_labels_of_one_name_the_event_has_one(void**) {
    const Labels labels(body_with(0), {{"a", "x"}, {"b", "y"}, {"a", "z"}});
    assert_int_equal(labels.event.label_count, 4);
    assert_true(labels.names.find("a") != std::string::npos);
}

void fifty_labels_fit(void**) {
    const Labels labels(body_with(48), {});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 0);
}

void what_does_not_fit_is_counted(void**) {
    const Labels labels(body_with(60), {});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 12);
    assert_true(labels.names.find("d47") != std::string::npos);
    assert_true(labels.names.find("d48") == std::string::npos);
}

void what_needs_another_name_and_does_not_fit_is_counted_too(void**) {
    std::string body = body_with(60);
    body.insert(body.size() - 3, R"(,"tags.d0":"w")");
    const Labels labels(body, {});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 13);
    assert_true(labels.names.find("dimension_d0") == std::string::npos);
}

void labels_that_are_set_push_out_the_last_ones(void**) {
    const Labels labels(body_with(48), {{"team", "a"}, {"owner", "b"}});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 2);
    assert_text(labels.names.substr(0, 23), "team owner source check");
    assert_true(labels.names.find("d45") != std::string::npos);
    assert_true(labels.names.find("d46") == std::string::npos);
}

void more_than_fifty_labels_that_are_set_do_not_all_fit(void**) {
    std::vector<std::string> names;
    std::vector<Label> set;
    for (int i = 0; i < 60; i++) {
        names.push_back("s" + std::to_string(i));
    }
    for (const std::string& name : names) {
        set.push_back({name, "x"});
    }
    const Labels labels(body_with(0), set);
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 12);
    assert_true(labels.names.find("s49") != std::string::npos);
    assert_true(labels.names.find("source") == std::string::npos);
}

void a_label_that_is_removed_makes_room_for_the_next(void**) {
    const Labels labels(body_with(50), {{"source", ""}, {"check", ""}});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 0);
    assert_true(labels.names.find("d49") != std::string::npos);
}

void a_label_beyond_the_limit_that_is_removed_is_not_counted_as_dropped(void**) {
    const Labels labels(body_with(60), {{"d59", ""}});
    assert_int_equal(labels.event.label_count, 50);
    assert_int_equal(labels.event.dropped_labels, 11);
}

void a_label_beyond_the_limit_that_is_set_is_not_counted_as_dropped(void**) {
    const Labels labels(body_with(60), {{"d59", "x"}});
    assert_int_equal(labels.event.label_count, 50);
    assert_text(labels.names.substr(0, 10), "d59 source");
    assert_int_equal(labels.event.dropped_labels, 12);
}

std::string written(const FlashdutyEvent& event) {
    HeapArena arena;
    return std::string(flashduty::write_event(arena, event));
}

void an_event_is_compact_json_in_the_order_of_the_protocol(void**) {
    Label labels[] = {{"a", "x"}, {"b", "y"}};
    FlashdutyEvent event = kBuiltIn;
    event.labels = labels;
    event.label_count = 2;
    assert_text(written(event),
                R"({"title_rule":"title","event_status":"Warning","alert_key":"key",)"
                R"("description":"description","labels":{"a":"x","b":"y"}})");
}

void a_description_is_absent_rather_than_empty(void**) {
    FlashdutyEvent event = kBuiltIn;
    event.description = {};
    assert_text(written(event),
                R"({"title_rule":"title","event_status":"Warning","alert_key":"key"})");
}

void quotes_and_backslashes_are_escaped_and_other_characters_are_not(void**) {
    Label labels[] = {{"a", "\"\\\n\t/\x7F\u2028é😀"}};
    FlashdutyEvent event = kBuiltIn;
    event.title_rule = "\"\\";
    event.description = {};
    event.labels = labels;
    event.label_count = 1;
    assert_text(written(event),
                "{\"title_rule\":\"\\\"\\\\\",\"event_status\":\"Warning\","
                "\"alert_key\":\"key\",\"labels\":{\"a\":"
                "\"\\\"\\\\\\n\\t/\x7F\u2028é😀\"}}");
}

void without_memory_no_event_is_written(void**) {
    FailingArena arena(0);
    assert_text(flashduty::write_event(arena, kBuiltIn), "");
    assert_true(arena.failed());
}

void each_allocation_that_fails_is_reported_and_none_crashes(void**) {
    std::string body = body_with(60);
    body.insert(body.size() - 1,
                R"(,"strategy":{"item_list":[)" + times(20, R"({"metric_id":"m"},)") + "{}]}");
    const std::string long_text = times(3000, "\xFF[TPL] ");
    const std::vector<Label> set = {{"team", long_text}, {"d1", "x"}, {"d2", ""}};
    const Overrides overrides = {long_text, long_text, long_text, "Ok", set.data(), set.size()};
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        ChunkSource source({body}, Stay::kLasting);
        const std::string event = event_of(arena, source, overrides);
        if (!arena.failed()) {
            assert_text(event.substr(0, 15), R"({"title_rule":")");
            break;
        }
        assert_text(event, "out of memory");
    }
    assert_true(allocations > 20);
}

/// Which fields of an event were cut, one letter for each.
std::string cut_of(const Overrides& overrides) {
    HeapArena arena;
    FlashdutyEvent event = kBuiltIn;
    (void)apply(arena, overrides, event);
    const flashduty::CutFields cut = cut_fields(event, write_event(arena, event));
    return std::string(cut.title ? "t" : "") + (cut.description ? "d" : "") +
           (cut.alert_key ? "k" : "") + (cut.labels ? "l" : "");
}

void what_was_cut_can_be_seen(void**) {
    for (const char* unit : {"x", "漢"}) {
        Overrides overrides;
        const std::string title = times(513, unit), description = times(2049, unit),
                          key = times(256, unit);
        const Label fits = {"a",
                            std::string_view(description).substr(std::string_view(unit).size())};
        const Label labels[] = {fits, {"b", description}};
        overrides.labels = labels;
        overrides.label_count = 1;
        overrides.title = std::string_view(title).substr(std::string_view(unit).size());
        overrides.description = fits.value;
        overrides.alert_key = std::string_view(key).substr(std::string_view(unit).size());
        assert_text(cut_of(overrides), "");
        overrides.title = title;
        assert_text(cut_of(overrides), "t");
        overrides.description = description;
        assert_text(cut_of(overrides), "td");
        overrides.alert_key = key;
        assert_text(cut_of(overrides), "tdk");
        overrides.label_count = 2;
        assert_text(cut_of(overrides), "tdkl");
        overrides = {};
        overrides.labels = labels;
        overrides.label_count = 2;
        assert_text(cut_of(overrides), "l");
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_status_that_is_none_of_the_four_is_passed_over_and_told),
        cmocka_unit_test(an_empty_status_keeps_the_built_in_one_silently),
        cmocka_unit_test(labels_that_are_set_stand_first_in_their_order),
        cmocka_unit_test(a_label_that_is_set_takes_the_place_of_the_alerts_own),
        cmocka_unit_test(an_empty_result_removes_a_label),
        cmocka_unit_test(an_alert_may_lose_all_its_labels),
        cmocka_unit_test(a_label_that_is_set_is_fixed_and_cut),
        cmocka_unit_test(of_two_labels_of_one_name_the_event_has_one),
        cmocka_unit_test(fifty_labels_fit),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(what_needs_another_name_and_does_not_fit_is_counted_too),
        cmocka_unit_test(labels_that_are_set_push_out_the_last_ones),
        cmocka_unit_test(more_than_fifty_labels_that_are_set_do_not_all_fit),
        cmocka_unit_test(a_label_that_is_removed_makes_room_for_the_next),
        cmocka_unit_test(a_label_beyond_the_limit_that_is_removed_is_not_counted_as_dropped),
        cmocka_unit_test(a_label_beyond_the_limit_that_is_set_is_not_counted_as_dropped),
        cmocka_unit_test(an_event_is_compact_json_in_the_order_of_the_protocol),
        cmocka_unit_test(a_description_is_absent_rather_than_empty),
        cmocka_unit_test(quotes_and_backslashes_are_escaped_and_other_characters_are_not),
        cmocka_unit_test(what_was_cut_can_be_seen),
        cmocka_unit_test(without_memory_no_event_is_written),
        cmocka_unit_test(each_allocation_that_fails_is_reported_and_none_crashes),
    };
    add_rows(tests, kRows, check_row);
    return run("flashduty_event", tests);
}
