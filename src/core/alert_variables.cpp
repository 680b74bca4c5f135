#include "alert_variables.hpp"

#include "json_reader.hpp"
#include "json_string.hpp"
#include "json_writer.hpp"

namespace flashduty {

namespace {

struct RecordText {
    std::string_view name;
    std::string_view BlueKingAlert::*text;
};

/// Named like the variables, without `blueking_`.
constexpr RecordText kTexts[] = {
    {"type", &BlueKingAlert::type},
    {"biz_id", &BlueKingAlert::bk_biz_id},
    {"biz_name", &BlueKingAlert::bk_biz_name},
    {"event_id", &BlueKingAlert::event_id},
    {"level", &BlueKingAlert::level},
    {"level_name", &BlueKingAlert::level_name},
    {"strategy_id", &BlueKingAlert::strategy_id},
    {"strategy_name", &BlueKingAlert::strategy_name},
    {"strategy_labels", &BlueKingAlert::strategy_labels},
    {"scenario", &BlueKingAlert::scenario},
    {"resource", &BlueKingAlert::resource},
    {"current_value", &BlueKingAlert::current_value},
};

constexpr std::string_view kDimensions = "dimensions";

void write(const BlueKingAlert& alert, JsonSink& sink) noexcept {
    sink.open_object();
    for (const RecordText& row : kTexts) {
        if (!(alert.*row.text).empty()) {
            sink.member(row.name, alert.*row.text);
        }
    }
    if (alert.dimension_count != 0) {
        sink.name(kDimensions);
        sink.open_object();
        for (std::size_t i = 0; i < alert.dimension_count; i++) {
            sink.member(alert.dimensions[i].label_name, alert.dimensions[i].text);
        }
        sink.close_object();
    }
    sink.close_object();
}

/// Reads the record's texts: the outer object has the alert's, the inner one its dimensions'.
class RecordReader final : private JsonHandler {
  public:
    RecordReader(Arena& arena, BlueKingAlert& alert) noexcept : arena_(arena), alert_(alert) {}

    void read(std::string_view record) noexcept {
        // Text between the name and the text of a dimension.
        constexpr std::string_view kBetween = "\":\"";
        for (std::size_t at = record.find(kBetween); at != std::string_view::npos;
             at = record.find(kBetween, at + kBetween.size())) {
            room_++;
        }
        dimensions_ = arena_.make_array<Dimension>(room_);
        JsonReader reader(arena_, *this, JsonConstants::kRefused);
        if (dimensions_ == nullptr || reader.feed({record, true}) != JsonStatus::kOk ||
            reader.finish() != JsonStatus::kOk) {
            alert_ = {};
        }
    }

  private:
    bool on_start_object() noexcept override {
        depth_++;
        return true;
    }
    bool on_end_object() noexcept override {
        depth_--;
        return true;
    }
    bool on_key(std::string_view raw) noexcept override {
        key_ = read_string(arena_, raw);
        if (depth_ == 1) {
            outer_key_ = key_;
        }
        return true;
    }
    bool on_string(std::string_view raw) noexcept override {
        const std::string_view text = read_string(arena_, raw);
        if (depth_ == 2 && outer_key_ == kDimensions && alert_.dimension_count < room_) {
            Dimension& dimension = dimensions_[alert_.dimension_count++];
            dimension.label_name = key_;
            dimension.text = text;
            alert_.dimensions = dimensions_;
        }
        for (const RecordText& row : kTexts) {
            if (depth_ == 1 && row.name == key_) {
                alert_.*row.text = text;
            }
        }
        return true;
    }
    bool on_start_array() noexcept override { return true; }
    bool on_end_array() noexcept override { return true; }
    bool on_number(std::string_view) noexcept override { return true; }
    bool on_boolean(bool) noexcept override { return true; }
    bool on_null() noexcept override { return true; }

    Arena& arena_;
    BlueKingAlert& alert_;
    Dimension* dimensions_ = nullptr;
    std::size_t room_ = 0;
    std::size_t depth_ = 0;
    std::string_view outer_key_;
    std::string_view key_;
};

}  // namespace

std::string_view write_alert_variables(Arena& arena, const BlueKingAlert& alert) noexcept {
    return write_json(arena, [&](JsonSink& sink) { write(alert, sink); });
}

BlueKingAlert read_alert_variables(Arena& arena, std::string_view record) noexcept {
    BlueKingAlert alert;
    RecordReader(arena, alert).read(record);
    return alert;
}

}  // namespace flashduty
