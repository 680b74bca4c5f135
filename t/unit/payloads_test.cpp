// Bodies as BlueKing sends them, and the recorded event of each.
#include <algorithm>
#include <filesystem>

#include "support.hpp"

namespace {

struct Payload {
    std::string name;
    std::string body;
    std::string expected;  ///< the event, or the kind of a body that gives none
};

std::vector<Payload> read_payloads() {
    std::vector<Payload> payloads;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/t/payloads", error)) {
        if (entry.path().extension() != ".json") {
            continue;
        }
        const std::string name = entry.path().stem().string();
        const std::string golden = "t/payloads/golden/" + name;
        std::string expected = read_file(golden + ".event.json") + read_file(golden + ".kind");
        if (!expected.empty() && expected.back() == '\n') {
            expected.pop_back();
        }
        payloads.push_back({name, read_file("t/payloads/" + name + ".json"), expected});
    }
    std::sort(payloads.begin(), payloads.end(),
              [](const Payload& a, const Payload& b) { return a.name < b.name; });
    return payloads;
}

void gives_its_event(void** state) {
    const Payload& payload = row_of<Payload>(state);
    assert_true(payload.expected.size() > 1);
    assert_text(event_of({payload.body}, Stay::kLasting), payload.expected);
    assert_text(event_of({payload.body}, Stay::kPassing), payload.expected);
}

/// Size above which reading as often or in as small pieces as below would take minutes.
constexpr std::size_t kLargeBytes = 8 * 1024;

bool is_large(const Payload& payload) { return payload.body.size() > kLargeBytes; }

void gives_its_event_in_small_pieces(void** state) {
    const Payload& payload = row_of<Payload>(state);
    // The parser looks at all of an unfinished string again with every piece.
    const std::size_t size_bytes = is_large(payload) ? 13 : 1;
    assert_text(event_of(in_pieces(payload.body, size_bytes), Stay::kPassing), payload.expected);
}

void gives_its_event_wherever_it_is_split(void** state) {
    const Payload& payload = row_of<Payload>(state);
    const std::size_t step = is_large(payload) ? 211 : 1;
    Stay stay = Stay::kPassing;
    for (std::size_t at = 1; at < payload.body.size(); at += step) {
        assert_text(event_of(in_two(payload.body, at), stay), payload.expected);
        stay = stay == Stay::kPassing ? Stay::kLasting : Stay::kPassing;
    }
}

void says_so_whichever_allocation_fails(void** state) {
    const Payload& payload = row_of<Payload>(state);
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        ChunkSource source(in_pieces(payload.body, 1500), Stay::kPassing);
        const std::string event = event_of(arena, source);
        if (!arena.failed()) {
            assert_text(event, payload.expected);
            break;
        }
        assert_text(event, "out of memory");
    }
    assert_true(allocations > 1);
}

const std::vector<Payload>& payloads() {
    static const std::vector<Payload> kPayloads = read_payloads();
    return kPayloads;
}

void there_are_bodies_on_record(void**) { assert_true(payloads().size() >= 30); }

/// An alert keeps one key from its trigger to its end, whatever it is wrapped in.
void all_forms_of_one_alert_have_one_key(void**) {
    std::size_t found = 0;
    for (const Payload& payload : payloads()) {
        for (const char* name : {"trigger_host_cpu", "recovery_host_cpu", "closed_host_cpu",
                                 "severity_escalated", "periodic_repeat", "alert_info_trigger",
                                 "alert_info_recovery", "tmpl_tojson", "tmpl_dbm_style"}) {
            if (payload.name == name) {
                HeapArena arena;
                ChunkSource source({payload.body}, Stay::kLasting);
                const Translation translation(arena, source);
                assert_text(translation.event.alert_key, "17161930461000001");
                found++;
            }
        }
    }
    assert_int_equal(found, 9);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(there_are_bodies_on_record),
        cmocka_unit_test(all_forms_of_one_alert_have_one_key),
    };
    const std::pair<const char*, CMUnitTestFunction> checks[] = {
        {" gives its event", gives_its_event},
        {" gives its event in small pieces", gives_its_event_in_small_pieces},
        {" gives its event wherever it is split", gives_its_event_wherever_it_is_split},
        {" says so whichever allocation fails", says_so_whichever_allocation_fails},
    };
    std::vector<std::string> names;
    names.reserve(payloads().size() * std::size(checks));  // the tests hold their addresses
    for (const auto& [says, check] : checks) {
        for (const Payload& payload : payloads()) {
            names.push_back(payload.name + says);
            tests.push_back(
                {names.back().c_str(), check, nullptr, nullptr, const_cast<Payload*>(&payload)});
        }
    }
    return run("payloads", tests);
}
