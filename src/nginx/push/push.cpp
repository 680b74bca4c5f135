#include "push.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "../../core/digest.hpp"
#include "../../core/text.hpp"
#include "../base/headers.hpp"
#include "../request/answer.hpp"
#include "../request/conf.hpp"
#include "../request/recorder.hpp"
#include "push_answer.hpp"
#include "push_log.hpp"

namespace flashduty {

namespace {

// ---------------------------------------------------------------- where to

constexpr std::string_view kEmptyUri =
    "the uri of flashduty_push is empty for this alert: give its map a default";

bool needs_escape(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
}

/// Escapes arguments for a request line; empty when out of memory or empty.
std::string_view escape_arguments(Arena& arena, std::string_view arguments) noexcept {
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto escaped = std::count_if(arguments.begin(), arguments.end(), needs_escape);
    if (escaped == 0) {
        return arguments;
    }
    const std::size_t size = arguments.size() + static_cast<std::size_t>(escaped) * 2;
    char* to = static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for (char c : arguments) {
        if (needs_escape(c)) {
            const auto byte = static_cast<unsigned char>(c);
            *end++ = '%';
            *end++ = kDigits[byte >> 4];
            *end++ = kDigits[byte & 0xF];
        } else {
            *end++ = c;
        }
    }
    return {to, size};
}

/// Refuses what nginx lets pass: a `..` right before the arguments, and escaped control characters,
/// which would stand unescaped in nginx's log and wherever a configuration says $uri.
bool is_safe_path(Arena& arena, std::string_view path) noexcept {
    return !climbs(path) && without_controls(arena, path).data() == path.data();
}

// ---------------------------------------------------------------- what is sent

/// Called when the caller's request ends before its push: the worker shuts down, or nginx ends it
/// by force.
void on_request_end(void* data) {
    Delivery& delivery = *static_cast<Delivery*>(data);
    stop_listening(delivery);
    if (!delivery.push.is_judged) {
        delivery.push.time_ms = ngx_current_msec - delivery.push.started_ms;
        delivery.push.is_judged = true;
        delivery.push.verdict = Verdict::kTransient;
        delivery.push.reason = "nginx ended the request before the push was over";
        record_push(delivery, nullptr);
        delivery.push.on_judged(delivery);
    }
}

/// Parts of the subrequest, made before it: a posted subrequest cannot be taken back.
struct PushParts {
    ngx_http_post_subrequest_t on_end;
    ngx_http_request_body_t body;
    ngx_chain_t link;
    ngx_buf_t buf;
    ngx_log_t log;
    ngx_http_headers_in_t headers;
};

bool fill_body(Delivery& delivery, PushParts& parts) noexcept {
    hold_whole(parts.buf, delivery.event_json);
    parts.link = {&parts.buf, nullptr};
    parts.body.bufs = &parts.link;
    parts.body.buf = &parts.buf;

    const std::string_view length = decimal(delivery.arena, delivery.event_json.size());
    ngx_http_headers_in_t& in = parts.headers;
    in.content_length_n = static_cast<off_t>(delivery.event_json.size());
    in.keep_alive_n = -1;
    in.server = delivery.request->headers_in.server;
    return !length.empty() &&
           ngx_list_init(&in.headers, delivery.request->pool, 3, sizeof(ngx_table_elt_t)) ==
               NGX_OK &&
           add_header(&in.headers, "Content-Type", "application/json; charset=utf-8",
                      &in.content_type) &&
           add_header(&in.headers, "Content-Length", length, &in.content_length) &&
           add_header(&in.headers, "Accept-Encoding", "identity");
}

PushParts* make_parts(Delivery& delivery) noexcept {
    ngx_pool_t* pool = delivery.request->pool;
    auto* parts = static_cast<PushParts*>(ngx_pcalloc(pool, sizeof(PushParts)));
    ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(delivery.request, 0);
    void* reader = ngx_palloc(pool, sizeof(AnswerReader));
    if (parts == nullptr || cleanup == nullptr || reader == nullptr) {
        return nullptr;
    }
    delivery.push.answer_reader = new (reader) AnswerReader(delivery.arena);
    cleanup->handler = on_request_end;
    cleanup->data = &delivery;
    parts->on_end = {on_push_end, &delivery};
    return fill_body(delivery, *parts) ? parts : nullptr;
}

/// Clears the connection's error. A caller that resets its HTTP/2 stream sets it on the connection
/// that the push shares: nginx would try no further server, and answer the push with 499 itself.
void forget_caller(ngx_http_request_t* r) {
    Delivery* delivery = find_delivery(r);
    delivery->has_caller_left = delivery->has_caller_left || r->connection->error;
    r->connection->error = 0;
}

/// Event handler of the caller's request while its push is under way: whatever wakes it, it goes on
/// waiting. A push that is delayed before it is sent, as by limit_req, waits for the caller's
/// connection and is woken here. A push that is being sent is not woken: it must not see that the
/// caller has left.
void wait_for_push(ngx_http_request_t* r) {
    forget_caller(r);
    ngx_http_request_t* push = find_delivery(r)->push.request;
    if (push != nullptr && push->upstream == nullptr && !r->connection->write->delayed) {
        push->write_event_handler(push);
    }
}

std::uint64_t first_bytes_of(Sha256& hash) noexcept {
    std::array<unsigned char, kSha256Bytes> digest{};
    std::uint64_t first = 0;
    if (hash.finish(digest)) {
        std::memcpy(&first, digest.data(), sizeof(first));
    }
    return first;
}

}  // namespace

bool find_push_uri(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    ngx_str_t uri = ngx_null_string;
    ngx_uint_t flags = 0;  // no NGX_HTTP_LOG_UNSAFE: the uri may have line breaks and secrets
    if (ngx_http_complex_value(r, location_conf(r).push_uri, &uri) != NGX_OK) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        return false;
    }
    const ngx_str_t evaluated = uri;
    ngx_str_t args = ngx_null_string;
    if (evaluated.len == 0) {
        settle(delivery, Outcome::kBroken, kEmptyUri);
        record_nowhere(delivery, kEmptyUri);
        return false;
    }
    if (evaluated.data[0] != '/' || ngx_http_parse_unsafe_uri(r, &uri, &args, &flags) != NGX_OK ||
        !is_safe_path(delivery.arena, to_view(uri))) {
        settle(delivery, Outcome::kBroken,
               "the uri of flashduty_push is no safe local path for this alert: route by a map to "
               "fixed values");
        return false;
    }
    delivery.push.uri = uri;
    delivery.push.args = to_ngx(escape_arguments(delivery.arena, to_view(args)));
    if (delivery.arena.failed()) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        return false;
    }
    return true;
}

