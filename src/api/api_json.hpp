// Answers of flashduty_api, as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../core/json_writer.hpp"
#include "../spool/event_ledger.hpp"

namespace flashduty {

/// Lets JsonSink write to the end of a string.
template <class Write>
void append_json(std::string& to, Write write) noexcept {
    JsonSink measure(nullptr);
    write(measure);
    const std::size_t before = to.size();
    to.resize(before + measure.size_bytes());
    JsonSink sink(to.data() + before);
    write(sink);
    to.resize(before + sink.size_bytes());
}

/// Facts about a target beside its store's.
struct TargetFigures {
    std::string_view state;  ///< `up`, `away`, `paused` or `gone`
    std::string reason;
    UnixMs since_ms = 0;       ///< 0: unknown
    UnixMs next_probe_ms = 0;  ///< 0: no probe
};
struct ShownTarget {
    ListedTarget target;
    TargetFigures figures;
};

/// Reason why something is not done: `{"reason":"..."}`.
[[nodiscard]] std::string write_api_reason(std::string_view reason) noexcept;

/// `may_write`: true when the location takes changes.
[[nodiscard]] std::string write_api_targets(const std::vector<ShownTarget>& targets,
                                            bool may_write) noexcept;

[[nodiscard]] std::string write_api_page(const EventPage& page, Pile pile) noexcept;

[[nodiscard]] std::string write_api_event(const WholeEvent& event, Pile pile) noexcept;

/// Writes a line for each event.
[[nodiscard]] std::string write_api_lines(const WholePage& page, Pile pile) noexcept;

/// Result of a change, all of its batches together.
struct ApiDone {
    std::uint64_t done = 0;
    std::uint64_t busy = 0;
    std::uint64_t superseded = 0;
    bool is_whole = true;  ///< false: it stopped before its end
};
[[nodiscard]] std::string write_api_done(const ApiDone& done) noexcept;

/// Result of a test's push, beside the answer that a caller of flashduty_push gets.
struct ApiTested {
    std::string_view outcome;
    std::string_view reason;
    std::string_view code;
    std::string_view request_id;
    std::string_view alert_key;
    unsigned http_status = 0;
    std::uint64_t push_time_ms = 0;
    bool has_alert_key = false;  ///< `data.alert_key` came back
};
[[nodiscard]] std::string write_api_tested(const ApiTested& tested) noexcept;

}  // namespace flashduty
