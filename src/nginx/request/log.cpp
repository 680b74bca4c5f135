#include "log.hpp"

#include "../../core/secret.hpp"
#include "conf.hpp"

namespace flashduty {

namespace {

/// nginx's own, the same for all requests; its name is not exported.
ngx_http_log_handler_pt nginx_log_handler = nullptr;

/// A text that is shorter while this lives.
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

u_char* log_handler(ngx_http_request_t* r, ngx_http_request_t* sr, u_char* buf, size_t len) {
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
    return nginx_log_handler(r, sr, buf, len);
}

}  // namespace

void hide_arguments_in_log(ngx_http_request_t* r) noexcept {
    if (r->log_handler != log_handler) {
        nginx_log_handler = r->log_handler;
        r->log_handler = log_handler;
    }
}

}  // namespace flashduty