void hold_caller(ngx_http_request_t* r) noexcept {
    r->write_event_handler = wait_for_push;
    r->read_event_handler = [](ngx_http_request_t* caller) {
        ngx_http_block_reading(caller);
        forget_caller(caller);
    };
    forget_caller(r);
}

bool start_push(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    static const ngx_str_t post = ngx_string("POST");
    PushParts* parts = make_parts(delivery);
    ngx_http_request_t* sr = nullptr;
    if (parts == nullptr || delivery.arena.failed() ||
        ngx_http_subrequest(r, &delivery.push.uri, &delivery.push.args, &sr, &parts->on_end,
                            NGX_HTTP_SUBREQUEST_BACKGROUND) != NGX_OK) {
        delivery.push.is_judged = true;  // there is no push
        return false;
    }
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0, "flashduty push: %uz bytes to \"%V\"",
                   delivery.event_json.size(), &delivery.push.uri);
    sr->method = NGX_HTTP_POST;
    sr->method_name = post;
    sr->request_body = &parts->body;
    sr->headers_in = parts->headers;
    // An empty list's end points into the struct that was copied from: make it point into the copy.
    if (parts->headers.headers.last == &parts->headers.headers.part) {
        sr->headers_in.headers.last = &sr->headers_in.headers.part;
    }
    delivery.push.request = sr;
    listen_to_log(delivery, parts->log);
    delivery.push.started_ms = ngx_current_msec;
    hold_caller(r);
    return true;
}

std::uint64_t where_pushed(const Delivery& delivery) noexcept {
    const ngx_http_request_t* sr = delivery.push.request;
    const ngx_http_upstream_t* upstream = sr == nullptr ? nullptr : sr->upstream;
    if (upstream != nullptr && upstream->uri.len != 0) {
        return digest_of(to_view(upstream->uri));
    }
    const std::string_view uri = to_view(delivery.push.uri), args = to_view(delivery.push.args);
    Sha256 hash;
    for (const std::string_view part : {uri, std::string_view("?"), args}) {
        hash.add(part);
    }
    return first_bytes_of(hash);
}

std::uint64_t digest_of(std::string_view bytes) noexcept {
    Sha256 hash;
    hash.add(bytes);
    return first_bytes_of(hash);
}

}  // namespace flashduty
