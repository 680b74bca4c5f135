// Verdicts: the meaning of Flashduty's answer for the delivery of the event.
#include "verdict.hpp"

#include "support.hpp"
#include "text.hpp"

using flashduty::Answer;
using flashduty::AnswerReader;
using flashduty::Verdict;

namespace {

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::kDelivered:
            return "delivered";
        case Verdict::kEventRefused:
            return "event refused";
        case Verdict::kAccountAtFault:
            return "account at fault";
        case Verdict::kSlowDown:
            return "slow down";
        case Verdict::kTimedOut:
            return "timed out";
        case Verdict::kCount:
            break;
        case Verdict::kTransient:
            return "transient";
    }
    return "no verdict";
}

struct Row {
    const char* says;
    unsigned status;
    std::string body;
    const char* expected;
    bool whole = true;
};

constexpr const char* kYes = R"({"request_id":"r","data":{"alert_key":"k"}})";
constexpr const char* kPage = "<html><head><title>502 Bad Gateway</title></head></html>";

std::string error(std::string_view code, std::string_view message = "m") {
    return R"({"request_id":"r","error":{"code":")" + std::string(code) + R"(","message":")" +
           std::string(message) + R"("}})";
}

const std::vector<Row> kRows = {
    {"Flashduty's yes is delivered", 200, kYes, "delivered"},
    {"any 2xx with an envelope is delivered", 202, kYes, "delivered"},
    {"299 with an envelope is delivered", 299, kYes, "delivered"},
    {"a request_id alone is delivered", 200, R"({"request_id":"r"})", "delivered"},
    {"data alone is delivered", 200, R"({"data":{}})", "delivered"},
    {"an error of null is no error", 200, R"({"request_id":"r","error":null})", "delivered"},
    {"an error of null before the rest is no error", 200, R"({"error":null,"data":{"code":"x"}})",
     "delivered"},
    {"an error within the data is no error", 200,
     R"({"data":{"error":{"code":"Unauthorized"},"code":"Unauthorized"}})", "delivered"},
    {"an escaped name is that name", 200, R"({"request_id":"r","\u0065rror":{"code":"x"}})",
     "event refused"},
    {"a name with a control character is another", 200,
     R"({"request_id":"r","error\u001f":{"code":"x"}})", "delivered"},
    {"white space around the envelope does not matter", 200, std::string(" \n") + kYes + "\n",
     "delivered"},

    {"a 2xx with an error is refused", 200, error("InvalidParameter"), "event refused"},
    {"a 2xx with an error without a code is refused", 200, R"({"request_id":"r","error":{}})",
     "event refused"},
    {"a 2xx with an error that is a text is refused", 200, R"({"request_id":"r","error":"x"})",
     "event refused"},
    {"a 2xx with an error that is an array is refused", 200, R"({"request_id":"r","error":[1]})",
     "event refused"},
    {"a 2xx with an error that is a number is refused", 200, R"({"request_id":"r","error":0})",
     "event refused"},
    {"a 2xx with an error of false is refused", 200, R"({"request_id":"r","error":false})",
     "event refused"},
    {"InvalidParameter is refused", 400, error("InvalidParameter"), "event refused"},
    {"InvalidParameter is refused with any status below 429", 404, error("InvalidParameter"),
     "event refused"},
    {"EntityTooLarge is refused", 413, error("EntityTooLarge"), "event refused"},
    {"BadRequest is refused", 400, error("BadRequest"), "event refused"},
    {"ReferenceExist is refused", 400, error("ReferenceExist"), "event refused"},
    {"a code of 400 that nobody knows is refused", 400, error("NewCode"), "event refused"},
    {"a code of 200 that nobody knows is refused", 200, error("NewCode"), "event refused"},
    {"an error of 400 without a code is refused", 400,
     R"({"request_id":"r","error":{"message":"m"}})", "event refused"},
    {"codes are spelled exactly", 400, error("unauthorized"), "event refused"},
    {"an unknown code of 413 is refused", 413, error("NewCode"), "event refused"},
    {"an unknown code of 422 is refused", 422, error("NewCode"), "event refused"},
    {"413 is refused", 413, kPage, "event refused"},
    {"414 is refused", 414, kPage, "event refused"},
    {"422 is refused", 422, "", "event refused"},

    {"ResourceNotFound is the account's fault", 400, error("ResourceNotFound"), "account at fault"},
    {"NoLicense is the account's fault", 400, error("NoLicense"), "account at fault"},
    {"Unauthorized is the account's fault", 401, error("Unauthorized"), "account at fault"},
    {"AccessDenied is the account's fault", 403, error("AccessDenied"), "account at fault"},
    {"RouteNotFound is the account's fault", 404, error("RouteNotFound"), "account at fault"},
    {"InvalidContentType is the configuration's fault", 400, error("InvalidContentType"),
     "account at fault"},
    {"MethodNotAllowed is the configuration's fault", 400, error("MethodNotAllowed"),
     "account at fault"},
    {"MethodNotAllowed of 405 is the configuration's fault", 405, error("MethodNotAllowed"),
     "account at fault"},
    {"BalanceNotEnough is the account's fault", 402, error("BalanceNotEnough"), "account at fault"},
    {"UndonedOrderExist is the account's fault", 409, error("UndonedOrderExist"),
     "account at fault"},
    {"RequestVerifyRequired is the account's fault", 428, error("RequestVerifyRequired"),
     "account at fault"},
    {"DangerousOperation is the account's fault", 428, error("DangerousOperation"),
     "account at fault"},
    {"an InvalidParameter that names the key is the configuration's fault", 400,
     error("InvalidParameter", "integration_key is not a valid one"), "account at fault"},
    {"the same with any letters and any status below 429", 200,
     error("InvalidParameter", "the Integration_Key is gone"), "account at fault"},
    {"another code that names the key is what it is", 400,
     error("BadRequest", "integration_key is not a valid one"), "event refused"},
    {"a code of 401 that nobody knows is the account's fault", 401, error("TokenExpired"),
     "account at fault"},
    {"a code of 402 that nobody knows is the account's fault", 402, error("NewCode"),
     "account at fault"},
    {"a code of 404 that nobody knows is the configuration's fault", 404, error("NewCode"),
     "account at fault"},
    {"the code decides, not the status: Unauthorized with 200", 200, error("Unauthorized"),
     "account at fault"},
    {"the code decides, not the status: Unauthorized with 422", 422, error("Unauthorized"),
     "account at fault"},
    {"300 without an envelope is the configuration's fault", 300, "", "account at fault"},
    {"302 without an envelope is the configuration's fault", 302, kPage, "account at fault"},
    {"399 without an envelope is the configuration's fault", 399, "", "account at fault"},
    {"400 without an envelope is the configuration's fault", 400, kPage, "account at fault"},
    {"401 without an envelope is the configuration's fault", 401, kPage, "account at fault"},
    {"403 without an envelope is the configuration's fault", 403, "{}", "account at fault"},
    {"404 without an envelope is the configuration's fault", 404, "[]", "account at fault"},
    {"409 without an envelope is the configuration's fault", 409, "", "account at fault"},
    {"499 without an envelope is the configuration's fault", 499, "", "account at fault"},
    {"an error of null and 400 are no envelope of an error", 400,
     R"({"request_id":"r","error":null})", "account at fault"},
    {"a code within a 404's other members is no envelope's", 404,
     R"({"code":"InternalError","x":{"code":"InternalError"}})", "account at fault"},

    {"RequestTooFrequently asks to slow down", 429, error("RequestTooFrequently"), "slow down"},
    {"RequestTooFrequently asks to slow down with any status", 200, error("RequestTooFrequently"),
     "slow down"},
    {"429 without an envelope asks to slow down", 429, kPage, "slow down"},
    {"InternalError is transient", 500, error("InternalError"), "transient"},
    {"InternalError is transient with any status", 413, error("InternalError"), "transient"},
    {"InternalError of 408 is timed out", 408, error("InternalError"), "timed out"},
    {"InternalError of 504 is timed out", 504, error("InternalError"), "timed out"},
    {"ServiceUnavailable is transient", 503, error("ServiceUnavailable"), "transient"},
    {"ServiceUnavailable is transient with any status", 400, error("ServiceUnavailable"),
     "transient"},
    {"RequestLocked is transient", 423, error("RequestLocked"), "transient"},
    {"RequestLocked is transient with any status", 409, error("RequestLocked"), "transient"},
    {"429 asks to slow down whatever it says: InvalidParameter", 429, error("InvalidParameter"),
     "slow down"},
    {"429 asks to slow down whatever it says: a code nobody knows", 429, error("NewCode"),
     "slow down"},
    {"429 asks to slow down whatever it says: InternalError", 429, error("InternalError"),
     "slow down"},
    {"429 asks to slow down whatever it says: yes", 429, kYes, "slow down"},
    {"500 is transient whatever it says: Unauthorized", 500, error("Unauthorized"), "transient"},
    {"500 is transient whatever it says: a code nobody knows", 500, error("NewCode"), "transient"},
    {"500 is transient whatever it says: yes", 500, kYes, "transient"},
    {"503 is transient whatever it says: InvalidParameter", 503, error("InvalidParameter"),
     "transient"},
    {"503 is transient whatever it says: a wrong key", 503,
     error("InvalidParameter", "integration_key is not a valid one"), "transient"},
    {"599 is transient whatever it says: EntityTooLarge", 599, error("EntityTooLarge"),
     "transient"},
    {"504 is timed out whatever it says: Unauthorized", 504, error("Unauthorized"), "timed out"},
    {"of 5xx too, RequestTooFrequently asks to slow down", 503, error("RequestTooFrequently"),
     "slow down"},
    {"a code of 408 that nobody knows is timed out", 408, error("NewCode"), "timed out"},
    {"a code of 423 that nobody knows is transient", 423, error("NewCode"), "transient"},
    {"423 without an envelope is transient", 423, kPage, "transient"},
    {"425 without an envelope is transient", 425, "", "transient"},
    {"408 without an envelope is timed out", 408, "", "timed out"},
    {"504 without an envelope is timed out", 504, kPage, "timed out"},
    {"500 without an envelope is transient", 500, kPage, "transient"},
    {"502 without an envelope is transient", 502, kPage, "transient"},
    {"503 without an envelope is transient", 503, "", "transient"},
    {"599 without an envelope is transient", 599, "", "transient"},
    {"no answer is transient", 0, "", "transient", false},

    {"an empty 2xx is transient", 200, "", "transient"},
    {"204 is transient", 204, "", "transient"},
    {"a 2xx with HTML is transient", 200, kPage, "transient"},
    {"a 2xx with an array is transient", 200, R"([{"request_id":"r"}])", "transient"},
    {"a 2xx with a text is transient", 200, R"("request_id")", "transient"},
    {"a 2xx with another object is transient", 200, R"({"ok":true})", "transient"},
    {"a 2xx with something behind the envelope is transient", 200, std::string(kYes) + " x",
     "transient"},
    {"a 2xx with two envelopes is transient", 200, std::string(kYes) + kYes, "transient"},
    {"a 2xx with an unfinished string behind the envelope is transient", 200,
     std::string(kYes) + " \"x", "transient"},
    {"a 2xx of which the end is missing is transient", 200, kYes, "transient", false},
    {"a 2xx whose JSON is cut is transient", 200, R"({"request_id":"r","data":{)", "transient"},
    {"a 2xx whose envelope is too deep is transient", 200,
     R"({"request_id":"r","data":)" + times(64, "[") + times(64, "]") + "}", "transient"},
    {"a 2xx with NaN is transient", 200, R"({"request_id":"r","data":NaN})", "transient"},
    {"an envelope that is cut does not decide", 500, error("Unauthorized").substr(0, 60),
     "transient"},
};

