// The figures by their names: what every format shows.
#pragma once

#include "number.hpp"
#include "status_view.hpp"

namespace flashduty {

enum class MetricType { kCounter, kGauge, kHistogram };

struct MetricHead {
    std::string_view name;
    MetricType type;
    std::string_view help;
    std::string_view label;  ///< empty: the figure is one number
};

/// A format. For each figure begin(), the values and end() are called.
class MetricSink {
  public:
    virtual void begin(const MetricHead& head) noexcept = 0;

    /// `label` is empty for a figure that is one number.
    virtual void value(std::string_view label, std::string_view number) noexcept = 0;

    /// As buckets do, `count` counts all those that are shorter, too. The last has the bound
    /// `+Inf`.
    virtual void bucket(std::string_view bound, std::uint64_t count) noexcept = 0;
    virtual void sum(std::string_view seconds, std::uint64_t count) noexcept = 0;

    virtual void build(std::string_view version, std::string_view nginx) noexcept = 0;

    virtual void end() noexcept = 0;

  protected:
    ~MetricSink() = default;
};

/// Gives a sink all figures.
void list_metrics(const StatusView& view, MetricSink& sink) noexcept;

/// How long the first event that waits has been waiting.
[[nodiscard]] std::uint64_t oldest_wait_ms(const StatusView& view) noexcept;

}  // namespace flashduty
