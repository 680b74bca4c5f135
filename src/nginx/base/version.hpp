// Version of the module.
#pragma once

#include <string_view>

namespace flashduty {

inline constexpr std::string_view kVersion = "1.1.0";

}  // namespace flashduty
