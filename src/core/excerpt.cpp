#include "excerpt.hpp"

#include <algorithm>

#include "secret.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// Words behind which a secret may stand, in a body of whatever format.
constexpr std::string_view kSecretWords[] = {"integration_key", "authorization", "bearer ", "token",
                                             "password"};

std::size_t end_of_word(std::string_view text, std::string_view word) noexcept {
    const auto is_same = [](char a, char b) { return to_lower(a) == b; };
    const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(), is_same);
    return found == text.end() ? text.size()
                               : static_cast<std::size_t>(found - text.begin()) + word.size();
}

std::string_view before_secrets(std::string_view text) noexcept {
    std::size_t end = text.size();
    for (const std::string_view word : kSecretWords) {
        end = std::min(end, end_of_word(text, word));
    }
    return text.substr(0, end);
}

}  // namespace

std::string_view make_excerpt(Arena& arena, std::string_view start) noexcept {
    const std::string_view text = without_controls(arena, repair(arena, start));
    // Read as arguments: masks a key whose name is escaped, too.
    const std::string_view as_arguments = concat(arena, std::string_view("?"), text);
    const std::string_view without = without_keys(arena, text, as_arguments, true);
    const std::string_view shown = before_secrets(without);
    const std::string_view line = cut(arena, shown, kExcerptCharacters);
    return shown.size() < without.size() && line.size() == shown.size()
               ? concat(arena, line, std::string_view("***"))
               : line;
}

}  // namespace flashduty