const Answer& read(AnswerReader& reader, const Pieces& pieces) {
    for (std::string_view piece : pieces) {
        // Each piece in a place of its own, gone after the call.
        const std::unique_ptr<char[]> passing(new char[piece.size()]);
        piece.copy(passing.get(), piece.size());
        reader.feed({passing.get(), piece.size()});
    }
    return reader.finish();
}

std::string verdict_of(const Row& row, const Pieces& pieces) {
    HeapArena arena;
    AnswerReader reader(arena);
    return name_of(flashduty::judge({row.status, row.whole, false}, read(reader, pieces)));
}

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    assert_text(verdict_of(row, {row.body}), row.expected);
    assert_text(verdict_of(row, in_pieces(row.body, 1)), row.expected);
    for (std::size_t at = 0; at < row.body.size(); at++) {
        assert_text(verdict_of(row, in_two(row.body, at)), row.expected);
    }
}

struct Said {
    explicit Said(const Pieces& pieces) : reader(arena), answer(read(reader, pieces)) {}
    HeapArena arena;
    AnswerReader reader;
    const Answer& answer;
};

Pieces split(const std::string& text) { return in_pieces(text, 1000); }

void the_answer_says_which_request_it_was_and_what_is_wrong(void**) {
    const std::string body =
        R"({"request_id":"r\u00e9","error":{"code":"Unauthorized","message":"no \"key\"","x":{"code":1}}})";
    for (std::size_t at = 0; at < body.size(); at++) {
        const Said said(in_two(body, at));
        assert_true(said.answer.is_object && said.answer.has_request_id && said.answer.has_error);
        assert_false(said.answer.has_data);
        assert_text(said.answer.request_id, "ré");
        assert_text(said.answer.code, "Unauthorized");
        assert_text(said.answer.message, "no \"key\"");
        assert_false(said.answer.is_cut);
    }
}

