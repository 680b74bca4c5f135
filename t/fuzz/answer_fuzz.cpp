// Flashduty's answer becomes a verdict and an answer to BlueKing.
#include <algorithm>
#include <string>
#include <vector>

#include "gateway_answer.hpp"
#include "harness.hpp"
#include "secret.hpp"
#include "strict_json.hpp"
#include "text.hpp"
#include "verdict.hpp"

using flashduty::Answer;
using flashduty::Verdict;
using strict::Json;
using strict::Says;

namespace {

/// Content of an answer, in memory of its own.
struct Reading {
    bool is_object, has_request_id, has_data, has_error, has_alert_key, is_cut;
    std::string request_id, code, message;

    explicit Reading(const Answer& answer)
        : is_object(answer.is_object),
          has_request_id(answer.has_request_id),
          has_data(answer.has_data),
          has_error(answer.has_error),
          has_alert_key(answer.has_alert_key),
          is_cut(answer.is_cut),
          request_id(answer.request_id),
          code(answer.code),
          message(answer.message) {}

    [[nodiscard]] Answer view() const {
        return {is_object, has_request_id, has_data, has_error, has_alert_key,
                is_cut,    request_id,     code,     message};
    }

    bool operator==(const Reading& other) const {
        return is_object == other.is_object && has_request_id == other.has_request_id &&
               has_data == other.has_data && has_error == other.has_error &&
               has_alert_key == other.has_alert_key && is_cut == other.is_cut &&
               request_id == other.request_id && code == other.code && message == other.message;
    }
};

/// Cuts of an answer as it comes.
enum class Cuts { kNone, kEverywhere, kSomewhere };

/// The sizes of its pieces, none of them empty.
std::vector<std::size_t> cut(std::string_view text, Cuts cuts, Dice& dice) {
    constexpr std::size_t kMaxPieces = 48;
    std::vector<std::size_t> sizes;
    const std::size_t longest = cuts == Cuts::kEverywhere ? 1
                                : cuts == Cuts::kNone     ? text.size()
                                                          : 1 + text.size() / (1 + dice.roll(12));
    for (std::size_t at = 0; at < text.size(); at += sizes.back()) {
        const bool is_last = cuts == Cuts::kSomewhere && sizes.size() == kMaxPieces;
        const std::size_t size = cuts == Cuts::kSomewhere ? 1 + dice.roll(longest) : longest;
        sizes.push_back(is_last ? text.size() - at : std::min(size, text.size() - at));
    }
    return sizes;
}

Reading read(flashduty::Arena& arena, std::string_view text, Cuts cuts, Dice dice) {
    flashduty::AnswerReader reader(arena);
    std::size_t at = 0;
    for (const std::size_t size : cut(text, cuts, dice)) {
        const Owned piece(text.substr(at, size));
        reader.feed(piece.text());
        at += size;
    }
    return Reading(reader.finish());
}

Reading reading_of(std::string_view text, Cuts cuts, Dice& dice) {
    WatchedArena arena;
    const Reading reading = read(arena, text, cuts, dice.split());
    demand(!arena.failed(), "memory that is there is not refused");
    return reading;
}

/// Checks the memory for an answer, however long it is.
void check_memory(std::string_view text) {
    constexpr std::size_t kMostBytes = 512 * 1024;
    MallocRooms arena;
    flashduty::AnswerReader reader(arena);
    reader.feed(text);
    (void)reader.finish();
    demand(arena.peak_bytes() <= kMostBytes, "an answer takes half a megabyte at most",
           std::to_string(arena.peak_bytes()));
}

/// Repeats the text between two commas over and over.
void check_grown(std::string_view text, Dice& dice) {
    constexpr std::size_t kGrownBytes = 1024 * 1024;
    const std::size_t from = text.find(',', dice.roll(text.size() + 1));
    const std::size_t to = from == text.npos ? from : text.find(',', from + 1);
    if (to == text.npos) {
        return;
    }
    std::string grown(text.substr(0, to));
    while (grown.size() < kGrownBytes) {
        grown += text.substr(from, to - from);
    }
    check_memory(grown + std::string(text.substr(to)));
}

// ---------------------------------------------------------------- the verdict, once more

struct CodeRow {
    const char* code;
    Verdict verdict;
};

constexpr CodeRow kCodes[] = {
    {"InvalidParameter", Verdict::kEventRefused},
    {"EntityTooLarge", Verdict::kEventRefused},
    {"BadRequest", Verdict::kEventRefused},
    {"ReferenceExist", Verdict::kEventRefused},
    {"ResourceNotFound", Verdict::kAccountAtFault},
    {"NoLicense", Verdict::kAccountAtFault},
    {"Unauthorized", Verdict::kAccountAtFault},
    {"AccessDenied", Verdict::kAccountAtFault},
    {"RouteNotFound", Verdict::kAccountAtFault},
    {"InvalidContentType", Verdict::kAccountAtFault},
    {"MethodNotAllowed", Verdict::kAccountAtFault},
    {"BalanceNotEnough", Verdict::kAccountAtFault},
    {"UndonedOrderExist", Verdict::kAccountAtFault},
    {"RequestVerifyRequired", Verdict::kAccountAtFault},
    {"DangerousOperation", Verdict::kAccountAtFault},
    {"RequestTooFrequently", Verdict::kSlowDown},
    {"ServiceUnavailable", Verdict::kTransient},
    {"RequestLocked", Verdict::kTransient},
    {"InternalError", Verdict::kTransient},
};

constexpr unsigned kStatuses[] = {0,   101, 200, 201, 204, 299, 300, 302, 400, 401, 402,
                                  403, 404, 405, 408, 409, 413, 414, 415, 422, 423, 425,
                                  428, 429, 499, 500, 502, 503, 504, 599, 600};

/// docs/delivery.md, "The verdict", where there is no envelope.
Verdict verdict_of(unsigned status) {
    switch (status) {
        case 413:
        case 414:
        case 422:
            return Verdict::kEventRefused;
        case 429:
            return Verdict::kSlowDown;
        case 408:
        case 504:
            return Verdict::kTimedOut;
        case 423:
        case 425:
            return Verdict::kTransient;
        default:
            return status >= 300 && status < 500 ? Verdict::kAccountAtFault : Verdict::kTransient;
    }
}

/// The text of a member of `error`, as it is compared.
std::string text_of(const Json* json) {
    std::string text = json == nullptr ? std::string() : json->text;
    const auto is_dropped = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
    };
    text.erase(std::remove_if(text.begin(), text.end(), is_dropped), text.end());
    return text;
}

