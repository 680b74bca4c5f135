#include "postgres_ear.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <iterator>
#include <thread>
#include <utility>

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kConnect{2'000};
constexpr int kAgainMs = 250;
/// Least time between two statements: each NOTIFY takes a lock that all of a server's share.
constexpr milliseconds kBetween{5};
/// Longest time without a look at the connection.
constexpr int kLookMs = 10'000;

}  // namespace

PostgresEar::PostgresEar(PgOptions server, std::vector<std::string> channels,
                         const Listener& listener) noexcept
    : channel_(std::move(server)),
      channels_(std::move(channels)),
      listener_(listener),
      bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    (void)thread_.start<&PostgresEar::run>(*this);
}

PostgresEar::~PostgresEar() {
    thread_.tell_to_end();
    ring();
    thread_.end();
    (void)::close(bell_);
}

bool PostgresEar::end_within(std::chrono::seconds patience) noexcept {
    // Rings behind the order to end, or the thread would sleep on.
    thread_.tell_to_end();
    ring();
    return thread_.end_within(patience);
}

void PostgresEar::ring() noexcept {
    const std::uint64_t one = 1;
    if (::write(bell_, &one, sizeof(one)) != sizeof(one)) {
        return;  // full, and heard
    }
}

void PostgresEar::say(const std::string& channel, std::string payload) noexcept {
    {
        const std::lock_guard<std::mutex> guard(thread_.mutex());
        if (!hears_) {
            return;
        }
        out_.push_back({channel, std::move(payload)});
    }
    ring();
}

std::vector<PgNotification> PostgresEar::take() noexcept {
    const std::lock_guard<std::mutex> guard(thread_.mutex());
    return std::exchange(in_, {});
}

// -------------------------------------------------------------------- in the thread

void PostgresEar::wait(int timeout_ms) noexcept {
    const auto events = static_cast<short>(channel_.wants_to_write() ? POLLIN | POLLOUT : POLLIN);
    struct pollfd descriptors[] = {{bell_, POLLIN, 0}, {channel_.socket(), events, 0}};
    (void)::poll(descriptors, channel_.is_connected() ? 2 : 1, timeout_ms);
    std::uint64_t rings = 0;
    if (::read(bell_, &rings, sizeof(rings)) < 0) {
        return;  // it has not rung
    }
}

void PostgresEar::run() noexcept {
    while (!thread_.is_ending()) {
        if (channel_.is_connected() || connect()) {
            exchange();
        } else {
            wait(kAgainMs);
        }
    }
}

bool PostgresEar::connect() noexcept {
    {
        const std::lock_guard<std::mutex> guard(thread_.mutex());
        hears_ = false;
        out_.clear();
    }
    hears_ = channel_.connect(channels_, Clock::now() + kConnect);
    if (!hears_) {
        channel_.close();
    }
    return hears_;
}

void PostgresEar::exchange() noexcept {
    wait(kLookMs);
    std::vector<PgNotification> out, in;
    {
        const std::lock_guard<std::mutex> guard(thread_.mutex());
        out = std::exchange(out_, {});
    }
    for (PgNotification& one : out) {
        channel_.notify(one.channel, std::move(one.payload));
    }
    if (!channel_.pump(in)) {
        return;
    }
    if (!in.empty()) {
        {
            const std::lock_guard<std::mutex> guard(thread_.mutex());
            in_.insert(in_.end(), std::make_move_iterator(in.begin()),
                       std::make_move_iterator(in.end()));
        }
        listener_.on_news(listener_.owner);
    }
    std::this_thread::sleep_for(kBetween);
}

}  // namespace flashduty
