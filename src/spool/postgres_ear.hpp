// A PostgresChannel in a thread of its own: libpq is called by no event loop, and no call of it
// holds one up.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "postgres_channel.hpp"
#include "quiet_thread.hpp"

namespace flashduty {

class PostgresEar {
  public:
    /// Called in the thread, when there is something to take().
    struct Listener {
        void (*on_news)(void* owner) noexcept;
        void* owner;
    };

    /// `channels`: names that it listens to, in letters, digits and _.
    PostgresEar(PgOptions server, std::vector<std::string> channels,
                const Listener& listener) noexcept;
    ~PostgresEar();
    PostgresEar(const PostgresEar&) = delete;
    PostgresEar& operator=(const PostgresEar&) = delete;
    /// See QuietThread::end_within().
    [[nodiscard]] bool end_within(std::chrono::seconds patience) noexcept;

    /// Sends a payload; it is dropped while there is no connection.
    void say(const std::string& channel, std::string payload) noexcept;
    /// Messages that have come.
    [[nodiscard]] std::vector<PgNotification> take() noexcept;

  private:
    void run() noexcept;
    [[nodiscard]] bool connect() noexcept;
    void exchange() noexcept;
    void wait(int timeout_ms) noexcept;
    void ring() noexcept;

    PostgresChannel channel_;
    std::vector<std::string> channels_;
    Listener listener_;
    int bell_;  ///< eventfd: something is to be sent, or the thread is to end
    std::atomic<bool> hears_{false};
    std::vector<PgNotification> out_;  ///< under the thread's mutex, as the next one
    std::vector<PgNotification> in_;
    QuietThread thread_;
};

}  // namespace flashduty
