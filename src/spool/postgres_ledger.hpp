// Ledger of a fleet's store, for operators. Part of a PostgresStore: uses its connection.
#pragma once

#include "event_ledger.hpp"
#include "postgres.hpp"

namespace flashduty {

class PostgresStore;

class PostgresLedger final : public EventLedger {
  public:
    explicit PostgresLedger(PostgresStore& store) noexcept : store_(store) {}

    [[nodiscard]] StoreStatus list_targets(std::vector<ListedTarget>& targets) noexcept override;
    [[nodiscard]] StoreStatus list(Pile pile, const EventFilter& filter, std::int64_t after,
                                   std::size_t limit, EventPage& page) noexcept override;
    [[nodiscard]] StoreStatus show(Pile pile, std::int64_t event_id, WholeEvent& event,
                                   bool& is_found) noexcept override;
    [[nodiscard]] StoreStatus read_whole(Pile pile, std::int64_t after, std::size_t most_bytes,
                                         WholePage& page) noexcept override;
    [[nodiscard]] StoreStatus facts(StoreFacts& facts) noexcept override;
    [[nodiscard]] StoreStatus change(const EventChange& change, UnixMs now_ms,
                                     const std::vector<std::int64_t>& busy,
                                     EventsChanged& changed) noexcept override;
    [[nodiscard]] StoreStatus pause(std::int64_t target_id, UnixMs until_ms,
                                    bool& is_found) noexcept override;
    [[nodiscard]] StoreStatus forget_edge(const std::string& edge, Forgotten& forgotten,
                                          std::int64_t& seen_ago_ms) noexcept override;
    [[nodiscard]] StoreStatus paused(UnixMs now_ms, std::vector<Paused>& paused) noexcept override;
    [[nodiscard]] std::string_view error() const noexcept override;

  private:
    using Ids = std::vector<std::int64_t>;

    [[nodiscard]] StoreStatus change_some(EventChange::Kind kind, const Ids& ids, UnixMs now_ms,
                                          const Ids& busy, EventsChanged& changed) noexcept;
    [[nodiscard]] StoreStatus resend(const Ids& ids, UnixMs now_ms, const Ids& busy,
                                     EventsChanged& changed) noexcept;
    [[nodiscard]] StoreStatus discard(const Ids& ids, UnixMs now_ms, const Ids& busy,
                                      EventsChanged& changed) noexcept;
    [[nodiscard]] StoreStatus delete_dead(const Ids& ids, EventsChanged& changed) noexcept;
    [[nodiscard]] StoreStatus move(const EventChange& change, const Ids& busy,
                                   EventsChanged& changed) noexcept;
    [[nodiscard]] StoreStatus move_waiting(std::int64_t from, std::int64_t to, std::int64_t newest,
                                           const Ids& busy, EventsChanged& changed) noexcept;

    PostgresStore& store_;
};

}  // namespace flashduty
