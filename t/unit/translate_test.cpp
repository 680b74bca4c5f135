// Translation of alerts to events: docs/translation.md, rule by rule.
#include "translate.hpp"

#include <sstream>

#include "support.hpp"

namespace {

struct Row {
    const char* says;
    std::string body;
    const char* member;    ///< of the event: its name in JSON, or that of a label
    std::string expected;  ///< empty: absent
};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// ---------------------------------------------------------------- text

/// The text of any JSON value, seen in a label that takes it as it is.
std::string with_value(std::string_view json) {
    return R"({"event":{},"current_value":)" + std::string(json) + "}";
}

const std::vector<Row> kTexts = {
    {"the text of a string is the string", with_value(R"("a \"b\" \\ é")"), "current_value",
     "a \"b\" \\ é"},
    {"a string keeps the white space at its ends", with_value(R"(" a ")"), "current_value", " a "},
    {"the text of a number is the number as written", with_value("46.170"), "current_value",
     "46.170"},
    {"an exponent stays as written", with_value("1e+20"), "current_value", "1e+20"},
    {"thirty digits stay as written", with_value("123456789012345678901234567890"), "current_value",
     "123456789012345678901234567890"},
    {"the text of NaN is NaN", with_value("NaN"), "current_value", "NaN"},
    {"the text of Infinity is Infinity", with_value("Infinity"), "current_value", "Infinity"},
    {"the text of -Infinity is -Infinity", with_value("-Infinity"), "current_value", "-Infinity"},
    {"the text of true is true", with_value("true"), "current_value", "true"},
    {"the text of false is false", with_value("false"), "current_value", "false"},
    {"null has no text", with_value("null"), "current_value", ""},
    {"zero is not empty", with_value("0"), "current_value", "0"},
    {"a text of nothing but white space is empty", with_value(R"(" \n\t ")"), "current_value", ""},
    {"an array of scalars is joined by commas", with_value(R"([1.50,"a",true,NaN])"),
     "current_value", "1.50,a,true,NaN"},
    {"empty elements are left out", with_value(R"(["",null," ","a","\t","b"])"), "current_value",
     "a,b"},
    {"an empty array is empty", with_value("[]"), "current_value", ""},
    {"an array of empty elements is empty", with_value(R"(["",null])"), "current_value", ""},
    {"an array with an array in it is compact JSON", with_value(R"([ 1, [ ], null, "" ])"),
     "current_value", R"([1,[],null,""])"},
    {"an array with an object in it is compact JSON", with_value(R"([ { } , 1.0 ])"),
     "current_value", "[{},1.0]"},
    {"an object is compact JSON in the order of its members",
     with_value(R"({ "b" : 1.50, "a" : [ true, null ], "c" : { "d" : -Infinity } })"),
     "current_value", R"({"b":1.50,"a":[true,null],"c":{"d":-Infinity}})"},
    {"an empty object is not empty", with_value("{ }"), "current_value", "{}"},
    {"compact JSON escapes quotes, backslashes, newlines and tabs and nothing else",
     with_value(R"({"k\"\n":"\"\\\n\t\/\u007f\u2028é😀"})"), "current_value",
     "{\"k\\\"\\n\":\"\\\"\\\\\\n\\t/\x7F\u2028é😀\"}"},
    {"control characters are dropped from compact JSON", with_value(R"({"a\u0001":"b\r\u0000"})"),
     "current_value", R"({"a":"b"})"},
    {"control characters are dropped before it is seen what is empty",
     with_value(R"("\u0000\r\f\b")"), "current_value", ""},
    {"newline and tab stay", with_value(R"("a\n\tb")"), "current_value", "a\n\tb"},
    {"half a surrogate pair becomes U+FFFD", with_value(R"("\ud83d here")"), "current_value",
     "\uFFFD here"},
    {"raw bytes that are no UTF-8 become U+FFFD", with_value("\"\xC0\x80|\xED\xA0\x80|\xE4\xBD\""),
     "current_value", "\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD"},
    {"keys are repaired before they are looked at", R"({"event":{},"current\u0000_value":7})",
     "current_value", "7"},
    {"a label is cut to 2048 characters, the last an ellipsis",
     with_value(quoted(times(2049, "漢"))), "current_value", times(2047, "漢") + "…"},
    {"a label of 2048 characters is not cut", with_value(quoted(times(2048, "😀"))), "current_value",
     times(2048, "😀")},
};

// ---------------------------------------------------------------- event_status

std::string typed(std::string_view type) {
    return R"({"type":)" + std::string(type) + R"(,"event":{"level":1}})";
}
std::string with_status(std::string_view status) {
    return R"({"status":)" + std::string(status) + R"(,"severity":1,"event":{}})";
}
std::string leveled(std::string_view level) {
    return R"({"event":{"level":)" + std::string(level) + "}}";
}
std::string level_named(std::string_view name) {
    return R"({"event":{"level":"x","level_name":)" + std::string(name) + "}}";
}
std::string ended(std::string_view event) {
    return R"({"type":"ANOMALY_NOTICE","event":{"level":1,)" + std::string(event) + "}}";
}