void the_answer_says_whether_it_named_the_alert(void**) {
    assert_true(Said({kYes}).answer.has_alert_key);
    assert_true(Said({R"({"data":{"x":[{}],"alert\u005fkey":1}})"}).answer.has_alert_key);
    for (const char* other :
         {R"({"request_id":"r"})", R"({"request_id":"r","data":{}})", R"({"data":"alert_key"})",
          R"({"data":{"alert_key":null}})", R"({"data":{"alert_key":""}})",
          R"({"data":{"alert_key":{"alert_key":"k"}}})", R"({"data":[{"alert_key":"k"}]})",
          R"({"alert_key":"k","data":{}})", R"({"error":{"alert_key":"k"}})"}) {
        assert_false(Said({other}).answer.has_alert_key);
    }
}

void the_order_of_the_members_does_not_matter(void**) {
    const Said said({R"({"error":{"message":"m","code":"c"},"data":{"message":"x"},)"
                     R"("request_id":"r"})"});
    assert_text(said.answer.request_id, "r");
    assert_text(said.answer.code, "c");
    assert_text(said.answer.message, "m");
}

void texts_are_repaired(void**) {
    const Said said({"{\"error\":{\"code\":\"a\xC0\",\"message\":\"b\\u0000\\r\\ud83dc\"}}"});
    assert_text(said.answer.code, "a\uFFFD");
    assert_text(said.answer.message, "b\uFFFDc");
}

