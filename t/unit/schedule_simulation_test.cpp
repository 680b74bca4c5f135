// Effects of the schedule's rules in hours of a fake clock, with a fake store and a fake Flashduty.
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <tuple>

#include "schedule.hpp"
#include "support.hpp"

using flashduty::Ask;
using flashduty::DueEvent;
using flashduty::Fate;
using flashduty::Held;
using flashduty::kMaxInFlight;
using flashduty::kMaxOpen;
using flashduty::kMaxWindow;
using flashduty::kNever;
using flashduty::kUntilBack;
using flashduty::kUntilYes;
using flashduty::Place;
using flashduty::Rate;
using flashduty::Schedule;
using flashduty::Search;
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
    UnixMs accepted_ms = 0;
    std::uint32_t attempts = 0;
};

/// Orders, keeps and gives as EventStore says, in memory; an alert_id is a key for good.
class FakeStore {
  public:
    bool append(const Event& event) {
        const bool is_new = keys_[event.target_id].count(event.alert_id) == 0;
        Key& key = keys_[event.target_id][event.alert_id];
        key.events.push_back(event);
        if (is_new) {
            index(event.target_id, event.alert_id, key);
        }
        return is_new;
    }

    std::vector<DueEvent> find(const Search& search, UnixMs now_ms, Held& held) {
        std::vector<DueEvent> found;
        Order order;
        switch (search.kind) {
            case Search::Kind::kDue:
                order = untried(search, now_ms, [](auto& e, int rank) {
                    return std::tuple(rank, e.accepted_ms, e.event_id);
                });
                break;
            case Search::Kind::kWorst:
                order = untried(search, now_ms, [](auto& e, int rank) {
                    return std::tuple(rank, -e.accepted_ms, -e.event_id);
                });
                break;
            case Search::Kind::kNewest:
                order = untried(search, now_ms, [](auto& e, int) {
                    return std::tuple(0, -e.accepted_ms, -e.event_id);
                });
                break;
            case Search::Kind::kTried:
                order = of_held(search, [&](const Key& key) {
                    return std::tuple(key.tried_ms > search.tried_after_ms ? 0 : 1, key.tried_ms,
                                      key.events.front().event_id);
                });
                break;
            case Search::Kind::kHeld:
                order = held_order(search, now_ms, held);
                break;
            case Search::Kind::kRefused:
                order = of_held(search, [&](const Key& key) {
                    const bool fits =
                        key.due_ms >= kUntilYes && key.due_ms - kUntilYes <= search.until_ms;
                    return std::tuple(fits ? 0 : -1, key.due_ms, std::int64_t{0});
                });
                break;
            case Search::Kind::kKeys:
                for (const std::int64_t alert_id : search.keys) {
                    order.insert({{0, 0, static_cast<std::int64_t>(order.size())}, alert_id});
                }
                break;
            case Search::Kind::kNext:
                return next(search);
        }
        for (const auto& [by, alert_id] : order) {
            auto& keys = keys_[search.target_id];
            const auto key = keys.find(alert_id);
            if (found.size() < search.most && key != keys.end() &&
                !contains(search.except, alert_id)) {
                found.push_back(due_event(key->second, key->second.events.front()));
            }
        }
        if (found.empty() && search.or_else) {
            Search other = search;
            other.or_else = false;
            other.kind =
                search.kind == Search::Kind::kTried ? Search::Kind::kNewest : Search::Kind::kTried;
            return find(other, now_ms, held);
        }
        return found;
    }

    void settle(const Event& event, Fate fate, UnixMs due_ms, UnixMs now_ms) {
        auto& keys = keys_[event.target_id];
        const auto at = keys.find(event.alert_id);
        if (at == keys.end()) {
            return;
        }
        Key& key = at->second;
        unindex(event.target_id, event.alert_id, key);
        key.tried_ms = now_ms;
        if (fate == Fate::kWaits) {
            key.due_ms = due_ms;
            for (Event& one : key.events) {
                one.attempts += one.event_id == event.event_id ? 1 : 0;
            }
        } else {
            key.due_ms = 0;
            // A delivered one supersedes those before it.
            while (!key.events.empty() && key.events.front().event_id <= event.event_id) {
                superseded_ += key.events.front().event_id < event.event_id ? 1 : 0;
                key.events.pop_front();
            }
        }
        if (key.events.empty()) {
            keys.erase(at);
        } else {
            index(event.target_id, event.alert_id, key);
        }
    }

    /// Number of waiting keys.
    [[nodiscard]] std::size_t waiting(std::int64_t target_id) { return keys_[target_id].size(); }
    [[nodiscard]] std::size_t superseded() const { return superseded_; }

  private:
    struct Key {
        std::deque<Event> events;
        UnixMs due_ms = 0;
        UnixMs tried_ms = 0;
    };
    using Order = std::set<std::pair<std::tuple<int, UnixMs, std::int64_t>, std::int64_t>>;