const std::vector<Row> kStatuses = {
    {"RECOVERY_NOTICE closes", typed(R"("RECOVERY_NOTICE")"), "event_status", "Ok"},
    {"RECOVERY_PUSH closes", typed(R"("RECOVERY_PUSH")"), "event_status", "Ok"},
    {"closed closes", typed(R"("closed")"), "event_status", "Ok"},
    {"CLOSED closes", typed(R"("CLOSED")"), "event_status", "Ok"},
    {"CLOSE_PUSH closes", typed(R"("CLOSE_PUSH")"), "event_status", "Ok"},
    {"RECOVERED closes", typed(R"("RECOVERED")"), "event_status", "Ok"},
    {"the case of the type does not matter", typed(R"("ReCoVery_nOtice")"), "event_status", "Ok"},
    {"an array of one type is its text", typed(R"(["CLOSED"])"), "event_status", "Ok"},
    {"a type is not trimmed", typed(R"(" CLOSED")"), "event_status", "Critical"},
    {"a longer type does not close", typed(R"("CLOSED_NOT")"), "event_status", "Critical"},
    {"ANOMALY_NOTICE does not close", typed(R"("ANOMALY_NOTICE")"), "event_status", "Critical"},
    {"manual does not close", typed(R"("manual")"), "event_status", "Critical"},
    {"an empty type does not close", typed(R"("")"), "event_status", "Critical"},
    {"a type of null does not close", typed("null"), "event_status", "Critical"},

    {"the status of an alert_info closes: recovered", with_status(R"("RECOVERED")"), "event_status",
     "Ok"},
    {"the status of an alert_info closes: closed", with_status(R"("Closed")"), "event_status",
     "Ok"},
    {"the status of an alert_info does not close: abnormal", with_status(R"("ABNORMAL")"),
     "event_status", "Critical"},
    {"the status within an alert_info's event does not close",
     R"({"status":"ABNORMAL","severity":3,"event":{"status":"RECOVERED"}})", "event_status",
     "Info"},
    {"a status does not close what has a type",
     R"({"type":"ANOMALY_NOTICE","status":"RECOVERED","event":{"level":3}})", "event_status",
     "Info"},
    {"a type of null leaves an alert_info",
     R"({"type":null,"status":"RECOVERED","event":{"level":3}})", "event_status", "Ok"},
    {"an empty type leaves a callback_message",
     R"({"type":"","status":"RECOVERED","event":{"level":3}})", "event_status", "Info"},
    {"a status of null makes an alert_info", R"({"status":null,"event":{"level":1}})",
     "event_status", "Warning"},
    {"a severity alone makes an alert_info", R"({"severity":3,"event":{"level":1}})",
     "event_status", "Info"},

    {"an end time closes in the current form",
     ended(R"("id":"17","event_id":"17","end_time":"2024-05-20 08:35:00")"), "event_status", "Ok"},
    {"an end time closes without a type",
     R"({"event":{"id":"17","event_id":"17","end_time":"x","level":1}})", "event_status", "Ok"},
    {"an end time of null does not close", ended(R"("id":"17","event_id":"17","end_time":null)"),
     "event_status", "Critical"},
    {"an empty end time does not close", ended(R"("id":"17","event_id":"17","end_time":" ")"),
     "event_status", "Critical"},
    {"an end time that is a number does not close",
     ended(R"("id":"17","event_id":"17","end_time":1716192900)"), "event_status", "Critical"},
    {"an end time does not close where the ids differ",
     ended(R"("id":"17","event_id":"18","end_time":"2024-05-20 08:35:00")"), "event_status",
     "Critical"},
    {"an end time does not close where an id is a number",
     ended(R"("id":17,"event_id":"17","end_time":"2024-05-20 08:35:00")"), "event_status",
     "Critical"},
    {"an end time does not close where the other id is a number",
     ended(R"("id":"17","event_id":17,"end_time":"2024-05-20 08:35:00")"), "event_status",
     "Critical"},
    {"an end time does not close where both ids are numbers",
     ended(R"("id":17,"event_id":17,"end_time":"2024-05-20 08:35:00")"), "event_status",
     "Critical"},
    {"an end time does not close where the ids are empty",
     ended(R"("id":"","event_id":"","end_time":"2024-05-20 08:35:00")"), "event_status",
     "Critical"},
    {"an end time does not close where the ids are missing",
     ended(R"("end_time":"2024-05-20 08:35:00")"), "event_status", "Critical"},
    {"an end time does not close an alert_info",
     R"({"status":"ABNORMAL","severity":1,"end_time":"x",)"
     R"("event":{"id":"17","event_id":"17","end_time":"2024-05-20 08:35:00"}})",
     "event_status", "Critical"},

    {"level 1 is Critical", leveled("1"), "event_status", "Critical"},
    {"level 2 is Warning", leveled("2"), "event_status", "Warning"},
    {"level 3 is Info", leveled("3"), "event_status", "Info"},
    {"a level may be a string", leveled(R"("1")"), "event_status", "Critical"},
    {"a level may have a fraction of zeros", leveled("1.000"), "event_status", "Critical"},
    {"a level may have leading zeros and white space around it", leveled(R"(" \n003.0\t")"),
     "event_status", "Info"},
    {"a level may be an array of one", leveled("[3]"), "event_status", "Info"},
    {"a fraction of more than zeros is another level", leveled("1.01"), "event_status", "Warning"},
    {"a level that ends in a point is another level", leveled(R"("1.")"), "event_status",
     "Warning"},
    {"an exponent is another level", leveled("1e0"), "event_status", "Warning"},
    {"a signed level is another level", leveled("-1"), "event_status", "Warning"},
    {"a level of another character is Warning", leveled(R"("-")"), "event_status", "Warning"},
    {"level 0 is Warning", leveled("0"), "event_status", "Warning"},
    {"level 4 is Warning", leveled("4"), "event_status", "Warning"},
    {"level 13 is Warning", leveled("13"), "event_status", "Warning"},
    {"a level of true is Warning", leveled("true"), "event_status", "Warning"},
    {"a level of NaN is Warning", leveled("NaN"), "event_status", "Warning"},
    {"no level is Warning", R"({"event":{}})", "event_status", "Warning"},
    {"the number counts, not the name", R"({"event":{"level":2,"level_name":"致命"}})",
     "event_status", "Warning"},
    {"the English Critical of level 2 is Warning",
     R"({"event":{"level":2,"level_name":"Critical"}})", "event_status", "Warning"},
    {"an alert_info goes by its severity", R"({"severity":" 01 ","event":{"level":3}})",
     "event_status", "Critical"},

    {"without a number 致命 is Critical", level_named(R"("[疑似异常]致命")"), "event_status",
     "Critical"},
    {"without a number Fatal is Critical", level_named(R"("Fatal")"), "event_status", "Critical"},
    {"without a number Emergency is Critical", level_named(R"("Emergency")"), "event_status",
     "Critical"},
    {"without a number 预警 is Warning", level_named(R"("预警 Info")"), "event_status", "Warning"},
    {"without a number Warning is Warning", level_named(R"("Notice, Warning")"), "event_status",
     "Warning"},
    {"without a number 提醒 is Info", level_named(R"("提醒")"), "event_status", "Info"},
    {"without a number Notice is Info", level_named(R"("Notice")"), "event_status", "Info"},
    {"without a number Remind is Info", level_named(R"("Reminder")"), "event_status", "Info"},
    {"without a number Info is Info", level_named(R"("Info")"), "event_status", "Info"},
    {"the worse name counts", level_named(R"("Info Warning Fatal")"), "event_status", "Critical"},
    {"names count as they are spelled", level_named(R"("fatal, INFO")"), "event_status", "Warning"},
    {"a name may be an array", level_named(R"(["x","Info"])"), "event_status", "Info"},
    {"without a number Critical is Warning", level_named(R"("Critical")"), "event_status",
     "Warning"},
    {"an alert_info without a number goes by its event's level_name",
     R"({"severity":"x","event":{"level_name":"致命"}})", "event_status", "Critical"},
};

// ---------------------------------------------------------------- alert_key

std::string with_event(std::string_view members) {
    return R"({"event":{)" + std::string(members) + "}}";
}

