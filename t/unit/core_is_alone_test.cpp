// The core can be built and tested without nginx, and stays so.
#include <filesystem>

#include "support.hpp"

namespace {

struct Source {
    std::string name;
    std::string text;
};

std::vector<Source> read_core() {
    std::vector<Source> sources;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/src/core", error)) {
        const std::string name = entry.path().filename().string();
        sources.push_back({name, read_file("src/core/" + name)});
    }
    return sources;
}

/// The names of included files, with their quotes or brackets.
std::vector<std::string> includes_of(const std::string& text) {
    constexpr std::string_view kInclude = "#include ";
    std::vector<std::string> includes;
    for (std::size_t at = text.find(kInclude); at != std::string::npos;
         at = text.find(kInclude, at + 1)) {
        const std::size_t from = at + kInclude.size();
        includes.push_back(text.substr(from, text.find('\n', from) - from));
    }
    return includes;
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

void the_core_is_there(void**) {
    std::size_t includes = 0;
    for (const Source& source : read_core()) {
        includes += includes_of(source.text).size();
    }
    assert_true(includes > 20);
}

void no_file_of_the_core_names_ngx(void**) {
    std::string found;
    for (const Source& source : read_core()) {
        for (const char* name : {"ngx_", "NGX_", "ngx.hpp"}) {
            if (source.text.find(name) != std::string::npos) {
                found += source.name + " names " + name + "\n";
            }
        }
    }
    assert_text(found, "");
}

/// Its own files, the standard library, the compiler's SSE2, yajl and libcrypto.
void the_core_includes_nothing_but_what_it_is_made_of(void**) {
    const std::vector<Source> sources = read_core();
    std::string found;
    for (const Source& source : sources) {
        for (const std::string& include : includes_of(source.text)) {
            bool known = starts_with(include, "<yajl/") || starts_with(include, "<openssl/");
            known =
                known || (include[0] == '<' && include.find_first_of("./") == std::string::npos);
            known = known || include == "<emmintrin.h>";
            for (const Source& own : sources) {
                known = known || include == "\"" + own.name + "\"";
            }
            found += known ? "" : source.name + " includes " + include + "\n";
        }
    }
    assert_text(found, "");
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(the_core_is_there),
        cmocka_unit_test(no_file_of_the_core_names_ngx),
        cmocka_unit_test(the_core_includes_nothing_but_what_it_is_made_of),
    };
    return run("core_is_alone", tests);
}
