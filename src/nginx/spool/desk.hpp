// Desk of a worker for its operators: a thread with a store of its own reads for them, one request
// after the other; changes are ordered from the deliverer.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "../../spool/event_ledger.hpp"
#include "../../spool/line_message.hpp"
#include "../base/thread_job.hpp"

namespace flashduty {

/// A reading from the store.
class Reading {
  public:
    virtual ~Reading() = default;

    /// Runs in a thread.
    [[nodiscard]] virtual StoreStatus read(EventLedger& ledger) noexcept = 0;
    /// Called in the worker, after that; `error` says why it could not be read.
    virtual void on_read(StoreStatus status, const std::string& error) noexcept = 0;
};

/// Gets the result of an order.
class Orderer {
  public:
    virtual ~Orderer() = default;

    virtual void on_done(const OrderDone& done) noexcept = 0;
};

inline constexpr char kNoLedger[] = "keeps no lists of what lies in it";

class Desk {
  public:
    Desk(std::unique_ptr<EventStore> store, ngx_thread_pool_t* threads) noexcept;
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    void read(std::unique_ptr<Reading> reading) noexcept;

    /// Gives an order its number; the caller sends the message that carries it.
    [[nodiscard]] std::string take_order(Order order, std::unique_ptr<Orderer> orderer) noexcept;
    /// Takes the deliverer's answer.
    void hear(const OrderDone& done) noexcept;
    /// Called when nobody will answer any more.
    void on_line_end() noexcept;

  private:
    struct Waiting;

    void post() noexcept;
    void work() noexcept;
    void on_worked() noexcept;
    void give_up(std::uint64_t number, const char* why) noexcept;

    std::unique_ptr<EventStore> store_;
    ngx_thread_pool_t* threads_;
    std::deque<std::unique_ptr<Reading>> readings_;  ///< the first one is out when the job is
    ThreadJob job_;
    StoreStatus status_ = StoreStatus::kOk;
    std::string error_;
    std::uint64_t last_number_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Waiting>> waiting_;
};

}  // namespace flashduty
