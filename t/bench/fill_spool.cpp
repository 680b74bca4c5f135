// Fills a spool with events like the one that waits in it, each of a key of its own.
//
// usage: fill_spool SPOOL COUNT BODY
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "../../src/spool/sqlite_store.hpp"

namespace {

using namespace flashduty;

constexpr std::size_t kPerCommit = 5000;
constexpr UnixMs kFarAway = UnixMs{1} << 61;

int fail(std::string_view why) {
    std::fprintf(stderr, "fill_spool: %.*s\n", static_cast<int>(why.size()), why.data());
    return EXIT_FAILURE;
}

NewEvent alike(const DueEvent& event, const std::string& key, const std::string& body) {
    NewEvent one;
    one.server = event.server;
    one.location = event.location;
    one.arguments = event.arguments;
    one.alert_key = key;
    one.event_status = event.event_status;
    one.title = event.title;
    one.event = event.event;
    const std::size_t at = one.event.find(event.alert_key);
    if (at != std::string::npos) {
        one.event.replace(at, event.alert_key.size(), key);
    }
    one.variables = event.variables;
    one.body = body;
    one.accepted_ms = event.accepted_ms;
    return one;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        return fail("usage: fill_spool SPOOL COUNT BODY");
    }
    std::ifstream file(argv[3], std::ios::binary);
    const std::string body(std::istreambuf_iterator<char>(file), {});
    SqliteStoreOptions options;
    options.path = argv[1];
    options.max_size_bytes = std::uint64_t{1} << 40;
    options.busy_ms = 10000;
    SqliteStore store(options, false);
    std::vector<std::int64_t> targets;
    std::vector<DueEvent> due;
    Held held;
    Search search;
    search.kind = Search::Kind::kNewest;
    search.or_else = true;
    if (store.targets(targets) == StoreStatus::kOk && !targets.empty()) {
        search.target_id = targets.front();
        (void)store.find(search, kFarAway, due, held);
    }
    if (due.empty()) {
        return fail(targets.empty() ? "nothing waits that could be multiplied" : store.error());
    }
    const auto count = static_cast<std::size_t>(std::atol(argv[2]));
    std::vector<NewEvent> events;
    for (std::size_t i = 1; i <= count; i++) {
        events.push_back(alike(due.front(), "backlog-" + std::to_string(i), body));
        if (events.size() == kPerCommit || i == count) {
            std::vector<Appended> appended;
            if (store.append(events, appended) != StoreStatus::kOk) {
                return fail(store.error());
            }
            events.clear();
        }
    }
    return EXIT_SUCCESS;
}