bool names_key(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    return text.find("integration_key") != text.npos;
}

/// Verdict of a known code beside a status that leaves the decision to it.
Verdict verdict_of(const CodeRow& row, unsigned status, const std::string& message) {
    if (row.code == std::string("InvalidParameter") && names_key(message)) {
        return Verdict::kAccountAtFault;
    }
    const bool timed_out =
        row.verdict == Verdict::kTransient && verdict_of(status) == Verdict::kTimedOut;
    return timed_out ? Verdict::kTimedOut : row.verdict;
}

/// docs/delivery.md, "The verdict"; `envelope` is nullptr when the answer is none.
Verdict verdict_of(unsigned status, const Json* envelope) {
    const bool is_success = status / 100 == 2;
    if (envelope == nullptr) {
        return verdict_of(status);
    }
    const Json* error = envelope->member("error");
    const bool has_error = error != nullptr && error->kind != Json::Kind::kNull;
    const std::string code = has_error ? text_of(error->member("code")) : std::string();
    if (status == 429 || status / 100 == 5) {
        return code == "RequestTooFrequently" ? Verdict::kSlowDown : verdict_of(status);
    }
    for (const CodeRow& row : kCodes) {
        if (code == row.code) {
            return verdict_of(row, status, text_of(error->member("message")));
        }
    }
    if (has_error && (is_success || status == 400)) {
        return Verdict::kEventRefused;
    }
    const bool is_yes =
        envelope->member("request_id") != nullptr || envelope->member("data") != nullptr;
    return is_success && !has_error && is_yes ? Verdict::kDelivered : verdict_of(status);
}

