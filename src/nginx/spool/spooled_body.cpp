#include "spooled_body.hpp"

#include <fcntl.h>

#include <utility>

namespace flashduty {

SpooledBody::~SpooledBody() {
    if (file_ != -1) {
        (void)close(file_);
    }
}

SpooledBody::SpooledBody(SpooledBody&& other) noexcept
    : body_(std::move(other.body_)),
      file_parts_(std::move(other.file_parts_)),
      file_(std::exchange(other.file_, -1)) {}

SpooledBody& SpooledBody::operator=(SpooledBody&& other) noexcept {
    std::swap(body_, other.body_);
    std::swap(file_parts_, other.file_parts_);
    std::swap(file_, other.file_);
    return *this;
}

bool SpooledBody::take(ngx_http_request_t* r) noexcept {
    const ngx_chain_t* link = r->request_body == nullptr ? nullptr : r->request_body->bufs;
    for (; link != nullptr; link = link->next) {
        const ngx_buf_t& buf = *link->buf;
        const auto size = static_cast<std::size_t>(ngx_buf_size(&buf));
        if (ngx_buf_in_memory(&buf)) {
            body_.append(reinterpret_cast<const char*>(buf.pos), size);
            continue;
        }
        if (size != 0 && file_ == -1) {
            // Duplicates the descriptor: nginx has one file for a body, and closes it with the
            // request.
            file_ = fcntl(buf.file->fd, F_DUPFD_CLOEXEC, 0);
            if (file_ == -1) {
                return false;
            }
        }
        file_parts_.push_back({buf.file_pos, body_.size(), size});
        body_.resize(body_.size() + size);
    }
    return true;
}

bool SpooledBody::read(std::string& body) noexcept {
    for (const FilePart& part : file_parts_) {
        std::size_t done = 0;
        while (done < part.size_bytes) {
            const ssize_t size = pread(file_, &body_[part.at + done], part.size_bytes - done,
                                       part.file_offset_bytes + static_cast<off_t>(done));
            if (size <= 0) {
                return false;
            }
            done += static_cast<std::size_t>(size);
        }
    }
    body = std::move(body_);
    return true;
}

}  // namespace flashduty
