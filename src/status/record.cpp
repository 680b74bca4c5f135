#include "record.hpp"

namespace flashduty {

namespace {

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

void add(StatsWord& word, std::uint64_t count) noexcept { word.fetch_add(count, kRelaxed); }

template <std::size_t Bounds>
void observe(Histogram<StatsWord, Bounds>& histogram, const std::uint64_t (&bounds_ms)[Bounds],
             std::uint64_t duration_ms) noexcept {
    std::size_t bucket = 0;
    while (bucket < Bounds && duration_ms > bounds_ms[bucket]) {
        bucket++;
    }
    add(histogram.buckets[bucket], 1);
    add(histogram.sum_ms, duration_ms);
}

// ---------------------------------------------------------------- minutes

Minute<StatsWord>& minute_at(Stats& stats, StatusMs now_ms) noexcept {
    return stats.minutes[now_ms / kMinuteMs % kMinutes];
}

/// One more in this minute: what is there of another one is forgotten.
void add_to_minute(StatsWord& word, StatusMs now_ms) noexcept {
    const std::uint64_t minute = now_ms / kMinuteMs;
    std::uint64_t seen = word.load(kRelaxed);
    while (!word.compare_exchange_weak(seen, (minute << 32) + count_of_minute(seen, minute) + 1,
                                       kRelaxed, kRelaxed)) {
    }
}

// ---------------------------------------------------------------- alerts

struct AlertText {
    std::string_view AlertFact::*text;
    std::size_t most_bytes;
};

/// In the order in which they are read.
constexpr AlertText kAlertTexts[] = {
    {&AlertFact::biz_id, 32}, {&AlertFact::biz_name, 96}, {&AlertFact::title, 384},
    {&AlertFact::status, 8},  {&AlertFact::code, 48},     {&AlertFact::request_id, 80},
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

void write_name(Target<StatsWord>& target, const TargetName& name) noexcept {
    // One text of both: `127.0.0.1:8080 gateway.example /flashduty`.
    char text[kTargetNameBytes + 1];
    std::size_t size = 0;
    for (std::string_view part : {name.server, std::string_view(" "), name.location}) {
        const bool is_first = size == 0 && part == " ";
        part = part.substr(0, is_first ? 0 : sizeof(text) - size);
        size += part.copy(text + size, part.size());
    }
    SealWriter<kNameWords> writer;
    writer.text({text, size}, kTargetNameBytes);
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

/// Makes a free or forgotten place that target's; nullptr when another has come first.
Target<StatsWord>* claim(Target<StatsWord>& target, const TargetName& name, std::uint64_t key,
                         StatusMs now_ms) noexcept {
    std::uint64_t before = target.key.load(kRelaxed);
    if (before != 0 && !is_forgotten(target, now_ms)) {
        return nullptr;
    }
    if (!target.key.compare_exchange_strong(before, key, kRelaxed, kRelaxed)) {
        return before == key ? &target : nullptr;
    }
    for (StatsWord* word : {&target.is_away, &target.since_ms, &target.failed_ms,
                            &target.next_try_ms, &target.is_spooled_to}) {
        word->store(0, kRelaxed);
    }
    target.seen_ms.store(now_ms, kRelaxed);
    write_name(target, name);
    return &target;
}

/// The place of a target, a new one where it has none; nullptr when all are taken.
Target<StatsWord>* target_at(Stats& stats, std::uint64_t key, const TargetName& name,
                             StatusMs now_ms) noexcept {
    const auto place = [&](std::size_t i) -> Target<StatsWord>& {
        return stats.targets[(key >> 32 ^ i) % kTargets];
    };
    for (std::size_t i = 0; i < kTargets; i++) {
        if (place(i).key.load(kRelaxed) == key) {
            place(i).seen_ms.store(now_ms, kRelaxed);
            return &place(i);
        }
    }
    Target<StatsWord>* claimed = nullptr;
    for (std::size_t i = 0; i < kTargets && claimed == nullptr; i++) {
        claimed = claim(place(i), name, key, now_ms);
    }
    return claimed;
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

void count_replay(Stats& stats, Fate fate) noexcept { add(stats.replays[index_of(fate)], 1); }

std::uint64_t target_key(const TargetName& name) noexcept {
    return mix(mix(0, name.server), name.location) | 1;
}

void note_push(Stats& stats, std::uint64_t key, const TargetName& name, bool is_taken,
               std::string_view reason, StatusMs now_ms) noexcept {
    Target<StatsWord>* target = target_at(stats, key, name, now_ms);
    if (target == nullptr) {
        return;
    }
    const bool was_away = target->is_away.load(kRelaxed) != 0;
    if (!is_taken) {
        write_reason(target->reason, reason);
    }
    target->failed_ms.store(is_taken ? 0 : now_ms, kRelaxed);
    if (is_taken == was_away) {
        target->since_ms.store(now_ms, kRelaxed);
        target->next_try_ms.store(0, kRelaxed);
        target->is_away.store(is_taken ? 0 : 1, kRelaxed);
    }
}

// ---------------------------------------------------------------- the spool

bool begin_trouble(Stats& stats, SpoolUser user, std::string_view reason,
                   StatusMs now_ms) noexcept {
    const auto bit = static_cast<std::uint64_t>(user);
    write_reason(stats.spool.trouble_reason, reason);
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

void publish_last_error(Stats& stats, std::string_view reason) noexcept {
    write_reason(stats.spool.last_error, reason);
}

void publish_targets(Stats& stats, const TargetFact* targets, std::size_t count,
                     StatusMs now_ms) noexcept {
    bool is_known[kTargets] = {};
    for (std::size_t i = 0; i < count; i++) {
        const TargetFact& fact = targets[i];
        Target<StatsWord>* target = target_at(stats, target_key(fact.name), fact.name, now_ms);
        if (target == nullptr) {
            continue;
        }
        is_known[target - stats.targets] = true;
        target->is_spooled_to.store(1, kRelaxed);
        // Of a deliverer to which nothing comes, because the spool takes nothing, it is old.
        if (!fact.is_away && target->failed_ms.load(kRelaxed) + kFailedForMs > now_ms) {
            continue;
        }
        write_reason(target->reason, fact.reason);
        target->since_ms.store(fact.since_ms, kRelaxed);
        target->next_try_ms.store(fact.is_away ? fact.next_try_ms : 0, kRelaxed);
        target->is_away.store(fact.is_away ? 1 : 0, kRelaxed);
    }
    for (std::size_t i = 0; i < kTargets; i++) {
        Target<StatsWord>& target = stats.targets[i];
        if (!is_known[i] && target.is_spooled_to.load(kRelaxed) != 0) {
            target.is_spooled_to.store(0, kRelaxed);
            target.next_try_ms.store(0, kRelaxed);
            if (target.is_away.exchange(0, kRelaxed) != 0) {
                target.since_ms.store(now_ms, kRelaxed);
            }
        }
    }
}

}  // namespace flashduty