void an_answer_with_a_content_encoding_is_not_understood(void**) {
    const Said yes({kYes});
    const auto verdict_of = [&](unsigned status) {
        return name_of(flashduty::judge({status, true, true}, yes.answer));
    };
    assert_text(verdict_of(200), "transient");
    assert_text(verdict_of(400), "transient");
    assert_text(verdict_of(401), "account at fault");
    assert_text(verdict_of(413), "event refused");
    assert_text(verdict_of(429), "slow down");
    assert_text(verdict_of(504), "timed out");
}

void an_answer_that_breaks_off_says_nothing(void**) {
    const std::string body = error("Unauthorized");
    for (std::size_t size = 0; size < body.size(); size++) {
        const Said said({std::string_view(body).substr(0, size)});
        assert_false(said.answer.is_object);
        assert_text(said.answer.code, "");
    }
}

constexpr std::size_t kMegabyte = 1 << 20;

void check_large(const std::string& body, const char* expected) {
    const Row row = {"", 200, body, expected};
    assert_text(verdict_of(row, {body}), expected);
    assert_text(verdict_of(row, split(body)), expected);
}

void an_answer_with_a_megabyte_of_white_space_is_understood(void**) {
    check_large(times(kMegabyte, " ") + kYes, "delivered");
    check_large(kYes + times(kMegabyte, "\n"), "delivered");
    check_large("{" + times(kMegabyte, " ") + R"("request_id":"r"})", "delivered");
}

