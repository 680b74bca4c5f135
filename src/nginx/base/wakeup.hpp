// Wakes a worker's event loop from another thread.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "ngx.hpp"

namespace flashduty {

/// Calls a member function of its owner in the worker, some time after wake(). Several calls of
/// that may end in one.
class Wakeup {
  public:
    Wakeup() = default;
    ~Wakeup() {
        if (connection_ != nullptr) {
            ngx_close_connection(connection_);
        }
    }
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    /// False, and logged by nginx, when there is no connection left.
    template <auto Call, class Owner>
    [[nodiscard]] bool set(Owner& owner) noexcept {
        owner_ = &owner;
        call_ = [](void* self) noexcept { (static_cast<Owner*>(self)->*Call)(); };
        fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        connection_ = fd_ == -1 ? nullptr : ngx_get_connection(fd_, ngx_cycle->log);
        if (connection_ == nullptr) {
            if (fd_ != -1) {
                (void)::close(fd_);
                fd_ = -1;
            }
            return false;
        }
        connection_->data = this;
        connection_->read->log = connection_->log;
        connection_->write->log = connection_->log;
        connection_->read->handler = on_readable;
        connection_->write->handler = [](ngx_event_t*) {};
        return ngx_handle_read_event(connection_->read, 0) == NGX_OK;
    }

    /// Of every thread.
    void wake() noexcept {
        const std::uint64_t one = 1;
        // A full counter is as good.
        if (::write(fd_, &one, sizeof(one)) != sizeof(one)) {
            return;
        }
    }

  private:
    static void on_readable(ngx_event_t* event) {
        auto* c = static_cast<ngx_connection_t*>(event->data);
        Wakeup& self = *static_cast<Wakeup*>(c->data);
        std::uint64_t count = 0;
        if (ngx_read_fd(c->fd, &count, sizeof(count)) < 0) {
            return;  // it was not woken
        }
        (void)ngx_handle_read_event(event, 0);
        self.call_(self.owner_);
    }

    int fd_ = -1;
    ngx_connection_t* connection_ = nullptr;
    void* owner_ = nullptr;
    void (*call_)(void* owner) noexcept = nullptr;
};

}  // namespace flashduty