const std::vector<Row> kKeys = {
    {"the key is the event_id", with_event(R"("id":"i","event_id":"e")"), "alert_key", "e"},
    {"without an event_id the key is the id", with_event(R"("id":8817)"), "alert_key", "8817"},
    {"a blank event_id is passed over", with_event(R"("id":"i","event_id":" ")"), "alert_key", "i"},
    {"an event_id may be a number", with_event(R"("event_id":12345678901234567890)"), "alert_key",
     "12345678901234567890"},
    {"the key of an alert_info is its id alone",
     R"({"status":"x","id":"i","event":{"id":"no","event_id":"no"}})", "alert_key", "i"},
    {"the top-level id of a callback_message is no key", R"({"id":"no","event":{"id":"i"}})",
     "alert_key", "i"},
    {"a key of 255 characters stays", with_event(R"("id":)" + quoted(times(255, "漢"))),
     "alert_key", times(255, "漢")},
    {"a longer key becomes its digest", with_event(R"("id":)" + quoted(times(256, "漢"))),
     "alert_key", "sha256:92c25bfb6653d1f4720758809d6985775eade0da82d3e6e4d81375f21cbae989"},
    {"without any id the key is made from business, strategy and sorted dimensions",
     R"({"bk_biz_id":2,"strategy":{"id":144},"event":{"agg_dimensions":["b"],)"
     R"("dimensions":{"tags.ip":"10.0.0.1","b":"2","a":[1,"x"]}}})",
     "alert_key", "blueking:b5b6cf87e6049581c7b289288c49aee346a85f4760742021570f7c752f25cc0f"},
    {"translations and order do not change the key",
     R"({"bk_biz_id":"2","strategy":{"id":"144"},"event":{)"
     R"("dimensions":{"a":["1","x"],"b":2,"tags.ip":"10.0.0.1"},)"
     R"("dimension_translation":{"b":{"display_value":"zwei"}}}})",
     "alert_key", "blueking:b5b6cf87e6049581c7b289288c49aee346a85f4760742021570f7c752f25cc0f"},
    {"the dimensions of the anomaly make a key, too",
     R"({"bk_biz_id":2,"event":{},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"a":1}}}}})",
     "alert_key", "blueking:74d4868a9bcce31f2db9c3653d99bd542103a3e82ddfcf7526cc990417d9fb20"},
    {"dimensions are sorted by their bytes",
     with_event(R"("dimensions":{"é":"1","z":"1","Z":"1","a":"","a.b":null})"), "alert_key",
     "blueking:68ed5ec25521a2f88a04f68f778d4a914d493798a9b948a07e5d687c0aaf0367"},
    {"an alert of which nothing is known has a key", R"({"event":{}})", "alert_key",
     "blueking:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b"},
    {"the key of an alert_info without an id is made the same way",
     R"({"status":"x","bk_biz_id":9,"strategy_id":144,"strategy":{"id":9},"event":{"bk_biz_id":2},)"
     R"("dimensions":[{"key":"b","value":2,"display_value":"zwei"},{"key":"a","value":"1"}]})",
     "alert_key", "blueking:17992292dec4d0c56e2c599d210283a368c7b21c940e09ac37e35d4e5353944e"},
};

// ---------------------------------------------------------------- title_rule

std::string described(std::string_view description) {
    return R"({"event":{},"description":)" + quoted(description) + "}";
}
std::string strategy_named(std::string_view name) {
    return R"({"event":{},"strategy":{"name":)" + quoted(name) + "}}";
}

const std::vector<Row> kTitles = {
    {"the title is resource and check",
     R"({"event":{"dimensions":{"ip":"10.0.0.1"}},"strategy":{"name":"CPU"}})", "title_rule",
     "10.0.0.1 / CPU"},
    {"without a resource the title is the check", strategy_named("CPU"), "title_rule", "CPU"},
    {"the name of the strategy is the first choice",
     R"({"event":{},"description":"d","strategy":{"name":"n","item_list":[{"metric_field_name":"m"}]}})",
     "check", "n"},
    {"a blank name is passed over for the first metric with a name",
     R"({"event":{},"description":"d","strategy":{"name":" ","item_list":[{"metric_field_name":""},)"
     R"({"metric_field_name":"m"},{"metric_field_name":"o"}]}})",
     "check", "m"},
    {"without metrics the first line of the description is the check", described("a b\\nc"),
     "check", "a b"},
    {"empty lines are passed over", described(" \\n\\t\\n a\\nb"), "check", "a"},
    {"what the anomaly says may be the check",
     R"({"event":{},"latest_anomaly_record":{"origin_alarm":{"anomaly":{"1":{"anomaly_message":"m"}}}}})",
     "check", "m"},
    {"related_info is never the check", R"({"event":{},"related_info":"r"})", "check",
     "BlueKing alert"},
    {"an alert of which nothing is known has a title", R"({"event":{}})", "title_rule",
     "BlueKing alert"},
    {"the alert_name names an alert_info",
     R"({"status":"x","alert_name":"a","event":{},"strategy":{"name":"n"}})", "check", "a"},
    {"the name of the strategy does not name an alert_info",
     R"({"status":"x","event":{},"strategy":{"name":"n"},"description":"d"})", "check", "d"},

    {"the age of an alert is passed over: 新告警", described("新告警, a"), "check", "a"},
    {"the age of an alert is passed over: New Alarm", described("New Alarm, a"), "check", "a"},
    {"the age of an alert is passed over: 已持续", described("已持续1d 2h 4m, a, b"), "check",
     "a, b"},
    {"the age of an alert is passed over: Continue", described("Continue 2h 4m 5s, a"), "check",
     "a"},
    {"an age is digits, units and spaces only", described("Continue downhill, a"), "check",
     "Continue downhill, a"},
    {"an age ends with a comma and a space", described("已持续4m,a"), "check", "已持续4m,a"},
    {"an age stands at the start of the line", described("a 已持续4m, b"), "check",
     "a 已持续4m, b"},
    {"the age stays in the description", described("已持续4m, a"), "description", "已持续4m, a"},
    {"an age in a name stays", strategy_named("New Alarm, a"), "check", "New Alarm, a"},

    {"white space in the check collapses", strategy_named(" a \\n\\t b "), "check", "a b"},
    {"white space in the title collapses",
     R"({"event":{"dimensions":{"ip":" 10.0.0.1\n \t"}},"strategy":{"name":" a \n b "}})",
     "title_rule", "10.0.0.1 / a b"},
    {"the resource label keeps its white space", R"({"event":{"dimensions":{"ip":" a\n b"}}})",
     "resource", " a\n b"},
    {"a title is no template", strategy_named("[TPL]${x}"), "title_rule", "［TPL]${x}"},
    {"a title is no template anywhere and in any case", strategy_named("a [tpl] [[TpL]][TPL"),
     "title_rule", "a ［tpl] [［TpL]][TPL"},
    {"a resource makes no template of the title",
     R"({"event":{"dimensions":{"ip":"[TPL]"}},"strategy":{"name":"a"}})", "title_rule",
     "［TPL] / a"},
    {"control characters do not hide a template", strategy_named("[T\\u0000PL]"), "title_rule",
     "［TPL]"},
    {"the check label keeps a template", strategy_named("[TPL]"), "check", "[TPL]"},
    {"a title of 512 characters stays", strategy_named(times(512, "漢")), "title_rule",
     times(512, "漢")},
    {"a longer title ends in an ellipsis", strategy_named(times(513, "漢")), "title_rule",
     times(511, "漢") + "…"},
    {"a template that the cut goes through is none", strategy_named(times(510, "a") + "[TPL]"),
     "title_rule", times(510, "a") + "［…"},
    {"a template of the resource that the cut goes through is none",
     R"({"event":{"dimensions":{"ip":")" + times(255, "a ") +
         R"([TPL]"}},"strategy":{"name":"b"}})",
     "title_rule", times(255, "a ") + "［…"},
    {"the check label may be longer than the title", strategy_named(times(600, "a")), "check",
     times(600, "a")},
    {"a title is cut after its templates are broken", strategy_named(times(509, "a") + "[TPL]"),
     "title_rule", times(509, "a") + "［T…"},
};

