// nginx's log line about a failed push becomes a sentence.
#include "push_trouble.hpp"

#include "support.hpp"

using flashduty::trouble_of;

namespace {

struct Row {
    const char* says;
    const char* message;
    const char* expected;  ///< behind "Flashduty could not be reached: "
};

const std::vector<Row> kRows = {
    {"a refused connection",
     "connect() failed (111: Connection refused) while connecting to upstream",
     "the connection was refused"},
    {"one that is refused at once", "connect() to 127.0.0.1:9 failed (111: Connection refused)",
     "the connection was refused"},
    {"one that nobody answers",
     "upstream timed out (110: Connection timed out) while connecting to upstream",
     "the connection timed out"},
    {"one that the kernel gives up",
     "connect() failed (110: Connection timed out) while connecting to upstream",
     "the connection timed out"},
    {"no way there", "connect() to [2001:db8::1]:443 failed (101: Network is unreachable)",
     "the connection failed (Network is unreachable)"},
    {"a reset",
     "recv() failed (104: Connection reset by peer) while reading response header from "
     "upstream",
     "the connection was reset"},
    {"a reset while sending", "writev() failed (32: Broken pipe) while sending request to upstream",
     "the connection was reset"},
    {"a closed connection",
     "upstream prematurely closed connection while reading response header from upstream",
     "the connection was closed without an answer"},
    {"an unknown name", "api.flashcat.cloud could not be resolved (3: Host not found)",
     "its name was not resolved (Host not found)"},
    {"a silent resolver", "api.flashcat.cloud could not be resolved (110: Operation timed out)",
     "its name was not resolved (Operation timed out)"},
    {"no resolver", "no resolver defined to resolve api.flashcat.cloud",
     "its name was not resolved (no resolver defined)"},
    {"an expired certificate",
     "upstream SSL certificate verify error: (10:certificate has expired) while SSL handshaking to "
     "upstream",
     "TLS failed: its certificate has expired"},
    {"a CA that is not known",
     "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL "
     "handshaking to upstream",
     "TLS failed: its certificate is of a CA that is not trusted (unable to get local issuer "
     "certificate)"},
    {"another flaw of a certificate",
     "upstream SSL certificate verify error: (26:unsupported certificate purpose) while SSL "
     "handshaking to upstream",
     "TLS failed: its certificate is not accepted (unsupported certificate purpose)"},
    {"another name",
     "upstream SSL certificate does not match \"api.flashcat.cloud\" while SSL handshaking to "
     "upstream",
     "TLS failed: its certificate is for another name"},
    {"plain HTTP",
     "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL "
     "handshaking to upstream",
     "TLS failed: no TLS is spoken at that port"},
    {"an alert of OpenSSL 3",
     "SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake "
     "failure:SSL alert number 40) while SSL handshaking to upstream",
     "TLS failed (sslv3 alert handshake failure)"},
    {"an alert of OpenSSL 1.1.1",
     "SSL_do_handshake() failed (SSL: error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert "
     "handshake failure:SSL alert number 40) while SSL handshaking to upstream",
     "TLS failed (sslv3 alert handshake failure)"},
    {"a handshake that ends",
     "peer closed connection in SSL handshake while SSL handshaking to upstream",
     "TLS failed: the connection was closed"},
    {"a handshake that stalls",
     "upstream timed out (110: Connection timed out) while SSL handshaking to upstream",
     "TLS failed: the handshake timed out"},
    {"no address left", "no live upstreams while connecting to upstream",
     "nginx has given up all its addresses: add max_fails=0 to its server"},
    {"no HTTP",
     "upstream sent no valid HTTP/1.0 header while reading response header from upstream",
     "what answered does not speak HTTP"},
};

constexpr const char* kBefore = "2026/01/02 03:04:05 [error] 12#12: ";
constexpr const char* kNotReached = "Flashduty could not be reached: ";

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    HeapArena arena;
    for (const char* number : {"", "*17 "}) {
        for (const char* context :
             {"", ", client: 127.0.0.1, server: a, request: \"POST / HTTP/1.1\"", ", server: a"}) {
            const std::string line = std::string(kBefore) + number + row.message + context + "\n";
            assert_text(trouble_of(arena, line), kNotReached + std::string(row.expected));
        }
    }
}

void a_reset_in_the_answer_has_cut_it(void**) {
    HeapArena arena;
    assert_text(trouble_of(arena, std::string(kBefore) +
                                      "*1 recv() failed (104: Connection reset by peer) while "
                                      "reading upstream, client: 127.0.0.1"),
                "Flashduty's answer was cut: the connection was reset");
}

void what_a_caller_sends_is_no_trouble(void**) {
    HeapArena arena;
    for (const char* message :
         {"*1 client 127.0.0.1 closed keepalive connection",
          "*1 delaying request, client: a, request: \"POST /connect() failed refused\"",
          "*1 \"x\" is odd, client: a, referrer: \"a could not be resolved (3: no)\"",
          "upstream timed out (110: Connection timed out) while reading response header from "
          "upstream"}) {
        assert_text(trouble_of(arena, std::string(kBefore) + message), "");
    }
}

void what_is_no_line_of_a_log_is_no_trouble(void**) {
    HeapArena arena;
    for (const char* line : {"", "#", "1#1: ", "1#1: *", "1#1: *1", "connect() failed refused",
                             "1#1: connect() ", "1#1: SSL_do_handshake() faile"}) {
        assert_text(trouble_of(arena, line), "");
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_reset_in_the_answer_has_cut_it),
        cmocka_unit_test(what_a_caller_sends_is_no_trouble),
        cmocka_unit_test(what_is_no_line_of_a_log_is_no_trouble),
    };
    add_rows(tests, kRows, check_row);
    return run("push_trouble", tests);
}
