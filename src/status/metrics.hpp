// List of the metrics by name, for every format.
#pragma once

#include "number.hpp"
#include "status_view.hpp"

namespace flashduty {

enum class MetricType { kCounter, kGauge, kHistogram };

struct MetricHead {
    std::string_view name;
    MetricType type;
    std::string_view help;
    std::string_view label;  ///< empty: the metric is one number
};

/// A format. Each metric calls begin(), the values and end().
class MetricSink {
  public:
    virtual void begin(const MetricHead& head) noexcept = 0;

    /// An empty `label`: the metric is one number.
    virtual void value(std::string_view label, std::string_view number) noexcept = 0;

    /// Cumulative, as Prometheus buckets are: `count` includes all shorter durations. The last
    /// bound is `+Inf`.
    virtual void bucket(std::string_view bound, std::uint64_t count) noexcept = 0;
    virtual void sum(std::string_view seconds, std::uint64_t count) noexcept = 0;

    virtual void build(std::string_view version, std::string_view nginx) noexcept = 0;

    virtual void end() noexcept = 0;

  protected:
    ~MetricSink() = default;
};

/// Gives all metrics to a sink.
void list_metrics(const StatusView& view, MetricSink& sink) noexcept;

/// Age of the oldest waiting event.
[[nodiscard]] std::uint64_t oldest_wait_ms(const StatusView& view) noexcept;

}  // namespace flashduty