// ---------------------------------------------------------------- resource

std::string with_dimensions(std::string_view dimensions) {
    return R"({"event":{"dimensions":{)" + std::string(dimensions) + "}}}";
}

const std::vector<Row> kResources = {
    {"an empty resource dimension is passed over",
     with_dimensions(R"("pod":" ","ip":null,"host":"h")"), "resource", "h"},
    {"a dimension goes by its label name", with_dimensions(R"("tags.ip":"a")"), "resource", "a"},
    {"a dimension is a resource once its name is made legal", with_dimensions(R"("bk-host.id":7)"),
     "resource", "7"},
    {"of two dimensions of one name the first is the resource",
     with_dimensions(R"("tags.ip":"a","ip":"b")"), "resource", "a"},
    {"of two dimensions of one name the first in the order of the labels is the resource",
     R"({"event":{"dimensions":{"x":"x","host":" ","tags.host":"b","tags.pod":"c","pod":"d"},)"
     R"("agg_dimensions":["pod"]}})",
     "resource", "c"},
    {"the first of two of one name that is not empty is the resource",
     with_dimensions(R"("ip":"","tags.ip":"b")"), "resource", "b"},
    {"the resource is the translation",
     R"({"event":{"dimensions":{"bk_host_id":7},)"
     R"("dimension_translation":{"bk_host_id":{"display_value":"web-1"}}}})",
     "resource", "web-1"},
    {"names of resources are spelled in small letters", with_dimensions(R"("IP":"a")"), "resource",
     ""},
    {"without a resource dimension there is no resource", with_dimensions(R"("app":"a")"),
     "resource", ""},
    {"a callback_message has no ip of its event", R"({"event":{"ip":"10.0.0.1","target":"t"}})",
     "resource", ""},
    {"an alert_info goes by the ip of its event",
     R"({"status":"x","event":{"ip":"10.0.0.1","target":"t"}})", "resource", "10.0.0.1"},
    {"an alert_info without an ip goes by the target of its event",
     R"({"status":"x","event":{"ip":"","target":"t"}})", "resource", "t"},
    {"an alert_info goes by its dimensions first",
     R"({"status":"x","event":{"ip":"10.0.0.1"},)"
     R"("dimensions":[{"key":"tags.bk_topo_node","value":"n"}]})",
     "resource", "n"},
};

/// Each name goes before all that follow it, whatever their order in the body.
void resources_are_chosen_in_the_order_of_their_names(void**) {
    const char* names[] = {"pod_name",
                           "pod",
                           "workload_name",
                           "bk_target_ip",
                           "ip",
                           "bk_target_service_instance_id",
                           "bk_service_instance_id",
                           "node",
                           "node_name",
                           "instance",
                           "host",
                           "hostname",
                           "service_name",
                           "target",
                           "url",
                           "target_host",
                           "task_id",
                           "bk_host_id",
                           "bk_inst_id",
                           "bk_topo_node"};
    std::string dimensions;
    for (std::size_t i = std::size(names); i > 0; i--) {
        const std::string name = names[i - 1];
        dimensions += (dimensions.empty() ? "" : ",") + quoted(name) + ":" + quoted("of " + name);
        HeapArena arena;
        const std::string body = with_dimensions(dimensions);
        ChunkSource source({body}, Stay::kLasting);
        assert_text(member_of(Translation(arena, source).event, "resource"), "of " + name);
    }
}

// ---------------------------------------------------------------- description

std::string with_anomaly(std::string_view level, std::string_view anomaly) {
    return R"({"event":{"level":)" + std::string(level) +
           R"(},"latest_anomaly_record":{"origin_alarm":{"anomaly":)" + std::string(anomaly) +
           "}}}";
}
std::string with_related_info(std::string_view description, std::string_view related_info) {
    return R"({"event":{},"description":)" + quoted(description) + R"(,"related_info":)" +
           std::string(related_info) + "}";
}

const std::vector<Row> kDescriptions = {
    {"the description is kept as it is", described(" a\\n\\tb <b>&amp; "), "description",
     " a\n\tb <b>&amp; "},
    {"a description may be any value", R"({"event":{},"description":{"a":[1]}})", "description",
     R"({"a":[1]})"},
    {"without a description there is none", R"({"event":{}})", "description", ""},
    {"a blank description is none", described(" \\n "), "description", ""},
    {"without a description the anomaly of the level speaks",
     with_anomaly("2", R"({"1":{"anomaly_message":"one"},"2":{"anomaly_message":"two"}})"),
     "description", "two"},
    {"an anomaly of a longer number is another level's",
     with_anomaly("1", R"({"10":{"anomaly_message":"ten"},"1":{"anomaly_message":"one"}})"),
     "description", "one"},
    {"the level is understood as for the status",
     with_anomaly(R"(" 02.0")", R"({"1":{"anomaly_message":"one"},"2":{"anomaly_message":"two"}})"),
     "description", "two"},
    {"an anomaly of another level speaks where that of the level is silent",
     with_anomaly("2", R"({"2":{"anomaly_message":" "},"7":{},"3":{"anomaly_message":"three"},)"
                       R"("1":{"anomaly_message":"one"}})"),
     "description", "three"},
    {"without a level the first anomaly speaks",
     with_anomaly("9", R"({"9x":1,"3":{"anomaly_message":"three"},"1":{"anomaly_message":"one"}})"),
     "description", "three"},
    {"an anomaly may say any value",
     with_anomaly("1", R"({"1":{"anomaly_message":{"content":"c"}}})"), "description",
     R"({"content":"c"})"},
    {"anomalies in an array do not speak", with_anomaly("1", R"([{"anomaly_message":"x"}])"),
     "description", ""},
    {"a blank description is passed over for the anomaly",
     R"({"event":{},"description":" ",)"
     R"("latest_anomaly_record":{"origin_alarm":{"anomaly":{"x":{"anomaly_message":"m"}}}}})",
     "description", "m"},
    {"the anomaly of an alert_info goes by its severity",
     R"({"severity":1,"event":{"level":2},"latest_anomaly_record":{"origin_alarm":{"anomaly":)"
     R"({"2":{"anomaly_message":"two"},"1":{"anomaly_message":"one"}}}}})",
     "description", "one"},
    {"related_info stands on a new line", with_related_info("d", R"("r")"), "description", "d\nr"},
    {"related_info stands alone without a description", with_related_info("", R"("r")"),
     "description", "r"},
    {"empty related_info is left out", with_related_info("d", R"(" ")"), "description", "d"},
    {"related_info of two dashes is left out", with_related_info("d", R"("--")"), "description",
     "d"},
    {"two dashes alone are no description", with_related_info("", R"("--")"), "description", ""},
    {"two dashes with anything beside them stay", with_related_info("d", R"("-- ")"), "description",
     "d\n-- "},
    {"related_info may be any value", with_related_info("d", R"({"a":1})"), "description",
     "d\n{\"a\":1}"},
    {"a description of 2048 characters stays", described(times(2048, "漢")), "description",
     times(2048, "漢")},
    {"a longer description ends in an ellipsis", described(times(2049, "漢")), "description",
     times(2047, "漢") + "…"},
    {"related_info is cut, too", with_related_info(times(2046, "d"), R"("漢漢")"), "description",
     times(2046, "d") + "\n…"},
};

