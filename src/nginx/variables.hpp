// Variables of an alert and of its delivery.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

/// Adds all variables to the configuration.
[[nodiscard]] ngx_int_t add_variables(ngx_conf_t* cf);

}  // namespace flashduty
