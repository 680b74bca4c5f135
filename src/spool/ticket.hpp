// Place in the queue for a lock file, over all processes that draw one: first come, first served.
// It is a number and the kernel's lock of the byte at that place in the file, so that it ends with
// its holder, however that ends.
#pragma once

#include <cstdint>

namespace flashduty {

class Ticket {
  public:
    Ticket() = default;
    ~Ticket() { give_back(); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    /// Queues up at the file of `fd`, which stays open until the ticket is given back. Without
    /// effect where no queue is to be had: then its holder is the next at once.
    void draw(int fd) noexcept;
    void give_back() noexcept;

    enum class Turn : std::uint8_t { kNow, kNext, kLater };
    [[nodiscard]] Turn turn() const noexcept;

  private:
    int fd_ = -1;  ///< -1: no ticket
    std::int64_t number_ = 0;
};

}  // namespace flashduty
