#include "silent_request.hpp"

#include <sys/socket.h>

#include "../request/log.hpp"

namespace flashduty {

namespace {

/// NGX_HTTP_LIMIT_REQ_PASSED and NGX_HTTP_LIMIT_CONN_PASSED, which nginx does not export.
constexpr unsigned kPassedLimit = 1;

void close_other_end(void* data) { (void)ngx_close_socket(*static_cast<ngx_socket_t*>(data)); }

void set_log_request(ngx_connection_t* c, ngx_http_request_t* r) noexcept {
    static_cast<ngx_http_log_ctx_t*>(c->log->data)->current_request = r;
}

/// Event handler of the connection, as nginx's own for a caller's, which is not exported.
void on_event(ngx_event_t* event) {
    auto* c = static_cast<ngx_connection_t*>(event->data);
    auto* r = static_cast<ngx_http_request_t*>(c->data);
    set_log_request(c, r);
    if (c->close) {  // worker_shutdown_timeout is over
        drop_silent_request(r->main);
        return;
    }
    if (event->delayed && event->timedout) {
        event->delayed = 0;
        event->timedout = 0;
    }
    if (event->write) {
        r->write_event_handler(r);
    } else {
        r->read_event_handler(r);
    }
    ngx_http_run_posted_requests(c);
}

u_char* log_error(ngx_log_t* log, u_char* buf, std::size_t len) {
    return log_context_of_request(log, buf, len);
}

/// Gives a connection all that it needs besides its descriptor; false when out of memory.
bool furnish(ngx_connection_t& c, ngx_socket_t other_end, ngx_http_conf_ctx_t* server) noexcept {
    static sockaddr address = {AF_UNIX, {}};
    auto* log = static_cast<ngx_log_t*>(ngx_palloc(c.pool, sizeof(ngx_log_t)));
    auto* context =
        static_cast<ngx_http_log_ctx_t*>(ngx_pcalloc(c.pool, sizeof(ngx_http_log_ctx_t)));
    auto* http =
        static_cast<ngx_http_connection_t*>(ngx_pcalloc(c.pool, sizeof(ngx_http_connection_t)));
    c.buffer = ngx_create_temp_buf(c.pool, 1);
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(c.pool, sizeof(ngx_socket_t));
    if (log == nullptr || context == nullptr || http == nullptr || c.buffer == nullptr ||
        cleanup == nullptr) {
        return false;
    }
    *log = *ngx_cycle->log;
    c.number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    context->connection = &c;
    log->connection = c.number;
    log->handler = log_error;
    log->data = context;
    log->action = nullptr;
    c.log = log;
    c.pool->log = log;
    c.read->log = log;
    c.write->log = log;
    c.read->handler = on_event;
    c.write->handler = on_event;
    c.recv = ngx_recv;
    c.send = ngx_send;
    c.recv_chain = ngx_recv_chain;
    c.send_chain = ngx_send_chain;
    c.log_error = NGX_ERROR_INFO;
    c.tcp_nodelay = NGX_TCP_NODELAY_DISABLED;  // not over TCP
    c.sockaddr = &address;
    c.socklen = sizeof(address);
    c.local_sockaddr = &address;
    c.local_socklen = sizeof(address);
    http->conf_ctx = server;
    c.data = http;
    cleanup->handler = close_other_end;
    *static_cast<ngx_socket_t*>(cleanup->data) = other_end;
    return true;
}

ngx_connection_t* make_connection(ngx_http_conf_ctx_t* server) noexcept {
    ngx_log_t* log = ngx_cycle->log;
    ngx_socket_t ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_socket_errno, "socketpair() failed");
        return nullptr;
    }
    ngx_connection_t* c = ngx_get_connection(ends[0], log);
    ngx_pool_t* pool = c == nullptr ? nullptr : ngx_create_pool(NGX_MIN_POOL_SIZE, log);
    if (pool == nullptr) {
        if (c != nullptr) {
            ngx_close_connection(c);
        } else {
            (void)ngx_close_socket(ends[0]);
        }
        (void)ngx_close_socket(ends[1]);
        return nullptr;
    }
    c->pool = pool;
    if (!furnish(*c, ends[1], server)) {
        ngx_close_connection(c);
        ngx_destroy_pool(pool);
        (void)ngx_close_socket(ends[1]);
        return nullptr;
    }
    return c;
}

}  // namespace

ngx_http_request_t* make_silent_request(ngx_http_conf_ctx_t* server) noexcept {
    ngx_connection_t* c = make_connection(server);
    if (c == nullptr) {
        return nullptr;
    }
    ngx_http_request_t* r = ngx_http_create_request(c);
    if (r == nullptr ||
        ngx_list_init(&r->headers_in.headers, r->pool, 1, sizeof(ngx_table_elt_t)) != NGX_OK) {
        ngx_pool_t* pool = c->pool;
        if (r != nullptr) {
            ngx_destroy_pool(r->pool);
        }
        ngx_close_connection(c);
        ngx_destroy_pool(pool);
        return nullptr;
    }
#if (NGX_STAT_STUB)
    (void)ngx_atomic_fetch_add(ngx_stat_active,
                               1);  // nginx subtracts it when it closes the connection
#endif
    c->data = r;
    r->internal = 1;
    r->logged = 1;
    // Passes limit_req and limit_conn, which look once at a request and its subrequests: limits are
    // for callers, and flashduty_rate is the pace of pushes.
    r->limit_req_status = kPassedLimit;
    r->limit_conn_status = kPassedLimit;
    r->http_state = ngx_http_state_e::NGX_HTTP_PROCESS_REQUEST_STATE;
    r->http_version = NGX_HTTP_VERSION_11;
    r->method = NGX_HTTP_POST;
    ngx_str_set(&r->method_name, "POST");
    ngx_str_set(&r->uri, "/");
    r->unparsed_uri = r->uri;
    ngx_str_set(&r->http_protocol, "HTTP/1.1");
    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_request_empty_handler;
    hide_arguments_in_log(r);
    return r;
}

void run_silent_request(ngx_http_request_t* r) noexcept {
    ngx_http_run_posted_requests(r->connection);
}

void drop_silent_request(ngx_http_request_t* r) noexcept {
    ngx_connection_t* c = r->connection;
    c->error = 1;
    r->count++;
    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}

void end_silent_request(ngx_http_request_t* r) {
    r->connection->read->eof = 1;  // nothing to linger for
    ngx_http_finalize_request(r, NGX_DONE);
}

}  // namespace flashduty
