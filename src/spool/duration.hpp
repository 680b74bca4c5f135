// Durations in reasons.
#pragma once

#include <cstdint>
#include <string>

namespace flashduty {

/// `24h`, `30d`: in the largest unit that gives a whole number, days from two on.
inline std::string duration(std::int64_t ms) noexcept {
    struct Unit {
        std::int64_t ms;
        std::int64_t least;
        const char* name;
    };
    constexpr Unit kUnits[] = {
        {86400000, 2, "d"}, {3600000, 1, "h"}, {60000, 1, "m"}, {1000, 1, "s"}};
    for (const Unit& unit : kUnits) {
        if (ms % unit.ms == 0 && ms / unit.ms >= unit.least) {
            return std::to_string(ms / unit.ms) + unit.name;
        }
    }
    return std::to_string(ms) + "ms";
}

}  // namespace flashduty
