// Tokens: the lines of a file, a caller's header, and whether the two are the same.
#include "bearer.hpp"

#include "support.hpp"

using flashduty::bearer_token;
using flashduty::digest_token;
using flashduty::is_one_of;
using flashduty::SecretLine;
using flashduty::take_secret_line;
using flashduty::TokenDigest;

namespace {

using namespace std::string_view_literals;

const char* name_of(SecretLine line) {
    switch (line) {
        case SecretLine::kSecret:
            return "secret";
        case SecretLine::kNothing:
            return "nothing";
        case SecretLine::kBad:
            return "bad";
    }
    return "no kind";
}

struct FileRow {
    const char* says;
    std::string_view text;
    std::string_view expected;  ///< what each line is, and the secrets in parentheses
};

const std::vector<FileRow> kFiles = {
    {"a token", "abc\n", "secret(abc)"},
    {"a last line that does not end", "abc", "secret(abc)"},
    {"two tokens", "abc\ndef\n", "secret(abc) secret(def)"},
    {"lines that end as on Windows", "abc\r\ndef\r\n", "secret(abc) secret(def)"},
    {"white space around a token", " \tabc\t \n", "secret(abc)"},
    {"blank lines", "\n \t\nabc\n\n", "nothing nothing secret(abc) nothing"},
    {"a comment", "# abc\n", "nothing"},
    {"a comment without a space", "#abc\n", "nothing"},
    {"a comment that is indented", "  # abc\n", "nothing"},
    {"a comment in any language", "# \xE5\xAF\x86\xE9\x92\xA5\nabc", "nothing secret(abc)"},
    {"a comment behind a token", "abc # of May\n", "secret(abc)"},
    {"a # within a token is a part of it", "abc#def\n", "secret(abc#def)"},
    {"every visible character", "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
     "secret(!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~)"},
    {"two words are no token", "abc def\n", "bad"},
    {"nor are they with a tab between them", "abc\tdef\n", "bad"},
    {"a bad line spoils no other", "abc def\nghi\n", "bad secret(ghi)"},
    {"a control character", "a\x01z\n", "bad"},
    {"DEL", "abc\x7F\n", "bad"},
    {"a NUL", "ab\0c\n"sv, "bad"},
    {"a letter that is no ASCII", "abc\xC3\xA9\n", "bad"},
    {"a byte order mark", "\xEF\xBB\xBFxyz\n", "bad"},
    {"an empty file has no line", "", ""},
};

void check_file(void** state) {
    const auto& row = row_of<FileRow>(state);
    std::string_view rest = row.text;
    std::string lines;
    while (!rest.empty()) {
        std::string_view secret;
        const SecretLine kind = take_secret_line(rest, secret);
        lines += std::string(lines.empty() ? "" : " ") + name_of(kind);
        lines += kind == SecretLine::kSecret ? "(" + std::string(secret) + ")" : "";
    }
    assert_text(lines, row.expected);
}

struct HeaderRow {
    const char* says;
    std::string_view authorization;
    std::string_view token;
};

const std::vector<HeaderRow> kHeaders = {
    {"a token is shown", "Bearer abc", "abc"},
    {"the scheme in any case", "bEARER abc", "abc"},
    {"a token in its own case", "Bearer aBc", "aBc"},
    {"several spaces", "Bearer   abc", "abc"},
    {"spaces behind it", "Bearer abc  ", "abc"},
    {"a token with a space stays one", "Bearer abc def", "abc def"},
    {"an empty token", "Bearer ", ""},
    {"nothing but spaces", "Bearer    ", ""},
    {"no token", "Bearer", ""},
    {"no space", "Bearerabc", ""},
    {"a tab is no space", "Bearer\tabc", ""},
    {"a scheme that is cut", "Beare abc", ""},
    {"a scheme that goes on", "Bearers abc", ""},
    {"another scheme", "Basic abc", ""},
    {"no scheme", "abc", ""},
    {"a space before it", " Bearer abc", ""},
    {"an empty header", "", ""},
};

void check_header(void** state) {
    const auto& row = row_of<HeaderRow>(state);
    assert_text(bearer_token(row.authorization), row.token);
}

struct MatchRow {
    const char* says;
    std::vector<const char*> known;
    const char* shown;
    bool expected;
};

const std::vector<MatchRow> kMatches = {
    {"the only token", {"abc"}, "abc", true},
    {"the first of three", {"abc", "def", "ghi"}, "abc", true},
    {"the second of three", {"abc", "def", "ghi"}, "def", true},
    {"the last of three", {"abc", "def", "ghi"}, "ghi", true},
    {"one that stands twice", {"abc", "abc"}, "abc", true},
    {"none of them", {"abc", "def"}, "xyz", false},
    {"one of the same length", {"abc"}, "abd", false},
    {"one that is longer", {"abc"}, "abcd", false},
    {"one that is shorter", {"abc"}, "ab", false},
    {"one in other letters", {"abc"}, "ABC", false},
    {"two joined", {"abc", "def"}, "abcdef", false},
    {"an empty one", {"abc"}, "", false},
    {"nothing is one of none", {}, "", false},
    {"nor is anything", {}, "abc", false},
};

TokenDigest digest_of(std::string_view token) {
    TokenDigest digest;
    assert_true(digest_token(token, digest));
    return digest;
}

void check_match(void** state) {
    const auto& row = row_of<MatchRow>(state);
    std::vector<TokenDigest> known;
    for (const char* token : row.known) {
        known.push_back(digest_of(token));
    }
    assert_int_equal(is_one_of(digest_of(row.shown), known.data(), known.size()), row.expected);
}

void digests_that_differ_in_one_bit_are_not_the_same(void**) {
    const TokenDigest digest = digest_of("abc");
    for (std::size_t bit = 0; bit < digest.size() * 8; bit++) {
        TokenDigest other = digest;
        other[bit / 8] = static_cast<unsigned char>(other[bit / 8] ^ (1 << (bit % 8)));
        assert_false(is_one_of(digest, &other, 1));
    }
    assert_true(is_one_of(digest, &digest, 1));
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(digests_that_differ_in_one_bit_are_not_the_same)};
    add_rows(tests, kFiles, check_file);
    add_rows(tests, kHeaders, check_header);
    add_rows(tests, kMatches, check_match);
    return run("bearer", tests);
}
