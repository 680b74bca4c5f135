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
constexpr char kOrderTag = 'O';
constexpr char kOrderDoneTag = 'D';

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

std::string write_order(const Order& order) {
    std::string message(1, kOrderTag);
    put(message, order.number);
    put(message, order.kind);
    put(message, order.change.kind);
    put(message, order.change.event_id);
    put(message, order.change.filter.target_id);
    put(message, order.change.after);
    put(message, order.target_id);
    put(message, order.pause_ms);
    put(message, order.place);
    put_text(message, order.change.filter.key);
    put_text(message, order.change.filter.text);
    put_text(message, order.change.server);
    put_text(message, order.change.location);
    return message;
}

/// False for a filter that was cut: it would mean more than was ordered.
bool read_order(std::string_view message, Order& order) {
    EventChange& change = order.change;
    return take_tag(message, kOrderTag) && take(message, order.number) &&
           take(message, order.kind) && order.kind < Order::Kind::kCount &&
           take(message, change.kind) && change.kind < EventChange::Kind::kCount &&
           take(message, change.event_id) && take(message, change.filter.target_id) &&
           take(message, change.after) && take(message, order.target_id) &&
           take(message, order.pause_ms) && take(message, order.place) &&
           take_text(message, change.filter.key) && take_text(message, change.filter.text) &&
           take_text(message, change.server) && take_text(message, change.location) &&
           change.filter.key.size() <= kMaxFilterBytes &&
           change.filter.text.size() <= kMaxFilterBytes;
}

std::string write_order_done(const OrderDone& done) {
    std::string message(1, kOrderDoneTag);
    put(message, done.number);
    put(message, static_cast<std::uint8_t>(done.is_done));
    put(message, static_cast<std::uint8_t>(done.is_found));
    put(message, done.done);
    put(message, done.busy);
    put(message, done.superseded);
    put(message, done.next);
    put_text(message, done.reason);
    return message;
}

bool read_order_done(std::string_view message, OrderDone& done) {
    std::uint8_t is_done = 0, is_found = 0;
    if (!take_tag(message, kOrderDoneTag) || !take(message, done.number) ||
        !take(message, is_done) || !take(message, is_found) || !take(message, done.done) ||
        !take(message, done.busy) || !take(message, done.superseded) || !take(message, done.next) ||
        !take_text(message, done.reason)) {
        return false;
    }
    done.is_done = is_done != 0;
    done.is_found = is_found != 0;
    return true;
}

}  // namespace flashduty
