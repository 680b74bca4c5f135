#include "headers.hpp"

namespace flashduty {

bool add_header(ngx_list_t* headers, std::string_view name, std::string_view value,
                ngx_table_elt_t** added) noexcept {
    auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(headers));
    if (header == nullptr) {
        return false;
    }
    ngx_memzero(header, sizeof(ngx_table_elt_t));  // some nginx versions have a `next`
    header->key = to_ngx(name);
    header->value = to_ngx(value);
    header->lowcase_key = static_cast<u_char*>(ngx_pnalloc(headers->pool, name.size()));
    if (header->lowcase_key == nullptr) {
        return false;
    }
    // proxy looks up the headers that it sends itself by hash and lower case.
    header->hash = ngx_hash_strlow(header->lowcase_key, header->key.data, name.size());
    if (added != nullptr) {
        *added = header;
    }
    return true;
}

}  // namespace flashduty
