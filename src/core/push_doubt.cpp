#include "push_doubt.hpp"

#include <algorithm>
#include <iterator>

#include "secret.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kPushPath = "/event/push/alert/";
constexpr std::string_view kOurKind = "standard";
constexpr std::string_view kPlaceholderKey = "KEY";

constexpr std::string_view kSentences[] = {
    "",
    "the push URL is that of another kind of integration: choose \"standard alert event\" in "
    "Flashduty and take its push URL",
    "the push URL has no integration key: take the whole push URL from Flashduty",
    "the push URL has the placeholder KEY in place of an integration key",
    "Flashduty named no alert in its answer: is the push URL that of a \"standard alert event\" "
    "integration?",
};
static_assert(std::size(kSentences) == kCountOf<PushDoubt>);

}  // namespace

PushDoubt doubt_url(std::string_view url) noexcept {
    const std::size_t at = url.find(kPushPath);
    if (at == std::string_view::npos || at > url.find('?')) {
        return PushDoubt::kNone;
    }
    const std::string_view kind = url.substr(at + kPushPath.size());
    if (kind.substr(0, kind.find('?')) != kOurKind) {
        return PushDoubt::kOtherKind;
    }
    const std::string_view key = take_integration_key(url);
    return key.empty()              ? PushDoubt::kNoKey
           : key == kPlaceholderKey ? PushDoubt::kPlaceholder
                                    : PushDoubt::kNone;
}

std::string_view sentence_of(PushDoubt doubt) noexcept { return kSentences[index_of(doubt)]; }

}  // namespace flashduty
