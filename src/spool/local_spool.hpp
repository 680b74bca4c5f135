// The local spool of a fleet's edge: what it is besides an EventStore.
//
// One bit in it, `local`, makes all workers of the edge agree: see fleet_mode.hpp. Events that may
// be in the shared database already keep the name of their batch, and are moved there under it.
// The last event of each key that was delivered from here is kept until the fleet knows of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "event_store.hpp"
#include "postgres_store.hpp"

namespace flashduty {

struct LocalState {
    bool is_local = false;     ///< new events come here
    bool owes_report = false;  ///< some were pushed from here and not reported
    std::string spool_id;      ///< stands for this spool
    std::uint64_t waiting = 0;
    std::uint64_t unfit = 0;  ///< of these, what the shared database cannot hold
    std::uint64_t dead = 0;
    UnixMs oldest_ms = 0;  ///< acceptance of the oldest waiting event; 0: none waits
};

/// Events to move, in their order.
struct LocalBatch {
    BatchId id;
    std::vector<NewEvent> events;
    std::vector<std::int64_t> event_ids;
};

/// Last event of its key that was delivered from here, or may have been.
struct AloneEvent {
    NewEvent event;
    std::int64_t event_id = 0;
    UnixMs delivered_ms = 0;
    bool is_certain =
        true;  ///< false: still waits here, but a process that is gone may have sent it
};

/// Serves the thread of its store. Calls return as the store's do.
class LocalSpool {
  public:
    virtual ~LocalSpool() = default;

    [[nodiscard]] virtual StoreStatus look(LocalState& state) noexcept = 0;

    /// Writes events down, and makes the edge local. `id`: the name under which the shared database
    /// may have them; empty: it has not. `only_if_local`: nothing is written, and `is_written` is
    /// false, when the edge is not local any more.
    [[nodiscard]] virtual StoreStatus append_local(const std::vector<NewEvent>& events,
                                                   const BatchId& id, bool only_if_local,
                                                   std::vector<Appended>& appended,
                                                   bool& is_written) noexcept = 0;

    /// The first events to move; none are left when it is empty. They keep the name that they have;
    /// those without one get `name`, for good. It must be new: the shared database takes a number
    /// of a writer that is not above its last for a repetition.
    [[nodiscard]] virtual StoreStatus first_batch(const BatchId& name,
                                                  LocalBatch& batch) noexcept = 0;

    /// Removes a batch that the shared database has, but for what it cannot hold. When nothing else
    /// is left, the edge is local no more, in the same transaction: `is_local` says so. An empty
    /// batch does only that.
    [[nodiscard]] virtual StoreStatus moved(const LocalBatch& batch,
                                            const std::vector<std::int64_t>& unfit,
                                            bool& is_local) noexcept = 0;

    /// Notes, before the first push, that a report will be owed.
    [[nodiscard]] virtual StoreStatus begin_alone() noexcept = 0;

    /// Some of the events to be reported. `with_waiting`: also the first waiting event of each
    /// key, which a process that died may have sent.
    [[nodiscard]] virtual StoreStatus pushed_alone(bool with_waiting, std::size_t most,
                                                   std::vector<AloneEvent>& events) noexcept = 0;

    /// Forgets what the fleet knows now. When nothing is left, no report is owed any more.
    [[nodiscard]] virtual StoreStatus reported(const std::vector<AloneEvent>& events,
                                               bool& owes_report) noexcept = 0;
};

}  // namespace flashduty
