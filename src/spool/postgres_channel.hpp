// Messages between the edges of a fleet, by LISTEN and NOTIFY, on a connection whose socket its
// owner watches. A message that is lost costs time, never an alert.
//
// A payload begins with a tag; one that is not known is passed over, for the edge at the other end
// may be of another version. Channels are hashed: names in PostgreSQL end after 63 bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres.hpp"

namespace flashduty {

/// Channel of a fleet, which has a schema to itself, for an edge's name or another purpose.
[[nodiscard]] std::string channel_name(std::string_view schema, std::string_view name) noexcept;

/// Longest payload's bytes, before they are made text: PostgreSQL takes less than 8000 of these.
inline constexpr std::size_t kMaxPayloadBytes = 5'600;

/// Text for NOTIFY; empty when there are too many bytes.
[[nodiscard]] std::string write_payload(char tag, std::string_view bytes) noexcept;
/// False when it is no such text.
[[nodiscard]] bool read_payload(std::string_view payload, char& tag, std::string& bytes) noexcept;

/// Belongs to a thread of its own, see postgres_ear.hpp. Only connect() waits.
class PostgresChannel {
  public:
    explicit PostgresChannel(PgOptions options) noexcept : connection_(std::move(options)) {}

    /// Connects, and listens to these channels. What was to be sent is forgotten.
    [[nodiscard]] bool connect(const std::vector<std::string>& channels,
                               PgDeadline deadline) noexcept;
    void close() noexcept;
    [[nodiscard]] bool is_connected() const noexcept { return connection_.is_connected(); }

    /// Socket to watch for reading; and for writing, too, while wants_to_write().
    [[nodiscard]] int socket() const noexcept { return connection_.socket(); }
    [[nodiscard]] bool wants_to_write() const noexcept { return wants_to_write_; }

    /// Sends a payload, at once or when those before it have left.
    void notify(const std::string& channel, std::string payload) noexcept;

    /// Called when the socket is ready. Adds what has come, one's own messages too. False when the
    /// connection has ended, see error(): connect again.
    [[nodiscard]] bool pump(std::vector<PgNotification>& received) noexcept;

    [[nodiscard]] const std::string& error() const noexcept { return connection_.error(); }

  private:
    /// Messages of one statement, and those that wait for theirs: beyond that the oldest are lost.
    static constexpr std::size_t kMostAtOnce = 64;
    static constexpr std::size_t kMostWaiting = 1'024;

    bool send_some() noexcept;

    PgConnection connection_;
    std::deque<std::pair<std::string, std::string>> waiting_;
    bool is_sending_ = false;
    bool wants_to_write_ = false;
};

}  // namespace flashduty
