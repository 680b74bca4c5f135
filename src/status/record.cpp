#include "record.hpp"

#include <algorithm>

#include "counting.hpp"

namespace flashduty {

namespace {

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

// ---------------------------------------------------------------- minutes

Minute<StatsWord>& minute_at(Stats& stats, StatusMs now_ms) noexcept {
    return stats.minutes[now_ms / kMinuteMs % kMinutes];
}

// ---------------------------------------------------------------- alerts

struct AlertText {
    std::string_view AlertFact::*text;
    std::size_t most_bytes;
};

/// Texts in the order in which they are read.
constexpr AlertText kAlertTexts[] = {
    {&AlertFact::biz_id, 32},  {&AlertFact::biz_name, 96}, {&AlertFact::title, 384},
    {&AlertFact::status, 8},   {&AlertFact::code, 48},     {&AlertFact::request_id, 80},
    {&AlertFact::reason, 240},
};

constexpr std::size_t kAlertNumbers = 4;

using AlertWriter = SealWriter<kAlertWords>;

constexpr std::size_t alert_bytes() noexcept {
    std::size_t bytes = kAlertNumbers * sizeof(std::uint64_t);
    for (const AlertText& row : kAlertTexts) {
        bytes += AlertWriter::room_for(row.most_bytes);
    }
    return bytes;
}

static_assert(alert_bytes() <= kAlertWords * sizeof(std::uint64_t));

// ---------------------------------------------------------------- targets

std::uint64_t mix(std::uint64_t hash, std::string_view text) noexcept {
    constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15;
    std::uint64_t word = 0;
    for (; text.size() >= sizeof(word); text.remove_prefix(sizeof(word))) {
        std::memcpy(&word, text.data(), sizeof(word));
        hash = (hash ^ word) * kPrime;
        hash ^= hash >> 32;
    }
    word = text.size() + 1;
    for (const char c : text) {
        word = word << 8 | static_cast<unsigned char>(c);
    }
    hash = (hash ^ word) * kPrime;
    return hash ^ hash >> 32;
}

/// A text in its own buffer, cut at the buffer's end.
template <std::size_t Room>
class ShortText {
  public:
    ShortText& add(std::string_view part) noexcept {
        size_ += part.substr(0, Room - size_).copy(text_ + size_, Room - size_);
        return *this;
    }

    operator std::string_view() const noexcept { return {text_, size_}; }

