#include "line_message.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace flashduty {

namespace {

// First byte of a message: its type. A change of the format takes a new byte.
constexpr char kWokenTag = 'W';
constexpr char kVerdictTag = 'V';
constexpr char kIntroductionTag = 'I';

constexpr std::size_t kMaxTextBytes = 4 * 1024;
static_assert(3 * kMaxTextBytes + sizeof(PushVerdict) < kMaxLineMessageBytes);

constexpr std::size_t kWokenPerMessage = kMaxLineMessageBytes / sizeof(Woken) - 1;

template <class Number>
void put(std::string& message, Number number) {
    message.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void put_text(std::string& message, std::string_view text) {
    text = text.substr(0, kMaxTextBytes);
    put(message, static_cast<std::uint32_t>(text.size()));
    message.append(text);
}

template <class Number>
bool take(std::string_view& message, Number& number) {
    if (message.size() < sizeof(number)) {
        return false;
    }
    std::memcpy(&number, message.data(), sizeof(number));
    message.remove_prefix(sizeof(number));
    return true;
}

bool take_text(std::string_view& message, std::string& text) {
    std::uint32_t size = 0;
    if (!take(message, size) || message.size() < size) {
        return false;
    }
    text = message.substr(0, size);
    message.remove_prefix(size);
    return true;
}

bool take_tag(std::string_view& message, char tag) {
    char found = 0;
    return take(message, found) && found == tag;
}

/// Number of a fate in messages. The numbers are those of 1.0.0, whose workers may be at the other
/// end.
constexpr std::uint8_t kFateNumbers[] = {1, 3, 2};
static_assert(std::size(kFateNumbers) == kFates);

std::uint8_t number_of(Fate fate) { return kFateNumbers[static_cast<std::size_t>(fate)]; }

bool take_fate(std::string_view& message, Fate& fate) {
    std::uint8_t number = 0;
    if (!take(message, number)) {
        return false;
    }
    const auto* found = std::find(std::begin(kFateNumbers), std::end(kFateNumbers), number);
    fate = static_cast<Fate>(found - std::begin(kFateNumbers));
    return fate != Fate::kCount;
}

}  // namespace

std::uint64_t server_mark(std::string_view server) noexcept {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const char c : server) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
    return hash;
}

std::string write_introduction(const Introduction& introduction) {
    std::string message(1, kIntroductionTag);
    put(message, introduction.instance);
    for (const std::uint64_t server : introduction.servers) {
        put(message, server);
    }
    return message.size() > kMaxLineMessageBytes ? std::string() : message;
}

bool read_introduction(std::string_view message, Introduction& introduction) {
    if (!take_tag(message, kIntroductionTag) || !take(message, introduction.instance)) {
        return false;
    }
    introduction.servers.clear();
    for (std::uint64_t server = 0; take(message, server);) {
        introduction.servers.push_back(server);
    }
    return true;
}

std::vector<std::string> write_woken(const std::vector<Woken>& woken) {
    std::vector<std::string> messages;
    for (std::size_t from = 0; from < woken.size(); from += kWokenPerMessage) {
        std::string message(1, kWokenTag);
        const std::size_t end = std::min(woken.size(), from + kWokenPerMessage);
        for (std::size_t i = from; i < end; i++) {
            put(message, woken[i].event_id);
            put(message, woken[i].target_id);
        }
        messages.push_back(std::move(message));
    }
    return messages;
}

std::vector<Woken> read_woken(std::string_view message) {
    std::vector<Woken> woken;
    Woken one;
    if (take_tag(message, kWokenTag)) {
        while (take(message, one.event_id) && take(message, one.target_id)) {
            woken.push_back(one);
        }
    }
    return woken;
}

std::string write_verdict(const PushVerdict& verdict) {
    std::string message(1, kVerdictTag);
    put(message, verdict.event_id);
    put(message, number_of(verdict.fate));
    put(message, verdict.http_status);
    put(message, verdict.push_time_ms);
    put_text(message, verdict.code);
    put_text(message, verdict.request_id);
    put_text(message, verdict.reason);
    return message;
}

bool read_verdict(std::string_view message, PushVerdict& verdict) {
    return take_tag(message, kVerdictTag) && take(message, verdict.event_id) &&
           take_fate(message, verdict.fate) && take(message, verdict.http_status) &&
           take(message, verdict.push_time_ms) && take_text(message, verdict.code) &&
           take_text(message, verdict.request_id) && take_text(message, verdict.reason);
}

}  // namespace flashduty
