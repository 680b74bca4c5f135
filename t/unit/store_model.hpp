// A store against a simple model of it, in random sequences of calls. STORE_MODEL_SEED and
// STORE_MODEL_SEQUENCES choose other and more sequences.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>

#include "store_support.hpp"

namespace {

constexpr UnixMs kMaxAge = 30 * kMinute;
constexpr UnixMs kDeadAge = 2 * kHour;
constexpr std::int64_t kMaxBytes = 400'000;
/// Steps of time, and waits of keys; now and then exact to the millisecond.
constexpr UnixMs kSteps[] = {1, kSecond, kMinute, kMinute, 10 * kMinute, 29 * kMinute, 2 * kHour};
constexpr const char* kStatuses[] = {"Critical", "Warning", "Info", "Ok"};

/// A location and an alert key.
using Key = std::pair<std::string, std::string>;

struct ModelEvent {
    int severity = 0;
    UnixMs accepted_ms = 0;
    std::uint32_t attempts = 0;
};

struct ModelAlert {
    std::map<std::int64_t, ModelEvent> events;
    UnixMs due_ms = 0;
    UnixMs tried_ms = 0;

    [[nodiscard]] std::int64_t first_id() const { return events.begin()->first; }
    [[nodiscard]] UnixMs since_ms() const { return events.begin()->second.accepted_ms; }
    [[nodiscard]] int rank(UnixMs now_ms) const {
        int worst = 3;
        for (const auto& [id, event] : events) {
            worst = std::min(worst, event.severity);
        }
        const int rank = worst == 3 ? 1 : worst;
        return std::max(0, rank - (now_ms - since_ms() >= 10 * kMinute ? 1 : 0));
    }
};

struct ModelLetter {
    Key key;
    ModelEvent event;
    UnixMs dead_ms = 0;
    bool is_marked = false;
};

struct Model {
    std::map<Key, ModelAlert> alerts;
    std::map<std::int64_t, ModelLetter> dead;
    std::map<Key, std::int64_t> delivered;  ///< the newest

    [[nodiscard]] std::uint64_t waiting() const {
        std::uint64_t count = 0;
        for (const auto& [key, alert] : alerts) {
            count += alert.events.size();
        }
        return count;
    }
    [[nodiscard]] UnixMs oldest_ms() const {
        UnixMs oldest = 0;
        for (const auto& [key, alert] : alerts) {
            for (const auto& [id, event] : alert.events) {
                oldest = oldest == 0 ? event.accepted_ms : std::min(oldest, event.accepted_ms);
            }
        }
        return oldest;
    }
    [[nodiscard]] bool is_superseded(std::int64_t id) const {
        const auto newest = delivered.find(dead.at(id).key);
        return newest != delivered.end() && id < newest->second;
    }

    ModelEvent take(const Key& key, std::int64_t id) {
        ModelAlert& alert = alerts[key];
        const ModelEvent event = alert.events[id];
        if (alert.first_id() == id) {
            alert.due_ms = alert.tried_ms = 0;
        }
        alert.events.erase(id);
        if (alert.events.empty()) {
            alerts.erase(key);
        }
        return event;
    }
    void bury(const Key& key, std::int64_t id, UnixMs now_ms) {
        dead[id] = {key, take(key, id), now_ms};
    }
};

/// An event on its way.
struct Leaving {
    std::int64_t event_id;
    std::int64_t alert_id;
    Key key;
};

template <class Place>
class Sequence {
  public:
    Sequence(Place& place, std::mt19937_64& random)
        : place_(place), store_(&place.store()), random_(random) {}

