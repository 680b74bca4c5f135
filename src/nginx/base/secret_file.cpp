#include "secret_file.hpp"

namespace flashduty {

namespace {

template <class... Values>
bool refuse(ngx_conf_t* cf, ngx_err_t error, const char* format, Values... values) noexcept {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, error, format, values...);
    return false;
}

constexpr off_t kMaxFileBytes = 64 * 1024;
constexpr mode_t kOthers = S_IROTH | S_IWOTH;

bool is_fit(ngx_conf_t* cf, ngx_fd_t fd, const ngx_str_t& path, off_t& size_bytes) noexcept {
    ngx_file_info_t info;
    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR) {
        return refuse(cf, ngx_errno, ngx_fd_info_n " \"%V\" failed", &path);
    }
    if (!ngx_is_file(&info)) {
        return refuse(cf, 0, "\"%V\" is no file", &path);
    }
    if ((ngx_file_access(&info) & kOthers) != 0) {
        return refuse(cf, 0,
                      "\"%V\" holds secrets and is open to others: take their rights away with "
                      "\"chmod o-rwx\"",
                      &path);
    }
    size_bytes = ngx_file_size(&info);
    if (size_bytes == 0) {
        return refuse(cf, 0, "\"%V\" is empty", &path);
    }
    if (size_bytes > kMaxFileBytes) {
        return refuse(cf, 0, "\"%V\" is larger than 64 KiB", &path);
    }
    return true;
}

bool read_whole(ngx_conf_t* cf, ngx_fd_t fd, const ngx_str_t& path, off_t size_bytes,
                ngx_str_t& text) noexcept {
    const auto size = static_cast<std::size_t>(size_bytes);
    text.data = static_cast<u_char*>(ngx_pnalloc(cf->temp_pool, size));
    if (text.data == nullptr) {
        return false;
    }
    const ssize_t n = ngx_read_fd(fd, text.data, size);
    if (n != static_cast<ssize_t>(size)) {
        return refuse(cf, n < 0 ? ngx_errno : 0, ngx_read_fd_n " \"%V\" failed", &path);
    }
    text.len = size;
    return true;
}

}  // namespace

bool read_secret_file(ngx_conf_t* cf, ngx_str_t path, ngx_str_t& text) noexcept {
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return false;
    }
    // NONBLOCK: a pipe would make it wait for a writer.
    const ngx_fd_t fd = ngx_open_file(path.data, NGX_FILE_RDONLY | NGX_FILE_NONBLOCK, 0, 0);
    if (fd == NGX_INVALID_FILE) {
        return refuse(cf, ngx_errno, ngx_open_file_n " \"%V\" failed", &path);
    }
    off_t size_bytes = 0;
    const bool is_read =
        is_fit(cf, fd, path, size_bytes) && read_whole(cf, fd, path, size_bytes, text);
    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        return refuse(cf, ngx_errno, ngx_close_file_n " \"%V\" failed", &path);
    }
    return is_read;
}

void wipe(ngx_str_t& text) noexcept {
    ngx_explicit_memzero(text.data, text.len);
    ngx_str_null(&text);
}

}  // namespace flashduty
