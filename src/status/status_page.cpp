#include "status_page.hpp"

#include "../core/digest.hpp"
#include "../core/text.hpp"
#include "status_desk_html.hpp"
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

/// Takes the text before `mark` from the start of `text`, and removes `mark`.
std::string_view take_until(std::string_view& text, std::string_view mark) noexcept {
    const std::size_t at = text.find(mark);
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at + mark.size());
    return before;
}

/// The path as a string of JavaScript within a page, with a slash at its end.
std::string_view script_text(Arena& arena, std::string_view path) noexcept {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string_view text = "\"";
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
                              c == '/' || c == '-' || c == '_' || c == '.';
        // Escapes as in a URL: the name of a location may have other characters.
        const char escaped[] = {'%', kDigits[byte >> 4], kDigits[byte & 0xF]};
        text =
            concat(arena, text, is_plain ? std::string_view(&c, 1) : std::string_view(escaped, 3));
    }
    return concat(arena, text, std::string_view(path.back() == '/' ? "\"" : "/\""));
}

}  // namespace

std::string_view status_page(Arena& arena, std::string_view api) noexcept {
    std::string_view rest = kStatusPage;
    const bool has_api = !api.empty();
    const std::string_view style = take_until(rest, "/*desk*/\n");
    const std::string_view body = take_until(rest, "<!--desk-->\n");
    const std::string_view script = take_until(rest, "//desk\n");
    if (!has_api) {
        return concat(arena, style, body, script, rest);
    }
    return concat(arena, style, kDeskStyle, body, kDesk, script, std::string_view("const API = "),
                  script_text(arena, api), std::string_view(";\n"), kDeskScript, rest);
}

std::string_view page_policy(Arena& arena, std::string_view page) noexcept {
    return concat(arena, std::string_view("default-src 'none'; script-src"),
                  hashes(arena, page, "<script>", "</script>"), std::string_view("; style-src"),
                  hashes(arena, page, "<style>", "</style>"),
                  std::string_view("; img-src data:; connect-src 'self'; base-uri 'none'; "
                                   "form-action 'none'; frame-ancestors 'none'"));
}

}  // namespace flashduty
