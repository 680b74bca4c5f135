#include "prometheus.hpp"

#include "../core/json_writer.hpp"
#include "metrics.hpp"

namespace flashduty {

namespace {

constexpr std::string_view name_of(MetricType type) noexcept {
    switch (type) {
        case MetricType::kCounter:
            return "counter";
        case MetricType::kGauge:
            return "gauge";
        case MetricType::kHistogram:
            break;
    }
    return "histogram";
}

/// A line for each value. JSON escapes are valid in label values, since texts have no control
/// characters.
class PrometheusSink final : public MetricSink {
  public:
    explicit PrometheusSink(JsonSink& out) noexcept : out_(out) {}

    void begin(const MetricHead& head) noexcept override {
        head_ = head;
        write({"# HELP ", head.name, " ", head.help, "\n"});
        write({"# TYPE ", head.name, " ", name_of(head.type), "\n"});
    }

    void value(std::string_view label, std::string_view number) noexcept override {
        write({head_.name});
        if (!head_.label.empty()) {
            write({"{", head_.label, "="});
            out_.string(label);
            write({"}"});
        }
        write({" ", number, "\n"});
    }

    void bucket(std::string_view bound, std::uint64_t count) noexcept override {
        write({head_.name, "_bucket{le=\"", bound, "\"} ", Digits(count), "\n"});
    }

    void sum(std::string_view seconds, std::uint64_t count) noexcept override {
        write({head_.name, "_sum ", seconds, "\n"});
        write({head_.name, "_count ", Digits(count), "\n"});
    }

    void build(std::string_view version, std::string_view nginx) noexcept override {
        write({head_.name, "{version="});
        out_.string(version);
        write({",nginx="});
        out_.string(nginx);
        write({"} 1\n"});
    }

    void end() noexcept override {}

  private:
    void write(std::initializer_list<std::string_view> parts) noexcept {
        for (const std::string_view part : parts) {
            out_.raw(part);
        }
    }

    JsonSink& out_;
    MetricHead head_ = {};
};

}  // namespace

std::string_view write_prometheus(Arena& arena, const StatusView& view) noexcept {
    return write_json(arena, [&](JsonSink& out) {
        PrometheusSink sink(out);
        list_metrics(view, sink);
    });
}

}  // namespace flashduty
