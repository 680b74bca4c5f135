// What comes of the schedule's rules in hours of a fake clock, with a fake store and a fake
// Flashduty.
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>

#include "schedule.hpp"
#include "support.hpp"

using flashduty::Ask;
using flashduty::Fate;
using flashduty::kMaxInFlight;
using flashduty::kNever;
using flashduty::kUntilBack;
using flashduty::Rate;
using flashduty::Schedule;
using flashduty::TargetChange;
using flashduty::UnixMs;

namespace {

constexpr UnixMs kStart = 1'780'000'000'000;
constexpr UnixMs kSecond = 1'000;
constexpr UnixMs kMinute = 60'000;
constexpr UnixMs kHour = 60 * kMinute;
constexpr Rate kOff{0, 0};

struct Event {
    std::int64_t event_id = 0;
    std::int64_t alert_id = 0;
    std::int64_t target_id = 0;
    int rank = 0;  ///< the lowest first
};

/// Orders, keeps and gives as EventStore says, in memory; an alert_id is a key for good.
class FakeStore {
  public:
    void append(const Event& event) {
        Key& key = keys_[event.target_id][event.alert_id];
        key.events.push_back(event);
    }

    std::vector<Event> due(std::int64_t target_id, UnixMs now_ms, std::size_t most,
                           const std::vector<std::int64_t>& busy) {
        std::vector<Event> found;
        for (const auto& [alert_id, key] : keys_[target_id]) {
            if (key.due_ms <= now_ms && !contains(busy, alert_id)) {
                found.push_back(key.events.front());
            }
        }
        const std::size_t count = std::min(most, found.size());
        const auto end = found.begin() + static_cast<std::ptrdiff_t>(count);
        std::partial_sort(found.begin(), end, found.end(), [](const Event& a, const Event& b) {
            return std::pair(a.rank, a.event_id) < std::pair(b.rank, b.event_id);
        });
        found.resize(count);
        return found;
    }

    std::vector<Event> probe(std::int64_t target_id, UnixMs now_ms,
                             const std::vector<std::int64_t>& busy) {
        std::vector<Event> found = due(target_id, now_ms, keys_[target_id].size(), busy);
        if (!found.empty()) {
            // The newest: the first in rank may be many that are all alike.
            return {*std::max_element(
                found.begin(), found.end(),
                [](const Event& a, const Event& b) { return a.event_id < b.event_id; })};
        }
        UnixMs first_ms = kNever;
        for (const auto& [alert_id, key] : keys_[target_id]) {
            if (key.tried_ms < first_ms && !contains(busy, alert_id)) {
                found = {key.events.front()};
                first_ms = key.tried_ms;
            }
        }
        return found;
    }

    void settle(const Event& event, bool is_done, UnixMs due_ms, UnixMs now_ms) {
        auto& keys = keys_[event.target_id];
        Key& key = keys[event.alert_id];
        key.due_ms = due_ms;
        key.tried_ms = now_ms;
        if (is_done) {
            key.events.erase(key.events.begin());
            if (key.events.empty()) {
                keys.erase(event.alert_id);
            }
        }
    }

    void bring_back(std::int64_t target_id) {
        for (auto& [alert_id, key] : keys_[target_id]) {
            key.due_ms = key.due_ms >= kUntilBack ? 0 : key.due_ms;
        }
    }

    /// How many keys wait.
    [[nodiscard]] std::size_t waiting(std::int64_t target_id) { return keys_[target_id].size(); }

  private:
    struct Key {
        std::vector<Event> events;
        UnixMs due_ms = 0;
        UnixMs tried_ms = 0;
    };

    static bool contains(const std::vector<std::int64_t>& busy, std::int64_t alert_id) {
        return std::find(busy.begin(), busy.end(), alert_id) != busy.end();
    }

