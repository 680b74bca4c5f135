#include "api_request.hpp"

#include <iterator>
#include <limits>
#include <vector>

#include "../core/enum_table.hpp"
#include "../core/text.hpp"

namespace flashduty {

namespace {

struct ActionRow {
    ApiAction action;
    bool is_change;
};

constexpr ActionRow kActions[] = {
    {ApiAction::kTargets, false}, {ApiAction::kList, false},    {ApiAction::kShow, false},
    {ApiAction::kExport, false},  {ApiAction::kSupport, false}, {ApiAction::kResend, true},
    {ApiAction::kDiscard, true},  {ApiAction::kDelete, true},   {ApiAction::kTry, true},
    {ApiAction::kPause, true},    {ApiAction::kResume, true},   {ApiAction::kMove, true},
    {ApiAction::kTest, true},     {ApiAction::kForget, true},
};
static_assert(has_each_in_order(kActions, &ActionRow::action));

// ---------------------------------------------------------------- arguments

/// Arguments that a request takes, and those that it must have.
enum Argument : unsigned {
    kNone = 0,
    kLimit = 1 << 0,
    kAfter = 1 << 1,
    kTarget = 1 << 2,
    kKey = 1 << 3,
    kText = 1 << 4,
    kState = 1 << 5,
    kFor = 1 << 6,
    kTo = 1 << 7,
    kUri = 1 << 8,
    kServer = 1 << 9,
};
constexpr unsigned kFilters = kTarget | kKey | kText;

struct ArgumentName {
    std::string_view name;
    Argument argument;
};

constexpr ArgumentName kArgumentNames[] = {
    {"limit", kLimit}, {"after", kAfter}, {"target", kTarget}, {"key", kKey}, {"text", kText},
    {"state", kState}, {"for", kFor},     {"to", kTo},         {"uri", kUri}, {"server", kServer},
};

/// Whole number greater than 0; 0 for any other text.
std::int64_t read_number(std::string_view text) noexcept {
    constexpr std::size_t kMostDigits = 18;
    std::int64_t number = 0;
    if (text.empty() || text.size() > kMostDigits) {
        return 0;
    }
    for (const char c : text) {
        if (!is_digit(c)) {
            return 0;
        }
        number = number * 10 + (c - '0');
    }
    return number;
}

/// `90`, `15m`, `1h30m`, in seconds as nginx reads a time; 0 for any other text.
std::int64_t read_time_s(std::string_view text) noexcept {
    struct Unit {
        char name;
        std::int64_t s;
    };
    constexpr Unit kUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    constexpr std::int64_t kMostS = std::int64_t{366} * 86400;
    std::int64_t all_s = 0;
    const Unit* next = kUnits;
    while (!text.empty()) {
        std::size_t digits = 0;
        while (digits < text.size() && is_digit(text[digits])) {
            digits++;
        }
        const std::int64_t number = read_number(text.substr(0, digits));
        const char name = digits < text.size() ? text[digits] : 's';
        while (next != std::end(kUnits) && next->name != name) {
            next++;
        }
        if (digits == 0 || digits > 9 || next == std::end(kUnits)) {
            return 0;
        }
        all_s += number * next->s;
        next++;
        text.remove_prefix(digits < text.size() ? digits + 1 : digits);
    }
    return all_s > kMostS ? 0 : all_s;
}

int hex(char c) noexcept {
    const char lower = to_lower(c);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Unescapes an argument; false when an escape in it is invalid.
bool unescape(std::string_view text, std::string& to) noexcept {
    to.clear();
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '+') {
            to += ' ';
        } else if (text[i] != '%') {
            to += text[i];
        } else {
            const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                return false;
            }
            to += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return true;
}

/// Sets one argument; returns the reason if it is refused, else an empty text.
std::string set(ApiRequest& request, Argument argument, const std::string& value) noexcept {
    const auto number = [&](std::int64_t& to) -> std::string {
        to = read_number(value);
        return to != 0 ? "" : "is a whole number greater than 0";
    };
    const auto text = [&](std::string& to) -> std::string {
        to = value;
        return value.size() <= kMaxFilterBytes
                   ? ""
                   : "has at most " + std::to_string(kMaxFilterBytes) + " bytes";
    };
    switch (argument) {
        case kLimit: {
            std::int64_t limit = 0;
            const std::string why = number(limit);
            constexpr auto kMost = static_cast<std::int64_t>(ApiRequest::kMostListed);
            request.limit = static_cast<std::size_t>(limit);
            return limit <= kMost ? why : "is at most " + std::to_string(kMost);
        }
        case kAfter:
            // Start of a first page.
            return value == "0" ? "" : number(request.after);
        case kTarget:
            return number(request.filter.target_id);
        case kKey:
            return text(request.filter.key);
        case kText:
            return text(request.filter.text);
        case kState:
            request.pile = value == "dead" ? Pile::kDead : Pile::kWaiting;
            return value == "dead" || value == "waiting" ? "" : "is waiting or dead";
        case kFor:
            request.pause_s = read_time_s(value);
            return request.pause_s != 0 ? "" : "is a time such as 15m or 2h, at most 366d";
        case kTo:
        case kUri: {
            const std::string why = text(request.uri);
            return !why.empty() || value[0] == '/' ? why : "begins with /";
        }
        case kServer:
            return text(request.server);
        case kNone:
            break;
    }
    return "";
}

// ---------------------------------------------------------------- routes

/// Parts of a path: `#` stands for a number, `$` for an edge's name.
struct Route {
    ApiMethod method;
    std::string_view path;
    ApiAction action;
    Pile pile;
    unsigned takes;
    unsigned needs;
};

constexpr Route kRoutes[] = {
    {ApiMethod::kGet, "targets", ApiAction::kTargets, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kGet, "waiting", ApiAction::kList, Pile::kWaiting, kLimit | kAfter | kFilters,
     kNone},
    {ApiMethod::kGet, "dead", ApiAction::kList, Pile::kDead, kLimit | kAfter | kFilters, kNone},
    {ApiMethod::kGet, "waiting/#", ApiAction::kShow, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kGet, "dead/#", ApiAction::kShow, Pile::kDead, kNone, kNone},
    {ApiMethod::kGet, "export", ApiAction::kExport, Pile::kWaiting, kState, kState},
    {ApiMethod::kGet, "support", ApiAction::kSupport, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "dead/#/resend", ApiAction::kResend, Pile::kDead, kNone, kNone},
    {ApiMethod::kPost, "dead/resend", ApiAction::kResend, Pile::kDead, kFilters, kNone},
    {ApiMethod::kPost, "waiting/#/discard", ApiAction::kDiscard, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "waiting/discard", ApiAction::kDiscard, Pile::kWaiting, kFilters, kTarget},
    {ApiMethod::kPost, "targets/#/try", ApiAction::kTry, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "try", ApiAction::kTry, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "targets/#/pause", ApiAction::kPause, Pile::kWaiting, kFor, kFor},
    {ApiMethod::kPost, "targets/#/resume", ApiAction::kResume, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "targets/#/move", ApiAction::kMove, Pile::kWaiting, kTo | kServer, kTo},
    {ApiMethod::kPost, "targets/#/test", ApiAction::kTest, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kPost, "test", ApiAction::kTest, Pile::kWaiting, kUri | kServer, kUri},
    {ApiMethod::kPost, "edges/$/forget", ApiAction::kForget, Pile::kWaiting, kNone, kNone},
    {ApiMethod::kDelete, "dead/#", ApiAction::kDelete, Pile::kDead, kNone, kNone},
    {ApiMethod::kDelete, "dead", ApiAction::kDelete, Pile::kDead, kFilters, kNone},
};

std::string_view take_until(std::string_view& text, char separator) noexcept {
    const std::size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
    return part;
}

/// Numbers and names in a path.
struct Named {
    std::int64_t id = 0;
    std::string_view edge;
};

/// True when `path` fits the route's `pattern`.
bool leads_to(std::string_view pattern, std::string_view path, Named& named) noexcept {
    if (!path.empty() && path.back() == '/') {
        return false;
    }
    while (!pattern.empty() && !path.empty()) {
        const std::string_view wanted = take_until(pattern, '/');
        const std::string_view part = take_until(path, '/');
        if (wanted == "#") {
            named.id = read_number(part);
        } else if (wanted == "$") {
            named.edge = part;
        }
        const bool fits = wanted == "#"   ? named.id != 0
                          : wanted == "$" ? !part.empty()
                                          : wanted == part;
        if (!fits) {
            return false;
        }
    }
    return pattern.empty() && path.empty();
}

std::string_view methods_of(bool has_get, bool has_post, bool has_delete) noexcept {
    if (has_get) {
        return has_delete ? "GET, HEAD, DELETE" : "GET, HEAD";
    }
    return has_post ? "POST" : "DELETE";
}

ApiParse refuse(unsigned status, std::string reason) noexcept {
    ApiParse parse;
    parse.status = status;
    parse.reason = std::move(reason);
    return parse;
}

std::string_view name_of(unsigned argument) noexcept {
    for (const ArgumentName& row : kArgumentNames) {
        if ((row.argument & argument) != 0) {
            return row.name;
        }
    }
    return {};
}

/// Refuses unknown arguments: one may be a filter with a slip in its name, whose operator does not
/// mean everything.
ApiParse read_arguments(const Route& route, const Named& named,
                        std::string_view arguments) noexcept {
    ApiParse parse;
    ApiRequest& request = parse.request;
    request.action = route.action;
    request.pile = route.pile;
    request.id = named.id;
    request.edge = named.edge;
    unsigned seen = 0;
    while (!arguments.empty()) {
        std::string_view value = take_until(arguments, '&');
        if (value.empty()) {
            continue;
        }
        const std::string_view name = take_until(value, '=');
        const auto* row = kArgumentNames;
        while (row != std::end(kArgumentNames) &&
               (row->name != name || (route.takes & row->argument) == 0)) {
            row++;
        }
        std::string text;
        if (row == std::end(kArgumentNames)) {
            return refuse(400, "there is no such argument here: see the table in the README");
        }
        const std::string quoted = "\"" + std::string(row->name) + "\" ";
        if ((seen & row->argument) != 0) {
            return refuse(400, quoted + "is given twice");
        }
        if (!unescape(value, text) || text.empty()) {
            return refuse(400, quoted + "is empty or no text of a URL");
        }
        const std::string why = set(request, row->argument, text);
        if (!why.empty()) {
            return refuse(400, quoted + why);
        }
        seen |= row->argument;
    }
    const unsigned missing = route.needs & ~seen;
    return missing == 0 ? parse
                        : refuse(400, "\"" + std::string(name_of(missing)) +
                                          "\" is missing: see the table "
                                          "in the README");
}

}  // namespace

bool is_change(ApiAction action) noexcept { return kActions[index_of(action)].is_change; }

ApiParse parse_api_request(ApiMethod method, std::string_view path,
                           std::string_view arguments) noexcept {
    bool has_get = false, has_post = false, has_delete = false;
    for (const Route& route : kRoutes) {
        Named named;
        if (!leads_to(route.path, path, named)) {
            continue;
        }
        if (route.method == method) {
            return read_arguments(route, named, arguments);
        }
        has_get = has_get || route.method == ApiMethod::kGet;
        has_post = has_post || route.method == ApiMethod::kPost;
        has_delete = has_delete || route.method == ApiMethod::kDelete;
    }
    if (!has_get && !has_post && !has_delete) {
        return refuse(404, "there is nothing here: see the table in the README");
    }
    const std::string_view methods = methods_of(has_get, has_post, has_delete);
    ApiParse parse = refuse(405, "the method here is " + std::string(methods));
    parse.allow = methods;
    return parse;
}

}  // namespace flashduty
