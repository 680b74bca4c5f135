#include "body.hpp"

namespace flashduty {

RequestBody::RequestBody(ngx_http_request_t* r, Arena& arena) noexcept : r_(r), arena_(arena) {
    rewind();
}

RequestBody::~RequestBody() { arena_.release(buffer_); }

void RequestBody::rewind() noexcept {
    link_ = r_->request_body == nullptr ? nullptr : r_->request_body->bufs;
    taken_ = 0;
    pass_empty();
}

bool RequestBody::next(JsonChunk& chunk, std::size_t wanted_bytes) noexcept {
    chunk = {};
    if (link_ == nullptr) {
        return true;
    }
    const ngx_buf_t& buf = *link_->buf;
    if (link_->next == nullptr && ngx_buf_in_memory(&buf) && taken_ == 0) {
        const auto* text = reinterpret_cast<const char*>(buf.pos);
        chunk = {{text, static_cast<std::size_t>(buf.last - buf.pos)}, true};
        link_ = nullptr;
        return true;
    }
    if (!reserve(wanted_bytes)) {
        return false;
    }
    const std::size_t size = gather(wanted_bytes);
    chunk = {{reinterpret_cast<const char*>(buffer_), size}, false};
    return !failed_;
}

bool RequestBody::reserve(std::size_t size_bytes) noexcept {
    if (size_bytes > buffer_bytes_) {
        arena_.release(buffer_);
        buffer_ = static_cast<u_char*>(arena_.allocate(size_bytes));
        buffer_bytes_ = buffer_ == nullptr ? 0 : size_bytes;
    }
    return buffer_ != nullptr;
}

/// Fills the buffer with what comes next; less than asked for only at the body's end.
std::size_t RequestBody::gather(std::size_t size_bytes) noexcept {
    std::size_t size = 0;
    while (link_ != nullptr && size < size_bytes) {
        const ssize_t n = take(buffer_ + size, size_bytes - size);
        if (n <= 0) {
            failed_ = true;
            return 0;
        }
        size += static_cast<std::size_t>(n);
        taken_ += n;
        pass_empty();
    }
    return size;
}

/// Takes from the current link alone.
ssize_t RequestBody::take(u_char* to, std::size_t size_bytes) noexcept {
    const ngx_buf_t& buf = *link_->buf;
    const off_t left = ngx_buf_size(&buf) - taken_;
    const auto size =
        left < static_cast<off_t>(size_bytes) ? static_cast<std::size_t>(left) : size_bytes;
    if (ngx_buf_in_memory(&buf)) {
        ngx_memcpy(to, buf.pos + taken_, size);
        return static_cast<ssize_t>(size);
    }
    const ssize_t n = ngx_read_file(buf.file, to, size, buf.file_pos + taken_);
    if (n == 0) {
        ngx_log_error(NGX_LOG_CRIT, r_->connection->log, 0,
                      "request body file \"%V\" is shorter than it was", &buf.file->name);
    }
    return n;
}

/// Goes on to the next link that has something left.
void RequestBody::pass_empty() noexcept {
    while (link_ != nullptr && taken_ >= ngx_buf_size(link_->buf)) {
        link_ = link_->next;
        taken_ = 0;
    }
}

}  // namespace flashduty