    std::map<std::int64_t, std::map<std::int64_t, Key>> keys_;
};

/// What Flashduty does with an event.
struct Reply {
    UnixMs after_ms = 50;
    Fate result = Fate::kDelivered;
    UnixMs retry_after_ms = 0;
};

using Peer = std::function<Reply(const Event&, UnixMs now_ms)>;

/// A push that has left.
struct Push {
    UnixMs left_ms = 0;
    Event event;
    Fate result = Fate::kDelivered;
    UnixMs ended_ms = 0;
    bool is_probe = false;
};

struct Change {
    UnixMs at_ms = 0;
    std::int64_t target_id = 0;
    TargetChange::Kind kind = TargetChange::Kind::kNone;
};

/// A deliverer as the schedule expects one. What must hold at any time is asserted as it runs.
class Simulation {
  public:
    Simulation(Rate rate, std::uint64_t seed, Peer peer)
        : rate_(rate), schedule_(rate, seed), peer_(std::move(peer)) {}

    /// An event comes in.
    void append_at(UnixMs at_ms, std::int64_t target_id, std::int64_t alert_id, int rank = 0) {
        at(at_ms, [this, target_id, alert_id, rank] {
            store_.append({++event_id_, alert_id, target_id, rank});
            schedule_.wake(target_id);
        });
    }

    /// Lets time pass until then.
    void run_until(UnixMs end_ms) {
        while (true) {
            look();
            const UnixMs look_ms = schedule_.next_look_ms(now_ms_);
            // What could be asked for now has been: else this would go round and round.
            assert_true(look_ms > now_ms_);
            const UnixMs step_ms = steps_.empty() ? kNever : steps_.top().at_ms;
            if (std::min(look_ms, step_ms) > end_ms) {
                break;
            }
            now_ms_ = std::min(look_ms, step_ms);
            looks_ += look_ms <= step_ms ? 1 : 0;
            while (!steps_.empty() && steps_.top().at_ms == now_ms_) {
                const std::function<void()> run = steps_.top().run;
                steps_.pop();
                run();
            }
        }
        now_ms_ = end_ms;
    }

    [[nodiscard]] const std::vector<Push>& pushes() const { return pushes_; }
    [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }
    [[nodiscard]] std::size_t waiting(std::int64_t target_id) { return store_.waiting(target_id); }
    [[nodiscard]] std::size_t asks() const { return asks_; }
    /// How often time alone was the reason to look.
    [[nodiscard]] std::size_t looks() const { return looks_; }
    [[nodiscard]] Schedule& schedule() { return schedule_; }

    /// No second and no minute has more pushes than it may have, wherever it begins.
    void check_budget() const {
        std::map<std::int64_t, std::vector<UnixMs>> left_ms;
        for (const Push& push : pushes_) {
            left_ms[push.event.target_id].push_back(push.left_ms);
        }
        for (const auto& [target_id, times] : left_ms) {
            check_window(times, rate_.per_second, kSecond);
            check_window(times, rate_.per_minute, kMinute);
        }
    }

    /// Events of one key leave in their order, each again and again until it is done.
    void check_order() const {
        std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> last;
        std::set<std::int64_t> done;
        for (const Push& push : pushes_) {
            std::int64_t& event_id = last[{push.event.target_id, push.event.alert_id}];
            assert_true(push.event.event_id >= event_id);
            assert_true(done.count(push.event.event_id) == 0);
            event_id = push.event.event_id;
            if (push.result != Fate::kWaits) {
                done.insert(event_id);
            }
        }
    }

  private:
    static constexpr UnixMs kReadMs = 2;    ///< until the store answers
    static constexpr UnixMs kCommitMs = 7;  ///< until something is written down

    struct Step {
        UnixMs at_ms;
        std::size_t order;
        std::function<void()> run;

        bool operator>(const Step& other) const {
            return std::pair(at_ms, order) > std::pair(other.at_ms, other.order);
        }
    };

    void at(UnixMs at_ms, std::function<void()> run) {
        steps_.push({at_ms, ++order_, std::move(run)});
    }

