// Answers to BlueKing, and the part that its operators are shown.
#include "gateway_answer.hpp"

#include "support.hpp"

using flashduty::GatewayAnswer;
using flashduty::kShownAnswerBytes;
using flashduty::write_answer;

namespace {

std::string written(const GatewayAnswer& answer) {
    HeapArena arena;
    return std::string(write_answer(arena, answer));
}

/// The bytes up to the end of the reason.
std::size_t shown_bytes(const std::string& answer) { return answer.find("\",\"alert_key\"") + 1; }

void members_stand_in_the_order_of_the_contract(void**) {
    const GatewayAnswer answer = {"refused", "r", "InvalidParameter", "id", "key"};
    assert_text(written(answer), R"({"outcome":"refused","reason":"r","code":"InvalidParameter",)"
                                 R"("request_id":"id","alert_key":"key"})");
}

void what_is_empty_is_absent(void**) {
    assert_text(written({"delivered", {}, {}, {}, "key"}),
                R"({"outcome":"delivered","alert_key":"key"})");
}

void a_reason_that_fits_stays_whole(void**) {
    const std::string around = R"({"outcome":"failed","reason":"")";
    const std::string reason(kShownAnswerBytes - around.size(), 'x');
    const std::string answer = written({"failed", reason, {}, {}, "k"});
    assert_text(answer, R"({"outcome":"failed","reason":")" + reason + R"(","alert_key":"k"})");
    assert_int_equal(shown_bytes(answer), kShownAnswerBytes);
}

void a_longer_reason_is_cut_to_what_is_shown(void**) {
    const std::string answer = written({"failed", std::string(500, 'x'), {}, {}, "k"});
    assert_int_equal(shown_bytes(answer), kShownAnswerBytes);
    assert_text(answer.substr(shown_bytes(answer) - 4, 3), "…");
}

void no_character_and_no_escape_is_split(void**) {
    for (std::size_t lead = 0; lead < 6; lead++) {
        for (const char* unit : {"漢", "😀", "\"", "\\"}) {
            const std::string answer =
                written({"failed", std::string(lead, 'x') + times(300, unit), {}, {}, "k"});
            assert_true(shown_bytes(answer) <= kShownAnswerBytes);
            assert_true(shown_bytes(answer) > kShownAnswerBytes - 8);
            HeapArena arena;
            ChunkSource source({answer}, Stay::kPassing);
            const auto kind = flashduty::read_body(arena, source).kind;
            assert_int_equal(kind, flashduty::BodyKind::kNoAlert);  // it is JSON
            assert_true(answer.find("\uFFFD") == std::string::npos);
        }
    }
}

void without_memory_no_answer_is_written(void**) {
    const std::string reason(500, 'x');
    for (std::size_t allocations = 0; allocations < 2; allocations++) {
        FailingArena arena(allocations);
        (void)write_answer(arena, {"failed", reason, {}, {}, "k"});
        assert_true(arena.failed());
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(members_stand_in_the_order_of_the_contract),
        cmocka_unit_test(what_is_empty_is_absent),
        cmocka_unit_test(a_reason_that_fits_stays_whole),
        cmocka_unit_test(a_longer_reason_is_cut_to_what_is_shown),
        cmocka_unit_test(no_character_and_no_escape_is_split),
        cmocka_unit_test(without_memory_no_answer_is_written),
    };
    return run("gateway_answer", tests);
}
