#include "push_trouble.hpp"

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

/// Part of the line that completes the sentence, where the table does not know it.
enum class Detail { kNone, kInBrackets, kTls };

struct TroubleRow {
    std::string_view begins;  ///< start of the message
    std::string_view holds;   ///< text somewhere behind it
    std::string_view trouble;
    Detail detail = Detail::kNone;
};

constexpr std::string_view kNotReached = "Flashduty could not be reached: ";
constexpr std::string_view kNoTls = "TLS failed: no TLS is spoken at that port";
constexpr std::string_view kWrongCa = "TLS failed: its certificate is of a CA that is not trusted";
constexpr std::string_view kReset = "the connection was reset";
constexpr std::string_view kTimedOut = "the connection timed out";

/// The first match counts. Words of nginx since 1.22, and of OpenSSL since 1.1.1.
constexpr TroubleRow kTroubles[] = {
    {"connect() ", "refused", "the connection was refused"},
    {"connect() ", "timed out", kTimedOut},
    {"connect() ", "reset by peer", kReset},
    {"connect() ", "failed (", "the connection failed", Detail::kInBrackets},
    {"upstream timed out", "while connecting", kTimedOut},
    {"upstream timed out", "while SSL handshaking", "TLS failed: the handshake timed out"},
    {"no live upstreams", "",
     "nginx has given up all its addresses: add max_fails=0 to its server"},
    {"no resolver defined", "", "its name was not resolved (no resolver defined)"},

    {"upstream SSL certificate verify error: (10:", "", "TLS failed: its certificate has expired"},
    {"upstream SSL certificate verify error: (9:", "",
     "TLS failed: its certificate is not valid yet, or this host's clock is slow"},
    {"upstream SSL certificate verify error: (2:", "", kWrongCa, Detail::kInBrackets},
    {"upstream SSL certificate verify error: (18:", "", kWrongCa, Detail::kInBrackets},
    {"upstream SSL certificate verify error: (19:", "", kWrongCa, Detail::kInBrackets},
    {"upstream SSL certificate verify error: (20:", "", kWrongCa, Detail::kInBrackets},
    {"upstream SSL certificate verify error: (21:", "", kWrongCa, Detail::kInBrackets},
    {"upstream SSL certificate verify error: ", "", "TLS failed: its certificate is not accepted",
     Detail::kInBrackets},
    {"upstream SSL certificate does not match", "",
     "TLS failed: its certificate is for another name"},
    {"SSL_do_handshake() failed", "wrong version number", kNoTls},
    {"SSL_do_handshake() failed", "record layer failure", kNoTls},
    {"SSL_do_handshake() failed", "packet length too long", kNoTls},
    {"SSL_do_handshake() failed", "unknown protocol", kNoTls},
    {"SSL_do_handshake() failed", "http request", kNoTls},
    {"SSL_do_handshake() failed", "reset by peer", "TLS failed: the connection was reset"},
    {"SSL_do_handshake() failed", "", "TLS failed", Detail::kTls},
    {"peer closed connection in SSL handshake", "", "TLS failed: the connection was closed"},

    {"upstream prematurely closed", "while reading response header",
     "the connection was closed without an answer"},
    {"upstream sent no valid HTTP", "", "what answered does not speak HTTP"},
    {"upstream sent too big header", "", "the answer's header is larger than proxy_buffer_size"},
    {"upstream sent invalid header", "", "the answer's header is not valid"},
};

constexpr std::string_view kFailedCalls[] = {"recv() ",  "readv() ",    "send() ",     "writev() ",
                                             "sendfile", "SSL_read() ", "SSL_write() "};

bool begins_with(std::string_view text, std::string_view start) noexcept {
    return text.substr(0, start.size()) == start;
}

bool holds(std::string_view text, std::string_view part) noexcept {
    return text.find(part) != std::string_view::npos;
}

/// Message without the time, level, process and connection before it, and without the request
/// behind it.
std::string_view message_of(std::string_view line) noexcept {
    const std::size_t process = line.find('#');
    const std::size_t colon = line.find(": ", process);
    if (process == std::string_view::npos || colon == std::string_view::npos) {
        return {};
    }
    line.remove_prefix(colon + 2);
    if (begins_with(line, "*")) {
        line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
    }
    for (const std::string_view context : {", client: ", ", server: "}) {
        line = line.substr(0, line.find(context));
    }
    return line;
}

/// Words of `(3: Host not found)`.
std::string_view in_brackets(std::string_view text) noexcept {
    const std::size_t open = text.rfind('(');
    const std::size_t colon = text.find(':', open);
    if (open == std::string_view::npos || colon == std::string_view::npos) {
        return {};
    }
    const std::string_view words = text.substr(colon + 1);
    return trim(words.substr(0, words.find(')')));
}

/// Words of `(SSL: error:0A000410:SSL routines::sslv3 alert handshake failure:SSL alert ...)`.
std::string_view tls_words(std::string_view text) noexcept {
    constexpr std::string_view kBefore = "SSL routines:";
    const std::size_t routines = text.find(kBefore);
    const std::size_t colon =
        routines == std::string_view::npos ? routines : text.find(':', routines + kBefore.size());
    if (colon == std::string_view::npos) {
        return {};
    }
    const std::string_view words = text.substr(colon + 1);
    return words.substr(0, words.find_first_of(":)"));
}

std::string_view with_detail(Arena& arena, std::string_view trouble,
                             std::string_view detail) noexcept {
    if (detail.empty()) {
        return concat(arena, kNotReached, trouble);
    }
    return concat(arena, kNotReached, trouble, std::string_view(" ("), detail,
                  std::string_view(")"));
}

/// True for an established connection that broke.
bool is_broken(std::string_view message) noexcept {
    for (const std::string_view call : kFailedCalls) {
        if (begins_with(message, call)) {
            return holds(message, "reset by peer") || holds(message, "Broken pipe");
        }
    }
    return false;
}

}  // namespace

std::string_view trouble_of(Arena& arena, std::string_view line) noexcept {
    const std::string_view message = message_of(line);
    if (holds(message, " could not be resolved (")) {
        return with_detail(arena, "its name was not resolved", in_brackets(message));
    }
    if (is_broken(message)) {
        return holds(message, "while reading upstream")
                   ? "Flashduty's answer was cut: the connection was reset"
                   : concat(arena, kNotReached, kReset);
    }
    for (const TroubleRow& row : kTroubles) {
        if (begins_with(message, row.begins) && holds(message, row.holds)) {
            const std::string_view detail = row.detail == Detail::kInBrackets ? in_brackets(message)
                                            : row.detail == Detail::kTls      ? tls_words(message)
                                                                              : std::string_view{};
            return with_detail(arena, row.trouble, detail);
        }
    }
    return {};
}

}  // namespace flashduty
