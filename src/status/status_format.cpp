#include "status_format.hpp"

#include <algorithm>

#include "../core/text.hpp"

namespace flashduty {

namespace {

/// Takes the part before the next `separator`, trimmed; `text` becomes the rest.
std::string_view take_part(std::string_view& text, char separator) noexcept {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

/// Weight in thousandths: `0.75`. Anything else counts as 0.
unsigned weight_of(std::string_view text) noexcept {
    constexpr std::size_t kPlaces = 3;
    if (text.empty() || (text[0] != '0' && text[0] != '1') || (text.size() > 1 && text[1] != '.')) {
        return 0;
    }
    unsigned weight = text[0] == '1' ? 1 : 0;
    for (std::size_t i = 0; i < kPlaces; i++) {
        const char digit = 2 + i < text.size() ? text[2 + i] : '0';
        weight = weight * 10 + static_cast<unsigned>(is_digit(digit) ? digit - '0' : 0);
    }
    return weight;
}

StatusFormat format_of(std::string_view media_type) noexcept {
    if (equals_ignoring_case(media_type, "text/html")) {
        return StatusFormat::kHtml;
    }
    return equals_ignoring_case(media_type, "application/json") ? StatusFormat::kJson
                                                                : StatusFormat::kPrometheus;
}

}  // namespace

StatusFormat format_for(std::string_view accept) noexcept {
    StatusFormat best = StatusFormat::kPrometheus;
    unsigned best_weight = 0;
    while (!accept.empty()) {
        std::string_view range = take_part(accept, ',');
        const std::string_view media_type = take_part(range, ';');
        unsigned weight = 1000;
        while (!range.empty()) {
            const std::string_view parameter = take_part(range, ';');
            if (equals_ignoring_case(parameter.substr(0, 2), "q=")) {
                weight = weight_of(parameter.substr(2));
            }
        }
        if (!media_type.empty() && weight > best_weight) {
            best = format_of(media_type);
            best_weight = weight;
        }
    }
    return best;
}

}  // namespace flashduty
