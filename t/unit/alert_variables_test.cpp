// Record of an alert for variables, there and back.
#include "alert_variables.hpp"

#include "support.hpp"

using namespace flashduty;

namespace {

constexpr Dimension kDimensions[] = {
    {"ip", "ip", "10.0.0.1", "10.0.0.1"},
    {"tags.Name", "Name", "7", "\"seven\"\n\xE4\xB8\x83"},
    {"", "", "nameless", "nameless"},
};

BlueKingAlert full_alert() {
    BlueKingAlert alert;
    alert.type = "ANOMALY_NOTICE";
    alert.bk_biz_id = "-2";
    alert.bk_biz_name = "\xE4\xB8\x9A\xE5\x8A\xA1";
    alert.event_id = "17161930461000001";
    alert.level = "2";
    alert.level_name = "Warning";
    alert.strategy_id = "144";
    alert.strategy_name = "a \"quoted\" \\ name";
    alert.strategy_labels = "/a/,/b/";
    alert.scenario = "os";
    alert.resource = "10.0.0.1";
    alert.current_value = "{\"a\":1}";
    alert.dimensions = kDimensions;
    alert.dimension_count = 3;
    return alert;
}

void what_variables_ask_for_comes_back_as_it_was(void**) {
    HeapArena arena;
    const BlueKingAlert alert = full_alert();
    const BlueKingAlert back = read_alert_variables(arena, write_alert_variables(arena, alert));
    for (std::string_view BlueKingAlert::*text :
         {&BlueKingAlert::type, &BlueKingAlert::bk_biz_id, &BlueKingAlert::bk_biz_name,
          &BlueKingAlert::event_id, &BlueKingAlert::level, &BlueKingAlert::level_name,
          &BlueKingAlert::strategy_id, &BlueKingAlert::strategy_name,
          &BlueKingAlert::strategy_labels, &BlueKingAlert::scenario, &BlueKingAlert::resource,
          &BlueKingAlert::current_value}) {
        assert_text(back.*text, alert.*text);
    }
    assert_int_equal(back.dimension_count, 3);
    assert_text(dimension_text(back, "IP"), "10.0.0.1");
    assert_text(dimension_text(back, "name"), kDimensions[1].text);
}

void an_empty_alert_comes_back_empty(void**) {
    HeapArena arena;
    const std::string_view record = write_alert_variables(arena, BlueKingAlert());
    assert_text(record, "{}");
    const BlueKingAlert back = read_alert_variables(arena, record);
    assert_text(back.type, "");
    assert_int_equal(back.dimension_count, 0);
}

void members_that_are_not_known_are_passed_over(void**) {
    HeapArena arena;
    const BlueKingAlert back = read_alert_variables(
        arena, R"({"later":{"type":"no","x":"y"},"type":"yes","more":[1,true,null,"z"]})");
    assert_text(back.type, "yes");
    assert_int_equal(back.dimension_count, 0);
}

void a_record_that_is_no_json_gives_an_empty_alert(void**) {
    HeapArena arena;
    assert_text(read_alert_variables(arena, R"({"type":"cut)").type, "");
    assert_text(read_alert_variables(arena, "").type, "");
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(what_variables_ask_for_comes_back_as_it_was),
        cmocka_unit_test(an_empty_alert_comes_back_empty),
        cmocka_unit_test(members_that_are_not_known_are_passed_over),
        cmocka_unit_test(a_record_that_is_no_json_gives_an_empty_alert),
    };
    return run("alert_variables", tests);
}
