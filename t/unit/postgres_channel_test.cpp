// Messages by NOTIFY, on sockets that nobody waits at but poll().
#include "postgres_channel.hpp"

#include <poll.h>

#include "postgres_place.hpp"

using flashduty::channel_name;
using flashduty::PgNotification;
using flashduty::PostgresChannel;
using flashduty::read_payload;
using flashduty::write_payload;

namespace {

flashduty::PgDeadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

/// Runs both ends' sockets until `to` has so many messages.
void pump(PostgresChannel& from, PostgresChannel& to, std::vector<PgNotification>& received,
          std::size_t count) {
    std::vector<PgNotification> ignored;
    while (received.size() < count && std::chrono::steady_clock::now() < soon()) {
        struct pollfd sockets[2] = {{from.socket(), POLLIN, 0}, {to.socket(), POLLIN, 0}};
        sockets[0].events = static_cast<short>(POLLIN | (from.wants_to_write() ? POLLOUT : 0));
        assert_true(::poll(sockets, 2, 30'000) > 0);
        assert_true(sockets[0].revents == 0 || from.pump(ignored));
        assert_true(sockets[1].revents == 0 || to.pump(received));
    }
}

void a_payload_carries_any_bytes_and_a_tag(void**) {
    std::string bytes;
    for (int i = 0; i < 256; i++) {
        char tag = 0;
        std::string back;
        assert_true(read_payload(write_payload('w', bytes), tag, back));
        assert_true(tag == 'w' && back == bytes);
        bytes += static_cast<char>(i);
    }
    char tag = 0;
    std::string back;
    for (const char* text : {"", "wA", "w\x01\x02\x03", "w===="}) {
        assert_false(read_payload(text, tag, back));
    }
    assert_true(write_payload('w', std::string(flashduty::kMaxPayloadBytes, 'x')).size() < 8'000);
    assert_text(write_payload('w', std::string(flashduty::kMaxPayloadBytes + 1, 'x')), "");
}

void channels_have_short_names_of_their_own(void**) {
    const std::string name = channel_name("flashduty", std::string(200, 'e'));
    assert_true(name.size() < 63);
    assert_true(name != channel_name("flashduty", std::string(201, 'e')));
    assert_true(channel_name("a", "bc") != channel_name("ab", "c"));
    assert_text(channel_name("flashduty", "woken"), channel_name("flashduty", "woken"));
}

void messages_arrive_in_their_order(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    PostgresChannel leader(place.options().server), edge(place.options().server);
    const std::string woken = channel_name("place", "woken");
    assert_true(leader.connect({woken, channel_name("place", "other")}, soon()));
    assert_true(edge.connect({}, soon()));
    std::vector<PgNotification> received;
    for (int i = 0; i < 300; i++) {
        edge.notify(woken, write_payload('w', std::to_string(i) + std::string(5'000, '.')));
    }
    edge.notify(channel_name("place", "nobody"), write_payload('w', "unheard"));
    pump(edge, leader, received, 300);
    assert_int_equal(received.size(), 300);
    for (int i = 0; i < 300; i++) {
        char tag = 0;
        std::string bytes;
        assert_text(received[static_cast<std::size_t>(i)].channel, woken);
        assert_true(read_payload(received[static_cast<std::size_t>(i)].payload, tag, bytes));
        assert_text(bytes.substr(0, bytes.find('.')), std::to_string(i));
    }
}

void a_connection_that_ends_is_noticed(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    flashduty::PgOptions options = place.options().server;
    options.name = "flashduty/channel";
    PostgresChannel edge(options);
    assert_true(edge.connect({channel_name("place", "edge")}, soon()));
    place.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'flashduty/channel'");
    struct pollfd socket = {edge.socket(), POLLIN, 0};
    assert_int_equal(::poll(&socket, 1, 30'000), 1);
    std::vector<PgNotification> received;
    while (edge.pump(received)) {
        (void)::poll(&socket, 1, 1'000);
    }
    assert_int_equal(edge.socket(), -1);
    assert_true(!edge.error().empty());
    edge.notify("x", "ignored");
    assert_true(edge.connect({}, soon()));
}

}  // namespace

int main() {
    if (!has_postgres("postgres_channel")) {
        return 0;
    }
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_payload_carries_any_bytes_and_a_tag),
        cmocka_unit_test(channels_have_short_names_of_their_own),
        cmocka_unit_test(messages_arrive_in_their_order),
        cmocka_unit_test(a_connection_that_ends_is_noticed),
    };
    return run("postgres_channel", tests);
}
