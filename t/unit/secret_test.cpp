// The integration key stays out of what others get to see.
#include "secret.hpp"

#include "support.hpp"

using flashduty::take_integration_key;
using flashduty::without_keys;

namespace {

struct UrlRow {
    const char* says;
    const char* url;
    const char* key;
};

const std::vector<UrlRow> kUrls = {
    {"the only argument", "/push?integration_key=abc", "abc"},
    {"the last of several", "/push?a=1&integration_key=abc", "abc"},
    {"the first of several", "/push?integration_key=abc&a=1", "abc"},
    {"before a fragment", "/push?integration_key=abc#x", "abc"},
    {"within a request line", "POST /push?integration_key=abc HTTP/1.1", "abc"},
    {"a name in other letters", "/push?Integration_Key=abc", "abc"},
    {"as it stands, escaped", "/push?integration_key=a%2Fb", "a%2Fb"},
    {"an escaped name", "/push?integration%5Fkey=abc", "abc"},
    {"behind a second question mark", "/push?a=1?integration_key=abc", "abc"},
    {"behind an empty one", "/push?integration_key=&integration_key=abc", "abc"},
    {"a name cut short", "/push?integration_ke=abc", ""},
    {"a name that goes on", "/push?integration_key2=abc", ""},
    {"a name without a value", "/push?integration_key&a=1", ""},
    {"an empty one", "/push?integration_key=", ""},
    {"another argument that ends alike", "/push?my_integration_key=abc", ""},
    {"a path that reads alike", "/integration_key=abc", ""},
    {"no arguments", "/push", ""},
    {"nothing", "", ""},
};

void check_url(void** state) {
    const auto& row = row_of<UrlRow>(state);
    std::string_view url = row.url;
    assert_text(take_integration_key(url), row.key);
}

struct MaskRow {
    const char* says;
    const char* text;
    const char* arguments;
    const char* expected;
};

const std::vector<MaskRow> kMasks = {
    {"a key is masked", "no such key: abc", "integration_key=abc", "no such key: ***"},
    {"every one of them", "abcabc-abc", "integration_key=abc", "******-***"},
    {"a text without it stays", "nothing here", "integration_key=abc", "nothing here"},
    {"an escaped key unescaped", "key k3y/of+the=team", "integration_key=k3y%2Fof%2Bthe%3Dteam",
     "key ***"},
    {"an escaped key as it stands", "key k3y%2Fof", "integration_key=k3y%2Fof", "key ***"},
    {"a plain key escaped", "key k3y%2Fof", "integration_key=k3y/of", "key ***"},
    {"a plain key escaped in small letters", "key k3y%2fof", "integration_key=k3y/of", "key ***"},
    {"what needs no escape is never escaped", "key a-b.c_d~Z%2F%40%7B",
     "integration_key=a-b.c_d~Z/@{", "key ***"},
    {"a percent sign before other letters is no escape", "key %25g4%254g%25%404",
     "integration_key=%g4%4g%@4", "key ***"},
    {"a percent sign before one digit is no escape", "key a%254", "integration_key=a%4", "key ***"},
    {"a key of the mask's own character", "a*b", "integration_key=*", "a***b"},
    {"an empty key masks nothing", "abc", "integration_key=", "abc"},
    {"several keys", "a1 b2 c3", "integration_key=a1&x=c3&integration%5Fkey=b2", "*** *** c3"},
    {"an empty text stays", "", "integration_key=abc", ""},
};

void check_mask(void** state) {
    const auto& row = row_of<MaskRow>(state);
    HeapArena arena;
    const std::string url = std::string("https://host/push?") + row.arguments;
    assert_text(without_keys(arena, row.text, url), row.expected);
}

void without_memory_nothing_is_shown(void**) {
    for (std::size_t allocations = 0; allocations < 4; allocations++) {
        FailingArena arena(allocations);
        assert_text(without_keys(arena, "no such key: abc", "/push?integration_key=abc"), "");
        assert_true(arena.failed());
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {cmocka_unit_test(without_memory_nothing_is_shown)};
    add_rows(tests, kUrls, check_url);
    add_rows(tests, kMasks, check_mask);
    return run("secret", tests);
}