  private:
    char text_[Room];
    std::size_t size_ = 0;
};

/// `127.0.0.1:8080 gateway.example /flashduty`. A name that is too long fills one byte more than
/// there is room for, so that the overflow is seen.
ShortText<kTargetNameBytes + 1> text_of(const TargetName& name) noexcept {
    ShortText<kTargetNameBytes + 1> text;
    return text.add(name.server).add(name.server.empty() ? "" : " ").add(name.location);
}

void write_name(Target<StatsWord>& target, const TargetName& name) noexcept {
    SealWriter<kNameWords> writer;
    writer.text(text_of(name), kTargetNameBytes);
    writer.seal(target.name);
}

void write_reason(Sealed<StatsWord, kReasonWords>& reason, std::string_view text) noexcept {
    SealWriter<kReasonWords> writer;
    writer.text(text, kReasonBytes);
    writer.seal(reason);
}

bool is_forgotten(const Target<StatsWord>& target, StatusMs now_ms) noexcept {
    const StatusMs seen_ms = target.seen_ms.load(kRelaxed);
    return seen_ms + kForgetTargetMs < now_ms;
}

void clear(Target<StatsWord>& target) noexcept {
    for (StatsWord* word : {&target.is_away, &target.since_ms, &target.pushed_ms, &target.failed_ms,
                            &target.next_try_ms, &target.is_spooled_to, &target.is_tried,
                            &target.is_nowhere, &target.refusals, &target.refused_ms,
                            &target.refused_since_ms, &target.blame, &target.held, &target.told}) {
        word->store(0, kRelaxed);
    }
    for (StatsWord& refused : target.refused_keys) {
        refused.store(0, kRelaxed);
    }
}

/// Gives a free or forgotten place to this target; false when another worker was first.
bool claim(StatsWord& place, Target<StatsWord>& target, const TargetName& name, std::uint64_t key,
           StatusMs now_ms) noexcept {
    std::uint64_t before = place.load(kRelaxed);
    if (before != 0 && !is_forgotten(target, now_ms)) {
        return false;
    }
    target.seen_ms.store(now_ms, kRelaxed);  // first: from now on nobody else takes it
    if (!place.compare_exchange_strong(before, key, kRelaxed, kRelaxed)) {
        return before == key;
    }
    clear(target);
    write_name(target, name);
    return true;
}

/// Place of a target, a new one if it has none; the shared place when none is left.
Target<StatsWord>& target_at(Stats& stats, std::uint64_t key, const TargetName& name,
                             StatusMs now_ms) noexcept {
    constexpr std::size_t kNone = kTargets;
    std::size_t free_place = kNone;
    std::size_t place = (key >> 32) % kTargets;
    for (std::size_t i = 0; i < kTargets; i++, place = (place + 1) % kTargets) {
        const std::uint64_t found = stats.target_keys[place].load(kRelaxed);
        if (found == key) {
            stats.targets[place].seen_ms.store(now_ms, kRelaxed);
            return stats.targets[place];
        }
        const bool is_free = found == 0 || is_forgotten(stats.targets[place], now_ms);
        free_place = is_free && free_place == kNone ? place : free_place;
        if (found == 0) {
            break;
        }
    }
    // Search from there on: another worker may have been as quick.
    for (std::size_t i = 0; free_place != kNone && i < kTargets; i++) {
        place = (free_place + i) % kTargets;
        if (claim(stats.target_keys[place], stats.targets[place], name, key, now_ms)) {
            return stats.targets[place];
        }
    }
    stats.other.seen_ms.store(now_ms, kRelaxed);
    return stats.other;
}

/// Writes a reason with its target's name where several targets share the place.
void write_reason(const Stats& stats, Target<StatsWord>& target, const TargetName& name,
                  std::string_view text) noexcept {
    if (&target != &stats.other) {
        write_reason(target.reason, text);
        return;
    }
    ShortText<kReasonBytes + 1> whole;
    write_reason(target.reason, whole.add(text_of(name)).add(": ").add(text));
}

void note_away(Target<StatsWord>& target, bool is_away, StatusMs now_ms) noexcept {
    if (!is_away) {
        target.held.store(0, kRelaxed);
        target.is_tried.store(0, kRelaxed);
    }
    target.failed_ms.store(is_away ? now_ms : 0, kRelaxed);
    if (is_away != (target.is_away.load(kRelaxed) != 0)) {
        target.since_ms.store(now_ms, kRelaxed);
        target.next_try_ms.store(0, kRelaxed);
        target.is_away.store(is_away ? 1 : 0, kRelaxed);
    }
}

void end_refusals(Target<StatsWord>& target) noexcept {
    if (target.refusals.exchange(0, kRelaxed) == 0) {
        return;
    }
    target.refused_ms.store(0, kRelaxed);
    for (StatsWord& refused : target.refused_keys) {
        refused.store(0, kRelaxed);
    }
}

/// True when enough different alert keys in a row were refused, this one included.
bool is_one_of_enough(Target<StatsWord>& target, std::string_view alert_key) noexcept {
    const std::uint64_t key = mix(0, alert_key) | 1;
    for (std::size_t i = 0; i < kRefusedKeys; i++) {
        std::uint64_t known = target.refused_keys[i].load(kRelaxed);
        if (known == 0 && target.refused_keys[i].compare_exchange_strong(known, key, kRelaxed)) {
            return i + 1 == kRefusedKeys;
        }
        if (known == key) {
            break;
        }
    }
    return target.refused_keys[kRefusedKeys - 1].load(kRelaxed) != 0;
}

void note_refusal(Target<StatsWord>& target, std::string_view alert_key, StatusMs now_ms) noexcept {
    add(target.refusals, 1);
    if (!is_one_of_enough(target, alert_key)) {
        return;
    }
    const StatusMs before_ms = target.refused_ms.exchange(now_ms, kRelaxed);
    if (before_ms == 0) {
        target.refused_since_ms.store(now_ms, kRelaxed);
    }
}

}  // namespace

// ---------------------------------------------------------------- requests

void count_answer(Stats& stats, AnsweredAs answer, StatusMs now_ms) noexcept {
    add(stats.answers[index_of(answer)], 1);
    add_to_minute(minute_at(stats, now_ms).answers[index_of(answer)], now_ms);
}

void count_cut(Stats& stats, CutField field) noexcept { add(stats.cut[index_of(field)], 1); }

void count_dropped_labels(Stats& stats, std::size_t count) noexcept {
    add(stats.dropped_labels, count);
}

void record_alert(Stats& stats, const AlertFact& alert) noexcept {
    const std::uint64_t number = stats.alerts_begun.fetch_add(1, kRelaxed) + 1;
    AlertWriter writer;
    writer.number(number);
    writer.number(alert.time_ms);
    writer.number(index_of(alert.outcome));
    writer.number(alert.has_delay ? alert.delay_ms : kNoDelay);
    for (const AlertText& row : kAlertTexts) {
        writer.text(alert.*row.text, row.most_bytes);
    }
    writer.seal(stats.alerts[number % kAlerts]);
}

namespace {

constexpr std::size_t kAddressBytes = 64;
constexpr std::size_t kRejectedReasonBytes = 240;
using RejectedWriter = SealWriter<kRejectedWords>;
static_assert(RejectedWriter::room_for(kAddressBytes) +
                  RejectedWriter::room_for(kRejectedReasonBytes) <=
              kRejectedWords * sizeof(std::uint64_t));

/// Place with this key, else the one unused for longest.
Rejected<StatsWord>& rejected_place(Stats& stats, std::uint64_t key) noexcept {
    Rejected<StatsWord>* oldest = stats.rejected;
    for (Rejected<StatsWord>& place : stats.rejected) {
        if (place.key.load(kRelaxed) == key) {
            return place;
        }
        oldest = place.time_ms.load(kRelaxed) < oldest->time_ms.load(kRelaxed) ? &place : oldest;
    }
    return *oldest;
}

}  // namespace

void record_rejected(Stats& stats, std::string_view address, std::string_view reason,
                     StatusMs now_ms) noexcept {
    const std::uint64_t key = mix(mix(0, address), reason) | 1;
    Rejected<StatsWord>& place = rejected_place(stats, key);
    place.time_ms.store(now_ms, kRelaxed);
    if (place.key.exchange(key, kRelaxed) == key) {
        add(place.count, 1);
        return;
    }
    place.count.store(1, kRelaxed);
    RejectedWriter writer;
    writer.text(address, kAddressBytes);
    writer.text(reason, kRejectedReasonBytes);
    writer.seal(place.texts);
}

// ---------------------------------------------------------------- pushes

void count_push(Stats& stats, const PushFact& push, StatusMs now_ms) noexcept {
    if (push.http_status >= kFirstHttpStatus && push.http_status <= kLastHttpStatus) {
        add(stats.push_statuses[push.http_status - kFirstHttpStatus], 1);
    } else {
        add(stats.push_failures[index_of(push.failure)], 1);
    }
    observe(stats.push_duration, kPushBoundsMs, push.duration_ms);
    add_to_minute(minute_at(stats, now_ms).pushes[minute_bucket(push.duration_ms)], now_ms);
}

void count_delivery(Stats& stats, std::uint64_t delay_ms, StatusMs now_ms) noexcept {
    observe(stats.delivery_delay, kDelayBoundsMs, delay_ms);
    stats.last_delivery_ms.store(now_ms, kRelaxed);
}

void count_replay(Stats& stats, Fate fate, StatusMs now_ms) noexcept {
    add(stats.replays[index_of(fate)], 1);
    if (fate == Fate::kDelivered) {
        add_to_minute(minute_at(stats, now_ms).replayed, now_ms);
    }
}

std::uint64_t target_key(const TargetName& name) noexcept {
    return mix(mix(0, name.server), name.location) | 1;
}

const Target<StatsWord>* find_target(const Stats& stats, std::uint64_t key) noexcept {
    std::size_t place = (key >> 32) % kTargets;
    for (std::size_t i = 0; i < kTargets; i++, place = (place + 1) % kTargets) {
        const std::uint64_t found = stats.target_keys[place].load(kRelaxed);
        if (found == key) {
            return &stats.targets[place];
        }
        if (found == 0) {
            break;
        }
    }
    return stats.other_key.load(kRelaxed) == key ? &stats.other : nullptr;
}

PushNews note_push(Stats& stats, std::uint64_t key, const TargetName& name, const PushNote& push,
                   StatusMs now_ms) noexcept {
    Target<StatsWord>& target = target_at(stats, key, name, now_ms);
    const bool is_shared = &target == &stats.other;
    if (push.is_live) {
        target.pushed_ms.store(now_ms, kRelaxed);
    }
    switch (push.fate) {
        case Fate::kWaits:
            write_reason(stats, target, name, push.reason);
            if (is_shared) {
                stats.other_key.store(key, kRelaxed);
            }
            target.blame.store(static_cast<std::uint64_t>(push.blame), kRelaxed);
            note_away(target, true, now_ms);
            return {};
        case Fate::kRefused:
            if (push.is_live) {
                write_reason(stats, target, name, push.reason);
            }
            note_refusal(target, push.alert_key, now_ms);
            break;
        case Fate::kDelivered:
        case Fate::kCount:
            end_refusals(target);
            target.doubt.store(index_of(push.doubt), kRelaxed);
            break;
    }
    // The deliverer judges refusals of pushes from the spool. On a shared place, a target that is
    // well says nothing about one that has failed.
    const bool is_well = push.is_live || push.fate == Fate::kDelivered;
    if (!is_well || (is_shared && stats.other_key.load(kRelaxed) != key)) {
        return {};
    }
    const StatusMs since_ms = target.since_ms.load(kRelaxed);
    note_away(target, false, now_ms);
    PushNews news;
    news.is_doubted =
        push.doubt != PushDoubt::kNone && target.was_doubted.exchange(1, kRelaxed) == 0;
    news.is_back = push.fate == Fate::kDelivered && target.told.exchange(0, kRelaxed) != 0;
    news.away_since_ms = since_ms;
    return news;
}

bool is_news(Stats& stats, const TargetName& name, std::string_view reason,
             StatusMs now_ms) noexcept {
    // Skips a count at the start, which grows from push to push.
    while (!reason.empty() && reason[0] >= '0' && reason[0] <= '9') {
        reason.remove_prefix(1);
    }
    const std::uint64_t key = target_key(name);
    const std::uint64_t told = mix(key, reason) | 1;
    return target_at(stats, key, name, now_ms).told.exchange(told, kRelaxed) != told;
}

void count_held(Stats& stats, std::uint64_t key, const TargetName& name, StatusMs now_ms) noexcept {
    add(target_at(stats, key, name, now_ms).held, 1);
}

void note_nowhere(Stats& stats, const TargetName& name, std::string_view reason,
                  StatusMs now_ms) noexcept {
    const std::uint64_t key = mix(target_key(name), "nowhere") | 1;
    target_at(stats, key, name, now_ms).is_nowhere.store(1, kRelaxed);
    note_push(stats, key, name, {Fate::kWaits, reason, {}, true}, now_ms);
}

// ---------------------------------------------------------------- the spool

void begin_spool(Stats& stats, std::string_view path) noexcept {
    const std::uint64_t place = mix(0, path) | 1;
    const std::uint64_t before = stats.spool.place.exchange(place, kRelaxed);
    if (before == place) {
        return;
    }
    for (StatsWord* word : {&stats.spool.trouble, &stats.spool.trouble_since_ms,
                            &stats.spool.trouble_seen_ms, &stats.spool.waiting, &stats.spool.dead,
                            &stats.spool.used_bytes, &stats.spool.oldest_ms}) {
        word->store(0, kRelaxed);
    }
}

bool is_spool_at(const Stats& stats, std::string_view path) noexcept {
    return stats.spool.place.load(kRelaxed) == (mix(0, path) | 1);
}

bool begin_trouble(Stats& stats, SpoolUser user, std::string_view brief, std::string_view reason,
                   StatusMs now_ms) noexcept {
    const auto bit = static_cast<std::uint64_t>(user);
    write_reason(stats.spool.trouble_reason, reason);
    SealWriter<kBriefWords> writer;
    writer.text(brief, kBriefBytes);
    writer.seal(stats.spool.trouble_brief);
    stats.spool.trouble_seen_ms.store(now_ms, kRelaxed);
    const bool is_first = stats.spool.trouble.fetch_or(bit, kRelaxed) == 0;
    if (is_first) {
        stats.spool.trouble_since_ms.store(now_ms, kRelaxed);
    }
    return is_first;
}

bool end_trouble(Stats& stats, SpoolUser user, StatusMs now_ms) noexcept {
    const auto bit = static_cast<std::uint64_t>(user);
    if ((stats.spool.trouble.load(kRelaxed) & bit) == 0) {
        return false;
    }
    const bool is_last = stats.spool.trouble.fetch_and(~bit, kRelaxed) == bit;
    if (is_last) {
        stats.spool.trouble_since_ms.store(now_ms, kRelaxed);
    }
    return is_last;
}

void publish_spool(Stats& stats, const SpoolFact& spool, StatusMs now_ms) noexcept {
    stats.spool.waiting.store(spool.waiting, kRelaxed);
    stats.spool.dead.store(spool.dead, kRelaxed);
    stats.spool.used_bytes.store(spool.used_bytes, kRelaxed);
    stats.spool.oldest_ms.store(spool.oldest_ms, kRelaxed);
    stats.spool.tended_ms.store(now_ms, kRelaxed);
}

void publish_last_error(Stats& stats, std::string_view reason, StatusMs now_ms) noexcept {
    stats.spool.last_error_ms.store(now_ms, kRelaxed);
    write_reason(stats.spool.last_error, reason);
}

namespace {

void publish(Stats& stats, Target<StatsWord>& target, const TargetFact& fact) noexcept {
    target.is_spooled_to.store(1, kRelaxed);
    target.is_tried.store(fact.is_away ? 1 : 0, kRelaxed);
    // What has failed past the spool is not over because a deliverer has nothing to push there.
    if (!fact.is_away && target.failed_ms.load(kRelaxed) != 0) {
        return;
    }
    write_reason(stats, target, fact.name, fact.reason);
    const StatusMs before_ms = target.since_ms.load(kRelaxed);
    const bool was_away = target.is_away.load(kRelaxed) != 0 && before_ms != 0;
    const StatusMs since_ms = !fact.is_away ? std::max(before_ms, fact.since_ms)
                              : was_away    ? std::min(before_ms, fact.since_ms)
                                            : fact.since_ms;
    target.since_ms.store(since_ms, kRelaxed);
    target.blame.store(static_cast<std::uint64_t>(fact.blame), kRelaxed);
    target.next_try_ms.store(fact.is_away ? fact.next_try_ms : 0, kRelaxed);
    target.is_away.store(fact.is_away ? 1 : 0, kRelaxed);
}

/// Targets that a deliverer no longer knows count as back, unless a push past the spool failed
/// last.
void forget(Target<StatsWord>& target, StatusMs now_ms) noexcept {
    if (target.is_spooled_to.exchange(0, kRelaxed) == 0) {
        return;
    }
    target.next_try_ms.store(0, kRelaxed);
    target.is_tried.store(0, kRelaxed);
    if (target.failed_ms.load(kRelaxed) != 0) {
        return;
    }
    target.held.store(0, kRelaxed);
    target.told.store(0, kRelaxed);
    if (target.is_away.exchange(0, kRelaxed) != 0) {
        target.since_ms.store(now_ms, kRelaxed);
    }
}

/// Worse of two targets that share a place: the one that is away, else the newer.
const TargetFact& worse_of(const TargetFact& a, const TargetFact& b) noexcept {
    if (a.is_away != b.is_away) {
        return a.is_away ? a : b;
    }
    return (a.since_ms <= b.since_ms) == a.is_away ? a : b;
}

}  // namespace

void publish_targets(Stats& stats, const TargetFact* targets, std::size_t count, StatusMs begun_ms,
                     StatusMs now_ms) noexcept {
    const bool is_new = begun_ms + kNewDelivererMs > now_ms;
    const auto may_be_away = [is_new](const Target<StatsWord>& target) {
        return is_new && target.is_away.load(kRelaxed) != 0;
    };
    bool is_known[kTargets] = {};
    const TargetFact* other = nullptr;
    for (std::size_t i = 0; i < count; i++) {
        const TargetFact& fact = targets[i];
        Target<StatsWord>& target = target_at(stats, target_key(fact.name), fact.name, now_ms);
        if (&target == &stats.other) {
            other = other == nullptr ? &fact : &worse_of(*other, fact);
            continue;
        }
        is_known[&target - stats.targets] = true;
        publish(stats, target, fact);
    }
    for (std::size_t i = 0; i < kTargets; i++) {
        if (!is_known[i] && !may_be_away(stats.targets[i])) {
            forget(stats.targets[i], now_ms);
        }
    }
    if (other == nullptr && !may_be_away(stats.other)) {
        forget(stats.other, now_ms);
    } else if (other != nullptr) {
        stats.other_key.store(target_key(other->name), kRelaxed);
        publish(stats, stats.other, *other);
    }
}

namespace {

/// True for the first of all workers once `between_ms` have passed since the last time.
bool is_time(StatsWord& word, StatusMs between_ms, StatusMs now_ms) noexcept {
    StatusMs last_ms = word.load(kRelaxed);
    // A time of a clock that has been put back since holds nothing up.
    return (now_ms - last_ms >= between_ms || last_ms > now_ms) &&
           word.compare_exchange_strong(last_ms, now_ms, kRelaxed);
}

}  // namespace

bool may_test(Stats& stats, StatusMs now_ms) noexcept {
    return is_time(stats.tested_ms, kSecondMs, now_ms);
}

bool may_warn_of_rejected(Stats& stats, StatusMs now_ms) noexcept {
    return is_time(stats.told_rejected_ms, kMinuteMs, now_ms);
}

}  // namespace flashduty
