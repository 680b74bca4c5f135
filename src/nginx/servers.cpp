#include "servers.hpp"

#include "conf.hpp"

namespace flashduty {

namespace {

/// A server block under one of its listens: it has a name for each of them, and goes by the first.
struct Server {
    ngx_http_core_srv_conf_t* conf;
    ngx_str_t name;  ///< `127.0.0.1:8080 gateway.example`
};

bool add_server(ngx_conf_t* cf, ngx_array_t& servers, const ngx_str_t& listen,
                ngx_http_core_srv_conf_t* conf) noexcept {
    auto* server = static_cast<Server*>(ngx_array_push(&servers));
    const std::size_t room_bytes = listen.len + 1 + conf->server_name.len;
    auto* name = static_cast<u_char*>(ngx_pnalloc(cf->pool, room_bytes));
    if (server == nullptr || name == nullptr) {
        return false;
    }
    u_char* end = ngx_cpymem(name, listen.data, listen.len);
    if (conf->server_name.len != 0) {
        *end++ = ' ';
        end = ngx_cpymem(end, conf->server_name.data, conf->server_name.len);
    }
    *server = {conf, {static_cast<std::size_t>(end - name), name}};
    return true;
}

}  // namespace

const ngx_array_t* list_servers(ngx_conf_t* cf) noexcept {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    ngx_array_t* servers = ngx_array_create(cf->pool, 4, sizeof(Server));
    if (servers == nullptr || core->ports == nullptr) {
        return servers;
    }
    const auto* ports = static_cast<ngx_http_conf_port_t*>(core->ports->elts);
    for (ngx_uint_t i = 0; i < core->ports->nelts; i++) {
        const auto* addresses = static_cast<ngx_http_conf_addr_t*>(ports[i].addrs.elts);
        for (ngx_uint_t j = 0; j < ports[i].addrs.nelts; j++) {
            const ngx_http_conf_addr_t& address = addresses[j];
            auto** confs = static_cast<ngx_http_core_srv_conf_t**>(address.servers.elts);
            for (ngx_uint_t k = 0; k < address.servers.nelts; k++) {
                if (!add_server(cf, *servers, address.opt.addr_text, confs[k])) {
                    return nullptr;
                }
            }
        }
    }
    return servers;
}

std::string_view server_of(ngx_http_request_t* r) noexcept {
    const auto* conf = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    const ngx_array_t& servers = *main_conf(r).servers;
    const auto* list = static_cast<Server*>(servers.elts);
    for (ngx_uint_t i = 0; i < servers.nelts; i++) {
        if (list[i].conf == conf) {
            return to_view(list[i].name);
        }
    }
    return {};
}

ngx_http_conf_ctx_t* find_server(const ngx_array_t& servers, std::string_view name) noexcept {
    const auto* list = static_cast<Server*>(servers.elts);
    for (ngx_uint_t i = 0; i < servers.nelts; i++) {
        if (to_view(list[i].name) == name) {
            return list[i].conf->ctx;
        }
    }
    return nullptr;
}

}  // namespace flashduty
