#include "body.hpp"

namespace flashduty {

namespace {

/// Longer bodies are read piece by piece instead of being held twice.
constexpr std::size_t kMaxGatheredBytes = 32 * 1024;

bool is_in_memory(const ngx_chain_t* link) noexcept {
    while (link != nullptr && ngx_buf_in_memory(link->buf)) {
        link = link->next;
    }
    return link == nullptr;
}

}  // namespace

void RequestBody::seek(std::size_t offset_bytes) noexcept {
    link_ = r_->request_body == nullptr ? nullptr : r_->request_body->bufs;
    taken_ = static_cast<off_t>(offset_bytes);
    pass_taken();
}

void RequestBody::gather(Arena& arena) noexcept {
    const std::size_t size_bytes = left_bytes();
    if (link_ == nullptr || link_->next == nullptr || size_bytes > kMaxGatheredBytes ||
        !is_in_memory(link_)) {
        return;
    }
    void* const to = arena.allocate(size_bytes);
    if (to == nullptr) {
        return;
    }
    auto* end = static_cast<u_char*>(to);
    for (const ngx_chain_t* link = link_; link != nullptr; link = link->next) {
        end = ngx_cpymem(end, link->buf->pos, link->buf->last - link->buf->pos);
    }
    gathered_ = {static_cast<char*>(to), size_bytes};
}

JsonChunk RequestBody::whole() const noexcept {
    if (!gathered_.empty()) {
        return {gathered_, true};
    }
    if (link_ == nullptr || link_->next != nullptr || !ngx_buf_in_memory(link_->buf)) {
        return {};
    }
    const ngx_buf_t& buf = *link_->buf;
    const auto size = static_cast<std::size_t>(buf.last - buf.pos);
    return {{reinterpret_cast<const char*>(buf.pos), size}, true};
}

/// Reads from the current link only.
std::size_t RequestBody::read(char* to, std::size_t size_bytes) noexcept {
    const ngx_buf_t& buf = *link_->buf;
    const off_t left = ngx_buf_size(&buf) - taken_;
    auto size = left < static_cast<off_t>(size_bytes) ? static_cast<std::size_t>(left) : size_bytes;
    if (ngx_buf_in_memory(&buf)) {
        ngx_memcpy(to, buf.pos + taken_, size);
    } else {
        const ssize_t n =
            ngx_read_file(buf.file, reinterpret_cast<u_char*>(to), size, buf.file_pos + taken_);
        if (n == 0) {
            ngx_log_error(NGX_LOG_CRIT, r_->connection->log, 0,
                          "request body file \"%V\" is shorter than it was", &buf.file->name);
        }
        size = n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    taken_ += static_cast<off_t>(size);
    pass_taken();
    return size;
}

std::size_t RequestBody::left_bytes() const noexcept {
    off_t left = -taken_;
    for (const ngx_chain_t* link = link_; link != nullptr; link = link->next) {
        left += ngx_buf_size(link->buf);
    }
    return static_cast<std::size_t>(left);
}

/// Advances to the next link with unread bytes.
void RequestBody::pass_taken() noexcept {
    while (link_ != nullptr && taken_ >= ngx_buf_size(link_->buf)) {
        taken_ -= ngx_buf_size(link_->buf);
        link_ = link_->next;
    }
}

}  // namespace flashduty
