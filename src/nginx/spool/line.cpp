#include "line.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <new>

#include "../../spool/line_message.hpp"

namespace flashduty {

namespace {

/// Wait before a line that could not be accepted is tried again: nobody tells when a descriptor is
/// free.
constexpr ngx_msec_t kAcceptAgainMs = 100;

// Keeps the borders of messages, and tells at once when the other process is gone.
constexpr int kSocketType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;

sockaddr_un address_of(std::string_view path) noexcept {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
}

/// Makes `socket` a connection that nginx watches; closed, and nullptr, when that fails.
ngx_connection_t* watch(ngx_socket_t socket, ngx_event_handler_pt handler) noexcept {
    ngx_connection_t* c = ngx_get_connection(socket, ngx_cycle->log);
    if (c == nullptr) {
        (void)ngx_close_socket(socket);
        return nullptr;
    }
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = handler;
    c->write->handler = [](ngx_event_t*) {};
    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_close_connection(c);
        return nullptr;
    }
    return c;
}

}  // namespace

// ---------------------------------------------------------------- one line

Line::Line(ngx_connection_t* connection, const Listener& listener) noexcept
    : connection_(connection), listener_(listener) {
    connection_->data = this;
}

Line::~Line() { ngx_close_connection(connection_); }

std::unique_ptr<Line> Line::adopt(ngx_socket_t socket, const Listener& listener) noexcept {
    ngx_connection_t* c = watch(socket, on_readable);
    return std::unique_ptr<Line>(c == nullptr ? nullptr : new (std::nothrow) Line(c, listener));
}

std::unique_ptr<Line> Line::connect(std::string_view path, const Listener& listener) noexcept {
    const ngx_socket_t socket = ::socket(AF_UNIX, kSocketType, 0);
    if (socket == static_cast<ngx_socket_t>(-1)) {
        return nullptr;
    }
    const sockaddr_un address = address_of(path);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        (void)ngx_close_socket(socket);
        return nullptr;
    }
    return adopt(socket, listener);
}

void Line::send(std::string_view message) noexcept {
    (void)::send(connection_->fd, message.data(), message.size(), MSG_NOSIGNAL);
}

void Line::on_readable(ngx_event_t* event) {
    auto* c = static_cast<ngx_connection_t*>(event->data);
    Line& line = *static_cast<Line*>(c->data);
    const Listener listener = line.listener_;
    char message[kMaxLineMessageBytes];
    for (;;) {
        const ssize_t size = recv(c->fd, message, sizeof(message), 0);
        if (size > 0) {
            listener.on_message(listener.owner, line, {message, static_cast<std::size_t>(size)});
            continue;
        }
        if (size == -1 && ngx_socket_errno == NGX_EINTR) {
            continue;
        }
        if (size == -1 && ngx_socket_errno == NGX_EAGAIN &&
            ngx_handle_read_event(event, 0) == NGX_OK) {
            return;
        }
        listener.on_end(listener.owner, line);
        return;
    }
}

// ---------------------------------------------------------------- where lines come in

LineServer::LineServer(ngx_connection_t* connection, const Listener& listener) noexcept
    : connection_(connection), listener_(listener) {
    connection_->data = this;
    retry_.set<&LineServer::accept_all>(*this, true);
    connection_->idle = 1;  // makes nginx call the handler when the worker is told to leave
}

LineServer::~LineServer() { ngx_close_connection(connection_); }

std::unique_ptr<LineServer> LineServer::listen(std::string_view path,
                                               const Listener& listener) noexcept {
    const sockaddr_un address = address_of(path);
    const ngx_socket_t socket = ::socket(AF_UNIX, kSocketType, 0);
    ngx_connection_t* c = nullptr;
    constexpr int kBacklog = 512;
    (void)unlink(address.sun_path);
    if (socket != static_cast<ngx_socket_t>(-1)) {
        // Mode of what bind() makes, so set before it.
        const bool is_listening =
            fchmod(socket, S_IRUSR | S_IWUSR) == 0 &&
            bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
            ::listen(socket, kBacklog) == 0;
        if (is_listening) {
            c = watch(socket, on_readable);
        } else {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_socket_errno,
                          "flashduty spool: cannot listen at \"%s\"", address.sun_path);
            (void)ngx_close_socket(socket);
        }
    }
    return std::unique_ptr<LineServer>(c == nullptr ? nullptr
                                                    : new (std::nothrow) LineServer(c, listener));
}

void LineServer::on_readable(ngx_event_t* event) {
    auto* c = static_cast<ngx_connection_t*>(event->data);
    LineServer& server = *static_cast<LineServer*>(c->data);
    if (c->close) {
        server.listener_.on_leaving(server.listener_.owner);
        return;
    }
    server.accept_all();
}

/// Accepts all lines: an event tells of new lines only, and a line left behind would wait forever.
void LineServer::accept_all() noexcept {
    for (;;) {
        const ngx_socket_t socket =
            accept4(connection_->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket != static_cast<ngx_socket_t>(-1)) {
            std::unique_ptr<Line> line = Line::adopt(socket, listener_.line);
            if (line != nullptr) {
                listener_.on_line(listener_.owner, std::move(line));
            }
            continue;
        }
        if (ngx_socket_errno == NGX_EINTR || ngx_socket_errno == NGX_ECONNABORTED) {
            continue;
        }
        if (ngx_socket_errno != NGX_EAGAIN) {
            retry_.start(kAcceptAgainMs);
        }
        break;
    }
    (void)ngx_handle_read_event(connection_->read, 0);
}

}  // namespace flashduty