    void run() {
        const std::size_t calls = 5 + below(20);
        for (std::size_t i = 0; i < calls; i++) {
            step();
        }
        compare();
        compare_dead();
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    std::string location() { return below(2) == 0 ? "/a" : locations_ == 2 ? "/b" : "/a"; }

    void step() {
        switch (below(13)) {
            case 0:
            case 1:
            case 2:
                return append_some();
            case 3:
            case 4:
                return ask(false);
            case 5:
                return ask(true);
            case 6:
            case 7:
                return settle_some();
            case 8:
                return tend();
            case 9:
                return mark();
            case 10:
                return below(4) == 0 ? reopen() : compare();
            case 11:
                return compare_dead();
            default:
                now_ms_ += kSteps[below(std::size(kSteps))];
        }
    }

    void reopen() { store_ = &place_.reopen(); }

    void append_some() {
        std::vector<NewEvent> events;
        const std::size_t count = 1 + below(4);
        for (std::size_t i = 0; i < count; i++) {
            NewEvent event =
                new_event(std::string(1, static_cast<char>('p' + below(keys_))),
                          kStatuses[below(4)], now_ms_ - (below(2) == 0 ? kSteps[below(5)] : 0));
            event.location = location();
            events.push_back(event);
        }
        const std::vector<Appended> appended = append(*store_, events);
        assert_int_equal(appended.size(), count);
        for (std::size_t i = 0; i < count; i++) {
            const Key key = {events[i].location, events[i].alert_key};
            assert_true(appended[i].has_elder == (model_.alerts.count(key) == 1));
            assert_true(appended[i].event_id > last_id_);
            last_id_ = appended[i].event_id;
            std::int64_t& target_id = targets_[key.first];
            assert_true(target_id == 0 || target_id == appended[i].target_id);
            target_id = appended[i].target_id;
            const auto status = std::find(std::begin(kStatuses), std::end(kStatuses),
                                          std::string_view(events[i].event_status));
            model_.alerts[key].events[last_id_] = {static_cast<int>(status - std::begin(kStatuses)),
                                                   events[i].accepted_ms};
        }
    }

    [[nodiscard]] bool is_leaving(const Key& key) const {
        return std::any_of(leaving_.begin(), leaving_.end(),
                           [&](const Leaving& one) { return one.key == key; });
    }

    /// Keys of a location that may be found, in the order of what `by` gives; a negative first
    /// number leaves a key out.
    template <class By>
    Ids expected(const std::string& location, std::size_t most, By by) const {
        std::vector<std::pair<std::tuple<int, UnixMs, std::int64_t>, std::int64_t>> order;
        for (const auto& [key, alert] : model_.alerts) {
            const auto place = by(alert);
            if (key.first == location && !is_leaving(key) && std::get<0>(place) >= 0) {
                order.push_back({place, alert.first_id()});
            }
        }
        std::sort(order.begin(), order.end());
        Ids ids;
        for (const auto& [place, id] : order) {
            if (ids.size() < most) {
                ids.push_back(id);
            }
        }
        return ids;
    }

    Ids expected(const std::string& location, const Search& search) const {
        const auto untried = [](const ModelAlert& alert, int rank, bool is_newest) {
            const int sign = is_newest ? -1 : 1;
            return std::tuple(alert.due_ms == 0 ? rank : -1, sign * alert.since_ms(),
                              sign * alert.first_id());
        };
        const auto due = [&](const ModelAlert& alert) {
            return untried(alert, alert.rank(now_ms_), false);
        };
        const auto worst = [&](const ModelAlert& alert) {
            return untried(alert, alert.rank(now_ms_), true);
        };
        const auto newest = [&](const ModelAlert& alert) { return untried(alert, 0, true); };
        const auto tried = [](const ModelAlert& alert) {
            return std::tuple(alert.due_ms == 0 ? -1 : 0, alert.tried_ms, alert.first_id());
        };
        switch (search.kind) {
            case Search::Kind::kDue:
                return expected(location, search.most, due);
            case Search::Kind::kWorst:
            case Search::Kind::kNewest: {
                const Ids ids = search.kind == Search::Kind::kWorst ? expected(location, 1, worst)
                                                                    : expected(location, 1, newest);
                return ids.empty() && search.or_else ? expected(location, 1, tried) : ids;
            }
            default: {
                const Ids ids = expected(location, 1, tried);
                return ids.empty() && search.or_else ? expected(location, 1, newest) : ids;
            }
        }
    }

    void ask(bool is_probe) {
        const std::string location = this->location();
        Search search;
        search.kind = is_probe ? static_cast<Search::Kind>(1 + below(3)) : Search::Kind::kDue;
        search.most = is_probe ? 1 : 1 + below(5);
        search.or_else = below(2) == 0;
        search.target_id = targets_[location];
        for (const Leaving& one : leaving_) {
            search.except.push_back(one.alert_id);
        }
        const std::vector<DueEvent> events = find(*store_, search, now_ms_);
        Ids found;
        for (const DueEvent& event : events) {
            found.push_back(event.event_id);
        }
        assert_true(found == expected(location, search));
        for (const DueEvent& event : events) {
            const Key key = {location, event.alert_key};
            const ModelEvent& known = model_.alerts.at(key).events.at(event.event_id);
            assert_text(event.location, location);
            assert_text(event.event_status, kStatuses[known.severity]);
            assert_true(event.accepted_ms == known.accepted_ms);
            assert_int_equal(event.attempts, known.attempts);
            if (below(4) > 0) {
                leaving_.push_back({event.event_id, event.alert_id, key});
            }
        }
    }

    void settle_some() {
        std::vector<Settlement> settlements;
        const std::size_t count = std::min(leaving_.size(), 1 + below(3));
        for (std::size_t i = 0; i < count; i++) {
            const std::size_t at = below(leaving_.size());
            settlements.push_back(settle_in_model(leaving_[at]));
            leaving_.erase(leaving_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        assert_status(store_->settle(settlements), kOk);
    }

    Settlement settle_in_model(const Leaving& one) {
        Settlement settlement;
        settlement.event_id = one.event_id;
        settlement.alert_id = one.alert_id;
        settlement.fate = static_cast<flashduty::Fate>(below(3));
        settlement.settled_ms = now_ms_;
        settlement.reason = "because";
        ModelAlert& alert = model_.alerts.at(one.key);
        switch (settlement.fate) {
            case flashduty::Fate::kDelivered:
                model_.take(one.key, one.event_id);
                model_.delivered[one.key] = one.event_id;
                break;
            case flashduty::Fate::kWaits:
                settlement.due_ms =
                    below(2) == 0 ? flashduty::kUntilBack + now_ms_ : now_ms_ + kSteps[below(5)];
                alert.events[one.event_id].attempts++;
                alert.due_ms = settlement.due_ms;
                alert.tried_ms = now_ms_;
                break;
            case flashduty::Fate::kCount:
            case flashduty::Fate::kRefused:
                alert.events[one.event_id].attempts++;
                model_.bury(one.key, one.event_id, now_ms_);
                break;
        }
        return settlement;
    }

    void mark() {
        for (auto& [id, letter] : model_.dead) {
            if (below(2) == 0) {
                letter.is_marked = true;
                assert_text(
                    place_.run("UPDATE dead SET again = 1 WHERE event_id = " + std::to_string(id)),
                    "");
            }
        }
    }

    void tend() {
        Ids busy;
        std::set<std::int64_t> dead, deleted;
        std::set<std::int64_t> busy_ids;
        for (const Leaving& one : leaving_) {
            busy.push_back(one.event_id);
            busy_ids.insert(one.event_id);
        }
        // The store looks for all of its work before it does any.
        const std::size_t requeued_before = requeued_;
        const Ids to_requeue = marked(busy_ids);
        const std::vector<std::pair<Key, std::int64_t>> old = too_old(busy_ids);
        const Ids surplus = to_delete();
        for (const std::int64_t id : to_requeue) {
            requeue(id);
        }
        for (const auto& [key, id] : old) {
            model_.bury(key, id, now_ms_);
            dead.insert(id);
        }
        for (const std::int64_t id : surplus) {
            if (model_.dead.erase(id) == 1) {
                deleted.insert(id);
            }
        }
        const Tended tended = expire(*store_, now_ms_, busy);
        assert_true(ids_of(tended.dead) == dead);
        assert_true(ids_of(tended.deleted) == deleted);
        assert_int_equal(tended.requeued, requeued_ - requeued_before);
        assert_false(tended.has_more);
    }

    static std::set<std::int64_t> ids_of(const std::vector<flashduty::DeadLetter>& letters) {
        std::set<std::int64_t> ids;
        for (const flashduty::DeadLetter& letter : letters) {
            ids.insert(letter.event_id);
        }
        return ids;
    }

    [[nodiscard]] Ids marked(const std::set<std::int64_t>& busy) const {
        Ids ids;
        for (const auto& [id, letter] : model_.dead) {
            const auto alert = model_.alerts.find(letter.key);
            const bool has_to_wait =
                alert != model_.alerts.end() && busy.count(alert->second.first_id()) == 1;
            if (letter.is_marked && (model_.is_superseded(id) || !has_to_wait)) {
                ids.push_back(id);
            }
        }
        return ids;
    }

    void requeue(std::int64_t id) {
        if (model_.is_superseded(id)) {
            model_.dead[id].is_marked = false;
            return;
        }
        const ModelLetter letter = model_.dead[id];
        model_.dead.erase(id);
        ModelAlert& alert = model_.alerts[letter.key];
        alert.events[id] = {letter.event.severity, now_ms_, 0};
        alert.due_ms = 0;
        requeued_++;
    }

    [[nodiscard]] std::vector<std::pair<Key, std::int64_t>> too_old(
        const std::set<std::int64_t>& busy) const {
        std::vector<std::pair<Key, std::int64_t>> old;
        for (const auto& [key, alert] : model_.alerts) {
            for (const auto& [id, event] : alert.events) {
                if (event.accepted_ms < now_ms_ - kMaxAge && busy.count(id) == 0) {
                    old.push_back({key, id});
                }
            }
        }
        return old;
    }

    [[nodiscard]] Ids to_delete() const {
        std::vector<std::pair<UnixMs, std::int64_t>> order;
        for (const auto& [id, letter] : model_.dead) {
            order.push_back({letter.dead_ms, id});
        }
        std::sort(order.begin(), order.end());
        std::int64_t bytes = static_cast<std::int64_t>(order.size()) * 4096;
        Ids ids;
        for (const auto& [dead_ms, id] : order) {
            if (dead_ms > now_ms_ - kHour) {
                break;
            }
            if (dead_ms >= now_ms_ - kDeadAge && bytes <= kMaxBytes / 2) {
                break;
            }
            bytes -= 4096;
            ids.push_back(id);
        }
        return ids;
    }

    void compare() {
        const StoreSize size = size_of(*store_);
        assert_int_equal(size.waiting, model_.waiting());
        assert_int_equal(size.dead, model_.dead.size());
        assert_true(size.oldest_ms == model_.oldest_ms());
        Ids targets, expected;
        assert_status(store_->targets(targets), kOk);
        for (const auto& [location, id] : targets_) {
            const bool has_any =
                std::any_of(model_.alerts.begin(), model_.alerts.end(),
                            [&](const auto& alert) { return alert.first.first == location; });
            if (has_any) {
                expected.push_back(id);
            }
        }
        std::sort(expected.begin(), expected.end());
        assert_true(targets == expected);
    }

    void compare_dead() {
        std::string expected;
        for (const auto& [id, letter] : model_.dead) {
            expected += (expected.empty() ? "" : "\n") + std::to_string(id) + "|" +
                        letter.key.second + "|" +
                        (model_.is_superseded(id) ? "superseded"
                         : letter.is_marked       ? "to be sent again"
                                                  : "dead") +
                        "|" + (letter.is_marked ? "1" : "0") + "|" +
                        std::to_string(letter.event.attempts);
        }
        assert_text(place_.run("SELECT event_id, v.alert_key, state, again, v.attempts"
                               " FROM dead_letters v JOIN dead USING (event_id) ORDER BY event_id"),
                    expected);
    }

    Place& place_;
    EventStore* store_;
    std::mt19937_64& random_;
    // Few, so that much happens to each.
    const std::size_t keys_ = 1 + below(4);
    const std::size_t locations_ = 1 + below(2);
    UnixMs& now_ms_ = machine.boot_ms;  ///< goes on from one sequence to the next
    Model model_;
    std::map<std::string, std::int64_t> targets_;
    std::vector<Leaving> leaving_;
    std::int64_t last_id_ = 0;
    std::size_t requeued_ = 0;
};

std::uint64_t setting(const char* name, std::uint64_t usual) {
    const char* text = ::getenv(name);
    return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

/// Empties the store at the end of a sequence as an operator would.
template <class Place>
void empty(Place& place) {
    assert_text(place.run("DELETE FROM event; DELETE FROM dead"), "");
    assert_text(place.run(Place::kLeft), "0|0|0|0|0|0");
}

template <class Place>
void the_store_does_what_the_model_does(void**) {
    const std::uint64_t seed = setting("STORE_MODEL_SEED", 20251125);
    const std::uint64_t sequences = setting("STORE_MODEL_SEQUENCES", Place::kSequences);
    print_message("# seed %llu, %llu sequences\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(sequences));
    Place place;
    place.limits.max_size_bytes = kMaxBytes;
    place.limits.max_age_ms = kMaxAge;
    place.limits.dead_age_ms = kDeadAge;
    (void)size_of(place.store());
    for (std::uint64_t i = 0; i < sequences; i++) {
        std::mt19937_64 random(seed + i);
        Sequence<Place>(place, random).run();
        empty(place);
    }
    assert_text(place.run(Place::kIsSound), Place::kSound);
}

}  // namespace
