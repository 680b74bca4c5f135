#include "conf.hpp"

namespace flashduty {

bool climbs(std::string_view uri) noexcept {
    std::string_view path = uri.substr(0, uri.find('?'));
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        if (path.substr(0, end) == "..") {
            return true;
        }
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    }
    return false;
}

}  // namespace flashduty
