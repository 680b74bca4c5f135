#include "status_page.hpp"

#include "../core/digest.hpp"
#include "../core/text.hpp"
#include "status_page_html.hpp"

namespace flashduty {

namespace {

/// ` 'sha256-…'` for each text in `page` between `begin` and `end`.
std::string_view hashes(Arena& arena, std::string_view page, std::string_view begin,
                        std::string_view end) noexcept {
    std::string_view all;
    for (std::size_t at = page.find(begin); at != std::string_view::npos;
         at = page.find(begin, at)) {
        at += begin.size();
        Sha256 sha;
        sha.add(page.substr(at, page.find(end, at) - at));
        all = concat(arena, all, std::string_view(" 'sha256-"), sha.base64(arena),
                     std::string_view("'"));
    }
    return all;
}

}  // namespace

std::string_view status_page() noexcept { return kStatusPage; }

std::string_view page_policy(Arena& arena, std::string_view page) noexcept {
    return concat(arena, std::string_view("default-src 'none'; script-src"),
                  hashes(arena, page, "<script>", "</script>"), std::string_view("; style-src"),
                  hashes(arena, page, "<style>", "</style>"),
                  std::string_view("; img-src data:; connect-src 'self'; base-uri 'none'; "
                                   "form-action 'none'; frame-ancestors 'none'"));
}

}  // namespace flashduty