    static bool contains(const std::vector<std::int64_t>& ids, std::int64_t id) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    }

    void index(std::int64_t target_id, std::int64_t alert_id, const Key& key) {
        (key.due_ms == 0 ? untried_ : held_)[target_id].insert(alert_id);
    }
    void unindex(std::int64_t target_id, std::int64_t alert_id, const Key& key) {
        (key.due_ms == 0 ? untried_ : held_)[target_id].erase(alert_id);
    }

    static DueEvent due_event(const Key& key, const Event& event) {
        DueEvent due;
        due.event_id = event.event_id;
        due.alert_id = event.alert_id;
        due.target_id = event.target_id;
        due.accepted_ms = event.accepted_ms;
        due.attempts = event.attempts;
        due.tried_ms = key.due_ms == 0 ? 0 : key.tried_ms;
        due.is_refused = key.due_ms >= kUntilYes && event.attempts > 0;
        return due;
    }

    template <class By>
    Order untried(const Search& search, UnixMs now_ms, By by) {
        Order order;
        for (const std::int64_t alert_id : untried_[search.target_id]) {
            const Event& event = keys_[search.target_id][alert_id].events.front();
            const bool is_old = now_ms - event.accepted_ms >= 10 * kMinute;
            if (!contains(search.except, alert_id)) {
                order.insert({by(event, std::max(0, event.rank - (is_old ? 1 : 0))), alert_id});
                if (order.size() > search.most) {
                    order.erase(std::prev(order.end()));
                }
            }
        }
        return order;
    }

    /// Keys whose order begins with 0 or more.
    template <class By>
    Order of_held(const Search& search, By by) {
        Order order;
        for (const std::int64_t alert_id : held_[search.target_id]) {
            const auto place = by(keys_[search.target_id][alert_id]);
            if (std::get<0>(place) >= 0 && !contains(search.except, alert_id)) {
                order.insert({place, alert_id});
                if (order.size() > search.most) {
                    order.erase(std::prev(order.end()));
                }
            }
        }
        return order;
    }

    Order held_order(const Search& search, UnixMs now_ms, Held& held) {
        held = {};
        for (const std::int64_t alert_id : held_[search.target_id]) {
            const UnixMs due_ms = keys_[search.target_id][alert_id].due_ms;
            held.has_refused |= due_ms >= kUntilYes;
            if (due_ms > now_ms && due_ms < kUntilBack) {
                held.next_ms = held.next_ms == 0 ? due_ms : std::min(held.next_ms, due_ms);
            }
        }
        return of_held(search, [&](const Key& key) {
            const bool waits = key.due_ms >= kUntilBack && key.due_ms < kUntilYes;
            return waits ? std::tuple(0, -key.due_ms, std::int64_t{0})
                         : std::tuple(key.due_ms <= now_ms ? 1 : -1, key.due_ms, std::int64_t{0});
        });
    }

    std::vector<DueEvent> next(const Search& search) {
        auto& keys = keys_[search.target_id];
        const auto key = keys.find(search.keys.front());
        const Event* found = nullptr;
        if (key != keys.end()) {
            for (const Event& event : key->second.events) {
                const bool is_better =
                    found == nullptr || (found->attempts > 0 && event.attempts == 0);
                found = event.event_id > search.after_event_id && is_better ? &event : found;
            }
        }
        return found == nullptr ? std::vector<DueEvent>{}
                                : std::vector{due_event(key->second, *found)};
    }

    std::map<std::int64_t, std::map<std::int64_t, Key>> keys_;
    std::map<std::int64_t, std::set<std::int64_t>> untried_;
    std::map<std::int64_t, std::set<std::int64_t>> held_;
    std::size_t superseded_ = 0;
};

/// Flashduty's way with an event.
struct Reply {
    UnixMs after_ms = 50;
    Fate result = Fate::kDelivered;
    UnixMs retry_after_ms = 0;
    bool is_too_frequent = false;
    Place place = 1;
};

using Peer = std::function<Reply(const Event&, UnixMs now_ms)>;

/// A push that has left.
struct Push {
    UnixMs left_ms = 0;
    Event event;
    Fate result = Fate::kDelivered;  ///< what the answer says
    UnixMs ended_ms = 0;
    Ask::Kind kind = Ask::Kind::kPlain;
    bool is_done = false;  ///< it waits no more
    UnixMs tried_ms = 0;   ///< before

