// Text for Flashduty.
#include "text.hpp"

#include <openssl/evp.h>

#include "digest.hpp"
#include "support.hpp"

using namespace std::string_view_literals;

namespace {

using Change = std::string_view (*)(flashduty::Arena&, std::string_view) noexcept;

struct Row {
    const char* says;
    Change change;
    std::string_view text;
    std::string_view expected;
};

std::string_view cut_to_3(flashduty::Arena& arena, std::string_view text) noexcept {
    return flashduty::cut(arena, text, 3);
}

std::string_view collapse(flashduty::Arena& arena, std::string_view text) noexcept {
    return flashduty::collapse_spaces(arena, text, 100);
}

std::string_view trimmed(flashduty::Arena&, std::string_view text) noexcept {
    return flashduty::trim(text);
}

std::string_view tagless(flashduty::Arena&, std::string_view text) noexcept {
    return flashduty::without_tags(text);
}

const std::string k128 = times(128, "k");
const std::string k127 = times(127, "k");

const std::vector<Row> kRows = {
    {"sound text is left as it is", flashduty::repair, "aé漢😀~\x7F\u0080\u2028\n\t",
     "aé漢😀~\x7F\u0080\u2028\n\t"},
    {"an overlong form becomes one U+FFFD for each of its bytes", flashduty::repair, "a\xC0\x80z",
     "a\uFFFD\uFFFDz"},
    {"an overlong form of three bytes becomes three U+FFFD", flashduty::repair, "\xE0\x80\x80",
     "\uFFFD\uFFFD\uFFFD"},
    {"an encoded surrogate becomes three U+FFFD", flashduty::repair, "\xED\xA0\x80",
     "\uFFFD\uFFFD\uFFFD"},
    {"the last character before the surrogates stays", flashduty::repair, "\xED\x9F\xBF",
     "\xED\x9F\xBF"},
    {"a character that is cut off by the end becomes one U+FFFD", flashduty::repair, "a\xE4\xBD",
     "a\uFFFD"},
    {"a character far behind the start that is cut off becomes one U+FFFD", flashduty::repair,
     "漢字abcdefgh\xE6\xBC|漢\xE6|\xE6\xBC", "漢字abcdefgh\uFFFD|漢\uFFFD|\uFFFD"},
    {"a character that is cut off by another becomes one U+FFFD", flashduty::repair,
     "\xF0\x9F\x98\x41\xE4\xBD\xA0", "\uFFFD\x41\xE4\xBD\xA0"},
    {"a lone continuation becomes U+FFFD", flashduty::repair, "\x80|\xBF", "\uFFFD|\uFFFD"},
    {"bytes that never occur become U+FFFD", flashduty::repair, "\xFE\xFF\xF5",
     "\uFFFD\uFFFD\uFFFD"},
    {"what lies above U+10FFFF becomes four U+FFFD", flashduty::repair, "\xF4\x90\x80\x80",
     "\uFFFD\uFFFD\uFFFD\uFFFD"},
    {"the last character of all stays", flashduty::repair, "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
    {"an overlong form of four bytes becomes four U+FFFD", flashduty::repair, "\xF0\x8F\xBF\xBF",
     "\uFFFD\uFFFD\uFFFD\uFFFD"},
    {"control characters other than newline and tab are dropped", flashduty::repair,
     "\0a\x01\b\v\f\r\x1B\x1F|\n\t|"sv, "a|\n\t|"},
    {"a text of nothing but control characters becomes empty", flashduty::repair, "\r\0"sv, ""},

    {"for a variable every control character becomes one space", flashduty::without_controls,
     "a\r\nb\tc\0d\x7F|\u0080|\u009F|"sv, "a  b c d | | |"},
    {"for a variable other characters stay", flashduty::without_controls, "a \u00A0é漢😀",
     "a \u00A0é漢😀"},

    {"for a variable a character that is cut off stays", flashduty::without_controls, "a\xC2",
     "a\xC2"},

    {"a text of the full length is not cut", cut_to_3, "漢字😀", "漢字😀"},
    {"a text that is too long ends in an ellipsis within the length", cut_to_3, "漢字😀a", "漢字…"},
    {"a character of several bytes is never split", cut_to_3, "a😀😀😀", "a😀…"},
    {"an empty text is not cut", cut_to_3, "", ""},

    {"a run of white space becomes one space", collapse, "a \t\n  b\nc", "a b c"},
    {"white space at the ends is taken away", collapse, "\n a b\t ", "a b"},
    {"a text of nothing but white space collapses to nothing", collapse, " \n\t ", ""},
    {"white space beyond ASCII does not collapse", collapse, "a\u00A0\u3000 b", "a\u00A0\u3000 b"},

    {"trimming takes all ASCII white space from the ends", trimmed, " \t\n\v\f\ra b\r ", "a b"},
    {"trimming leaves nothing of blank text", trimmed, " \n ", ""},

    {"a legal label name stays", flashduty::label_name, "_aZ9", "_aZ9"},
    {"one leading tags. is dropped from a label name", flashduty::label_name, "tags.tags.ip",
     "tags_ip"},
    {"tags. elsewhere in a label name is only made legal", flashduty::label_name, "a.tags.ip",
     "a_tags_ip"},
    {"each character that is not legal becomes one underscore", flashduty::label_name,
     "a-漢😀\u0301.", "a_____"},
    {"what follows the letters is not legal in a label name", flashduty::label_name,
     "a{Z[9:", "a_Z_9_"},
    {"an underscore goes before a leading digit", flashduty::label_name, "1a", "_1a"},
    {"the digit may lead only once tags. is gone", flashduty::label_name, "tags.9", "_9"},
    {"a leading character that is not legal needs no further underscore", flashduty::label_name,
     "-9", "_9"},
    {"nothing is left of an empty name", flashduty::label_name, "", ""},
    {"nothing is left of tags. alone", flashduty::label_name, "tags.", ""},

    {"tags. is taken away once", tagless, "tags.tags.a", "tags.a"},
    {"a name without tags. stays", tagless, "tag.a", "tag.a"},

    {"the digest is SHA-256 in lower-case hex", flashduty::sha256_hex, "abc",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"the digest of nothing is known", flashduty::sha256_hex, "",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    HeapArena arena;
    assert_text(row.change(arena, row.text), row.expected);
    assert_false(arena.failed());
}

/// Without memory each change gives nothing, or the text itself where it needs none.
void without_memory_a_change_says_so_and_gives_nothing(void**) {
    for (const Row& row : kRows) {
        FailingArena arena(0);
        const std::string_view changed = row.change(arena, row.text);
        assert_text(changed, arena.failed() ? ""sv : row.expected);
    }
}

void a_label_name_is_cut_to_128_characters(void**) {
    HeapArena arena;
    assert_text(flashduty::label_name(arena, k128), k128);
    assert_text(flashduty::label_name(arena, k128 + "k"), k128);
    assert_text(flashduty::label_name(arena, "tags." + k128), k128);
    assert_text(flashduty::label_name(arena, "1" + k127), "_1" + times(126, "k"));
    assert_text(flashduty::label_name(arena, times(200, "漢")), times(128, "_"));
}

void only_prometheus_names_of_at_most_128_characters_are_label_names(void**) {
    for (std::string_view name : {"a", "_", "Z9", "a_b"}) {
        assert_true(flashduty::is_label_name(name));
    }
    assert_true(flashduty::is_label_name(k128));
    assert_false(flashduty::is_label_name(k128 + "k"));
    for (std::string_view name : {"", "9a", "a-b", "a.b", "a b", "é", "a\n"}) {
        assert_false(flashduty::is_label_name(name));
    }
}

void characters_are_counted_not_bytes(void**) {
    assert_int_equal(flashduty::count_characters(""), 0);
    assert_int_equal(flashduty::count_characters("aé漢😀"), 4);
}

void only_ascii_white_space_is_blank(void**) {
    assert_true(flashduty::is_blank(""));
    assert_true(flashduty::is_blank(" \t\n\v\f\r"));
    assert_false(flashduty::is_blank(" a "));
    assert_false(flashduty::is_blank("\u00A0"));
    assert_false(flashduty::is_blank("\0"sv));
}

void case_is_ignored_for_ascii_letters_only(void**) {
    assert_true(flashduty::equals_ignoring_case("cLoSeD_1", "ClOsEd_1"));
    assert_false(flashduty::equals_ignoring_case("closed", "closed "));
    assert_false(flashduty::equals_ignoring_case("É", "é"));
    assert_false(flashduty::equals_ignoring_case("@[", "`{"));
}

void parts_are_joined_with_the_separator_between_them(void**) {
    HeapArena arena;
    const std::string_view parts[] = {"a", "", "bc"};
    assert_text(flashduty::join(arena, parts, 3, ", "), "a, , bc");
    assert_text(flashduty::join(arena, parts, 1, ", "), "a");
    assert_text(flashduty::join(arena, parts, 0, ", "), "");
    assert_text(flashduty::join(arena, parts + 1, 1, ", "), "");
    assert_text(flashduty::concat(arena, "a"sv, ""sv, "bc"sv), "abc");
    assert_text(flashduty::concat(arena, ""sv, ""sv), "");
    assert_false(arena.failed());
}

void numbers_come_out_in_decimal(void**) {
    HeapArena arena;
    assert_text(flashduty::decimal(arena, 0), "0");
    assert_text(flashduty::decimal(arena, UINT64_MAX), "18446744073709551615");
}

/// Fails like a policy that forbids SHA-256, or a libcrypto without memory.
void without_sha_256_there_is_no_digest(void**) {
    HeapArena arena;
    assert_int_equal(EVP_set_default_properties(nullptr, "provider=none"), 1);
    const std::string digest(flashduty::sha256_hex(arena, "abc"));
    assert_int_equal(EVP_set_default_properties(nullptr, nullptr), 1);
    assert_text(digest, "");
    assert_true(arena.failed());
}

void an_arena_remembers_that_memory_ran_out(void**) {
    FailingArena arena(1);
    assert_text(arena.copy("kept"), "kept");
    assert_false(arena.failed());
    assert_text(arena.copy("lost"), "");
    assert_true(arena.failed());
    assert_null(arena.make<int>());
}

void an_arena_takes_no_memory_for_an_empty_copy(void**) {
    FailingArena arena(0);
    assert_text(arena.copy(""), "");
    assert_false(arena.failed());
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(without_memory_a_change_says_so_and_gives_nothing),
        cmocka_unit_test(a_label_name_is_cut_to_128_characters),
        cmocka_unit_test(only_prometheus_names_of_at_most_128_characters_are_label_names),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(only_ascii_white_space_is_blank),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(parts_are_joined_with_the_separator_between_them),
        cmocka_unit_test(numbers_come_out_in_decimal),
        cmocka_unit_test(without_sha_256_there_is_no_digest),
        cmocka_unit_test(an_arena_remembers_that_memory_ran_out),
        cmocka_unit_test(an_arena_takes_no_memory_for_an_empty_copy),
    };
    add_rows(tests, kRows, check_row);
    return run("text", tests);
}
