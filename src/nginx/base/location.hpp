// A location as nginx finds it. Angie keeps its name and kind beside its configuration, nginx in
// it.
#pragma once

#include <type_traits>

#include "ngx.hpp"

namespace flashduty {

/// Holder of a location's name, regex and kind: nginx's configuration of it, or Angie's own struct.
using Location = std::remove_pointer_t<decltype(ngx_http_location_tree_node_t::exact)>;

template <typename AnyLocation>
[[nodiscard]] const ngx_http_core_loc_conf_t& core_conf_of(const AnyLocation& location) noexcept {
    if constexpr (std::is_same_v<AnyLocation, ngx_http_core_loc_conf_t>) {
        return location;
    } else {
        return *location.conf;
    }
}

}  // namespace flashduty