/// True when two members of one name may both count.
bool has_repeats(const Json& json) {
    for (const char* name : {"request_id", "data", "error", "code", "message", "alert_key"}) {
        if (std::count_if(json.parts.begin(), json.parts.end(),
                          [name](const Json& part) { return part.name == name; }) > 1) {
            return true;
        }
    }
    return std::any_of(json.parts.begin(), json.parts.end(), has_repeats);
}

void check_verdict(std::string_view text, const Reading& reading) {
    strict::Dialect flashdutys;
    flashdutys.mark = flashdutys.any_text = true;
    Json json;
    const bool is_envelope =
        strict::read(text, flashdutys, json) == Says::kJson && json.kind == Json::Kind::kObject;
    demand(reading.is_object == is_envelope, "an envelope is what is one JSON object");
    const Json* data = is_envelope ? json.member("data") : nullptr;
    const Json* key =
        data != nullptr && data->kind == Json::Kind::kObject ? data->member("alert_key") : nullptr;
    demand(reading.has_alert_key == (key != nullptr && !key->text.empty()) || has_repeats(json),
           "the alert's key is what data names");
    for (const unsigned status : kStatuses) {
        const Verdict verdict = flashduty::judge({status, true, false}, reading.view());
        const Verdict cut_off = flashduty::judge({status, false, false}, reading.view());
        demand(cut_off == verdict_of(status, nullptr), "an answer that is cut off says nothing",
               std::to_string(status));
        demand(verdict != Verdict::kDelivered || (is_envelope && status / 100 == 2),
               "delivered is what Flashduty says it has", std::to_string(status));
        demand(verdict == verdict_of(status, is_envelope ? &json : nullptr) || has_repeats(json),
               "the verdict is the contract's", std::to_string(status));
    }
}

// ---------------------------------------------------------------- what is shown of it

bool is_sound(std::string_view text) {
    return strict::characters(text) != static_cast<std::size_t>(-1) &&
           std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
           });
}

/// URL-escaped here and there, escapes too.
std::string escaped(std::string_view text, Dice& dice, unsigned depth = 0) {
    std::string url;
    for (const char c : text) {
        if (depth == 4 || dice.roll(3) != 0) {
            url += c;
            continue;
        }
        const char* digits = dice.roll(2) == 0 ? "0123456789ABCDEF" : "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        url += escaped(std::string{'%', digits[byte >> 4], digits[byte & 0xF]}, dice, depth + 1);
    }
    return url;
}

/// Key without characters that mean anything in a URL.
std::string key_of(std::string_view text) {
    std::string key(text);
    const auto means_something = [](char c) {
        return std::string_view("%&?# *").find(c) != std::string_view::npos;
    };
    key.erase(std::remove_if(key.begin(), key.end(), means_something), key.end());
    return key;
}

/// A key that stands in the text, escaped or not at all: nothing of it is shown, also where the
/// text is cut in it.
std::string without_key(std::string_view text, Dice& dice) {
    const std::string key = key_of(dice.part_of(text, 24));
    const std::string last = escaped(key, dice);
    const std::string seen = std::string(text) + escaped(key, dice) + "*" + last;
    const std::string url = "/push?a=b&integration_key=" + escaped(key, dice);
    const std::size_t left_out = last.empty() ? 0 : dice.roll(last.size());

    WatchedArena arena;
    const std::string shown(
        flashduty::without_keys(arena, seen.substr(0, seen.size() - left_out), url, true));
    demand(!arena.failed(), "memory that is there is not refused");
    if (key.empty()) {
        demand(shown == seen, "without a key a text stays", shown);
    } else {
        demand(shown.find(key) == shown.npos, "no key is shown", shown);
        const std::size_t tail = shown.rfind('*');
        demand(tail == shown.size() - 1, "nor its start where the text is cut", shown);
    }
    // Any text taken for a URL: no key that is found in it may stay.
    std::string_view rest = text;
    const std::string first_key(flashduty::take_integration_key(rest));
    const std::string_view masked = flashduty::without_keys(arena, text, text);
    demand(first_key.empty() || first_key.find('*') != first_key.npos ||
               masked.find(first_key) == masked.npos,
           "no key of a URL is shown in it", masked);
    return shown;
}

