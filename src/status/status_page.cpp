#include "status_page.hpp"

#include <array>

#include "../core/digest.hpp"
#include "../core/text.hpp"
#include "status_page_html.hpp"

namespace flashduty {

namespace {

using Digest = std::array<unsigned char, kSha256Bytes>;

std::string_view base64(Arena& arena, const Digest& digest) noexcept {
    constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t kSize = (kSha256Bytes + 2) / 3 * 4;
    char* to = static_cast<char*>(arena.allocate(kSize));
    if (to == nullptr) {
        return {};
    }
    for (std::size_t i = 0; i < kSize; i++) {
        const std::size_t bit = i * 6, byte = bit / 8;
        const unsigned high = byte < digest.size() ? digest[byte] : 0U;
        const unsigned low = byte + 1 < digest.size() ? digest[byte + 1] : 0U;
        to[i] = byte < digest.size() ? kLetters[((high << 8 | low) >> (10 - bit % 8)) & 0x3F] : '=';
    }
    return {to, kSize};
}

/// ` 'sha256-…'` for each text in `page` between `begin` and `end`.
std::string_view hashes(Arena& arena, std::string_view page, std::string_view begin,
                        std::string_view end) noexcept {
    std::string_view all;
    for (std::size_t at = page.find(begin); at != std::string_view::npos;
         at = page.find(begin, at)) {
        at += begin.size();
        Sha256 sha;
        Digest digest;
        sha.add(page.substr(at, page.find(end, at) - at));
        if (!sha.finish(digest)) {
            arena.fail();
        }
        all = concat(arena, all, std::string_view(" 'sha256-"), base64(arena, digest),
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