void an_answer_with_a_megabyte_of_text_is_understood(void**) {
    check_large(R"({"data":")" + times(kMegabyte, "x") + R"("})", "delivered");
    check_large(R"({"data":")" + times(kMegabyte, "\\\"") + R"("})", "delivered");
    check_large(R"({"data":")" + times(kMegabyte / 4, "漢") + R"("})", "delivered");
    check_large(R"({"data":"x)" + times(kMegabyte / 8, "\\ud83d\\ude00") + R"("})", "delivered");
    check_large(R"({")" + times(kMegabyte, "k") + R"(":1,"data":1})", "delivered");
    check_large(R"({"error":{"message":")" + times(kMegabyte, "x") + R"(","code":"NoLicense"}})",
                "account at fault");
}

void an_answer_with_a_megabyte_of_members_is_understood(void**) {
    check_large("{" + times(kMegabyte / 8, R"("a":[1],)") + R"("data":1})", "delivered");
    check_large(R"({"data":[)" + times(kMegabyte / 2, "1,") + "1]}", "delivered");
    check_large("{" + times(kMegabyte / 8, R"("a":[1],)") + R"("error":{"code":"NoLicense"}})",
                "account at fault");
}

void an_answer_with_a_megabyte_of_digits_is_understood(void**) {
    check_large(R"({"data":)" + times(kMegabyte, "1") + "}", "delivered");
}

void an_answer_of_a_megabyte_that_is_cut_is_transient(void**) {
    check_large(R"({"request_id":"r","data":")" + times(kMegabyte, "x"), "transient");
}

void an_answer_of_a_megabyte_of_letters_is_transient(void**) {
    check_large(times(kMegabyte, "t"), "transient");
    check_large(R"({"request_id":)" + times(kMegabyte / 4, "null") + "}", "transient");
}

void an_answer_of_a_megabyte_of_html_is_transient(void**) {
    check_large(times(kMegabyte / 8, "<p>a</p>"), "transient");
}

/// The start of a long text may end anywhere: within an escape, a pair or a character.
void a_long_message_begins_as_it_was_sent_and_is_sound(void**) {
    for (const char* unit : {"\\ud83d\\ude00", "漢", "\\n", "\\\\", "\\u6f22"}) {
        for (std::size_t shift = 0; shift < 12; shift++) {
            const std::string body = R"({"error":{"code":"c","message":")" + times(shift, "x") +
                                     times(20000, unit) + R"("},"request_id":"r"})";
            const Said said(split(body));
            assert_text(said.answer.request_id, "r");
            assert_text(said.answer.code, "c");
            assert_true(said.answer.message.size() > 1000);
            assert_true(said.answer.is_cut);
            assert_text(said.answer.message.substr(0, shift), times(shift, "x"));
            HeapArena arena;
            assert_text(flashduty::repair(arena, said.answer.message), said.answer.message);
        }
    }
}

