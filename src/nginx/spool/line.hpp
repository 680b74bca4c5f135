// Line between a worker and the deliverer: messages over a socket in the spool's folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "../base/ngx.hpp"
#include "../base/timer.hpp"

namespace flashduty {

/// Suffix of the socket's name, behind the spool's.
inline constexpr std::string_view kSocketSuffix = ".sock";

/// End of a line. Its destruction closes the line.
class Line {
  public:
    /// Callbacks of the line's owner. Each may destroy the line.
    struct Listener {
        void (*on_message)(void* owner, Line& line, std::string_view message) noexcept;
        void (*on_end)(void* owner, Line& line) noexcept;  ///< the other end is gone
        void* owner;
    };

    /// Connects to the process that listens at `path`; nullptr when none does.
    [[nodiscard]] static std::unique_ptr<Line> connect(std::string_view path,
                                                       const Listener& listener) noexcept;
    ~Line();
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    /// Sends a message if that can be done at once; else it is lost.
    void send(std::string_view message) noexcept;

  private:
    friend class LineServer;
    Line(ngx_connection_t* connection, const Listener& listener) noexcept;
    [[nodiscard]] static std::unique_ptr<Line> adopt(ngx_socket_t socket,
                                                     const Listener& listener) noexcept;
    static void on_readable(ngx_event_t* event);

    ngx_connection_t* connection_;
    Listener listener_;
};

/// Socket at which the deliverer can be reached.
class LineServer {
  public:
    struct Listener {
        void (*on_line)(void* owner, std::unique_ptr<Line> line) noexcept;
        void (*on_leaving)(void* owner) noexcept;  ///< the worker is told to leave
        Line::Listener line;                       ///< for incoming lines
        void* owner;
    };

    /// Listens at `path`, and replaces whatever was there; nullptr, and logged, when that fails.
    [[nodiscard]] static std::unique_ptr<LineServer> listen(std::string_view path,
                                                            const Listener& listener) noexcept;
    ~LineServer();
    LineServer(const LineServer&) = delete;
    LineServer& operator=(const LineServer&) = delete;

  private:
    LineServer(ngx_connection_t* connection, const Listener& listener) noexcept;
    static void on_readable(ngx_event_t* event);
    void accept_all() noexcept;

    ngx_connection_t* connection_;
    Listener listener_;
    Timer retry_;
};

}  // namespace flashduty