// ---------------------------------------------------------------- labels

std::string with_items(std::string_view items) {
    return R"({"event":{},"strategy":{"item_list":)" + std::string(items) + "}}";
}
std::string begun(std::string_view time) {
    return R"({"event":{"begin_time":)" + std::string(time) + "}}";
}

const std::vector<Row> kLabels = {
    {"the source is always there", R"({"event":{}})", "source", "blueking"},
    {"the business comes from the top level", R"({"bk_biz_id":-12,"event":{"bk_biz_id":3}})",
     "bk_biz_id", "-12"},
    {"an empty business name is left out", R"({"bk_biz_name":"","event":{}})", "bk_biz_name", ""},
    {"the strategy's id comes from the strategy",
     R"({"strategy_id":9,"strategy":{"id":144},"event":{}})", "strategy_id", "144"},
    {"the strategy's name is kept whole", strategy_named("a\\n b"), "strategy_name", "a\n b"},
    {"the strategy's labels are joined", R"({"labels":["/a/b/","","c"],"event":{}})",
     "strategy_labels", "/a/b/,c"},
    {"labels of null are left out", R"({"labels":null,"event":{}})", "strategy_labels", ""},
    {"the scenario comes from the top level",
     R"({"scenario":"os","strategy":{"scenario":"apm"},"event":{}})", "scenario", "os"},
    {"without a scenario there is that of the strategy",
     R"({"scenario":null,"strategy":{"scenario":"apm"},"event":{}})", "scenario", "apm"},
    {"the type stays as it is", typed(R"("anomaly_notice")"), "type", "anomaly_notice"},
    {"the level stays as it is", leveled(R"(" 01 ")"), "level", " 01 "},
    {"the level's name comes from the event", level_named(R"("致命")"), "level_name", "致命"},
    {"the event_id is what the key was made from", with_event(R"("id":)" + quoted(times(300, "k"))),
     "event_id", times(300, "k")},
    {"without an id there is no event_id", R"({"event":{}})", "event_id", ""},
    {"being shielded is told", with_event(R"("is_shielded":true)"), "is_shielded", "true"},
    {"not being shielded is not told", with_event(R"("is_shielded":false)"), "is_shielded", ""},
    {"a text of true does not shield", with_event(R"("is_shielded":"true")"), "is_shielded", ""},
    {"a top-level is_shielded does not shield a callback_message",
     R"({"is_shielded":true,"event":{}})", "is_shielded", ""},

    {"distinct metrics are joined in their order",
     with_items(R"([{"metric_id":"b"},{"metric_id":"a"},{"metric_id":"b"},{"metric_id":7}])"),
     "metric", "b,a,7"},
    {"items without a metric are left out",
     with_items(R"([{"metric_id":""},{},1,"x",null,[{"metric_id":"y"}],{"metric_id":"a"}])"),
     "metric", "a"},
    {"an item list that is no array counts as absent", with_items(R"({"metric_id":"a"})"), "metric",
     ""},
    {"distinct metric names are joined",
     with_items(
         R"([{"metric_field_name":"n"},{"metric_field_name":"n"},{"metric_field_name":"m"}])"),
     "metric_name", "n,m"},
    {"distinct data sources are joined",
     with_items(
         R"([{"data_source_label":"s"},{"data_source_label":"t"},{"data_source_label":"s"}])"),
     "data_source", "s,t"},
    {"distinct data types are joined",
     with_items(R"([{"data_type_label":"t"},{"data_type_label":"t"},{"data_type_label":"u"}])"),
     "data_type", "t,u"},

    {"a time of BlueKing's form is UTC", begun(R"("2024-05-20 08:15:00")"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"a time of that form need not exist", begun(R"("2024-99-99 99:99:99")"), "begin_time",
     "2024-99-99 99:99:99 UTC"},
    {"a time with a zone stays", begun(R"("2024-05-20 08:15:00+0800")"), "begin_time",
     "2024-05-20 08:15:00+0800"},
    {"a time with a T stays", begun(R"("2024-05-20T08:15:00")"), "begin_time",
     "2024-05-20T08:15:00"},
    {"a time with a space too many stays", begun(R"("2024-05-20 08:15:00 ")"), "begin_time",
     "2024-05-20 08:15:00 "},
    {"a time in other digits stays", begun(R"("２024-05-20 08:15:00")"), "begin_time",
     "２024-05-20 08:15:00"},
    {"seconds become a time", begun("1716192900"), "begin_time", "2024-05-20 08:15:00 UTC"},
    {"a fraction of a second is ignored", begun("1716192900.999"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"seconds may have an exponent", begun("1.7161929e9"), "begin_time", "2024-05-20 08:15:00 UTC"},
    {"an exponent may have a sign", begun("171619290000E-2"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"an exponent may be positive", begun("1716.1929005e+6"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"a fraction behind an exponent is ignored", begun("17161929009.99e-1"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"zeros in front of a fraction count", begun("0.001716192900e12"), "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"zeros behind the last second of the year 9999 are a fraction", begun("253402300799.0e0"),
     "begin_time", "9999-12-31 23:59:59 UTC"},
    {"the second after it with an exponent stays a number", begun("2534023008e2"), "begin_time",
     "2534023008e2"},
    {"nothing with an exponent beyond all is second 0", begun("0e99999999999999999999"),
     "begin_time", "1970-01-01 00:00:00 UTC"},
    {"an exponent beyond all stays", begun("1e99999999999999999999"), "begin_time",
     "1e99999999999999999999"},
    {"an exponent below all is second 0", begun("1e-99999999999999999999"), "begin_time",
     "1970-01-01 00:00:00 UTC"},
    {"no second below 0 is second 0", begun("-0.0e3"), "begin_time", "1970-01-01 00:00:00 UTC"},
    {"second 0 is a time", begun("0"), "begin_time", "1970-01-01 00:00:00 UTC"},
    {"a number so small that it is hardly one is second 0", begun("1e-400"), "begin_time",
     "1970-01-01 00:00:00 UTC"},
    {"a capital exponent makes no difference to that", begun("1E-400"), "begin_time",
     "1970-01-01 00:00:00 UTC"},
    {"a negative number however small stays", begun("-1e-400"), "begin_time", "-1e-400"},
    {"the last second of the year 9999 is a time", begun("253402300799"), "begin_time",
     "9999-12-31 23:59:59 UTC"},
    {"the second after it stays a number", begun("253402300800"), "begin_time", "253402300800"},
    {"a negative number stays", begun("-1"), "begin_time", "-1"},
    {"a fraction below 0 stays", begun("-0.5"), "begin_time", "-0.5"},
    {"NaN is no time", begun("NaN"), "begin_time", "NaN"},
    {"Infinity is no time", begun("Infinity"), "begin_time", "Infinity"},
    {"a number beyond all numbers stays", begun("1e999"), "begin_time", "1e999"},
    {"seconds in a string stay", begun(R"("1716192900")"), "begin_time", "1716192900"},
    {"any other value is its text", begun("[1,2]"), "begin_time", "1,2"},
    {"the create time is a time", with_event(R"("create_time":1716192900)"), "create_time",
     "2024-05-20 08:15:00 UTC"},
    {"the end time is a time", with_event(R"("end_time":"2024-05-20 08:15:00")"), "end_time",
     "2024-05-20 08:15:00 UTC"},

    {"an alert_info has its business in the event",
     R"({"status":"x","bk_biz_id":3,"event":{"bk_biz_id":2}})", "bk_biz_id", "2"},
    {"an alert_info has its business name at the top level",
     R"({"status":"x","bk_biz_name":"b","event":{"bk_biz_name":"no"}})", "bk_biz_name", "b"},
    {"an alert_info has the first of its metrics",
     R"({"status":"x","event":{"metric":["",null,"m","n"]}})", "metric", "m"},
    {"an alert_info whose metrics are all empty has none",
     R"({"status":"x","event":{"metric":["",null," "]}})", "metric", ""},
    {"an alert_info may have one metric", R"({"status":"x","event":{"metric":"m"}})", "metric",
     "m"},
    {"an alert_info's items are no metrics",
     R"({"status":"x","strategy":{"item_list":[{"metric_id":"a"}]},"event":{}})", "metric", ""},
    {"an alert_info has its strategy's id at the top level",
     R"({"status":"x","strategy_id":144,"strategy":{"id":9},"event":{}})", "strategy_id", "144"},
    {"an alert_info has the name of its strategy",
     R"({"status":"x","alert_name":"a","strategy":{"name":"n"},"event":{}})", "strategy_name", "n"},
    {"an alert_info has its strategy's labels at the top level",
     R"({"status":"x","labels":["a","b"],"event":{}})", "strategy_labels", "a,b"},
    {"an alert_info has the scenario of its strategy",
     R"({"status":"x","scenario":"no","strategy":{"scenario":"os"},"event":{"category":"c"}})",
     "scenario", "os"},
    {"an alert_info without a scenario has its event's category",
     R"({"status":"x","scenario":"no","strategy":null,"event":{"category":"c"}})", "scenario", "c"},
    {"an alert_info has its status as type", R"({"status":"ABNORMAL","event":{}})", "type",
     "ABNORMAL"},
    {"an alert_info has its severity as level", R"({"severity":2,"event":{"level":1}})", "level",
     "2"},
    {"an alert_info has its id as event_id",
     R"({"status":"x","id":"17","event":{"id":"no","event_id":"no"}})", "event_id", "17"},
    {"an alert_info has the data type of its event",
     R"({"status":"x","event":{"data_type":"event"}})", "data_type", "event"},
    {"an alert_info has no level_name",
     R"({"status":"x","level_name":"no","event":{"level_name":"no"}})", "level_name", ""},
    {"an alert_info has no metric_name",
     R"({"status":"x","strategy":{"item_list":[{"metric_field_name":"n"}]},"event":{}})",
     "metric_name", ""},
    {"an alert_info has no data_source",
     R"({"status":"x","strategy":{"item_list":[{"data_source_label":"n"}]},"event":{}})",
     "data_source", ""},
    {"an alert_info has its value at the top level",
     R"({"status":"x","current_value":1.50,"event":{}})", "current_value", "1.50"},
    {"an alert_info has its begin time at the top level",
     R"({"status":"x","begin_time":1716192900,"event":{"begin_time":0}})", "begin_time",
     "2024-05-20 08:15:00 UTC"},
    {"an alert_info has its create time at the top level",
     R"({"status":"x","create_time":1716192900,"event":{"create_time":0}})", "create_time",
     "2024-05-20 08:15:00 UTC"},
    {"an alert_info has its end time at the top level",
     R"({"status":"x","end_time":1716192900,"event":{"end_time":0}})", "end_time",
     "2024-05-20 08:15:00 UTC"},
    {"an alert_info is shielded at the top level",
     R"({"status":"x","is_shielded":true,"event":{}})", "is_shielded", "true"},
    {"an alert_info is not shielded by its event", R"({"status":"x","event":{"is_shielded":true}})",
     "is_shielded", ""},
};

// ---------------------------------------------------------------- dimensions

std::string translated(std::string_view value, std::string_view display_value) {
    return R"({"event":{"dimensions":{"d":)" + std::string(value) +
           R"(},"dimension_translation":{"d":{"value":"no","display_value":)" +
           std::string(display_value) + "}}}}";
}

const std::vector<Row> kDimensions = {
    {"a dimension is a label", with_dimensions(R"("d":"v")"), "d", "v"},
    {"an empty dimension is left out", with_dimensions(R"("d":" ")"), "d", ""},
    {"a dimension may be any value", with_dimensions(R"("d":{"a":[null]})"), "d",
     R"({"a":[null]})"},
    {"a translation is shown", translated("1", R"("eins")"), "d", "eins"},
    {"a translation may be a number", translated("1", "2.0"), "d", "2.0"},
    {"a translation may be false", translated("1", "false"), "d", "false"},
    {"an empty translation is passed over", translated("1", R"(" ")"), "d", "1"},
    {"a translation of null is passed over", translated("1", "null"), "d", "1"},
    {"a translation that is an object is passed over", translated("1", R"({"bk_inst_name":"x"})"),
     "d", "1"},
    {"a translation that is an array of texts is passed over", translated("1", R"(["x"])"), "d",
     "1"},
    {"an empty array is passed over", translated("1", "[]"), "d", "1"},
    {"a topology is a path of its instances",
     translated("1", R"([{"bk_inst_name":"a","bk_obj_name":"x"},{"bk_inst_name":7}])"), "d", "a/7"},
    {"a topology with one nameless instance is passed over",
     translated("1", R"([{"bk_inst_name":"a"},{"bk_obj_name":"x"}])"), "d", "1"},
    {"a topology with something else in it is passed over",
     translated("1", R"([{"bk_inst_name":"a"},"b"])"), "d", "1"},
    {"a translation of an empty value is shown", translated("null", R"("eins")"), "d", "eins"},
    {"a translation that is no object is passed over",
     R"({"event":{"dimensions":{"d":1},"dimension_translation":{"d":"x"}}})", "d", "1"},
    {"translations in an array are passed over",
     R"({"event":{"dimensions":{"d":1},"dimension_translation":[{"d":{"display_value":"x"}}]}})",
     "d", "1"},
    {"a translation has the same key, tags. and all",
     R"({"event":{"dimensions":{"tags.d":1},"dimension_translation":{"d":{"display_value":"no"},)"
     R"("tags.d":{"display_value":"yes"}}}})",
     "d", "yes"},
    {"an error code keeps its value",
     R"({"event":{"dimensions":{"error_code":500},)"
     R"("dimension_translation":{"error_code":{"display_value":"200"}}}})",
     "error_code", "500"},
    {"a dimension that is no longer there is no label",
     R"({"event":{"dimensions":{"a":1},"dimension_translation":{"d":{"display_value":"x"}}}})", "d",
     ""},

    {"without dimensions there are those of the anomaly",
     R"({"event":{"dimension_translation":{"d":{"display_value":"x"}}},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"d":1}}}}})",
     "d", "x"},
    {"dimensions of null are those of the anomaly",
     R"({"event":{"dimensions":null},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"d":1}}}}})",
     "d", "1"},
    {"dimensions without a member are those of the anomaly",
     R"({"event":{"dimensions":{}},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"d":1}}}}})",
     "d", "1"},
    {"dimensions of the event are enough",
     R"({"event":{"dimensions":{"e":1}},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"d":1}}}}})",
     "d", ""},
    {"the anomaly's own translations do not count",
     R"({"event":{},"latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"d":1}},)"
     R"("dimension_translation":{"d":{"display_value":"x"}}}}})",
     "d", "1"},

    {"an alert_info's dimension has its own translation",
     R"({"status":"x","event":{},"dimensions":[{"key":"d","value":1,"display_value":"eins"}]})",
     "d", "eins"},
    {"an alert_info's dimension without a translation has its value",
     R"({"status":"x","event":{},"dimensions":[{"key":"d","value":1}]})", "d", "1"},
    {"an alert_info's dimensions without a key are left out",
     R"({"status":"x","event":{},"dimensions":[{"value":2},7,null,["key"],{"key":"tags.d","value":1}]})",
     "d", "1"},
    {"an alert_info may have an array of no dimensions",
     R"({"status":"x","event":{"dimensions":{"d":1}},"dimensions":[]})", "d", ""},
    {"an alert_info's dimensions are an array", R"({"status":"x","event":{},"dimensions":{"d":1}})",
     "d", ""},
    {"an alert_info has no dimensions in its event",
     R"({"status":"x","event":{"dimensions":{"d":1}}})", "d", ""},
    {"an alert_info's error code keeps its value",
     R"({"status":"x","event":{},"dimensions":[{"key":"error_code","value":5,"display_value":2}]})",
     "error_code", "5"},
};

// ---------------------------------------------------------------- order and names of labels

struct Order {
    const char* says;
    std::string body;
    const char* expected;  ///< the names behind `source` and `check`
};

const std::vector<Order> kOrders = {
    {"dimensions stand in the order of the body", with_dimensions(R"("b":1,"c":1,"a":1)"), "b c a"},
    {"agg_dimensions stand first in their order",
     R"({"event":{"dimensions":{"b":1,"c":1,"a":1},"agg_dimensions":["a","x","b","a"]}})", "a b c"},
    {"tags. makes no difference to agg_dimensions",
     R"({"event":{"dimensions":{"b":1,"tags.c":1,"a":1},"agg_dimensions":["tags.a","c"]}})",
     "a c b"},
    {"only strings count in agg_dimensions",
     R"({"event":{"dimensions":{"b":1,"1":1,"true":1},"agg_dimensions":[1,true,null,["b"]]}})",
     "b _1 true"},
    {"agg_dimensions that are no array count as absent",
     R"({"event":{"dimensions":{"b":1,"a":1},"agg_dimensions":"a"}})", "b a"},
    {"agg_dimensions order the dimensions of the anomaly, too",
     R"({"event":{"agg_dimensions":["a"]},)"
     R"("latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":{"b":1,"a":1}}}}})",
     "a b"},
    {"an alert_info's dimensions stand in their order",
     R"({"severity":"","event":{"agg_dimensions":["a"]},)"
     R"("dimensions":[{"key":"b","value":1},{"key":"a","value":1}]})",
     "b a"},
    {"many dimensions are ordered like few",
     R"({"event":{"dimensions":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,)"
     R"("l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1,"s":1},"agg_dimensions":["s","z","y","r","q","p",)"
     R"("o","x1","x2","x3","x4","x5","x6","x7","x8","x9","s","a"]}})",
     "s r q p o a b c d e f g h i j k l m n"},
    {"many agg_dimensions do not name what they do not name",
     R"({"event":{"dimensions":{"z":1,"q":1,"aa":1,"b":1},"agg_dimensions":["a","b","c","d","e","f",)"
     R"("g","h","i","j","k","l","m","n","o","p","q"]}})",
     "b q z aa"},
    {"names are made legal", with_dimensions(R"("a-b.c 漢":1,"9":1,"tags.tags.x":1)"),
     "a_b_c__ _9 tags_x"},
    {"a dimension without a name is left out", with_dimensions(R"("":1,"tags.":1,"a":1)"), "a"},
    {"a dimension of the same name and text is left out",
     with_dimensions(R"("a.b":"x","a_b":"x","tags.a.b":"x")"), "a_b"},
    {"a dimension of the same name and another text gets another name",
     with_dimensions(R"("a.b":"x","a_b":"y","a-b":"z","tags.a.b":"y","a b":"x")"),
     "a_b dimension_a_b dimension_a_b_2 dimension_a_b_3"},
    {"a dimension may have the name of a label that is not there",
     with_dimensions(R"("metric":"x","type":"y")"), "metric type"},
    {"a dimension with the name and text of a label is left out",
     with_dimensions(R"("source":"blueking","check":"BlueKing alert")"), ""},
    {"a dimension with the name of a label gets another one",
     with_dimensions(R"("source":"x","check":"y")"), "dimension_source dimension_check"},
    {"another name that is taken gets a number, whatever its text",
     with_dimensions(R"("dimension_source":"x","dimension_source_2":"x","source":"x")"),
     "dimension_source dimension_source_2 dimension_source_3"},
    {"the text that is compared is cut",
     with_dimensions(R"("a.b":")" + times(3000, "x") + R"(","a_b":")" + times(3001, "x") +
                     R"(","a-b":")" + times(2047, "x") + R"(")"),
     "a_b dimension_a_b"},
};