void what_no_string_may_hold_is_seen_in_the_end_of_a_long_one_too(void**) {
    for (const char* bad : {"\\ude\"xx", "\\x", "\n", "\\u12G4"}) {
        const std::string body =
            R"({"data":")" + times(20000, "x") + bad + R"(","request_id":"r"})";
        assert_false(Said(split(body)).answer.is_object);
    }
}

/// Counts what is held at once and what was ever asked for in one piece.
class MeasuringArena final : public HeapArena {
  public:
    std::size_t largest_bytes = 0;

  private:
    void* take(std::size_t size_bytes) noexcept override {
        largest_bytes = size_bytes > largest_bytes ? size_bytes : largest_bytes;
        return HeapArena::take(size_bytes);
    }
};

void the_memory_for_an_answer_does_not_grow_with_it(void**) {
    const auto largest_bytes = [](std::size_t size) {
        MeasuringArena arena;
        AnswerReader reader(arena);
        const std::string body = R"({"error":{"message":")" + times(size, "x") + R"("}})";
        assert_true(read(reader, split(body)).is_object);
        return arena.largest_bytes;
    };
    assert_int_equal(largest_bytes(4 * kMegabyte), largest_bytes(kMegabyte));
}

void the_memory_for_an_answer_does_not_grow_with_its_members(void**) {
    constexpr std::size_t kMostBytes = 512 * 1024;
    for (const std::string& unit :
         {std::string(R"("request_id":"\n",)"), R"("request_id":")" + times(2000, R"(\n)") + "\",",
          "\"error\":{\"message\":\"" + std::string(5000, '\xFF') + R"(","code":"a"},)"}) {
        MallocRooms arena;
        AnswerReader reader(arena);
        const std::string body =
            "{" + times(4 * kMegabyte / unit.size(), unit) + R"("request_id":"last"})";
        const Answer& answer = read(reader, split(body));
        assert_true(answer.is_object);
        assert_text(answer.request_id, "last");
        assert_true(arena.peak_bytes() <= kMostBytes);
    }
}

void without_memory_an_answer_is_no_envelope(void**) {
    const std::string body = error("Unauthorized");
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        AnswerReader reader(arena);
        const Answer& answer = read(reader, in_two(body, 30));
        if (!arena.failed()) {
            assert_text(answer.code, "Unauthorized");
            break;
        }
        assert_false(answer.is_object);
        assert_text(name_of(flashduty::judge({200, true, false}, answer)), "transient");
    }
    assert_true(allocations > 3);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(the_answer_says_which_request_it_was_and_what_is_wrong),
        cmocka_unit_test(the_answer_says_whether_it_named_the_alert),
        cmocka_unit_test(the_order_of_the_members_does_not_matter),
        cmocka_unit_test(texts_are_repaired),
        cmocka_unit_test(an_answer_with_a_content_encoding_is_not_understood),
        cmocka_unit_test(an_answer_that_breaks_off_says_nothing),
        cmocka_unit_test(an_answer_with_a_megabyte_of_white_space_is_understood),
        cmocka_unit_test(an_answer_with_a_megabyte_of_text_is_understood),
        cmocka_unit_test(an_answer_with_a_megabyte_of_members_is_understood),
        cmocka_unit_test(an_answer_with_a_megabyte_of_digits_is_understood),
        cmocka_unit_test(an_answer_of_a_megabyte_that_is_cut_is_transient),
        cmocka_unit_test(an_answer_of_a_megabyte_of_letters_is_transient),
        cmocka_unit_test(an_answer_of_a_megabyte_of_html_is_transient),
        cmocka_unit_test(a_long_message_begins_as_it_was_sent_and_is_sound),
        cmocka_unit_test(what_no_string_may_hold_is_seen_in_the_end_of_a_long_one_too),
        cmocka_unit_test(the_memory_for_an_answer_does_not_grow_with_it),
        cmocka_unit_test(the_memory_for_an_answer_does_not_grow_with_its_members),
        cmocka_unit_test(without_memory_an_answer_is_no_envelope),
    };
    add_rows(tests, kRows, check_row);
    return run("verdict", tests);
}
