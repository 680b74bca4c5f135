// Requests to flashduty_api, by their method, path and arguments.
#include "api_request.hpp"

#include "support.hpp"

using flashduty::ApiAction;
using flashduty::ApiMethod;
using flashduty::ApiParse;
using flashduty::ApiRequest;
using flashduty::parse_api_request;
using flashduty::Pile;

namespace {

constexpr const char* kActions[] = {"targets", "list",    "show",   "export", "support",
                                    "resend",  "discard", "delete", "try",    "pause",
                                    "resume",  "move",    "test",   "forget"};

/// Result of reading, as one text.
std::string text_of(const ApiParse& parse) {
    if (parse.status != 200) {
        return std::to_string(parse.status) + (parse.allow.empty() ? "" : " ") +
               std::string(parse.allow);
    }
    const ApiRequest& request = parse.request;
    std::string text = kActions[static_cast<std::size_t>(request.action)];
    text += request.pile == Pile::kDead ? " dead" : " waiting";
    text += request.id == 0 ? "" : " #" + std::to_string(request.id);
    text +=
        request.filter.target_id == 0 ? "" : " target=" + std::to_string(request.filter.target_id);
    text += request.edge.empty() ? "" : " edge=" + request.edge;
    text += request.filter.key.empty() ? "" : " key=" + request.filter.key;
    text += request.filter.text.empty() ? "" : " text=" + request.filter.text;
    text += request.after == 0 ? "" : " after=" + std::to_string(request.after);
    text +=
        request.limit == ApiRequest::kUsualListed ? "" : " limit=" + std::to_string(request.limit);
    text += request.pause_s == 0 ? "" : " for=" + std::to_string(request.pause_s);
    text += request.uri.empty() ? "" : " uri=" + request.uri;
    text += request.server.empty() ? "" : " server=" + request.server;
    return text;
}

ApiMethod method_of(std::string_view line) {
    const std::string_view name = line.substr(0, line.find(' '));
    return name == "GET"      ? ApiMethod::kGet
           : name == "POST"   ? ApiMethod::kPost
           : name == "DELETE" ? ApiMethod::kDelete
                              : ApiMethod::kOther;
}

struct Row {
    const char* says;
    std::string_view line;  ///< method, path and arguments
    std::string_view expected;
};

const std::vector<Row> kRows = {
    {"the targets", "GET targets", "targets waiting"},
    {"what waits", "GET waiting", "list waiting"},
    {"what is dead", "GET dead", "list dead"},
    {"a page of it", "GET dead?limit=500&after=17&target=3&key=a&text=b",
     "list dead target=3 key=a text=b after=17 limit=500"},
    {"a first page may begin after 0", "GET waiting?after=0", "list waiting"},
    {"texts of a URL", "GET waiting?key=a%2Bb%20c&text=%E4%B8%AD+x",
     "list waiting key=a+b c text=\xE4\xB8\xAD x"},
    {"one event", "GET waiting/17", "show waiting #17"},
    {"one dead letter", "GET dead/17", "show dead #17"},
    {"an export of what waits", "GET export?state=waiting", "export waiting"},
    {"an export of what is dead", "GET export?state=dead", "export dead"},
    {"the support bundle", "GET support", "support waiting"},
    {"one is sent again", "POST dead/17/resend", "resend dead #17"},
    {"all are sent again", "POST dead/resend", "resend dead"},
    {"some are sent again", "POST dead/resend?key=a", "resend dead key=a"},
    {"an edge is taken off the roll", "POST edges/gw-1.example/forget",
     "forget waiting edge=gw-1.example"},
    {"one without a name", "POST edges//forget", "404"},
    {"an edge is only looked at", "GET edges/a/forget", "405 POST"},
    {"one is discarded", "POST waiting/17/discard", "discard waiting #17"},
    {"those of a target are discarded", "POST waiting/discard?target=3",
     "discard waiting target=3"},
    {"a probe of one", "POST targets/3/try", "try waiting #3"},
    {"a probe of all", "POST try", "try waiting"},
    {"a pause", "POST targets/3/pause?for=90", "pause waiting #3 for=90"},
    {"a pause in minutes", "POST targets/3/pause?for=15m", "pause waiting #3 for=900"},
    {"a pause in several units", "POST targets/3/pause?for=1d2h3m4s", "pause waiting #3 for=93784"},
    {"the end of a pause", "POST targets/3/resume", "resume waiting #3"},
    {"a move", "POST targets/3/move?to=/flashduty", "move waiting #3 uri=/flashduty"},
    {"a move to another server", "POST targets/3/move?to=%2Fa&server=*:80+x",
     "move waiting #3 uri=/a server=*:80 x"},
    {"a test", "POST targets/3/test", "test waiting #3"},
    {"a test of a uri", "POST test?uri=/flashduty%3Fteam=a", "test waiting uri=/flashduty?team=a"},
    {"one is deleted", "DELETE dead/17", "delete dead #17"},
    {"all are deleted", "DELETE dead", "delete dead"},
    {"some are deleted", "DELETE dead?text=x", "delete dead text=x"},

    {"nothing there", "GET nothing", "404"},
    {"the location itself", "GET ", "404"},
    {"no number", "GET waiting/x", "404"},
    {"the number 0", "GET waiting/0", "404"},
    {"a number that is too long", "GET waiting/1234567890123456789", "404"},
    {"a part too many", "GET waiting/17/discard/x", "404"},
    {"a slash too many", "GET waiting/", "404"},
    {"an empty part", "GET waiting//17", "404"},
    {"the wrong method for a list", "POST waiting", "405 GET, HEAD"},
    {"one that has two", "POST dead", "405 GET, HEAD, DELETE"},
    {"one of an event that has two", "POST dead/17", "405 GET, HEAD, DELETE"},
    {"a change is no GET", "GET dead/17/resend", "405 POST"},
    {"nor is a test", "GET test?uri=/x", "405 POST"},
    {"PUT", "PUT targets/3/pause?for=1m", "405 POST"},

    {"an argument that there is not", "GET waiting?limt=5", "400"},
    {"a filter with a slip would mean everything", "DELETE dead?taget=3", "400"},
    {"one that another request has", "GET waiting?for=1m", "400"},
    {"an argument for one event", "POST dead/17/resend?target=3", "400"},
    {"an empty filter would mean everything", "DELETE dead?key=", "400"},
    {"a filter without a value", "DELETE dead?key", "400"},
    {"twice", "GET waiting?key=a&key=b", "400"},
    {"a discard of everything", "POST waiting/discard", "400"},
    {"a target that is no number", "POST waiting/discard?target=x", "400"},
    {"a limit of 0", "GET waiting?limit=0", "400"},
    {"a limit that is too large", "GET waiting?limit=501", "400"},
    {"a negative limit", "GET waiting?limit=-1", "400"},
    {"an escape that is cut", "GET waiting?key=%2", "400"},
    {"an escape that is none", "GET waiting?key=%zz", "400"},
    {"a NUL", "GET waiting?key=a%00b", "400"},
    {"an export of nothing that there is", "GET export?state=all", "400"},
    {"an export without a state", "GET export", "400"},
    {"a pause without an end", "POST targets/3/pause", "400"},
    {"no time", "POST targets/3/pause?for=soon", "400"},
    {"a time of 0", "POST targets/3/pause?for=0m", "400"},
    {"units out of order", "POST targets/3/pause?for=1m2h", "400"},
    {"a unit without a number", "POST targets/3/pause?for=m", "400"},
    {"a time without an end", "POST targets/3/pause?for=999999999d", "400"},
    {"a move to nowhere", "POST targets/3/move", "400"},
    {"a move to no path", "POST targets/3/move?to=flashduty", "400"},
    {"a test of nothing", "POST test", "400"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    const std::string_view rest = row.line.substr(row.line.find(' ') + 1);
    const std::size_t at = rest.find('?');
    const std::string_view path = rest.substr(0, at);
    const std::string_view arguments =
        at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    const ApiParse parse = parse_api_request(method_of(row.line), path, arguments);
    assert_text(text_of(parse), row.expected);
    assert_true(parse.status == 200 ? parse.reason.empty() : !parse.reason.empty());
}

void a_filter_is_never_cut(void**) {
    const std::string most(flashduty::kMaxFilterBytes, 'k');
    assert_text(text_of(parse_api_request(ApiMethod::kGet, "dead", "key=" + most)),
                "list dead key=" + most);
    assert_text(text_of(parse_api_request(ApiMethod::kGet, "dead", "key=" + most + "k")), "400");
}

void what_only_reads_is_no_change(void**) {
    for (const Row& row : kRows) {
        const ApiMethod method = method_of(row.line);
        const std::string_view rest = row.line.substr(row.line.find(' ') + 1);
        const std::size_t at = rest.find('?');
        const ApiParse parse = parse_api_request(
            method, rest.substr(0, at), at == std::string_view::npos ? "" : rest.substr(at + 1));
        if (parse.status == 200) {
            assert_int_equal(is_change(parse.request.action), method != ApiMethod::kGet);
        }
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {cmocka_unit_test(a_filter_is_never_cut),
                                     cmocka_unit_test(what_only_reads_is_no_change)};
    add_rows(tests, kRows, check_row);
    return run("api_request", tests);
}
