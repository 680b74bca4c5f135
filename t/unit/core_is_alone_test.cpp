// The core, and the status on top of it, can be built and tested without nginx, and stay so.
#include <filesystem>

#include "support.hpp"

namespace {

struct Source {
    std::string name;
    std::string text;
};

std::vector<Source> read_folder(const std::string& folder) {
    std::vector<Source> sources;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(SOURCE_DIR "/src/" + folder, error)) {
        const std::string name = entry.path().filename().string();
        sources.push_back({name, read_file("src/" + folder + "/" + name)});
    }
    return sources;
}

std::vector<Source> read_core() { return read_folder("core"); }

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
    for (const char* folder : {"core", "status"}) {
        std::size_t includes = 0;
        for (const Source& source : read_folder(folder)) {
            includes += includes_of(source.text).size();
        }
        assert_true(includes > 20);
    }
}

void no_file_of_the_core_names_ngx(void**) {
    std::string found;
    for (const char* folder : {"core", "status"}) {
        for (const Source& source : read_folder(folder)) {
            for (const char* name : {"ngx_", "NGX_", "ngx.hpp"}) {
                if (source.text.find(name) != std::string::npos) {
                    found += source.name + " names " + name + "\n";
                }
            }
        }
    }
    assert_text(found, "");
}

/// Its own files, the standard library, yajl and libcrypto.
void the_core_includes_nothing_but_what_it_is_made_of(void**) {
    const std::vector<Source> sources = read_core();
    std::string found;
    for (const Source& source : sources) {
        for (const std::string& include : includes_of(source.text)) {
            bool known = starts_with(include, "<yajl/") || starts_with(include, "<openssl/");
            known =
                known || (include[0] == '<' && include.find_first_of("./") == std::string::npos);
            for (const Source& own : sources) {
                known = known || include == "\"" + own.name + "\"";
            }
            found += known ? "" : source.name + " includes " + include + "\n";
        }
    }
    assert_text(found, "");
}

/// Its own files, the core's and the standard library.
void the_status_includes_nothing_but_itself_and_the_core(void**) {
    std::string found;
    for (const Source& source : read_folder("status")) {
        for (const std::string& include : includes_of(source.text)) {
            const std::string file = include.substr(1, include.size() - 2);
            const bool is_known = include[0] == '<' ? file.find_first_of("./") == std::string::npos
                                                    : starts_with(file, "../core/") ||
                                                          !read_file("src/status/" + file).empty();
            found += is_known ? "" : source.name + " includes " + include + "\n";
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
        cmocka_unit_test(the_status_includes_nothing_but_itself_and_the_core),
    };
    return run("core_is_alone", tests);
}