void check_order(void** state) {
    const Order& row = row_of<Order>(state);
    HeapArena arena;
    ChunkSource source({row.body}, Stay::kLasting);
    const Translation translation(arena, source);
    assert_text(label_names(translation.event),
                std::string("source check") + (*row.expected == 0 ? "" : " ") + row.expected);
}

/// An alert that has every label.
std::string with_all_labels(std::string_view dimensions) {
    return R"({"labels":"l","description":"d","current_value":1,"bk_biz_name":"n","bk_biz_id":2,)"
           R"("scenario":"s","type":"t","strategy":{"item_list":[{"data_type_label":"t",)"
           R"("data_source_label":"s","metric_field_name":"n","metric_id":"m"}],"name":"n","id":1},)"
           R"("event":{"dimensions":{)" +
           std::string(dimensions) +
           R"(},"is_shielded":true,"end_time":1,)"
           R"("create_time":1,"begin_time":1,"level_name":"n","level":1,"id":"i"}})";
}

const std::string kAllLabels =
    "source resource check metric bk_biz_id bk_biz_name strategy_id strategy_name strategy_labels "
    "scenario type level level_name current_value event_id begin_time create_time end_time "
    "is_shielded metric_name data_source data_type";

void labels_stand_in_their_order(void**) {
    const std::string body = with_all_labels(R"("app":"a","pod":"p")");
    HeapArena arena;
    ChunkSource source({body}, Stay::kLasting);
    assert_text(label_names(Translation(arena, source).event), kAllLabels + " app pod");
}

