// The core, the spool and the status are built without nginx, and no folder of the glue includes
// from one above it.
#include <algorithm>
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
        if (!entry.is_regular_file()) {
            continue;
        }
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
    return is_standard(include) || starts_with(include, "<openssl/") ||
           include == "<emmintrin.h>" || include == "<yajl/yajl_parse.h>";
}

bool is_of_the_spool(std::string_view include) {
    for (const char* name : {"<dlfcn.h>", "<fcntl.h>", "<poll.h>", "<pthread.h>", "<signal.h>",
                             "<stdio.h>", "<time.h>", "<pwd.h>", "<unistd.h>", "<sqlite3.h>"}) {
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

bool is_of_the_api(std::string_view include) {
    return is_of_the_status(include) || starts_with(include, "\"../spool/event_ledger.hpp\"");
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
    {"no file of the api names ngx", "src/api", 20, nullptr},
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
    {"the api includes its own files, the core, the ledger and the standard library", "src/api", 20,
     is_of_the_api},
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

/// The floors of the glue, the lowest first. `doors` is src/nginx itself.
constexpr std::string_view kFloors[] = {"base", "request", "push", "spool", "doors"};
const std::string kGlue = "src/nginx";

std::size_t floor_of(std::string_view name) {
    const auto* at = std::find(std::begin(kFloors), std::end(kFloors), name);
    return static_cast<std::size_t>(at - std::begin(kFloors));
}

std::string folder_of_floor(std::size_t floor) {
    const bool is_doors = kFloors[floor] == "doors";
    return is_doors ? kGlue : kGlue + "/" + std::string(kFloors[floor]);
}

/// The floor that an include leads to: its own unless it names another folder of the glue.
std::size_t floor_of_include(std::string_view include, std::size_t from) {
    std::string_view path = include.substr(1);
    if (starts_with(path, "../../")) {
        return 0;  // core, spool and status lie below all of them
    }
    const bool leaves = starts_with(path, "../");
    path.remove_prefix(leaves ? 3 : 0);
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) {
        return leaves ? floor_of("doors") : from;
    }
    return leaves && kFloors[from] == "doors" ? 0 : floor_of(path.substr(0, slash));
}

void no_floor_of_the_glue_includes_from_one_above_it(void**) {
    std::string found;
    std::size_t includes = 0;
    for (std::size_t floor = 0; floor < std::size(kFloors); floor++) {
        for (const Source& source : read_folder(folder_of_floor(floor))) {
            for (const std::string& include : includes_of(source.text)) {
                if (include[0] != '"') {
                    continue;
                }
                const std::size_t to = floor_of_include(include, floor);
                includes++;
                found += to <= floor ? "" : source.name + " includes " + include + "\n";
            }
        }
    }
    assert_text(found, "");
    assert_true(includes > 100);
}

void the_glue_has_no_other_folders(void**) {
    std::string found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/" + kGlue, error)) {
        const std::string name = entry.path().filename().string();
        const bool is_known = !entry.is_directory() || floor_of(name) < std::size(kFloors) - 1;
        found += is_known ? "" : name + "\n";
    }
    assert_text(found, "");
}

void only_one_header_includes_nginx(void**) {
    std::string found;
    for (std::size_t floor = 0; floor < std::size(kFloors); floor++) {
        for (const Source& source : read_folder(folder_of_floor(floor))) {
            const bool has = source.text.find("#include <ngx_") != std::string::npos;
            found += has ? source.name + "\n" : "";
        }
    }
    assert_text(found, "ngx.hpp\n");
}

/// No call, type or header of yajl: another reader of JSON would take the place of one file.
void one_file_alone_names_yajl(void**) {
    std::vector<std::string> folders = {"src/core", "src/spool", "src/status", "src/api"};
    for (std::size_t floor = 0; floor < std::size(kFloors); floor++) {
        folders.push_back(folder_of_floor(floor));
    }
    std::string found;
    for (const std::string& folder : folders) {
        for (const Source& source : read_folder(folder)) {
            const bool names_it = source.text.find("yajl_") != std::string::npos ||
                                  source.text.find("<yajl/") != std::string::npos;
            found += names_it ? source.name + "\n" : "";
        }
    }
    assert_text(found, "json_reader.cpp\n");
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests;
    add_rows(tests, kNamesOfNginx, a_part_does_not_name_ngx);
    add_rows(tests, kIncludes, a_part_includes_nothing_but_what_it_is_made_of);
    tests.push_back(cmocka_unit_test(no_floor_of_the_glue_includes_from_one_above_it));
    tests.push_back(cmocka_unit_test(the_glue_has_no_other_folders));
    tests.push_back(cmocka_unit_test(only_one_header_includes_nginx));
    tests.push_back(cmocka_unit_test(one_file_alone_names_yajl));
    return run("the_order_of_the_house", tests);
}