    static void check_window(const std::vector<UnixMs>& times, std::size_t most, UnixMs length_ms) {
        for (std::size_t i = most; most > 0 && i < times.size(); i++) {
            assert_true(times[i] - times[i - most] > length_ms);
        }
    }

    void look() {
        for (const Ask& ask : schedule_.asks(now_ms_)) {
            asks_++;
            assert_true(ask.most > 0 && ask.most <= kMaxInFlight);
            assert_true(!ask.is_probe || ask.most == 1);
            assert_true(asked_.insert(ask.target_id).second);
            at(now_ms_ + kReadMs, [this, ask] { answer(ask); });
        }
    }

    void answer(const Ask& ask) {
        asked_.erase(ask.target_id);
        const std::vector<Event> found =
            ask.is_probe ? store_.probe(ask.target_id, now_ms_, ask.except)
                         : store_.due(ask.target_id, now_ms_, ask.most, ask.except);
        const std::size_t leaving = schedule_.answered(ask, found.size(), now_ms_);
        for (std::size_t i = 0; i < leaving; i++) {
            push(found[i]);
        }
    }

    void push(const Event& event) {
        const bool is_away = away_.count(event.target_id) > 0;
        std::set<std::int64_t>& busy = busy_[event.target_id];
        assert_true(busy.insert(event.alert_id).second);
        assert_true(busy.size() <= kMaxInFlight);
        // A target that is away gets one probe at a time, and not before its time.
        if (is_away) {
            assert_true(now_ms_ >= schedule_.next_probe_ms(event.target_id));
            assert_true(probes_.insert(event.target_id).second);
        }
        schedule_.started(event.target_id, event.alert_id, now_ms_);
        const Reply reply = peer_(event, now_ms_);
        const std::size_t index = pushes_.size();
        pushes_.push_back({now_ms_, event, reply.result, now_ms_ + reply.after_ms, is_away});
        at(now_ms_ + reply.after_ms, [this, index, reply] { end(pushes_[index], reply); });
    }

    void end(const Push& push, const Reply& reply) {
        const Event event = push.event;
        if (push.is_probe) {
            probes_.erase(event.target_id);
        }
        const auto ended = schedule_.ended(event.target_id, event.alert_id, reply.result,
                                           reply.retry_after_ms, now_ms_);
        const bool is_back = ended.change.kind == TargetChange::Kind::kBack;
        if (ended.change.kind != TargetChange::Kind::kNone) {
            changes_.push_back({now_ms_, event.target_id, ended.change.kind});
            // Away and back take turns.
            const bool was_away = away_.count(event.target_id) > 0;
            assert_int_equal(was_away, is_back);
        }
        if (ended.change.kind == TargetChange::Kind::kAway) {
            away_.insert(event.target_id);
        } else if (is_back) {
            away_.erase(event.target_id);
            probes_.erase(event.target_id);
        }
        at(now_ms_ + kCommitMs, [this, event, reply, ended, is_back, ended_ms = now_ms_] {
            store_.settle(event, reply.result != Fate::kWaits, ended.due_ms, ended_ms);
            if (is_back) {
                store_.bring_back(event.target_id);
            }
            busy_[event.target_id].erase(event.alert_id);
            schedule_.settled(event.target_id, event.alert_id);
        });
    }

    Rate rate_;
    Schedule schedule_;
    Peer peer_;
    FakeStore store_;
    UnixMs now_ms_ = kStart;
    std::priority_queue<Step, std::vector<Step>, std::greater<>> steps_;
    std::size_t order_ = 0;
    std::int64_t event_id_ = 0;

