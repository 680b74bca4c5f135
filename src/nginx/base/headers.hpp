// Helpers for nginx's header lists.
#pragma once

#include "../../core/text.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Value of the first header with this name, in any case, that `accepts` takes; empty when there is
/// none.
template <class Accepts>
[[nodiscard]] std::string_view find_header(const ngx_list_t& headers, std::string_view name,
                                           Accepts accepts) noexcept {
    for (const ngx_list_part_t* part = &headers.part; part != nullptr; part = part->next) {
        const auto* elements = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            const std::string_view value = to_view(elements[i].value);
            const bool is_sent = elements[i].hash != 0;
            if (is_sent && equals_ignoring_case(to_view(elements[i].key), name) && accepts(value)) {
                return value;
            }
        }
    }
    return {};
}

/// Appends a header; false when out of memory. Both texts live as long as the request.
[[nodiscard]] bool add_header(ngx_list_t* headers, std::string_view name, std::string_view value,
                              ngx_table_elt_t** added = nullptr) noexcept;

}  // namespace flashduty
