#include "postgres_channel.hpp"

#include <algorithm>
#include <array>

namespace flashduty {

namespace {

// The sender waits for no standby: nothing is lost with a message.
constexpr char kNotify[] =
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify(n.channel, n.payload)"
    " FROM unnest($1::text[], $2::text[]) AS n (channel, payload)";

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// FNV-1a, from a start of one's own.
std::uint64_t hash(std::string_view text, std::uint64_t value) noexcept {
    for (const char c : text) {
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return value;
}

void add_hex(std::string& text, std::uint64_t value) noexcept {
    for (int shift = 60; shift >= 0; shift -= 4) {
        text += "0123456789abcdef"[value >> shift & 15];
    }
}

int digit_of(char c) noexcept {
    const char* at = std::find(kDigits, kDigits + 64, c);
    return at == kDigits + 64 ? -1 : static_cast<int>(at - kDigits);
}

}  // namespace

std::string channel_name(std::string_view schema, std::string_view name) noexcept {
    std::string whole(schema);
    whole += '\0';
    whole += name;
    std::string channel = "flashduty_";
    add_hex(channel, hash(whole, 0xcbf29ce484222325U));
    add_hex(channel, hash(whole, 0x84222325cbf29ce4U));
    return channel;
}

std::string write_payload(char tag, std::string_view bytes) noexcept {
    std::string text;
    if (bytes.size() > kMaxPayloadBytes) {
        return text;
    }
    text += tag;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3);
        unsigned value = 0;
        for (std::size_t k = 0; k < 3; k++) {
            value = value << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k <= count; k++) {
            text += kDigits[value >> (18 - 6 * k) & 63];
        }
    }
    return text;
}

bool read_payload(std::string_view payload, char& tag, std::string& bytes) noexcept {
    bytes.clear();
    if (payload.empty() || payload.size() % 4 == 2) {
        return false;
    }
    tag = payload[0];
    unsigned value = 0;
    int bits = 0;
    for (const char c : payload.substr(1)) {
        const int digit = digit_of(c);
        if (digit < 0) {
            return false;
        }
        value = value << 6 | static_cast<unsigned>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(value >> bits & 255);
        }
    }
    return true;
}

void PostgresChannel::close() noexcept {
    connection_.close();
    waiting_.clear();
    is_sending_ = wants_to_write_ = false;
}

bool PostgresChannel::connect(const std::vector<std::string>& channels,
                              PgDeadline deadline) noexcept {
    close();
    if (!connection_.connect(deadline)) {
        return false;
    }
    PgRows rows;
    return std::all_of(channels.begin(), channels.end(), [&](const std::string& channel) {
        return connection_.run(("LISTEN \"" + channel + "\"").c_str(), {}, rows, deadline) ==
               PgStatus::kOk;
    });
}

bool PostgresChannel::send_some() noexcept {
    if (is_sending_ || waiting_.empty()) {
        return true;
    }
    const std::size_t count = std::min(waiting_.size(), kMostAtOnce);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    PgValues values;
    for (auto member : {&std::pair<std::string, std::string>::first,
                        &std::pair<std::string, std::string>::second}) {
        values.begin();
        std::for_each(waiting_.begin(), end,
                      [&](const auto& one) { values.element(std::string_view(one.*member)); });
        values.end();
    }
    waiting_.erase(waiting_.begin(), end);
    is_sending_ = true;
    return connection_.post(kNotify, values, wants_to_write_);
}

void PostgresChannel::notify(const std::string& channel, std::string payload) noexcept {
    if (!is_connected() || payload.empty()) {
        return;
    }
    if (waiting_.size() == kMostWaiting) {
        waiting_.pop_front();
    }
    waiting_.emplace_back(channel, std::move(payload));
    // A failure here is noticed by the next pump().
    (void)send_some();
}

bool PostgresChannel::pump(std::vector<PgNotification>& received) noexcept {
    if (!connection_.pump(wants_to_write_)) {
        close();
        return false;
    }
    PgNotification notification;
    while (connection_.take_notification(notification)) {
        received.push_back(std::move(notification));
    }
    is_sending_ = is_sending_ && !connection_.is_posted();
    if (!send_some()) {
        close();
        return false;
    }
    return true;
}

}  // namespace flashduty