void no_dimension_takes_the_name_of_a_label(void**) {
    std::string dimensions = R"("pod":"p")", expected = kAllLabels + " pod";
    std::istringstream names(kAllLabels);
    for (std::string name; names >> name;) {
        dimensions += "," + quoted(name) + R"(:"another text")";
        expected += " dimension_" + name;
    }
    const std::string body = with_all_labels(dimensions);
    HeapArena arena;
    ChunkSource source({body}, Stay::kLasting);
    assert_text(label_names(Translation(arena, source).event), expected);
}

void labels_of_an_alert_info_stand_in_their_order(void**) {
    const std::string body =
        R"({"dimensions":[{"key":"app","value":"a"}],"is_shielded":true,"labels":"l",)"
        R"("end_time":1,"create_time":1,"begin_time":1,"current_value":1,"bk_biz_name":"n",)"
        R"("strategy_id":1,"strategy":{"name":"n"},"id":"i","severity":1,"status":"s",)"
        R"("event":{"data_type":"t","category":"c","metric":["m"],"ip":"i","bk_biz_id":2}})";
    HeapArena arena;
    ChunkSource source({body}, Stay::kLasting);
    assert_text(label_names(Translation(arena, source).event),
                "source resource check metric bk_biz_id bk_biz_name strategy_id strategy_name "
                "strategy_labels scenario type level current_value event_id begin_time "
                "create_time end_time is_shielded data_type app");
}

