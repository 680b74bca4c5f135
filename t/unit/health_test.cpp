// Health: when an alert that is sent now would be taken, and the reason.
#include "status_support.hpp"

using namespace flashduty;

namespace {

constexpr TargetName kTarget = {"gateway", "/flashduty"};
constexpr TargetName kOther = {"gateway", "/other"};

struct HealthBoard : Board {
    explicit HealthBoard(bool spools) : has_spool(spools) {}

    bool has_spool;

    void push(bool is_taken, StatusMs at_ms, const TargetName& target = kTarget) {
        push_to(stats, target, is_taken, is_taken ? "" : "nobody there", at_ms);
    }

    void deliver(bool is_away, StatusMs at_ms) {
        const TargetFact fact = {kTarget, is_away, kNow - 60'000, kNow + 1000, "it hangs"};
        publish_targets(stats, &fact, 1, kNow - kHourMs, at_ms);
        publish_spool(stats, {}, at_ms);
    }

    [[nodiscard]] std::string health(StatusMs now_ms = kNow) {
        return std::string(write_health(arena, health_of(arena, view(now_ms, has_spool))));
    }
};

std::string says(std::string_view state, std::string_view reason, StatusMs since_ms) {
    const std::string why = reason.empty() ? "" : R"("reason":")" + std::string(reason) + R"(",)";
    return R"({"state":")" + std::string(state) + R"(",)" + why + R"("since":)" +
           std::to_string(since_ms / 1000) + "}\n";
}

// ---------------------------------------------------------------- without a spool

void a_gateway_that_has_just_begun_delivers(void**) {
    assert_text(HealthBoard(false).health(), says("delivering", "", kNow - kHourMs));
}

void a_push_that_failed_is_failing_for_thirty_seconds_and_told_until_the_next(void**) {
    HealthBoard board(false);
    board.push(false, kNow - 5000);
    board.push(false, kNow);
    assert_text(board.health(kNow), says("failing", "nobody there", kNow - 5000));
    assert_text(board.health(kNow + 29'999), says("failing", "nobody there", kNow - 5000));
    constexpr std::string_view kDoubt =
        "nothing was pushed since the last push failed: nobody there";
    assert_text(board.health(kNow + 30'000), says("delivering", kDoubt, kNow - 5000));
    assert_text(board.health(kNow + kHourMs), says("delivering", kDoubt, kNow - 5000));
    assert_holds(board.json(kNow + kHourMs), R"("up":null,)");
    board.push(true, kNow + kHourMs);
    assert_text(board.health(kNow + kHourMs), says("delivering", "", kNow + kHourMs));
}

void after_a_day_it_is_told_no_more(void**) {
    HealthBoard board(false);
    board.push(false, kNow);
    assert_text(board.health(kNow + kDayMs), says("delivering", "", kNow + 30'000));
}

void a_push_that_is_taken_ends_it(void**) {
    HealthBoard board(false);
    board.push(false, kNow - 5000);
    board.push(true, kNow - 1000);
    assert_text(board.health(), says("delivering", "", kNow - 1000));
}

void one_target_of_two_is_enough_to_fail(void**) {
    HealthBoard board(false);
    board.push(false, kNow - 5000);
    board.push(true, kNow, kOther);
    assert_text(board.health(), says("failing", "gateway /flashduty: nobody there", kNow - 5000));
}

void refusals_of_three_keys_in_a_row_count_for_thirty_seconds(void**) {
    HealthBoard board(false);
    board.push(true, kNow - 9000);
    for (int i = 0; i < 9; i++) {
        refuse_at(board.stats, kTarget, i % 2 == 0 ? "a" : "b", kNow - 8000);
    }
    assert_text(board.health(), says("delivering", "", kNow - kHourMs));
    refuse_at(board.stats, kTarget, "c", kNow - 7000);
    refuse_at(board.stats, kTarget, "d", kNow);
    constexpr std::string_view kReason = "11 events in a row were refused: title too long";
    assert_text(board.health(), says("failing", kReason, kNow - 7000));
    assert_text(board.health(kNow + 29'999), says("failing", kReason, kNow - 7000));
    assert_text(board.health(kNow + 30'000),
                says("delivering",
                     "nothing was pushed since 11 events in a row were refused: title too long",
                     kNow - 7000));
}

void one_that_is_taken_ends_the_row(void**) {
    HealthBoard board(false);
    for (const char* key : {"a", "b", "c"}) {
        refuse_at(board.stats, kTarget, key, kNow);
    }
    board.push(true, kNow);
    assert_text(board.health(), says("delivering", "", kNow - kHourMs));
    for (const char* key : {"d", "e"}) {
        refuse_at(board.stats, kTarget, key, kNow);
    }
    assert_text(board.health(), says("delivering", "", kNow - kHourMs));
}

void refusals_at_two_targets_are_two_rows(void**) {
    HealthBoard board(false);
    refuse_at(board.stats, kTarget, "a", kNow);
    refuse_at(board.stats, kOther, "b", kNow);
    refuse_at(board.stats, kOther, "c", kNow);
    assert_text(board.health(), says("delivering", "", kNow - kHourMs));
}

void an_empty_uri_counts_like_a_failed_push_with_and_without_a_spool(void**) {
    for (const bool has_spool : {false, true}) {
        HealthBoard board(has_spool);
        board.deliver(false, kNow);
        note_nowhere(board.stats, {"gateway", "/blueking"}, "the uri is empty", kNow);
        assert_text(board.health(kNow + 9000),
                    says("failing", "gateway /blueking: the uri is empty", kNow));
        board.push(true, kNow + 1000);
        assert_text(board.health(kNow + 9000),
                    says("failing", "gateway /blueking: the uri is empty", kNow));
        assert_holds(board.json(kNow + 9000, has_spool), R"("gateway /blueking":0)");
        board.deliver(false, kNow + 119'000);
        assert_text(board.health(kNow + 119'000),
                    says("delivering",
                         "gateway /blueking: nothing was pushed since the last push failed: the "
                         "uri is empty",
                         kNow));
        assert_holds(board.json(kNow + 120'000, has_spool),
                     R"({"target":"gateway /blueking","up":null,)");
        adopt(board.stats, kNow + 119'500);  // a configuration that may name a uri
        assert_holds(board.health(kNow + 120'000), R"({"state":"delivering","since":)");
    }
}

void what_has_no_place_of_its_own_counts(void**) {
    HealthBoard board(false);
    for (std::size_t i = 0; i < kTargets; i++) {
        board.push(true, kNow, {"gateway", "/" + std::to_string(i)});
    }
    board.push(false, kNow, kOther);
    assert_text(board.health(), says("failing", "gateway /other: nobody there", kNow));
}

// ---------------------------------------------------------------- with a spool

void what_can_be_written_down_is_not_lost(void**) {
    HealthBoard board(true);
    board.deliver(false, kNow);
    assert_text(board.health(), says("delivering", "", kNow - 60'000));
    board.deliver(true, kNow);
    assert_text(board.health(), says("spooling", "it hangs", kNow - 60'000));
}

void a_spool_that_takes_nothing_is_named_while_the_target_is_well(void**) {
    HealthBoard board(true);
    board.deliver(false, kNow);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "the disk is full", kNow));
    assert_text(board.health(), says("delivering", "the disk is full", kNow));
}

void neither_spool_nor_target_is_failing(void**) {
    HealthBoard board(true);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "the disk is full", kNow));
    board.deliver(true, kNow);
    assert_text(board.health(), says("failing", "the spool is ill, and it hangs", kNow));
    assert_true(end_trouble(board.stats, SpoolUser::kAcceptor, kNow));
    assert_text(board.health(), says("spooling", "it hangs", kNow - 60'000));
}

void a_spool_that_nobody_has_tried_for_long_may_take_the_next(void**) {
    HealthBoard board(true);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "locked", kNow));
    board.deliver(true, kNow + 30'000);
    assert_text(board.health(kNow + 29'999),
                says("failing", "the spool is ill, and it hangs", kNow));
    assert_text(board.health(kNow + 30'000),
                says("spooling", "the spool is ill, and it hangs", kNow - 60'000));
    assert_false(trouble_begins(board.stats, SpoolUser::kAcceptor, "locked", kNow + 30'000));
    assert_text(board.health(kNow + 31'000),
                says("failing", "the spool is ill, and it hangs", kNow));
}

void what_a_deliverer_without_its_store_knows_of_a_target_is_old(void**) {
    HealthBoard board(true);
    board.deliver(true, kNow);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "broken", kNow));
    assert_false(trouble_begins(board.stats, SpoolUser::kDeliverer, "broken", kNow));
    const std::string before =
        "the spool is ill, and nothing was pushed since the last push failed: ";
    assert_text(board.health(), says("delivering", before + "it hangs", kNow));
    board.push(false, kNow + 1000);
    assert_text(board.health(kNow + 2000),
                says("failing", "the spool is ill, and nobody there", kNow));
    assert_text(board.health(kNow + 40'000), says("delivering", before + "nobody there", kNow));
}

void a_push_past_the_spool_that_failed_is_not_forgotten_by_a_deliverer_without_work(void**) {
    HealthBoard board(true);
    board.deliver(false, kNow);
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "the disk is full", kNow));
    board.push(false, kNow + 1000);
    board.deliver(false, kNow + 1500);
    assert_text(board.health(kNow + 2000),
                says("failing", "the spool is ill, and nobody there", kNow + 1000));
    board.deliver(false, kNow + 31'000);
    assert_text(board.health(kNow + 31'000),
                says("delivering",
                     "the spool is ill, and nothing was pushed since the last push failed: nobody "
                     "there",
                     kNow + 1000));
    assert_true(end_trouble(board.stats, SpoolUser::kAcceptor, kNow + 32'000));
    board.deliver(false, kNow + 200'000);
    assert_text(board.health(kNow + 200'000),
                says("delivering", "nothing was pushed since the last push failed: nobody there",
                     kNow + 1000));
    assert_holds(board.json(kNow + 200'000, true), R"("up":null,)");
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "the disk is full", kNow));
    board.push(false, kNow + 40'000);
    board.push(true, kNow + 41'000);
    board.deliver(false, kNow + 42'000);
    assert_text(board.health(kNow + 42'000), says("delivering", "the disk is full", kNow));
}

void a_deliverer_that_cannot_read_the_spool_delivers_nothing(void**) {
    HealthBoard board(true);
    board.deliver(false, kNow);
    assert_true(trouble_begins(board.stats, SpoolUser::kDeliverer, "I/O error", kNow));
    assert_text(board.health(), says("spooling", "I/O error", kNow));
}

void a_deliverer_that_is_gone_is_missed(void**) {
    HealthBoard board(true);
    board.deliver(false, kNow);
    assert_text(board.health(kNow + 10'000), says("delivering", "", kNow - 60'000));
    assert_text(board.health(kNow + 10'001),
                says("spooling", "no worker pushes what waits in the spool", kNow));
}

// ---------------------------------------------------------------- what is said first

/// Two targets are away with a spool; of the first, which passes, more alerts are held.
struct TwoAway : HealthBoard {
    explicit TwoAway(Blame blame) : HealthBoard(true) {
        for (int i = 0; i < 43; i++) {
            count_held(stats, target_key(kTarget), kTarget, kNow);
        }
        count_held(stats, target_key(kOther), kOther, kNow);
        facts[1].blame = blame;
        publish_targets(stats, facts, 2, kNow - kHourMs, kNow);
        publish_spool(stats, {}, kNow);
    }

    TargetFact facts[2] = {{kTarget, true, kNow - 5000, kNow + 1000, "it hangs", Blame::kNobody},
                           {kOther, true, kNow - 60'000, kNow + 1000, "no such key", {}}};
};

void what_can_be_acted_on_comes_first_and_both_are_said(void**) {
    assert_text(TwoAway(Blame::kOperator).health(),
                says("spooling", "gateway /other: no such key; gateway /flashduty: it hangs",
                     kNow - 60'000));
}

void then_what_concerns_most_alerts(void**) {
    assert_text(TwoAway(Blame::kNobody).health(),
                says("spooling", "gateway /flashduty: it hangs; gateway /other: no such key",
                     kNow - 60'000));
}

void a_location_that_is_gone_hides_no_other_reason(void**) {
    assert_text(TwoAway(Blame::kStray).health(),
                says("spooling", "gateway /flashduty: it hangs; gateway /other: no such key",
                     kNow - 60'000));
}

void one_reason_of_many_targets_is_said_once(void**) {
    HealthBoard board(true);
    std::vector<std::string> names;
    std::vector<TargetFact> facts;
    for (int i = 0; i < 9; i++) {
        names.push_back("/" + std::to_string(i));
    }
    for (const std::string& name : names) {
        const bool is_other = name > "/6";
        facts.push_back({{"s", name},
                         true,
                         kNow,
                         kNow,
                         is_other ? std::string_view(name) : "it hangs",
                         Blame::kNobody});
    }
    publish_targets(board.stats, facts.data(), facts.size(), kNow - kHourMs, kNow);
    publish_spool(board.stats, {}, kNow);
    assert_text(
        board.health(),
        says("spooling", "s /0 and 6 more: it hangs; s /7: /7; 1 more target is away", kNow));
}

void callers_hear_why_their_events_wait(void**) {
    TwoAway board(Blame::kOperator);
    const auto why = [&](const TargetName& name) {
        return std::string(why_it_waits(board.arena, board.stats, target_key(name)));
    };
    assert_text(why(kOther), "no such key");
    assert_text(why({"gateway", "/third"}), "");
    assert_true(trouble_begins(board.stats, SpoolUser::kDeliverer, "broken", kNow));
    assert_text(why(kOther), "the spool is ill, and no such key");
    assert_text(why({"gateway", "/third"}), "the spool is ill");
    assert_text(std::string(with_trouble(board.arena, board.stats, "it hangs")),
                "the spool is ill, and it hangs");
}

// ---------------------------------------------------------------- over a reload

void a_target_that_stays_away_is_away_since_it_went(void**) {
    HealthBoard board(true);
    TargetFact fact = {kTarget, true, kNow - 60'000, kNow + 1000, "it hangs", Blame::kNobody};
    publish_targets(board.stats, &fact, 1, kNow - kHourMs, kNow);
    publish_spool(board.stats, {}, kNow);
    assert_true(is_news(board.stats, kTarget, "it hangs", kNow));
    publish_targets(board.stats, nullptr, 0, kNow + 500, kNow + 1000);  // the next deliverer
    assert_text(board.health(kNow + 1000), says("spooling", "it hangs", kNow - 60'000));
    fact.since_ms = kNow + 1200;
    publish_targets(board.stats, &fact, 1, kNow + 500, kNow + 1200);
    assert_text(board.health(kNow + 1200), says("spooling", "it hangs", kNow - 60'000));
    assert_false(is_news(board.stats, kTarget, "it hangs", kNow + 1200));
    assert_true(is_news(board.stats, kTarget, "no such key", kNow + 1300));
    const PushNews back = note_push(board.stats, target_key(kTarget), kTarget,
                                    {Fate::kDelivered, {}, "key", false, {}, {}}, kNow + 2000);
    assert_true(back.is_back);
    assert_int_equal(back.away_since_ms, kNow - 60'000);
    assert_text(board.health(kNow + 2000), says("delivering", "", kNow + 2000));
    publish_targets(board.stats, nullptr, 0, kNow + 500, kNow + 2100);
    assert_false(note_push(board.stats, target_key(kTarget), kTarget,
                           {Fate::kDelivered, {}, "key", false, {}, {}}, kNow + 2000)
                     .is_back);
}

void one_of_which_the_next_deliverer_never_hears_is_back_in_time(void**) {
    HealthBoard board(true);
    board.deliver(true, kNow);
    publish_targets(board.stats, nullptr, 0, kNow, kNow + 9999);
    publish_spool(board.stats, {}, kNow + 9999);
    assert_text(board.health(kNow + 9999), says("spooling", "it hangs", kNow - 60'000));
    publish_targets(board.stats, nullptr, 0, kNow, kNow + 10'000);
    assert_text(board.health(kNow + 10'000), says("delivering", "", kNow + 10'000));
}

void a_count_that_grows_is_no_news(void**) {
    HealthBoard board(true);
    assert_true(is_news(board.stats, kTarget, "9 events are refused: x", kNow));
    assert_false(is_news(board.stats, kTarget, "10 events are refused: x", kNow));
    assert_true(is_news(board.stats, kTarget, "10 events are refused: y", kNow));
}

void rejected_requests_are_warned_of_once_a_minute(void**) {
    HealthBoard board(true);
    assert_true(may_warn_of_rejected(board.stats, kNow));
    assert_false(may_warn_of_rejected(board.stats, kNow + 59'999));
    assert_true(may_warn_of_rejected(board.stats, kNow + 60'000));
}

void trouble_is_told_once(void**) {
    HealthBoard board(true);
    assert_false(end_trouble(board.stats, SpoolUser::kAcceptor, kNow));
    assert_true(trouble_begins(board.stats, SpoolUser::kAcceptor, "first", kNow));
    assert_false(trouble_begins(board.stats, SpoolUser::kAcceptor, "second", kNow));
    assert_false(trouble_begins(board.stats, SpoolUser::kDeliverer, "third", kNow));
    assert_false(end_trouble(board.stats, SpoolUser::kAcceptor, kNow));
    assert_true(end_trouble(board.stats, SpoolUser::kDeliverer, kNow));
    assert_true(trouble_begins(board.stats, SpoolUser::kDeliverer, "again", kNow));
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_gateway_that_has_just_begun_delivers),
        cmocka_unit_test(a_push_that_failed_is_failing_for_thirty_seconds_and_told_until_the_next),
        cmocka_unit_test(after_a_day_it_is_told_no_more),
        cmocka_unit_test(a_push_that_is_taken_ends_it),
        cmocka_unit_test(one_target_of_two_is_enough_to_fail),
        cmocka_unit_test(refusals_of_three_keys_in_a_row_count_for_thirty_seconds),
        cmocka_unit_test(one_that_is_taken_ends_the_row),
        cmocka_unit_test(refusals_at_two_targets_are_two_rows),
        cmocka_unit_test(an_empty_uri_counts_like_a_failed_push_with_and_without_a_spool),
        cmocka_unit_test(what_has_no_place_of_its_own_counts),
        cmocka_unit_test(what_can_be_written_down_is_not_lost),
        cmocka_unit_test(a_spool_that_takes_nothing_is_named_while_the_target_is_well),
        cmocka_unit_test(neither_spool_nor_target_is_failing),
        cmocka_unit_test(a_spool_that_nobody_has_tried_for_long_may_take_the_next),
        cmocka_unit_test(what_a_deliverer_without_its_store_knows_of_a_target_is_old),
        cmocka_unit_test(
            a_push_past_the_spool_that_failed_is_not_forgotten_by_a_deliverer_without_work),
        cmocka_unit_test(a_deliverer_that_cannot_read_the_spool_delivers_nothing),
        cmocka_unit_test(a_deliverer_that_is_gone_is_missed),
        cmocka_unit_test(what_can_be_acted_on_comes_first_and_both_are_said),
        cmocka_unit_test(then_what_concerns_most_alerts),
        cmocka_unit_test(a_location_that_is_gone_hides_no_other_reason),
        cmocka_unit_test(one_reason_of_many_targets_is_said_once),
        cmocka_unit_test(callers_hear_why_their_events_wait),
        cmocka_unit_test(a_target_that_stays_away_is_away_since_it_went),
        cmocka_unit_test(one_of_which_the_next_deliverer_never_hears_is_back_in_time),
        cmocka_unit_test(a_count_that_grows_is_no_news),
        cmocka_unit_test(rejected_requests_are_warned_of_once_a_minute),
        cmocka_unit_test(trouble_is_told_once),
    };
    return run("health", tests);
}
