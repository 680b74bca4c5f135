#include "body.hpp"

namespace flashduty {

RequestBody::RequestBody(ngx_http_request_t* r) noexcept : r_(r) { rewind(); }

RequestBody::~RequestBody() {
    if (buffer_ != nullptr) {
        (void)ngx_pfree(r_->pool, buffer_);
    }
}

void RequestBody::rewind() noexcept {
    link_ = r_->request_body == nullptr ? nullptr : r_->request_body->bufs;
    file_offset_ = 0;
}

bool RequestBody::next(JsonChunk& chunk, std::size_t wanted_bytes) noexcept {
    chunk = {};
    while (link_ != nullptr && chunk.text.empty()) {
        const ngx_buf_t& buf = *link_->buf;
        if (!ngx_buf_in_memory(&buf) && buf.in_file &&
            buf.file_pos + file_offset_ < buf.file_last) {
            return read_file(buf, chunk, wanted_bytes);
        }
        if (ngx_buf_in_memory(&buf)) {
            const auto* text = reinterpret_cast<const char*>(buf.pos);
            chunk = {{text, static_cast<std::size_t>(buf.last - buf.pos)}, true};
        }
        link_ = link_->next;
        file_offset_ = 0;
    }
    return true;
}

bool RequestBody::read_file(const ngx_buf_t& buf, JsonChunk& chunk,
                            std::size_t wanted_bytes) noexcept {
    const off_t left = buf.file_last - buf.file_pos - file_offset_;
    const std::size_t size =
        static_cast<off_t>(wanted_bytes) < left ? wanted_bytes : static_cast<std::size_t>(left);
    if (size > buffer_bytes_) {
        if (buffer_ != nullptr) {
            (void)ngx_pfree(r_->pool, buffer_);
        }
        buffer_ = static_cast<u_char*>(ngx_palloc(r_->pool, size));
        buffer_bytes_ = buffer_ == nullptr ? 0 : size;
        if (buffer_ == nullptr) {
            return false;
        }
    }
    const ssize_t n = ngx_read_file(buf.file, buffer_, size, buf.file_pos + file_offset_);
    if (n <= 0) {
        if (n == 0) {
            ngx_log_error(NGX_LOG_CRIT, r_->connection->log, 0,
                          "request body file \"%V\" is shorter than it was", &buf.file->name);
        }
        return false;
    }
    file_offset_ += n;
    chunk = {{reinterpret_cast<const char*>(buffer_), static_cast<std::size_t>(n)}, false};
    return true;
}

}  // namespace flashduty
