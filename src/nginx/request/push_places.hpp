// Places that pushes go to, a server block and a path in it, as the configuration has them now.
#pragma once

#include <string>
#include <string_view>

#include "../base/location.hpp"
#include "conf.hpp"

namespace flashduty {

/// Location that nginx would choose for `path`; nullptr when none matches.
[[nodiscard]] const Location* find_location(const ngx_http_core_srv_conf_t& server,
                                            std::string_view path) noexcept;

/// True for the location that takes what no other one matches.
[[nodiscard]] bool is_catch_all(const Location& location) noexcept;

/// Path of a `flashduty_push` whose uri has neither variables nor escapes; empty for any other.
[[nodiscard]] std::string_view literal_path(const PushUri& push) noexcept;

enum class Standing {
    kThere,
    kNoServer,
    kNoLocation,  ///< none matches, or only `location /`, which no flashduty_push means
};

/// `path` comes from an evaluated uri, which events were once accepted for.
[[nodiscard]] Standing standing_of(const MainConf& conf, std::string_view server,
                                   std::string_view path) noexcept;

/// True when a `flashduty_push` may lead to this place.
[[nodiscard]] bool is_named(const MainConf& conf, std::string_view server,
                            std::string_view path) noexcept;

/// Sentence for an operator about a place that is not there.
[[nodiscard]] std::string why_gone(Standing standing, std::string_view server,
                                   std::string_view path);

/// True for a target, by its name in the status, that nothing can be pushed to any more.
/// `is_nowhere`: it stands for the empty uris of its server block.
[[nodiscard]] bool is_removed(const MainConf& conf, std::string_view target,
                              bool is_nowhere) noexcept;

}  // namespace flashduty
