// The integration key stays out of everything that others get to see.
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

struct EmptyRow {
    const char* says;
    const char* url;
    bool expected;
};

const std::vector<EmptyRow> kEmptyKeys = {
    {"an empty key", "/push?integration_key=", true},
    {"one before others", "/push?integration_key=&a=b", true},
    {"an escaped name with none", "/push?a=b&integration%5Fkey=", true},
    {"one behind an empty one", "/push?integration_key=&integration_key=abc", false},
    {"one before an empty one", "/push?integration_key=abc&integration_key=", false},
    {"a key that is there", "/push?integration_key=abc", false},
    {"no key at all", "/push?a=b", false},
    {"no arguments at all", "/push", false},
};

void check_empty(void** state) {
    const auto& row = row_of<EmptyRow>(state);
    assert_int_equal(flashduty::has_empty_integration_key(row.url), row.expected);
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
    {"any character may be escaped", "key %61b%63", "integration_key=abc", "key ***"},
    {"all of them", "key %61%62%63.", "integration_key=abc", "key ***."},
    {"a key that is all escaped in the url", "key abc", "integration_key=%61%62%63", "key ***"},
    {"escaped twice", "key k3y%252Fof", "integration_key=k3y/of", "key ***"},
    {"escaped three times", "key k3y%25252Fof", "integration_key=k3y%2fof", "key ***"},
    {"every character of an escape escaped", "key %25%36%31bc", "integration_key=abc", "key ***"},
    {"in letters of any case", "key %5%46 %5%66 %%35f", "integration_key=_", "key *** *** ***"},
    {"escaped twice in the url", "key a/c, a%2Fc", "integration_key=a%252Fc", "key ***, ***"},
    {"behind what looks like an escape's start", "key %abc", "integration_key=abc", "key %***"},
    {"behind a percent sign that is escaped", "key %25abc", "integration_key=abc", "key %25***"},
    {"a text that ends in the key's start stays", "key ab", "integration_key=abc", "key ab"},
    {"an escape of something else is none", "key %61%62%64 %6", "integration_key=abc",
     "key %61%62%64 %6"},
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

const std::vector<MaskRow> kCuts = {
    {"nothing of a key is left at a cut", "key ab", "integration_key=abc", "key ***"},
    {"not its first character", "key a", "integration_key=abc", "key ***"},
    {"not escaped", "key %61b", "integration_key=abc", "key ***"},
    {"not where the cut falls into an escape", "key a%6", "integration_key=abc", "key ***"},
    {"not where it falls behind a percent sign", "key a%", "integration_key=abc", "key ***"},
    {"not where that is escaped", "key a%2", "integration_key=abc", "key ***"},
    {"a whole key before the cut is one", "key abc", "integration_key=abc", "key ***"},
    {"one behind a whole one is another", "key abca", "integration_key=abc", "key ******"},
    {"what is no start of a key stays", "key ac", "integration_key=abc", "key ac"},
};

void check_cut(void** state) {
    const auto& row = row_of<MaskRow>(state);
    HeapArena arena;
    const std::string url = std::string("https://host/push?") + row.arguments;
    assert_text(without_keys(arena, row.text, url, true), row.expected);
}

/// A text made to take long.
void a_text_full_of_percent_signs_is_looked_through(void**) {
    HeapArena arena;
    for (const char* unit : {"%", "%25", "%2", "%252", "%%25", "%25%32%35"}) {
        const std::string text = times(16 * 1024 / std::string_view(unit).size(), unit);
        assert_text(without_keys(arena, text, "/push?integration_key=abc"), text);
    }
}

void without_memory_nothing_is_shown(void**) {
    for (std::size_t allocations = 0; allocations < 2; allocations++) {
        FailingArena arena(allocations);
        assert_text(without_keys(arena, "no such key: abc", "/push?integration_key=%61bc"), "");
        assert_true(arena.failed());
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_text_full_of_percent_signs_is_looked_through),
        cmocka_unit_test(without_memory_nothing_is_shown),
    };
    add_rows(tests, kUrls, check_url);
    add_rows(tests, kEmptyKeys, check_empty);
    add_rows(tests, kMasks, check_mask);
    add_rows(tests, kCuts, check_cut);
    return run("secret", tests);
}
