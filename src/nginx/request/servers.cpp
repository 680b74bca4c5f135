#include "servers.hpp"

#include <algorithm>

#include "conf.hpp"

namespace flashduty {

namespace {

/// A server block under one of its listens: it has a name for each of them; the first one counts.
struct Server {
    ngx_http_core_srv_conf_t* conf;
    ngx_str_t name;  ///< `127.0.0.1:8080 gateway.example`
};

const Server* find(const ngx_array_t& servers, std::string_view name) noexcept {
    const auto* list = static_cast<Server*>(servers.elts);
    const auto* end = list + servers.nelts;
    const auto* found = std::find_if(
        list, end, [name](const Server& server) { return to_view(server.name) == name; });
    return found == end ? nullptr : found;
}

const Server* find(const ngx_array_t& servers, const ngx_http_core_srv_conf_t* conf) noexcept {
    const auto* list = static_cast<Server*>(servers.elts);
    const auto* end = list + servers.nelts;
    const auto* found =
        std::find_if(list, end, [conf](const Server& server) { return server.conf == conf; });
    return found == end ? nullptr : found;
}

/// `127.0.0.1:8080 gateway.example`, with ` #2` and so on for further blocks of that name; empty
/// when out of memory.
ngx_str_t name_of(ngx_conf_t* cf, const ngx_str_t& listen, const ngx_str_t& server_name,
                  ngx_uint_t number) noexcept {
    const std::size_t room_bytes =
        listen.len + sizeof(" ") + server_name.len + sizeof(" #") + NGX_INT_T_LEN;
    auto* name = static_cast<u_char*>(ngx_pnalloc(cf->pool, room_bytes));
    if (name == nullptr) {
        return ngx_null_string;
    }
    u_char* end = ngx_sprintf(name, "%V", &listen);
    end = server_name.len == 0 ? end : ngx_sprintf(end, " %V", &server_name);
    end = number == 1 ? end : ngx_sprintf(end, " #%ui", number);
    return {static_cast<std::size_t>(end - name), name};
}

/// nginx only warns about two server blocks with the same listen and server_name. Both can be
/// reached: as a default, or by further listens. An event must not reach the other one.
bool add_server(ngx_conf_t* cf, ngx_array_t& servers, const ngx_str_t& listen,
                ngx_http_core_srv_conf_t* conf, bool may_number) noexcept {
    if (may_number && find(servers, conf) != nullptr) {
        return true;
    }
    ngx_uint_t number = 1;
    ngx_str_t name = name_of(cf, listen, conf->server_name, number);
    while (name.len != 0 && find(servers, to_view(name)) != nullptr) {
        if (!may_number) {
            return true;
        }
        name = name_of(cf, listen, conf->server_name, ++number);
    }
    auto* server = name.len == 0 ? nullptr : static_cast<Server*>(ngx_array_push(&servers));
    if (server == nullptr) {
        return false;
    }
    *server = {conf, name};
    return true;
}

bool add_servers(ngx_conf_t* cf, ngx_array_t& servers, const ngx_array_t& all_ports,
                 bool may_number) noexcept {
    const auto* ports = static_cast<ngx_http_conf_port_t*>(all_ports.elts);
    for (ngx_uint_t i = 0; i < all_ports.nelts; i++) {
        const auto* addresses = static_cast<ngx_http_conf_addr_t*>(ports[i].addrs.elts);
        for (ngx_uint_t j = 0; j < ports[i].addrs.nelts; j++) {
            const ngx_http_conf_addr_t& address = addresses[j];
            auto** confs = static_cast<ngx_http_core_srv_conf_t**>(address.servers.elts);
            for (ngx_uint_t k = 0; k < address.servers.nelts; k++) {
                if (!add_server(cf, servers, address.opt.addr_text, confs[k], may_number)) {
                    return false;
                }
            }
        }
    }
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
    // Numbered names depend on which other blocks there are: only for blocks without any other
    // name.
    const bool is_done = add_servers(cf, *servers, *core->ports, false) &&
                         add_servers(cf, *servers, *core->ports, true);
    return is_done ? servers : nullptr;
}

std::string_view server_of(ngx_http_request_t* r) noexcept {
    return server_of(*main_conf(r).servers,
                     static_cast<ngx_http_core_srv_conf_t*>(
                         ngx_http_get_module_srv_conf(r, ngx_http_core_module)));
}

std::string_view server_of(const ngx_array_t& servers,
                           const ngx_http_core_srv_conf_t* conf) noexcept {
    const Server* server = find(servers, conf);
    return server == nullptr ? std::string_view{} : to_view(server->name);
}

ngx_http_conf_ctx_t* find_server(const ngx_array_t& servers, std::string_view name) noexcept {
    const Server* server = find(servers, name);
    return server == nullptr ? nullptr : server->conf->ctx;
}

std::vector<std::string_view> server_names(const ngx_array_t& servers) noexcept {
    std::vector<std::string_view> names;
    const auto* list = static_cast<Server*>(servers.elts);
    for (ngx_uint_t i = 0; i < servers.nelts; i++) {
        names.push_back(to_view(list[i].name));
    }
    return names;
}

}  // namespace flashduty
