#include "desk.hpp"

#include <utility>
#include <vector>

namespace flashduty {

namespace {

/// Time for the deliverer to answer. One that lives answers long before: a batch takes less than a
/// second even on a slow disk.
constexpr ngx_msec_t kPatienceMs = 10 * 1000;

}  // namespace

/// An order without an answer yet.
struct Desk::Waiting {
    Desk* desk;
    std::uint64_t number;
    std::unique_ptr<Orderer> orderer;
    Timer timer;

    void on_timer() noexcept {
        desk->give_up(number,
                      "the process that delivers does not answer: see in the lists whether "
                      "it was done");
    }
};

Desk::Desk(std::unique_ptr<EventStore> store, ngx_thread_pool_t* threads) noexcept
    : store_(std::move(store)), threads_(threads) {
    job_.set<&Desk::work, &Desk::on_worked>(*this);
}

Desk::~Desk() = default;

void Desk::read(std::unique_ptr<Reading> reading) noexcept {
    readings_.push_back(std::move(reading));
    post();
}

void Desk::post() noexcept {
    while (!job_.is_out() && !readings_.empty()) {
        if (!job_.post(threads_)) {
            const std::unique_ptr<Reading> refused = std::move(readings_.front());
            readings_.pop_front();
            refused->on_read(StoreStatus::kBusy, "the thread pool's queue is full");
        }
    }
}

/// Runs in a thread.
void Desk::work() noexcept {
    EventLedger* ledger = store_->ledger();
    status_ = ledger == nullptr ? StoreStatus::kFailed : readings_.front()->read(*ledger);
    error_ = status_ == StoreStatus::kOk ? ""
             : ledger == nullptr         ? kNoLedger
                                         : std::string(store_->error());
}

void Desk::on_worked() noexcept {
    const std::unique_ptr<Reading> done = std::move(readings_.front());
    readings_.pop_front();
    const StoreStatus status = status_;
    const std::string error = std::move(error_);
    post();
    done->on_read(status, error);
}

std::string Desk::take_order(Order order, std::unique_ptr<Orderer> orderer) noexcept {
    order.number = ++last_number_;
    auto waiting = std::make_unique<Waiting>();
    waiting->desk = this;
    waiting->number = order.number;
    waiting->orderer = std::move(orderer);
    waiting->timer.set<&Waiting::on_timer>(*waiting, false);
    waiting->timer.start(kPatienceMs);
    waiting_.emplace(order.number, std::move(waiting));
    return write_order(order);
}

void Desk::hear(const OrderDone& done) noexcept {
    const auto found = waiting_.find(done.number);
    if (found == waiting_.end()) {
        return;
    }
    const std::unique_ptr<Waiting> waiting = std::move(found->second);
    waiting_.erase(found);
    waiting->timer.stop();
    waiting->orderer->on_done(done);
}

void Desk::give_up(std::uint64_t number, const char* why) noexcept {
    OrderDone done;
    done.number = number;
    done.is_done = false;
    done.reason = why;
    hear(done);
}

void Desk::on_line_end() noexcept {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, waiting] : waiting_) {
        numbers.push_back(number);
    }
    for (const std::uint64_t number : numbers) {
        give_up(number, "the process that delivers has gone: see in the lists whether it was done");
    }
}

}  // namespace flashduty