    std::set<std::int64_t> asked_;
    std::map<std::int64_t, std::set<std::int64_t>> busy_;
    std::set<std::int64_t> away_;
    std::set<std::int64_t> probes_;  ///< targets to which one is under way
    std::vector<Push> pushes_;
    std::vector<Change> changes_;
    std::size_t asks_ = 0;
    std::size_t looks_ = 0;
};

Reply takes_all(const Event&, UnixMs) { return {}; }

std::size_t count_of(const std::vector<Push>& pushes, Fate result) {
    return static_cast<std::size_t>(
        std::count_if(pushes.begin(), pushes.end(),
                      [result](const Push& push) { return push.result == result; }));
}

UnixMs last_end_ms(const std::vector<Push>& pushes) {
    UnixMs last_ms = 0;
    for (const Push& push : pushes) {
        last_ms = std::max(last_ms, push.ended_ms);
    }
    return last_ms;
}

// -------------------------------------------------------------------- whatever happens

/// Takes, refuses, fails, hangs and asks for waits as it likes; for good at last.
Peer moody_peer(std::uint64_t seed, UnixMs well_from_ms) {
    return [random = std::mt19937_64(seed), well_from_ms](const Event&, UnixMs now_ms) mutable {
        Reply reply;
        reply.after_ms = 1 + static_cast<UnixMs>(random() % 400);
        // Bad minutes and good ones.
        const bool is_bad = (now_ms / kMinute) % 3 == 0;
        if (now_ms >= well_from_ms || random() % 100 >= (is_bad ? 90 : 3)) {
            reply.result = random() % 20 == 0 ? Fate::kRefused : Fate::kDelivered;
            return reply;
        }
        reply.result = Fate::kWaits;
        reply.after_ms = random() % 4 == 0 ? 30 * kSecond : reply.after_ms;
        reply.retry_after_ms =
            random() % 5 == 0 ? static_cast<UnixMs>(random() % 20'000) : UnixMs{0};
        return reply;
    };
}

void whatever_happens_budget_order_and_probes_hold_and_all_is_delivered(void**) {
    std::size_t pushes = 0;
    std::size_t changes = 0;
    for (std::uint64_t seed = 0; seed < 60; seed++) {
        std::mt19937_64 random(seed);
        const Rate rate{static_cast<std::uint32_t>(random() % 30),
                        static_cast<std::uint32_t>(200 + random() % 600)};
        Simulation simulation(rate, seed, moody_peer(seed, kStart + 10 * kMinute));
        constexpr int kEvents = 1'500;
        for (int i = 0; i < kEvents; i++) {
            // Bursts and lulls; few keys, so that events of one wait for each other.
            const auto minute = static_cast<UnixMs>(random() % 10);
            const auto within_ms = static_cast<UnixMs>(random() % (random() % 2 ? 500 : kMinute));
            simulation.append_at(
                kStart + minute * kMinute + within_ms, 1 + static_cast<std::int64_t>(random() % 3),
                1 + static_cast<std::int64_t>(random() % 100), static_cast<int>(random() % 3));
        }
        simulation.run_until(kStart + 2 * kHour);
        simulation.check_budget();
        simulation.check_order();
        assert_int_equal(simulation.pushes().size() - count_of(simulation.pushes(), Fate::kWaits),
                         kEvents);
        assert_int_equal(simulation.schedule().busy_count(), 0);
        assert_true(simulation.schedule().next_look_ms(kStart + 2 * kHour) == kNever);
        pushes += simulation.pushes().size();
        changes += simulation.changes().size();
    }
    print_message("# moody: %zu pushes, %zu changes of targets\n", pushes, changes);
}

// -------------------------------------------------------------------- pace

void a_backlog_leaves_as_fast_as_the_budget_lets_it(void**) {
    Simulation simulation({100, 1'000}, 1, takes_all);
    for (std::int64_t alert_id = 1; alert_id <= 5'000; alert_id++) {
        simulation.append_at(kStart, 1, alert_id);
    }
    simulation.run_until(kStart + kHour);
    simulation.check_budget();
    // A thousand at once, then one thousand a minute.
    const UnixMs took_ms = last_end_ms(simulation.pushes()) - kStart;
    print_message("# 5,000 within the default budget: %.1f s\n",
                  static_cast<double>(took_ms) / 1e3);
    assert_true(took_ms > 4 * kMinute && took_ms < 4 * kMinute + 12 * kSecond);
}

void a_backlog_of_ten_thousand_without_a_budget_leaves_in_full_windows(void**) {
    Simulation simulation(kOff, 1, takes_all);
    for (std::int64_t alert_id = 1; alert_id <= 10'000; alert_id++) {
        simulation.append_at(kStart, 1, alert_id);
    }
    simulation.run_until(kStart + kHour);
    constexpr UnixMs kRoundTripMs = 50 + 2 + 7;
    const UnixMs trips = (last_end_ms(simulation.pushes()) - kStart) / kRoundTripMs + 1;
    print_message("# 10,000 without a budget: %lld round trips, %zu asks\n",
                  static_cast<long long>(trips), simulation.asks());
    // 10,000 / 64 is 157; the first windows are smaller.
    assert_true(trips <= 157 + 6);
}

void what_is_critical_overtakes_what_waits_for_the_budget(void**) {
    Simulation simulation({10, 0}, 1, takes_all);
    for (std::int64_t alert_id = 1; alert_id <= 1'000; alert_id++) {
        simulation.append_at(kStart, 1, alert_id, 2);
    }
    constexpr UnixMs kLateMs = kStart + 20 * kSecond;
    for (std::int64_t alert_id = 2'001; alert_id <= 2'005; alert_id++) {
        simulation.append_at(kLateMs, 1, alert_id, 0);
    }
    simulation.run_until(kStart + 5 * kMinute);
    std::size_t criticals = 0;
    for (const Push& push : simulation.pushes()) {
        if (push.event.rank == 0) {
            criticals++;
            assert_true(push.left_ms <= kLateMs + 2 * kSecond);
        }
    }
    assert_int_equal(criticals, 5);
    assert_int_equal(simulation.waiting(1), 0);
}

void time_alone_is_a_reason_to_look_only_when_something_comes_of_it(void**) {
    Simulation simulation({100, 1'000}, 1, takes_all);
    for (std::int64_t alert_id = 1; alert_id <= 3'000; alert_id++) {
        simulation.append_at(kStart, 1, alert_id);
    }
    simulation.run_until(kStart + kHour);
    print_message("# 3,000 within the default budget: %zu asks, %zu looks\n", simulation.asks(),
                  simulation.looks());
    assert_true(simulation.looks() <= simulation.asks());
}

// -------------------------------------------------------------------- outages

/// Is away for that time, and answers at once that it is.
Peer away_between(UnixMs from_ms, UnixMs to_ms, std::int64_t target_id = 0) {
    return [=](const Event& event, UnixMs now_ms) {
        const bool is_away =
            now_ms >= from_ms && now_ms < to_ms && (target_id == 0 || event.target_id == target_id);
        return is_away ? Reply{5, Fate::kWaits} : Reply{};
    };
}

void in_an_outage_of_six_hours_there_are_few_probes_each_with_another_key(void**) {
    std::size_t most_pushes = 0;
    std::size_t fewest_pushes = 1'000'000;
    UnixMs longest_ms = 0;
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        constexpr UnixMs kFrom = kStart + kMinute;
        constexpr UnixMs kTo = kFrom + 6 * kHour;
        Simulation simulation({100, 1'000}, seed, away_between(kFrom, kTo));
        // One every ten seconds before, during and after it.
        for (std::int64_t i = 0; i < 2'400; i++) {
            simulation.append_at(kStart + i * 10 * kSecond, 1, i + 1);
        }
        simulation.run_until(kTo + kHour);
        simulation.check_budget();

        std::set<std::int64_t> tried;
        std::size_t failed = 0;
        for (const Push& push : simulation.pushes()) {
            if (push.result == Fate::kWaits) {
                failed++;
                // At first few others wait; from then on each is another one's turn.
                assert_true(tried.insert(push.event.alert_id).second || failed < 20);
            }
        }
        most_pushes = std::max(most_pushes, failed);
        fewest_pushes = std::min(fewest_pushes, failed);
        // Away once, back once.
        assert_int_equal(simulation.changes().size(), 2);
        const UnixMs back_ms = simulation.changes()[1].at_ms;
        longest_ms = std::max(longest_ms, back_ms - kTo);
        assert_true(back_ms - kTo <= 5 * kMinute + 100);
        // What had waited is gone as soon as the budget allows.
        const auto waited = static_cast<std::size_t>((back_ms - kFrom) / (10 * kSecond));
        std::size_t soon = 0;
        for (const Push& push : simulation.pushes()) {
            soon += push.left_ms >= back_ms - 50 && push.left_ms < back_ms + 3 * kMinute ? 1 : 0;
        }
        assert_true(soon >= waited);
        assert_int_equal(simulation.waiting(1), 0);
    }
    print_message("# 6 h away: %zu to %zu pushes failed, back at most %.0f s after its return\n",
                  fewest_pushes, most_pushes, static_cast<double>(longest_ms) / 1e3);
    // Two and a half minutes on average.
    assert_true(fewest_pushes > 110 && most_pushes < 210);
}

void of_64_under_way_when_it_goes_away_each_is_delivered_when_it_is_back(void**) {
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        constexpr UnixMs kFrom = kStart + 2 * kSecond;
        constexpr UnixMs kTo = kStart + 10 * kMinute;
        Simulation simulation(kOff, seed, away_between(kFrom, kTo));
        // 500 warm it up to its full window.
        for (std::int64_t alert_id = 1; alert_id <= 1'000; alert_id++) {
            simulation.append_at(alert_id <= 500 ? kStart : kFrom, 1, alert_id);
        }
        simulation.run_until(kTo + kHour);
        std::size_t at_once = 0;
        for (const Push& push : simulation.pushes()) {
            at_once += push.left_ms >= kFrom && push.left_ms < kFrom + 20 ? 1 : 0;
        }
        assert_int_equal(at_once, kMaxInFlight);
        assert_int_equal(simulation.changes().size(), 2);
        assert_int_equal(simulation.waiting(1), 0);
        // At a quick pace: 500 in some fifteen round trips.
        const UnixMs back_ms = simulation.changes()[1].at_ms;
        assert_true(last_end_ms(simulation.pushes()) - back_ms < 15 * 60);
        // Not a herd of tries while it was away.
        assert_true(count_of(simulation.pushes(), Fate::kWaits) < 64 + 30);
    }
}

void what_hangs_until_its_timeout_does_not_take_it_away_again(void**) {
    constexpr UnixMs kFrom = kStart + 2 * kSecond;
    constexpr UnixMs kTo = kFrom + 100;
    constexpr UnixMs kTimeout = kMinute;
    // Of a moment's pushes most are never answered; one is at once: that it is unwell.
    int failures = 0;
    Simulation simulation(kOff, 1, [&failures](const Event&, UnixMs now_ms) {
        if (now_ms < kFrom || now_ms >= kTo) {
            return Reply{};
        }
        return Reply{failures++ == 0 ? 5 : kTimeout, Fate::kWaits};
    });
    for (std::int64_t alert_id = 1; alert_id <= 1'000; alert_id++) {
        simulation.append_at(alert_id <= 500 ? kStart : kFrom + alert_id % 50, 1, alert_id);
    }
    simulation.run_until(kStart + kHour);
    assert_int_equal(simulation.changes().size(), 2);
    assert_int_equal(simulation.waiting(1), 0);
    // Each hanging one is tried once more, soon after its timeout.
    assert_true(last_end_ms(simulation.pushes()) < kTo + kTimeout + 2 * kSecond);
}

void targets_do_not_feel_each_others_outages(void**) {
    const auto run = [](const Peer& peer) {
        Simulation simulation({50, 600}, 5, peer);
        for (std::int64_t i = 0; i < 3'000; i++) {
            simulation.append_at(kStart + i * 100, 1 + i % 3, i);
        }
        simulation.run_until(kStart + 2 * kHour);
        std::vector<std::pair<UnixMs, std::int64_t>> others;
        for (const Push& push : simulation.pushes()) {
            if (push.event.target_id != 2) {
                others.emplace_back(push.left_ms, push.event.event_id);
            }
        }
        assert_int_equal(simulation.waiting(2), 0);
        return others;
    };
    assert_true(run(takes_all) == run(away_between(kStart + kSecond, kStart + kHour, 2)));
}

void what_asks_for_a_wait_is_left_in_peace(void**) {
    Simulation simulation(kOff, 1, [](const Event&, UnixMs now_ms) {
        return now_ms < kStart + kHour ? Reply{20, Fate::kWaits, 2 * kHour} : Reply{};
    });
    for (std::int64_t i = 0; i < 400; i++) {
        simulation.append_at(kStart + i * 10 * kSecond, 1, i);
    }
    simulation.run_until(kStart + 3 * kHour);
    // Two hours are asked for, ten minutes are given.
    assert_int_equal(count_of(simulation.pushes(), Fate::kWaits), 6);
    assert_int_equal(simulation.waiting(1), 0);
}

// -------------------------------------------------------------------- keys that cannot be digested

/// Fails for the first keys, and takes all others.
Peer chokes_on(std::int64_t keys) {
    return [keys](const Event& event, UnixMs) {
        return event.alert_id <= keys ? Reply{50, Fate::kWaits} : Reply{};
    };
}

struct ChokeRow {
    const char* says;
    std::int64_t bad_keys;
    UnixMs most_ms;  ///< from an event's arrival to its delivery, but for 1 % of them
};

const std::vector<ChokeRow> kChokeRows = {
    {"one key that cannot be digested holds up only itself", 1, 100},
    {"ten keys that cannot be digested hold up hardly anything else", 10, 1'000},
    {"fifty keys that cannot be digested do not keep the others away", 50, 10'000},
};

void choke(void** state) {
    const auto& row = row_of<ChokeRow>(state);
    constexpr std::int64_t kKeys = 1'000;
    constexpr std::int64_t kEvents = 36'000;
    Simulation simulation({100, 1'000}, 3, chokes_on(row.bad_keys));
    // Ten a second for an hour, the bad ones first and most important.
    for (std::int64_t i = 0; i < row.bad_keys; i++) {
        simulation.append_at(kStart, 1, i + 1, 0);
    }
    for (std::int64_t i = 0; i < kEvents; i++) {
        simulation.append_at(kStart + i * 100, 1, row.bad_keys + 1 + i % kKeys, 1);
    }
    simulation.run_until(kStart + kEvents * 100 + 10 * kMinute);
    simulation.check_budget();
    simulation.check_order();

    std::vector<UnixMs> delays;
    std::size_t failed = 0;
    std::size_t failed_late = 0;
    for (const Push& push : simulation.pushes()) {
        if (push.result == Fate::kDelivered) {
            delays.push_back(push.ended_ms -
                             (kStart + (push.event.event_id - row.bad_keys - 1) * 100));
        } else {
            failed++;
            failed_late += push.left_ms > kStart + 30 * kMinute ? 1 : 0;
        }
    }
    assert_int_equal(delays.size(), kEvents);
    std::sort(delays.begin(), delays.end());
    UnixMs away_ms = 0;
    for (std::size_t i = 0; i + 1 < simulation.changes().size(); i += 2) {
        away_ms += simulation.changes()[i + 1].at_ms - simulation.changes()[i].at_ms;
    }
    print_message(
        "# %lld bad keys: away %zu times, %.1f s in all; %zu of their pushes, %zu after "
        "half an hour; delay of the others %lld ms at the median, %lld at 99 %%, %lld at "
        "most\n",
        static_cast<long long>(row.bad_keys), simulation.changes().size() / 2,
        static_cast<double>(away_ms) / 1e3, failed, failed_late,
        static_cast<long long>(delays[delays.size() / 2]),
        static_cast<long long>(delays[delays.size() * 99 / 100]),
        static_cast<long long>(delays.back()));
    assert_true(delays[delays.size() * 99 / 100] <= row.most_ms);
    // Every two and a half minutes on average, once they are known.
    assert_true(failed_late < static_cast<std::size_t>(row.bad_keys) * 45 + 10);
}

void a_backlog_with_one_bad_key_leaves_as_fast_as_one_without(void**) {
    const auto took_ms = [](std::int64_t bad_keys) {
        Simulation simulation(kOff, 4, chokes_on(bad_keys));
        for (std::int64_t alert_id = 1; alert_id <= 10'000; alert_id++) {
            simulation.append_at(kStart, 1, alert_id);
        }
        simulation.run_until(kStart + kHour);
        assert_int_equal(simulation.waiting(1), bad_keys);
        UnixMs last_ms = 0;
        for (const Push& push : simulation.pushes()) {
            last_ms = push.result == Fate::kDelivered ? push.ended_ms : last_ms;
        }
        return last_ms - kStart;
    };
    const UnixMs without_ms = took_ms(0);
    const UnixMs with_ms = took_ms(1);
    print_message("# 10,000 without a budget: %.1f s, with one bad key %.1f s\n",
                  static_cast<double>(without_ms) / 1e3, static_cast<double>(with_ms) / 1e3);
    assert_true(with_ms < without_ms + 5 * kSecond);
}

void a_bad_key_recovers_when_it_can_be_digested_after_all(void**) {
    constexpr UnixMs kWell = kStart + kHour;
    Simulation simulation({100, 1'000}, 1, [](const Event& event, UnixMs now_ms) {
        return event.alert_id == 1 && now_ms < kWell ? Reply{50, Fate::kWaits} : Reply{};
    });
    simulation.append_at(kStart, 1, 1);
    for (std::int64_t i = 0; i < 3'600; i++) {
        simulation.append_at(kStart + i * kSecond, 1, 2 + i);
    }
    simulation.run_until(kWell + 6 * kMinute);
    assert_int_equal(simulation.waiting(1), 0);
    assert_true(last_end_ms(simulation.pushes()) <= kWell + 5 * kMinute + kSecond);
}

void a_bad_key_alone_is_probed_and_no_more(void**) {
    Simulation simulation({100, 1'000}, 1, chokes_on(1));
    simulation.append_at(kStart, 1, 1);
    simulation.run_until(kStart + 6 * kHour);
    const std::size_t pushes = simulation.pushes().size();
    print_message("# a bad key alone for 6 h: %zu pushes\n", pushes);
    assert_true(pushes > 110 && pushes < 210);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(whatever_happens_budget_order_and_probes_hold_and_all_is_delivered),
        cmocka_unit_test(a_backlog_leaves_as_fast_as_the_budget_lets_it),
        cmocka_unit_test(a_backlog_of_ten_thousand_without_a_budget_leaves_in_full_windows),
        cmocka_unit_test(what_is_critical_overtakes_what_waits_for_the_budget),
        cmocka_unit_test(time_alone_is_a_reason_to_look_only_when_something_comes_of_it),
        cmocka_unit_test(in_an_outage_of_six_hours_there_are_few_probes_each_with_another_key),
        cmocka_unit_test(of_64_under_way_when_it_goes_away_each_is_delivered_when_it_is_back),
        cmocka_unit_test(what_hangs_until_its_timeout_does_not_take_it_away_again),
        cmocka_unit_test(targets_do_not_feel_each_others_outages),
        cmocka_unit_test(what_asks_for_a_wait_is_left_in_peace),
        cmocka_unit_test(a_backlog_with_one_bad_key_leaves_as_fast_as_one_without),
        cmocka_unit_test(a_bad_key_recovers_when_it_can_be_digested_after_all),
        cmocka_unit_test(a_bad_key_alone_is_probed_and_no_more),
    };
    add_rows(tests, kChokeRows, choke);
    return run("schedule_simulation", tests);
}
