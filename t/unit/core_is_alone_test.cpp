// The core, the spool and the status can be built and tested without nginx, and stay so.
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
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/" + folder, error)) {
        const std::string name = entry.path().filename().string();
        sources.push_back({name, read_file(folder + "/" + name)});
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

bool is_standard(std::string_view include) {
    return include[0] == '<' && include.find_first_of("./") == std::string_view::npos;
}

bool is_of_the_core(std::string_view include) {
    return is_standard(include) || starts_with(include, "<yajl/") ||
           starts_with(include, "<openssl/") || include == "<emmintrin.h>";
}

bool is_of_the_spool(std::string_view include) {
    for (const char* name : {"<fcntl.h>", "<stdio.h>", "<time.h>", "<unistd.h>", "<sqlite3.h>"}) {
        if (include == name) {
            return true;
        }
    }
    return is_standard(include) || starts_with(include, "<sys/") ||
           starts_with(include, "\"../core/");
}

bool is_of_the_status(std::string_view include) {
    return is_standard(include) || starts_with(include, "\"../core/");
}

struct Part {
    const char* says;
    std::string folder;
    std::size_t least_includes;
    bool (*may_include)(std::string_view include);  ///< beside its own files
};

const std::vector<Part> kNamesOfNginx = {
    {"no file of the core names ngx", "src/core", 20, nullptr},
    {"no file of the spool names ngx", "src/spool", 20, nullptr},
    {"no file of the status names ngx", "src/status", 20, nullptr},
};

void a_part_does_not_name_ngx(void** state) {
    std::string found;
    for (const Source& source : read_folder(row_of<Part>(state).folder)) {
        for (const char* name : {"ngx_", "NGX_", "ngx.hpp"}) {
            if (source.text.find(name) != std::string::npos) {
                found += source.name + " names " + name + "\n";
            }
        }
    }
    assert_text(found, "");
}

const std::vector<Part> kIncludes = {
    {"the core includes its own files, the standard library, SSE2, yajl and libcrypto", "src/core",
     20, is_of_the_core},
    {"the spool includes its own files, the core, the standard library, POSIX and SQLite",
     "src/spool", 20, is_of_the_spool},
    {"the status includes its own files, the core and the standard library", "src/status", 20,
     is_of_the_status},
};

void a_part_includes_nothing_but_what_it_is_made_of(void** state) {
    const Part& part = row_of<Part>(state);
    const std::vector<Source> sources = read_folder(part.folder);
    std::size_t includes = 0;
    std::string found;
    for (const Source& source : sources) {
        for (const std::string& include : includes_of(source.text)) {
            bool known = part.may_include(include);
            for (const Source& own : sources) {
                known = known || include == "\"" + own.name + "\"";
            }
            found += known ? "" : source.name + " includes " + include + "\n";
            includes++;
        }
    }
    assert_text(found, "");
    assert_true(includes > part.least_includes);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests;
    add_rows(tests, kNamesOfNginx, a_part_does_not_name_ngx);
    add_rows(tests, kIncludes, a_part_includes_nothing_but_what_it_is_made_of);
    return run("core_is_alone", tests);
}
