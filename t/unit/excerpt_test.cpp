// Excerpts of rejected bodies in the log.
#include "excerpt.hpp"

#include "support.hpp"

using namespace flashduty;

namespace {

std::string excerpt(std::string_view body) {
    HeapArena arena;
    return std::string(make_excerpt(arena, body));
}

void a_short_body_is_shown_whole(void**) {
    assert_text(excerpt("{}"), "{}");
    assert_text(excerpt(""), "");
    assert_text(excerpt(R"({"alarm": "磁盘"})"), R"({"alarm": "磁盘"})");
    assert_text(excerpt(times(100, "漢")), times(100, "漢"));
}

void a_long_one_is_cut_after_a_hundred_characters(void**) {
    assert_text(excerpt(times(101, "漢")), times(99, "漢") + "…");
    assert_text(excerpt(std::string(400, 'x')), std::string(99, 'x') + "…");
}

void it_is_one_line_of_valid_text(void**) {
    assert_text(excerpt("a\nb\tc\r\x1B[31m\x7F"), "a b c[31m ");
    assert_text(excerpt("a\xFF\xC3"), "a\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_text(excerpt(std::string("a\0b", 3)), "ab");
}

void no_secret_is_in_it(void**) {
    assert_text(excerpt("https://f/push?integration_key=SECRET&a=b"),
                "https://f/push?integration_key***");
    assert_text(excerpt(R"({"integration_key": "SECRET"})"), R"({"integration_key***)");
    assert_text(excerpt("?%69ntegration_key=SECRET&a=SECRET"), "?%69ntegration_key=***&a=***");
    assert_text(excerpt("?inte%67ration_key=SECRET&a=SECRET"), "?inte%67ration_key=***&a=***");
    assert_text(excerpt("Authorization: Bearer SECRET"), "Authorization***");
    assert_text(excerpt(R"({"BEARER SECRET")"), R"({"BEARER ***)");
    assert_text(excerpt(R"({"access_token":"SECRET")"), R"({"access_token***)");
    const std::string late = std::string(90, 'x') + "integration_key=SECRET";
    assert_text(excerpt(late), std::string(90, 'x') + "integrati…");
}

void without_memory_there_is_none(void**) {
    for (std::size_t allocations = 0; allocations < 8; allocations++) {
        FailingArena arena(allocations);
        const std::string_view made = make_excerpt(arena, "a\n?integration_key=SECRET");
        assert_true(!arena.failed() || made.find("SECRET") == std::string_view::npos);
    }
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_short_body_is_shown_whole),
        cmocka_unit_test(a_long_one_is_cut_after_a_hundred_characters),
        cmocka_unit_test(it_is_one_line_of_valid_text),
        cmocka_unit_test(no_secret_is_in_it),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return run("excerpt", tests);
}
