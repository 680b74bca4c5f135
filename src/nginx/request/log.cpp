#include "log.hpp"

#include "../../core/secret.hpp"
#include "conf.hpp"

namespace flashduty {

namespace {

/// Shortens a text as long as this object lives.
class Shortened {
  public:
    explicit Shortened(ngx_str_t& text) noexcept : text_(text), size_(text.len) {}
    ~Shortened() { text_.len = size_; }
    Shortened(const Shortened&) = delete;
    Shortened& operator=(const Shortened&) = delete;

    void drop_arguments() noexcept {
        text_.len = to_view(text_).substr(0, to_view(text_).find('?')).size();
    }
    void drop_key(ngx_http_request_t* r) noexcept {
        text_.len = before_key(r, to_view(text_)).size();
    }

  private:
    ngx_str_t& text_;
    std::size_t size_;
};

struct Requests {
    ngx_http_request_t* main;
    ngx_http_request_t* current;
};

// nginx calls the log handler of a request with the requests; Angie, from 1.12 on, with the log and
// the context that holds them.

[[maybe_unused]] Requests requests_of(ngx_http_request_t* r, ngx_http_request_t* sr, u_char*,
                                      size_t) noexcept {
    return {r, sr};
}

[[maybe_unused]] Requests requests_of(ngx_log_t*, u_char*, u_char*, void* data) noexcept {
    const auto* context = static_cast<ngx_http_log_ctx_t*>(data);
    return {context->request, context->current_request};
}

[[maybe_unused]] u_char* call(u_char* (*handler)(ngx_http_request_t*, ngx_http_request_t*, u_char*,
                                                 size_t),
                              ngx_log_t* log, u_char* buf, std::size_t size) noexcept {
    const auto* context = static_cast<ngx_http_log_ctx_t*>(log->data);
    return handler(context->request, context->current_request, buf, size);
}

[[maybe_unused]] u_char* call(u_char* (*handler)(ngx_log_t*, u_char*, u_char*, void*),
                              ngx_log_t* log, u_char* buf, std::size_t size) noexcept {
    return handler(log, buf, buf + size, log->data);
}

u_char* log_action(ngx_log_t* log, u_char* buf, std::size_t size) noexcept {
#if defined(angie_version) && angie_version >= 1012000
    return ngx_log_action(log, buf, buf + size, log->action);
#else
    return ngx_snprintf(buf, size, " while %s", log->action);
#endif
}

template <typename Handler>
struct WithoutArguments;

template <typename... Arguments>
struct WithoutArguments<u_char* (*)(Arguments...)> {
    /// nginx's own handler, the same for all requests; its name is not exported.
    static inline u_char* (*nginx_handler)(Arguments...) = nullptr;

    static u_char* handler(Arguments... arguments) {
        const auto [r, sr] = requests_of(arguments...);
        ngx_str_t none = ngx_null_string;
        Shortened upstream(sr->upstream == nullptr ? none : sr->upstream->uri);
        Shortened line(r->request_line);
        Shortened uri(sr->uri);
        upstream.drop_arguments();
        upstream.drop_key(r);
        uri.drop_key(r);
        std::string_view request_line = to_view(r->request_line);
        if (!take_integration_key(request_line).empty()) {
            line.drop_arguments();
        }
        return nginx_handler(arguments...);
    }
};

using LogHandler = WithoutArguments<decltype(ngx_http_request_t::log_handler)>;

}  // namespace

void hide_arguments_in_log(ngx_http_request_t* r) noexcept {
    if (r->log_handler != LogHandler::handler) {
        LogHandler::nginx_handler = r->log_handler;
        r->log_handler = LogHandler::handler;
    }
}

u_char* log_context_of_request(ngx_log_t* log, u_char* buf, std::size_t size) noexcept {
    u_char* end = log->action == nullptr ? buf : log_action(log, buf, size);
    ngx_http_request_t* r = static_cast<ngx_http_log_ctx_t*>(log->data)->request;
    return r == nullptr
               ? end
               : call(r->log_handler, log, end, size - static_cast<std::size_t>(end - buf));
}

}  // namespace flashduty
