#include "verdict.hpp"

#include <algorithm>

#include "json_string.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// Length up to which strings and numbers are read; far more than any message has.
constexpr std::size_t kMaxTokenBytes = 16 * 1024;

constexpr std::size_t kLongestEscapeBytes = std::string_view("\\u0000").size();

/// Longest name that is looked at, however it is escaped.
constexpr std::size_t kLongestNameBytes = 6 * std::string_view("request_id").size();

/// Parameter that Flashduty's message names when the key is at fault, not the event.
constexpr std::string_view kKeyParameter = "integration_key";

/// Bytes of the answer held at once; more than any token: a number has three runs of digits.
constexpr std::size_t kMaxHeldBytes = 4 * kMaxTokenBytes;

struct CodeMeaning {
    std::string_view code;
    Verdict verdict;
};

/// Flashduty's codes. For any other code the HTTP status decides.
constexpr CodeMeaning kCodes[] = {
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

struct StatusMeaning {
    unsigned from, to;
    Verdict verdict;
};

/// The first match counts.
constexpr StatusMeaning kStatuses[] = {
    {408, 408, Verdict::kTimedOut},       {423, 423, Verdict::kTransient},
    {425, 425, Verdict::kTransient},      {429, 429, Verdict::kSlowDown},
    {413, 414, Verdict::kEventRefused},   {422, 422, Verdict::kEventRefused},
    {300, 499, Verdict::kAccountAtFault}, {504, 504, Verdict::kTimedOut},
};

constexpr bool is_success(unsigned status) noexcept { return status >= 200 && status <= 299; }

constexpr bool is_escape_letter(char c) noexcept {
    return std::string_view("\"\\/bfnrtu").find(c) != std::string_view::npos;
}

constexpr bool is_hex_digit(char c) noexcept {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

/// nullptr for a code that nobody knows.
const Verdict* judge_code(std::string_view code) noexcept {
    const auto* at = std::find_if(std::begin(kCodes), std::end(kCodes),
                                  [code](const CodeMeaning& known) { return known.code == code; });
    return at == std::end(kCodes) ? nullptr : &at->verdict;
}

bool names_key(std::string_view message) noexcept {
    return std::search(message.begin(), message.end(), kKeyParameter.begin(), kKeyParameter.end(),
                       [](char a, char b) { return to_lower(a) == b; }) != message.end();
}

Verdict judge_status(unsigned status) noexcept {
    for (const StatusMeaning& known : kStatuses) {
        if (status >= known.from && status <= known.to) {
            return known.verdict;
        }
    }
    return Verdict::kTransient;
}

}  // namespace

void AnswerReader::feed(std::string_view piece) noexcept {
    if (!is_followed_ && held_bytes_ + piece.size() <= kMaxTokenBytes) {
        hold(piece);  // a short answer has no long strings
        return;
    }
    if (!is_followed_) {
        is_followed_ = true;
        for (const char c : std::string_view(held_, held_bytes_)) {
            (void)keeps(c);
        }
    }
    std::size_t from = 0;
    for (std::size_t i = 0; i < piece.size(); i++) {
        if (!keeps(piece[i])) {
            hold(piece.substr(from, i - from));
            from = i + 1;
        }
    }
    hold(piece.substr(from));
}

/// False for bytes behind the start of a long string or number; the cut never splits an escape.
bool AnswerReader::keeps(char c) noexcept {
    token_bytes_++;
    if (!in_string_) {
        in_string_ = c == '"';
        is_cut_ = false;
        if (in_string_ || !is_digit(c)) {
            token_bytes_ = 0;
        }
        return token_bytes_ <= kMaxTokenBytes;  // digits of a number
    }
    if (escape_left_ != 0) {
        // The second byte of an escape tells whether four more belong to it.
        const bool is_second = escape_left_ == kEscapeBegun;
        escape_left_ = is_second ? (c == 'u' ? 4 : 0) : escape_left_ - 1;
        is_bad_ = is_bad_ || !(is_second ? is_escape_letter(c) : is_hex_digit(c));
        return !is_cut_;
    }
    is_bad_ = is_bad_ || static_cast<unsigned char>(c) < ' ';
    if (c == '"') {
        in_string_ = false;
        token_bytes_ = 0;
        return true;
    }
    is_cut_ = is_cut_ || token_bytes_ > kMaxTokenBytes;
    if (c == '\\') {
        escape_left_ = kEscapeBegun;
    }
    return !is_cut_;
}

/// Collects the bytes that are left of the answer; more than kMaxHeldBytes of them are parsed at
/// once.
void AnswerReader::hold(std::string_view text) noexcept {
    while (!text.empty() && !broken_) {
        if (held_bytes_ == room_bytes_ && !grow(text.size())) {
            broken_ = true;
            return;
        }
        const std::size_t size = text.copy(held_ + held_bytes_, room_bytes_ - held_bytes_);
        held_bytes_ += size;
        text.remove_prefix(size);
        if (held_bytes_ == kMaxHeldBytes) {
            const std::size_t whole = whole_tokens_bytes({held_, held_bytes_});
            parse(whole == 0 ? held_bytes_ : whole);
        }
    }
}

bool AnswerReader::grow(std::size_t more_bytes) noexcept {
    const std::size_t wanted_bytes = std::max(room_bytes_ * 2, room_bytes_ + more_bytes);
    const std::size_t room_bytes = std::min(wanted_bytes, kMaxHeldBytes);
    char* room = static_cast<char*>(arena_.allocate(room_bytes));
    if (room != nullptr) {
        std::copy(held_, held_ + held_bytes_, room);
        arena_.release(held_, room_bytes_);
        held_ = room;
        room_bytes_ = room_bytes;
    }
    return room != nullptr;
}

void AnswerReader::parse(std::size_t size_bytes) noexcept {
    broken_ = broken_ || reader_.feed({{held_, size_bytes}, false}) != JsonStatus::kOk;
    std::copy(held_ + size_bytes, held_ + held_bytes_, held_);
    held_bytes_ -= size_bytes;
}

const Answer& AnswerReader::finish() noexcept {
    parse(held_bytes_);
    broken_ = broken_ || is_bad_ || reader_.finish() != JsonStatus::kOk || arena_.failed();
    if (broken_) {
        answer_ = {};
    }
    return answer_;
}

bool AnswerReader::on_key(std::string_view raw) noexcept {
    std::string_view key = raw;
    char unescaped[kLongestNameBytes];
    if (raw.size() <= sizeof(unescaped) && raw.find('\\') != std::string_view::npos) {
        key = {unescaped, unescape(raw, unescaped)};
    }
    place_ = Place::kElsewhere;
    if (depth_ == 1) {
        place_ = key == "request_id" ? Place::kRequestId
                 : key == "data"     ? Place::kData
                 : key == "error"    ? Place::kError
                                     : Place::kElsewhere;
        answer_.has_request_id |= place_ == Place::kRequestId;
        answer_.has_data |= place_ == Place::kData;
    } else if (depth_ == 2 && in_data_) {
        place_ = key == "alert_key" ? Place::kAlertKey : Place::kElsewhere;
    } else if (depth_ == 2 && in_error_) {
        place_ = key == "code"      ? Place::kCode
                 : key == "message" ? Place::kMessage
                                    : Place::kElsewhere;
    }
    return true;
}

bool AnswerReader::start(bool is_object) noexcept {
    depth_++;
    if (depth_ == 1) {
        answer_.is_object = is_object;
    } else if (depth_ == 2) {
        in_error_ = is_object && place_ == Place::kError;
        in_data_ = is_object && place_ == Place::kData;
        answer_.has_error |= place_ == Place::kError;
    }
    place_ = Place::kElsewhere;
    return true;
}

bool AnswerReader::end() noexcept {
    depth_--;
    place_ = Place::kElsewhere;
    return true;
}

bool AnswerReader::scalar(std::string_view raw) noexcept {
    answer_.has_error |= place_ == Place::kError;
    answer_.has_alert_key |= place_ == Place::kAlertKey && !raw.empty();
    if (place_ == Place::kRequestId) {
        keep(raw, answer_.request_id, request_id_room_);
    } else if (place_ == Place::kCode) {
        keep(raw, answer_.code, code_room_);
    } else if (place_ == Place::kMessage) {
        keep(raw, answer_.message, message_room_);
    }
    return !arena_.failed();
}

/// Reuses the room of the previous text, if there was one: an answer may repeat a member as often
/// as it likes.
void AnswerReader::keep(std::string_view raw, std::string_view& kept, Room& room) noexcept {
    answer_.is_cut |= raw.size() + kLongestEscapeBytes >= kMaxTokenBytes;
    const ReadString read = read_string_apart(arena_, raw, reader_.form());
    if (read.text.size() > room.size_bytes) {
        arena_.release(room.memory, room.size_bytes);
        room.size_bytes = std::max(read.text.size(), 2 * room.size_bytes);
        room.memory = static_cast<char*>(arena_.allocate(room.size_bytes));
    }
    kept = {};
    if (room.memory != nullptr) {
        kept = {room.memory, read.text.copy(room.memory, read.text.size())};
    }
    arena_.release(read.memory, read.memory_bytes);
}

Verdict judge(const PushEnd& end, const Answer& answer) noexcept {
    const Verdict by_status = judge_status(end.http_status);
    const bool is_busy = end.http_status == 429 || end.http_status / 100 == 5;
    const bool is_success_status = is_success(end.http_status);
    if (end.encoded && (is_success_status || end.http_status == 400)) {
        return Verdict::kTransient;  // the answer cannot be read
    }
    if (!end.whole || !answer.is_object) {
        return by_status;
    }
    const Verdict* by_code = judge_code(answer.code);
    if (by_code != nullptr && (!is_busy || *by_code == Verdict::kSlowDown)) {
        if (*by_code == Verdict::kEventRefused && answer.code == "InvalidParameter" &&
            names_key(answer.message)) {
            return Verdict::kAccountAtFault;
        }
        const bool timed_out = *by_code == Verdict::kTransient && by_status == Verdict::kTimedOut;
        return timed_out ? Verdict::kTimedOut : *by_code;
    }
    if (answer.has_error && (is_success_status || end.http_status == 400)) {
        return Verdict::kEventRefused;
    }
    const bool is_yes = !answer.has_error && (answer.has_request_id || answer.has_data);
    return is_success_status && is_yes ? Verdict::kDelivered : by_status;
}

}  // namespace flashduty