void check_shown(const Reading& reading, std::string_view text, Dice& dice) {
    for (const std::string& part : {reading.request_id, reading.code, reading.message}) {
        demand(is_sound(part), "what is read is sound", part);
    }
    WatchedArena arena;
    constexpr std::string_view kOutcomes[] = {"delivered", "refused", "failed"};
    const std::string_view key = flashduty::repair(arena, dice.part_of(text, 300));
    const std::string reason(
        flashduty::repair(arena, without_key(dice.roll(2) == 0 ? reading.message : text, dice)));
    const flashduty::GatewayAnswer answer = {kOutcomes[dice.roll(3)], reason, reading.code,
                                             reading.request_id, key};
    const std::string written(flashduty::write_answer(arena, answer));
    demand(!arena.failed(), "memory that is there is not refused");

    Json json;
    demand(strict::read(written, {}, json) == Says::kJson, "an answer is JSON and UTF-8", written);
    std::size_t place = 0;
    const auto expect = [&](const char* name, std::string_view value, bool may_be_cut) {
        if (value.empty()) {
            return;
        }
        demand(place < json.parts.size() && json.parts[place].name == name,
               "members stand in their order", written);
        const Json& member = json.parts[place++];
        if (member.text != value) {
            constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
            const std::string_view shown = member.text;
            const std::size_t kept = shown.size() - std::min(shown.size(), kEllipsis.size());
            demand(may_be_cut && shown.substr(kept) == kEllipsis &&
                       value.substr(0, kept) == shown.substr(0, kept),
                   "texts are whole, or cut where they may be", written);
        }
        demand(!may_be_cut || member.end <= 200, "outcome and reason are seen", written);
    };
    expect("outcome", answer.outcome, true);
    expect("reason", answer.reason, true);
    expect("code", answer.code, false);
    expect("request_id", answer.request_id, false);
    expect("alert_key", answer.alert_key, false);
    demand(place == json.parts.size(), "there are no other members", written);
}

// ---------------------------------------------------------------- what holds for every answer

void check_splits(std::string_view text, const Reading& reading, Dice& dice) {
    constexpr std::size_t kShortBytes = 600;
    demand(reading_of(text, Cuts::kSomewhere, dice) == reading, "the same in any pieces");
    if (text.size() <= kShortBytes) {
        demand(reading_of(text, Cuts::kEverywhere, dice) == reading, "the same byte by byte");
    }
}

void check_failures(std::string_view text, Dice& dice) {
    const Dice cuts = dice.split();
    WatchedArena enough;
    (void)read(enough, text, Cuts::kSomewhere, cuts);
    WatchedArena arena(dice.roll(enough.allocations()));
    const Reading reading = read(arena, text, Cuts::kSomewhere, cuts);
    demand(arena.failed(), "the same answer takes as many allocations");
    demand(reading == Reading(Answer{}), "without memory nothing is read");
}

/// Checks the text with a string in it that is longer than what is kept of one.
void check_stretched(std::string_view text, Dice& dice) {
    constexpr std::size_t kKeptBytes = 16 * 1024;
    const std::size_t quote = text.find('"', dice.roll(text.size() + 1));
    if (quote == text.npos) {
        return;
    }
    std::string stretched(text);
    stretched.insert(quote + 1, kKeptBytes - 16 + dice.roll(32), 'x');
    const Reading reading = reading_of(stretched, Cuts::kNone, dice);
    check_verdict(stretched, reading);
    check_splits(stretched, reading, dice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Dice dice(text);
    const Reading reading = reading_of(text, Cuts::kNone, dice);
    check_verdict(text, reading);
    check_splits(text, reading, dice);
    check_failures(text, dice);
    check_shown(reading, text, dice);
    check_memory(text);
    if (dice.roll(8) == 0) {
        check_stretched(text, dice);
    }
    if (dice.roll(64) == 0) {
        check_grown(text, dice);
    }
    return 0;
}
