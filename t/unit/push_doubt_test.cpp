// Push URLs of other kinds of integration.
#include "push_doubt.hpp"

#include "support.hpp"

using flashduty::PushDoubt;

namespace {

struct Row {
    const char* says;
    const char* url;
    PushDoubt expected;
};

const std::vector<Row> kRows = {
    {"the right one", "/event/push/alert/standard?integration_key=abc", PushDoubt::kNone},
    {"behind a path of a proxy", "/flashduty/event/push/alert/standard?a=b&integration_key=abc",
     PushDoubt::kNone},
    {"BlueKing's own", "/event/push/alert/tencent-bk?integration_key=abc", PushDoubt::kOtherKind},
    {"one that begins alike", "/event/push/alert/standard2?integration_key=abc",
     PushDoubt::kOtherKind},
    {"no kind", "/event/push/alert/?integration_key=abc", PushDoubt::kOtherKind},
    {"no key", "/event/push/alert/standard", PushDoubt::kNoKey},
    {"other arguments only", "/event/push/alert/standard?a=b", PushDoubt::kNoKey},
    {"an empty key", "/event/push/alert/standard?integration_key=", PushDoubt::kNoKey},
    {"the placeholder", "/event/push/alert/standard?integration_key=KEY", PushDoubt::kPlaceholder},
    {"a key that begins like it", "/event/push/alert/standard?integration_key=KEY1",
     PushDoubt::kNone},
    {"a path of somebody's own", "/alerts?integration_key=KEY", PushDoubt::kNone},
    {"a push path in the arguments", "/alerts?to=/event/push/alert/other", PushDoubt::kNone},
    {"nothing", "", PushDoubt::kNone},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    const PushDoubt doubt = flashduty::doubt_url(row.url);
    assert_int_equal(static_cast<int>(doubt), static_cast<int>(row.expected));
    assert_int_equal(flashduty::sentence_of(doubt).empty(), doubt == PushDoubt::kNone);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests;
    add_rows(tests, kRows, check_row);
    return run("push_doubt", tests);
}
