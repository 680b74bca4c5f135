// Helpers shared by the handlers of directives.
#pragma once

#include <new>

#include "ngx.hpp"

namespace flashduty {

inline char* const kConfOk = nullptr;                         // NGX_CONF_OK
inline char* const kConfError = reinterpret_cast<char*>(-1);  // NGX_CONF_ERROR

[[nodiscard]] inline const ngx_str_t& argument(ngx_conf_t* cf, ngx_uint_t i) noexcept {
    return static_cast<ngx_str_t*>(cf->args->elts)[i];
}

template <class... Values>
[[nodiscard]] char* refuse(ngx_conf_t* cf, const char* format, Values... values) noexcept {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, format, values...);
    return kConfError;
}

/// Makes a Conf in the configuration's pool, which never destroys it; nullptr when out of memory.
template <class Conf>
[[nodiscard]] Conf* create(ngx_conf_t* cf) noexcept {
    void* memory = ngx_palloc(cf->pool, sizeof(Conf));
    return memory == nullptr ? nullptr : new (memory) Conf{};
}

}  // namespace flashduty