    /// True when its target was away, or seemed to be.
    [[nodiscard]] bool is_probe() const {
        return kind == Ask::Kind::kArrival || kind == Ask::Kind::kProbe;
    }
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
            ranks_[++event_id_] = rank;
            if (store_.append({event_id_, alert_id, target_id, rank, now_ms_})) {
                schedule_.arrived(target_id, now_ms_);
            } else {
                schedule_.wake(target_id);
            }
            tend_later(target_id);
        });
    }

    /// An event comes in, as if earlier.
    void append_old(UnixMs accepted_ms, std::int64_t target_id, std::int64_t alert_id, int rank) {
        ranks_[++event_id_] = rank;
        (void)store_.append({event_id_, alert_id, target_id, rank, accepted_ms});
        schedule_.wake(target_id);
        tend_later(target_id);
    }

    /// The deliverer is another process from then on.
    void restart_at(UnixMs at_ms, std::uint64_t seed) {
        at(at_ms, [this, seed] {
            assert_int_equal(schedule_.busy_count(), 0);
            schedule_ = Schedule(rate_, seed);
            away_.clear();
            asked_.clear();
            process_++;
        });
    }

    /// Lets time pass until then.
    void run_until(UnixMs end_ms) {
        while (true) {
            look();
            const UnixMs look_ms = schedule_.next_look_ms(now_ms_);
            // All that can be asked for now has been: else this would go round and round.
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
    [[nodiscard]] std::size_t superseded() const { return store_.superseded(); }
    [[nodiscard]] std::size_t asks() const { return asks_; }
    /// Number of looks for which time alone was the reason.
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
            if (push.kind != Ask::Kind::kNext) {  // what it passes is refused
                event_id = push.event.event_id;
            }
            if (push.is_done) {
                done.insert(push.event.event_id);
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

    /// Tends like a deliverer: once a second as long as something waits.
    void tend_later(std::int64_t target_id) {
        if (tended_.insert(target_id).second) {
            at(now_ms_ + kSecond, [this, target_id] {
                tended_.erase(target_id);
                if (store_.waiting(target_id) > 0) {
                    schedule_.wake(target_id);
                    tend_later(target_id);
                }
            });
        }
    }

    void look() {
        for (const Ask& ask : schedule_.asks(now_ms_)) {
            asks_++;
            const bool is_probe = ask.kind == Ask::Kind::kArrival || ask.kind == Ask::Kind::kProbe;
            assert_true(ask.search.most > 0 && ask.search.most <= kMaxWindow);
            assert_true(!is_probe || ask.search.most == 1);
            assert_true(asked_.insert(ask.search.target_id).second);
            at(now_ms_ + kReadMs, [this, ask, process = process_] {
                if (process == process_) {
                    answer(ask);
                }
            });
        }
    }

    void answer(const Ask& ask) {
        asked_.erase(ask.search.target_id);
        Held held;
        const std::vector<DueEvent> found = store_.find(ask.search, now_ms_, held);
        const std::size_t leaving = schedule_.answered(ask, found.size(), held, now_ms_);
        for (std::size_t i = 0; i < leaving; i++) {
            push(ask.kind, found[i]);
        }
    }

    void push(Ask::Kind kind, const DueEvent& due) {
        const bool is_away = away_.count(due.target_id) > 0;
        const bool is_probe = kind == Ask::Kind::kArrival || kind == Ask::Kind::kProbe;
        std::set<std::int64_t>& busy = busy_[due.target_id];
        assert_true(busy.insert(due.alert_id).second);
        assert_true(busy.size() <= kMaxInFlight);
        // A target that is away gets probes, one a second, and few that hang.
        assert_true(!is_away || is_probe || kind == Ask::Kind::kNext);
        if (is_probe) {
            UnixMs& last_ms = probed_ms_[due.target_id];
            assert_true(now_ms_ - last_ms > kSecond);
            last_ms = now_ms_;
            assert_true(++probes_[due.target_id] <= kMaxOpen);
        }
        const Event event{due.event_id,         due.alert_id,    due.target_id,
                          ranks_[due.event_id], due.accepted_ms, due.attempts};
        schedule_.started(kind, due, now_ms_);
        const Reply reply = peer_(event, now_ms_);
        const std::size_t index = pushes_.size();
        pushes_.push_back(
            {now_ms_, event, reply.result, now_ms_ + reply.after_ms, kind, false, due.tried_ms});
        at(now_ms_ + reply.after_ms, [this, index, reply] { end(index, reply); });
    }

    void end(std::size_t index, const Reply& reply) {
        const Event event = pushes_[index].event;
        probes_[event.target_id] -= pushes_[index].is_probe() ? 1 : 0;
        const auto ended = schedule_.ended(
            event.target_id, event.alert_id,
            {reply.result, reply.place, reply.retry_after_ms, reply.is_too_frequent}, now_ms_);
        pushes_[index].is_done = ended.fate != Fate::kWaits;
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
        }
        at(now_ms_ + kCommitMs, [this, event, ended, ended_ms = now_ms_] {
            store_.settle(event, ended.fate, ended.due_ms, ended_ms);
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
    std::map<std::int64_t, UnixMs> probed_ms_;
    std::map<std::int64_t, std::size_t> probes_;  ///< under way
    std::set<std::int64_t> tended_;
    std::map<std::int64_t, int> ranks_;  ///< by event_id
    int process_ = 0;
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
        std::size_t done = 0;
        for (const Push& push : simulation.pushes()) {
            done += push.is_done ? 1 : 0;
        }
        assert_int_equal(done + simulation.superseded(), kEvents);
        assert_int_equal(simulation.waiting(1) + simulation.waiting(2) + simulation.waiting(3), 0);
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

/// A peer that is away for that time, and says so at once.
Peer away_between(UnixMs from_ms, UnixMs to_ms, std::int64_t target_id = 0) {
    return [=](const Event& event, UnixMs now_ms) {
        const bool is_away =
            now_ms >= from_ms && now_ms < to_ms && (target_id == 0 || event.target_id == target_id);
        return is_away ? Reply{5, Fate::kWaits} : Reply{};
    };
}

void in_an_outage_of_six_hours_each_arrival_is_tried_and_few_others(void**) {
    std::size_t most_others = 0;
    UnixMs longest_ms = 0;
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        constexpr UnixMs kFrom = kStart + kMinute;
        constexpr UnixMs kTo = kFrom + 6 * kHour;
        Simulation simulation({100, 1'000}, seed, away_between(kFrom, kTo));
        // An alert every ten seconds before, during and after the outage.
        for (std::int64_t i = 0; i < 2'400; i++) {
            simulation.append_at(kStart + i * 10 * kSecond, 1, i + 1);
        }
        simulation.run_until(kTo + kHour);
        simulation.check_budget();

        std::set<std::int64_t> tried;
        std::size_t others = 0;
        for (const Push& push : simulation.pushes()) {
            if (push.result == Fate::kWaits) {
                others += tried.insert(push.event.alert_id).second ? 0 : 1;
            }
        }
        most_others = std::max(most_others, others);
        // Away once, back once.
        assert_int_equal(simulation.changes().size(), 2);
        const UnixMs back_ms = simulation.changes()[1].at_ms;
        longest_ms = std::max(longest_ms, back_ms - kTo);
        assert_true(tried.size() >= 2'155);
        // Events that had waited are gone as soon as the budget allows.
        const auto waited = static_cast<std::size_t>((back_ms - kFrom) / (10 * kSecond));
        std::size_t soon = 0;
        for (const Push& push : simulation.pushes()) {
            soon += push.left_ms >= back_ms - 50 && push.left_ms < back_ms + 3 * kMinute ? 1 : 0;
        }
        assert_true(soon >= waited);
        assert_int_equal(simulation.waiting(1), 0);
    }
    print_message(
        "# 6 h away: at most %zu tries of what had failed, back %.0f s after its return\n",
        most_others, static_cast<double>(longest_ms) / 1e3);
    assert_true(most_others < 540);
    assert_true(longest_ms <= 11 * kSecond);
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
            at_once += push.kind == Ask::Kind::kPlain && push.left_ms >= kFrom &&
                       push.left_ms < kFrom + 20;
        }
        assert_int_equal(at_once, kMaxWindow);
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
    // Most of a moment's pushes are never answered; one answer comes at once: that it is unwell.
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
    // Each push that hangs is tried once more, soon after its timeout.
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

// -------------------------------------------------------------------- no flood

/// Events that cannot be digested: time of arrival, and the result of a push.
struct PoisonRow {
    const char* says;
    std::int64_t keys;
    int rank;
    UnixMs age_ms;
    Reply reply;
    UnixMs over_ms = 0;    ///< come in within that time rather than at once
    UnixMs jitter_ms = 1;  ///< each up to that much later
};

constexpr Reply kForbidden{5, Fate::kWaits};
constexpr Reply kHangs{10'000, Fate::kWaits};
constexpr Reply kUnavailable{20, Fate::kWaits, 30'000};
constexpr Reply kTooMany{20, Fate::kWaits, 0, true};

const std::vector<PoisonRow> kPoisonRows = {
    {"one critical key that cannot be digested", 1, 0, 0, kForbidden},
    {"ten of them", 10, 0, 0, kForbidden},
    {"a hundred", 100, 0, 0, kForbidden},
    {"a thousand", 1'000, 0, 0, kForbidden},
    {"one info", 1, 2, 0, kForbidden},
    {"a thousand infos", 1'000, 2, 0, kForbidden},
    {"twenty old warnings", 20, 1, 20 * kMinute, kForbidden},
    {"a thousand old warnings", 1'000, 1, 20 * kMinute, kForbidden},
    {"a hundred that come one by one", 100, 0, 0, kForbidden, 10 * kMinute},
    {"three hundred that come one by one", 300, 1, 0, kForbidden, 14 * kMinute},
    {"a thousand criticals that come one by one", 1'000, 0, 0, kForbidden, 14 * kMinute},
    {"a thousand warnings that come one by one", 1'000, 1, 0, kForbidden, 14 * kMinute},
    {"a thousand infos that come one by one", 1'000, 2, 0, kForbidden, 14 * kMinute},
    {"a thousand that come one by one and hang", 1'000, 0, 0, kHangs, 14 * kMinute},
    {"a thousand that come as they like and hang", 1'000, 0, 0, kHangs, 14 * kMinute, kSecond},
    {"a thousand warnings that come as they like", 1'000, 1, 0, kForbidden, 14 * kMinute, kSecond},
    {"ten that are never answered", 10, 0, 0, kHangs},
    {"a hundred that are never answered", 100, 0, 0, kHangs},
    {"a thousand that are never answered", 1'000, 0, 0, kHangs},
    {"ten that are told to wait", 10, 0, 0, kTooMany},
};

void poison(void** state) {
    const auto& row = row_of<PoisonRow>(state);
    constexpr UnixMs kEnd = kStart + 15 * kMinute;
    for (std::uint64_t seed = 0; seed < 3; seed++) {
        Simulation simulation({100, 1'000}, seed, [&row](const Event& event, UnixMs) {
            return event.alert_id <= row.keys ? row.reply : Reply{};
        });
        std::mt19937_64 random(seed);
        for (std::int64_t i = 0; i < row.keys; i++) {
            if (row.age_ms > 0) {
                simulation.append_old(kStart - row.age_ms, 1, i + 1, row.rank);
            } else {
                const auto later_ms =
                    static_cast<UnixMs>(random() % static_cast<std::uint64_t>(row.jitter_ms));
                simulation.append_at(kStart + i * row.over_ms / row.keys + later_ms, 1, i + 1,
                                     row.rank);
            }
        }
        for (std::int64_t i = 0; kStart + 100 + i * 2 * kSecond < kEnd; i++) {
            simulation.append_at(kStart + 100 + i * 2 * kSecond, 1, 100'000 + i,
                                 i % 5 == 0 ? 0 : 1);
        }
        simulation.run_until(kEnd);
        simulation.check_budget();
        simulation.check_order();

        std::vector<UnixMs> delays;
        UnixMs critical_ms = 0;
        std::size_t ill = 0;
        UnixMs yes_ms = 0;
        UnixMs last_first_ms = 0;
        for (const Push& push : simulation.pushes()) {
            if (push.result == Fate::kDelivered) {
                delays.push_back(push.ended_ms - push.event.accepted_ms);
                critical_ms = std::max(critical_ms, push.event.rank == 0 ? delays.back() : 0);
                yes_ms = push.ended_ms;
            } else {
                ill += push.tried_ms > 0 && push.tried_ms < yes_ms ? 1 : 0;
                last_first_ms = push.tried_ms == 0 ? push.ended_ms : last_first_ms;
            }
        }
        std::sort(delays.begin(), delays.end());
        std::size_t late = 0;
        for (const Change& change : simulation.changes()) {
            late += change.at_ms > last_first_ms && change.kind == TargetChange::Kind::kAway;
        }
        if (seed == 0) {
            print_message(
                "# %s: %zu good ones, %lld ms at the median, %lld at 99 %%, %lld at most, %lld if "
                "critical; %zu of %zu pushes of ill keys; away %zu times, all tried after %lld s\n",
                row.says, delays.size(), static_cast<long long>(delays[delays.size() / 2]),
                static_cast<long long>(delays[delays.size() * 99 / 100]),
                static_cast<long long>(delays.back()), static_cast<long long>(critical_ms), ill,
                simulation.pushes().size(), simulation.changes().size() / 2,
                static_cast<long long>((last_first_ms - kStart) / 1000));
        }
        assert_true(delays.size() >= 449);
        assert_true(delays[delays.size() * 99 / 100] <= 5 * kSecond);
        assert_true(critical_ms <= 3 * kSecond);
        assert_true(ill * 10 <= simulation.pushes().size() + 10);
        // Once it is known, it takes the target away no more.
        assert_int_equal(late, 0);
    }
}

/// As kPoisonRows' thousand that come one by one: what is not believed any more is, once nothing is
/// taken.
void an_outage_among_keys_that_cannot_be_digested_is_noticed(void**) {
    for (const UnixMs good_ms : {2 * kSecond, UnixMs{100}}) {
        constexpr UnixMs kFrom = kStart + 5 * kMinute;
        constexpr UnixMs kTo = kFrom + 5 * kMinute;
        Simulation simulation({100, 1'000}, 1, [](const Event& event, UnixMs now_ms) {
            const bool is_away = now_ms >= kFrom && now_ms < kTo;
            return is_away || event.alert_id <= 1'000 ? kForbidden : Reply{};
        });
        for (std::int64_t i = 0; i < 1'000; i++) {
            simulation.append_at(kStart + i * 840, 1, i + 1, 1);
        }
        for (std::int64_t i = 0; kStart + i * good_ms < kTo + 5 * kMinute; i++) {
            simulation.append_at(kStart + 100 + i * good_ms, 1, 100'000 + i, 1);
        }
        simulation.run_until(kTo + 20 * kMinute);
        std::vector<Change> meanwhile;
        for (const Change& change : simulation.changes()) {
            if (change.at_ms >= kFrom && change.at_ms < kTo) {
                meanwhile.push_back(change);
            }
        }
        assert_int_equal(meanwhile.size(), 1);
        assert_true(meanwhile[0].at_ms <= kFrom + 7 * kSecond);
        std::size_t before = 0;
        for (const Push& push : simulation.pushes()) {
            before += push.left_ms >= kFrom && push.left_ms < meanwhile[0].at_ms ? 1 : 0;
        }
        assert_true(before <= 16 + kMaxOpen);
    }
}

void pushes_of_which_half_fail_leave_nothing_behind(void**) {
    for (std::uint64_t seed = 0; seed < 5; seed++) {
        constexpr UnixMs kWell = kStart + 10 * kMinute;
        Simulation simulation(
            {100, 1'000}, seed,
            [random = std::mt19937_64(seed)](const Event&, UnixMs now_ms) mutable {
                return now_ms < kWell && random() % 2 == 0 ? kForbidden : Reply{};
            });
        for (std::int64_t i = 0; i < 1'200; i++) {
            simulation.append_at(kStart + i * 500, 1, i + 1, static_cast<int>(i % 3));
        }
        simulation.run_until(kWell + kHour);
        assert_int_equal(simulation.waiting(1), 0);
        simulation.check_budget();
        simulation.check_order();
        assert_true(last_end_ms(simulation.pushes()) <= kWell + 11 * kMinute);
    }
}

/// The most that left within any time of that length.
std::size_t most_within(const std::vector<Push>& pushes, UnixMs from_ms, UnixMs length_ms) {
    std::size_t most = 0;
    std::deque<UnixMs> recent_ms;
    for (const Push& push : pushes) {
        if (push.left_ms >= from_ms) {
            recent_ms.push_back(push.left_ms);
            while (recent_ms.front() <= push.left_ms - length_ms) {
                recent_ms.pop_front();
            }
            most = std::max(most, recent_ms.size());
        }
    }
    return most;
}

void a_target_that_is_truly_away_is_left_in_peace(void**) {
    std::size_t first_minute = 0;
    for (std::uint64_t seed = 0; seed < 300; seed++) {
        for (const std::int64_t keys : {1, 3, 200}) {
            Simulation simulation(kOff, seed, [](const Event&, UnixMs) { return kForbidden; });
            for (std::int64_t i = 0; i < keys; i++) {
                simulation.append_at(kStart, 1, i + 1, static_cast<int>(i % 3));
            }
            simulation.run_until(kStart + 20 * kMinute);
            std::vector<Push> probes;
            std::size_t first = 0;
            for (const Push& push : simulation.pushes()) {
                if (push.is_probe()) {
                    probes.push_back(push);
                    first += push.left_ms < simulation.changes()[0].at_ms + kMinute ? 1 : 0;
                }
            }
            first_minute = std::max(first_minute, first);
            assert_int_equal(simulation.changes().size(), 1);
            assert_true(first <= 10);
            assert_true(most_within(probes, kStart + 4 * kMinute, kMinute) <= 2);
            assert_true(most_within(probes, kStart, kSecond) == 1);
            assert_true(most_within(probes, kStart + 5 * kMinute, 20 * kMinute) >= 15);
        }
    }
    print_message("# truly away: at most %zu probes in the first minute\n", first_minute);
}

void what_arrives_meanwhile_probes_at_once_but_once_a_second_at_most(void**) {
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        constexpr UnixMs kWell = kStart + 10 * kMinute;
        Simulation simulation(kOff, seed, [](const Event&, UnixMs now_ms) {
            return now_ms < kWell ? kForbidden : Reply{};
        });
        simulation.append_at(kStart, 1, 1);
        for (std::int64_t i = 0; i < 400; i++) {
            simulation.append_at(kStart + 3 * kSecond + i * 1'700, 1, 2 + i);
        }
        simulation.run_until(kStart + 12 * kMinute);
        assert_true(most_within(simulation.pushes(), kStart, kSecond) >= 1);
        std::size_t soon = 0;
        for (const Push& push : simulation.pushes()) {
            soon += push.tried_ms == 0 && push.left_ms - push.event.accepted_ms <= kSecond + 10;
        }
        assert_true(soon >= 380);
        // The target is back with the first arrival, and events that failed meanwhile are not
        // forgotten.
        assert_true(simulation.changes()[1].at_ms <= kWell + 1'700 + kSecond + 100);
        assert_int_equal(simulation.waiting(1), 0);
        UnixMs last_ms = 0;
        for (const Push& push : simulation.pushes()) {
            last_ms = push.tried_ms > 0 && push.is_done ? push.ended_ms : last_ms;
        }
        assert_true(last_ms < kWell + 10 * kSecond);
    }
}

void what_arrives_after_too_many_pushes_waits_ten_seconds(void**) {
    Simulation simulation(kOff, 1, [](const Event& event, UnixMs) {
        return event.alert_id == 1 ? kTooMany : Reply{};
    });
    simulation.append_at(kStart, 1, 1);
    for (std::int64_t i = 0; i < 20; i++) {
        simulation.append_at(kStart + 500 + i * 10, 1, 2 + i, 1);
    }
    simulation.run_until(kStart + 30 * kSecond);
    for (const Push& push : simulation.pushes()) {
        const bool is_arrival = push.kind == Ask::Kind::kArrival;
        assert_true(!is_arrival || push.left_ms >= kStart + 10 * kSecond);
    }
    assert_true(simulation.waiting(1) <= 1);
}

void a_probe_that_hangs_does_not_hold_up_the_next_but_few_are_open(void**) {
    Simulation simulation(kOff, 1, [](const Event&, UnixMs) {
        return Reply{5 * kMinute, Fate::kWaits};
    });
    simulation.append_at(kStart, 1, 1);
    for (std::int64_t i = 0; i < 60; i++) {
        simulation.append_at(kStart + 5 * kMinute + i * 2 * kSecond, 1, 2 + i);
    }
    simulation.run_until(kStart + 7 * kMinute);
    // The assertions of the simulation tell of too many.
    const auto probes = static_cast<std::size_t>(
        std::count_if(simulation.pushes().begin(), simulation.pushes().end(),
                      [](const Push& push) { return push.is_probe(); }));
    assert_int_equal(probes, kMaxOpen);
}

// -------------------------------------------------------------------- refused

/// Refuses as long as the key is wrong; which is told apart by the place.
Peer wrong_key_until(UnixMs right_ms) {
    return [right_ms](const Event&, UnixMs now_ms) {
        return now_ms < right_ms ? Reply{30, Fate::kRefused, 0, false, 1}
                                 : Reply{30, Fate::kDelivered, 0, false, 2};
    };
}

void a_wrong_key_makes_no_dead_letters(void**) {
    for (const bool is_restarted : {false, true}) {
        constexpr UnixMs kRight = kStart + 20 * kMinute;
        Simulation simulation({100, 1'000}, 7, wrong_key_until(kRight));
        for (std::int64_t i = 0; i < 300; i++) {
            simulation.append_at(kStart + i * 3 * kSecond, 1, 1 + i % 200, static_cast<int>(i % 3));
        }
        simulation.run_until(kRight - 20 * kSecond);
        for (const Push& push : simulation.pushes()) {
            assert_false(push.is_done);
        }
        assert_true(simulation.schedule().targets()[0].refused > 100);
        if (is_restarted) {
            simulation.restart_at(kRight + 900, 8);
        }
        simulation.run_until(kRight + 3 * kMinute);
        simulation.check_order();
        std::size_t delivered = 0;
        for (const Push& push : simulation.pushes()) {
            delivered += push.is_done && push.result == Fate::kDelivered ? 1 : 0;
            assert_true(!push.is_done || push.result == Fate::kDelivered);
        }
        // But for a head that its own next event has overtaken.
        assert_int_equal(delivered + simulation.superseded(), 300);
        assert_true(simulation.superseded() <= 1);
        assert_int_equal(simulation.waiting(1), 0);
        assert_int_equal(simulation.schedule().targets()[0].refused, 0);
    }
}

void what_is_refused_beside_a_yes_is_final_and_each_is_tried_twice_at_most(void**) {
    Simulation simulation({100, 1'000}, 7, [](const Event& event, UnixMs) {
        return event.alert_id <= 500 ? Reply{30, Fate::kRefused} : Reply{};
    });
    for (std::int64_t i = 0; i < 500; i++) {
        simulation.append_at(kStart + (i % 10) * kMinute, 1, 1 + i, 0);
    }
    for (std::int64_t i = 0; i < 600; i++) {
        simulation.append_at(kStart + 10 + i * kSecond, 1, 1'000 + i, 1);
    }
    simulation.run_until(kStart + 30 * kMinute);
    std::map<std::int64_t, int> tries;
    std::vector<UnixMs> delays;
    for (const Push& push : simulation.pushes()) {
        tries[push.event.alert_id]++;
        if (push.result == Fate::kDelivered) {
            delays.push_back(push.ended_ms - push.event.accepted_ms);
        }
    }
    for (const auto& [alert_id, count] : tries) {
        assert_true(count <= (alert_id <= 500 ? 3 : 1));
    }
    std::sort(delays.begin(), delays.end());
    assert_int_equal(delays.size(), 600);
    assert_true(delays[delays.size() * 99 / 100] <= 3 * kSecond);
    assert_int_equal(simulation.waiting(1), 0);
}

void where_only_refused_ones_wait_the_next_of_their_key_is_compared(void**) {
    // Only one key waits, and its first events cannot be taken.
    Simulation simulation({100, 1'000}, 7, [](const Event& event, UnixMs) {
        return event.event_id <= 2 ? Reply{30, Fate::kRefused} : Reply{};
    });
    for (std::int64_t i = 0; i < 4; i++) {
        simulation.append_at(kStart + i * kSecond, 1, 1, 0);
    }
    simulation.run_until(kStart + 10 * kMinute);
    assert_int_equal(simulation.waiting(1), 0);
    assert_int_equal(simulation.superseded(), 2);
}

void of_two_places_one_does_not_speak_for_the_other(void**) {
    // A target with two integration keys: every tenth alert goes with the wrong one.
    Simulation simulation({100, 1'000}, 7, [](const Event& event, UnixMs) {
        return event.alert_id % 10 == 0 ? Reply{30, Fate::kRefused, 0, false, 2}
                                        : Reply{30, Fate::kDelivered, 0, false, 1};
    });
    for (std::int64_t i = 0; i < 1'000; i++) {
        simulation.append_at(kStart + i * kSecond, 1, 1 + i);
    }
    simulation.run_until(kStart + 1'000 * kSecond);
    assert_int_equal(simulation.changes().size(), 0);
    assert_int_equal(simulation.pushes().size(), 1'000);
    simulation.run_until(kStart + 20 * kMinute);
    assert_int_equal(simulation.waiting(1), 100);
    assert_int_equal(simulation.schedule().targets()[0].refused, 100);
    // Each event once; then, when nothing else waits, one now and then.
    assert_true(simulation.pushes().size() < 1'000 + 15);
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
    simulation.run_until(kWell + 11 * kMinute);
    assert_int_equal(simulation.waiting(1), 0);
    assert_true(last_end_ms(simulation.pushes()) <= kWell + 10 * kMinute + kSecond);
}

void a_bad_key_alone_is_probed_and_no_more(void**) {
    Simulation simulation({100, 1'000}, 1, chokes_on(1));
    simulation.append_at(kStart, 1, 1);
    simulation.run_until(kStart + 6 * kHour);
    const std::size_t pushes = simulation.pushes().size();
    print_message("# a bad key alone for 6 h: %zu pushes\n", pushes);
    assert_true(pushes > 440 && pushes < 540);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(whatever_happens_budget_order_and_probes_hold_and_all_is_delivered),
        cmocka_unit_test(a_backlog_leaves_as_fast_as_the_budget_lets_it),
        cmocka_unit_test(a_backlog_of_ten_thousand_without_a_budget_leaves_in_full_windows),
        cmocka_unit_test(what_is_critical_overtakes_what_waits_for_the_budget),
        cmocka_unit_test(time_alone_is_a_reason_to_look_only_when_something_comes_of_it),
        cmocka_unit_test(in_an_outage_of_six_hours_each_arrival_is_tried_and_few_others),
        cmocka_unit_test(of_64_under_way_when_it_goes_away_each_is_delivered_when_it_is_back),
        cmocka_unit_test(what_hangs_until_its_timeout_does_not_take_it_away_again),
        cmocka_unit_test(targets_do_not_feel_each_others_outages),
        cmocka_unit_test(what_asks_for_a_wait_is_left_in_peace),
        cmocka_unit_test(an_outage_among_keys_that_cannot_be_digested_is_noticed),
        cmocka_unit_test(pushes_of_which_half_fail_leave_nothing_behind),
        cmocka_unit_test(a_target_that_is_truly_away_is_left_in_peace),
        cmocka_unit_test(what_arrives_meanwhile_probes_at_once_but_once_a_second_at_most),
        cmocka_unit_test(what_arrives_after_too_many_pushes_waits_ten_seconds),
        cmocka_unit_test(a_probe_that_hangs_does_not_hold_up_the_next_but_few_are_open),
        cmocka_unit_test(a_wrong_key_makes_no_dead_letters),
        cmocka_unit_test(what_is_refused_beside_a_yes_is_final_and_each_is_tried_twice_at_most),
        cmocka_unit_test(where_only_refused_ones_wait_the_next_of_their_key_is_compared),
        cmocka_unit_test(of_two_places_one_does_not_speak_for_the_other),
        cmocka_unit_test(a_backlog_with_one_bad_key_leaves_as_fast_as_one_without),
        cmocka_unit_test(a_bad_key_recovers_when_it_can_be_digested_after_all),
        cmocka_unit_test(a_bad_key_alone_is_probed_and_no_more),
    };
    add_rows(tests, kPoisonRows, poison);
    add_rows(tests, kChokeRows, choke);
    return run("schedule_simulation", tests);
}