void other_names_are_kept_to_128_characters(void**) {
    const std::string long_name = times(130, "k");
    const std::string body =
        with_dimensions(quoted(long_name) + ":1," + quoted(long_name + "a") + ":2," +
                        quoted(long_name + "b") + ":3," + quoted(long_name + "c") + ":1");
    HeapArena arena;
    ChunkSource source({body}, Stay::kLasting);
    const std::string prefixed = "dimension_" + times(118, "k");
    assert_text(
        label_names(Translation(arena, source).event),
        "source check " + times(128, "k") + " " + prefixed + " " + prefixed.substr(0, 126) + "_2");
}

/// Equal keys do not come from BlueKing; whichever counts, Flashduty must take the event.
void equal_keys_leave_every_label_one_name(void**) {
    HeapArena arena;
    const std::string body =
        R"({"type":"a","type":"b","event":{"dimensions":{"ip":"1","ip":"2","ip":"1"}},)"
        R"("event":{"dimensions":{"ip":"3"},"level":1}})";
    ChunkSource source({body}, Stay::kLasting);
    const Translation translation(arena, source);
    for (std::size_t i = 0; i < translation.event.label_count; i++) {
        for (std::size_t j = 0; j < i; j++) {
            assert_true(translation.event.labels[i].name != translation.event.labels[j].name);
        }
    }
    assert_true(translation.event.label_count >= 3);
}

/// Dimensions for variables: by label name, in any case, the first one.
void a_dimension_is_found_by_its_label_name(void**) {
    HeapArena arena;
    const std::string body = with_dimensions(R"("tags.App-Name":"a","app_name":"b","x":" ")");
    ChunkSource source({body}, Stay::kLasting);
    const Translation translation(arena, source);
    assert_text(flashduty::dimension_text(translation.alert, "app_name"), "a");
    assert_text(flashduty::dimension_text(translation.alert, "APP_NAME"), "a");
    assert_text(flashduty::dimension_text(translation.alert, "app"), "");
}

void looking_for_a_free_name_ends_when_the_memory_does(void**) {
    const std::string body = with_dimensions(R"("source":"x","check":"y","source ":"z")");
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        ChunkSource source({body}, Stay::kLasting);
        const Translation translation(arena, source);
        if (!arena.failed()) {
            assert_text(label_names(translation.event),
                        "source check dimension_source dimension_check source_");
            break;
        }
    }
    assert_true(allocations > 1);
}

void parts_of_another_kind_count_as_absent(void**) {
    for (const char* body :
         {R"({"event":{},"strategy":1,"latest_anomaly_record":"x"})",
          R"({"event":{},"strategy":[{"name":"n"}],"latest_anomaly_record":[1]})",
          R"({"event":{"dimensions":[{"a":1}]},"latest_anomaly_record":{"origin_alarm":null}})",
          R"({"event":{},"latest_anomaly_record":{"origin_alarm":{"data":[],"anomaly":"x"}}})",
          R"({"event":{},"latest_anomaly_record":{"origin_alarm":{"data":{"dimensions":"x"}}}})"}) {
        assert_text(
            event_of(body),
            R"({"title_rule":"BlueKing alert","event_status":"Warning","alert_key":)"
            R"("blueking:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",)"
            R"("labels":{"source":"blueking","check":"BlueKing alert"}})");
    }
}

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    HeapArena arena;
    ChunkSource source({row.body}, Stay::kLasting);
    const Translation translation(arena, source);
    assert_text(name_of(translation.reading.kind), "message");
    assert_text(member_of(translation.event, row.member), row.expected);
    assert_false(arena.failed());
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(resources_are_chosen_in_the_order_of_their_names),
        cmocka_unit_test(labels_stand_in_their_order),
        cmocka_unit_test(no_dimension_takes_the_name_of_a_label),
        cmocka_unit_test(labels_of_an_alert_info_stand_in_their_order),
        cmocka_unit_test(other_names_are_kept_to_128_characters),
        cmocka_unit_test(equal_keys_leave_every_label_one_name),
        cmocka_unit_test(a_dimension_is_found_by_its_label_name),
        cmocka_unit_test(looking_for_a_free_name_ends_when_the_memory_does),
        cmocka_unit_test(parts_of_another_kind_count_as_absent),
    };
    for (const auto* rows : {&kTexts, &kStatuses, &kKeys, &kTitles, &kResources, &kDescriptions,
                             &kLabels, &kDimensions}) {
        add_rows(tests, *rows, check_row);
    }
    add_rows(tests, kOrders, check_order);
    return run("translate", tests);
}
