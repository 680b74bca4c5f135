#include "push_places.hpp"

#include <algorithm>

#include "servers.hpp"

namespace flashduty {

namespace {

enum class Match { kNone, kPrefix, kExact };

/// Looks a prefix or exact location up as nginx does, whose own function needs a request. The tree
/// is sorted by ngx_filename_cmp().
Match find_in_tree(const ngx_http_location_tree_node_t* node, std::string_view uri,
                   const Location*& found) noexcept {
    Match match = Match::kNone;
    while (node != nullptr) {
        const std::size_t size = std::min<std::size_t>(uri.size(), node->len);
        const ngx_int_t order =
            ngx_filename_cmp(to_ngx(uri).data, const_cast<u_char*>(node->name), size);
        if (order != 0) {
            node = order < 0 ? node->left : node->right;
        } else if (uri.size() > node->len && node->inclusive != nullptr) {
            found = node->inclusive;
            match = Match::kPrefix;
            uri.remove_prefix(size);
            node = node->tree;
        } else if (uri.size() > node->len) {
            node = node->right;
        } else if (uri.size() == node->len) {
            found = node->exact != nullptr ? node->exact : node->inclusive;
            return node->exact != nullptr ? Match::kExact : Match::kPrefix;
        } else {
            node = node->left;
        }
    }
    return match;
}

#if (NGX_PCRE)
bool matches(const Location& location, std::string_view uri) noexcept {
    ngx_str_t text = to_ngx(uri);
    return ngx_regex_exec(location.regex->regex, &text, nullptr, 0) >= 0;
}
#endif

/// Finds the location of `uri` within `outer`: exact, by a regex, by a prefix.
Match find_within(const ngx_http_core_loc_conf_t& outer, std::string_view uri,
                  const Location*& found) noexcept {
    const Match match = find_in_tree(outer.static_locations, uri, found);
    bool has_regex = match != Match::kExact;
    if (match == Match::kPrefix) {
        const Location& prefix = *found;
#if (NGX_PCRE)
        has_regex = prefix.noregex == 0;
#endif
        if (find_within(core_conf_of(prefix), uri, found) == Match::kExact) {
            return Match::kExact;
        }
    }
#if (NGX_PCRE)
    Location** at = has_regex ? outer.regex_locations : nullptr;
    for (; at != nullptr && *at != nullptr; at++) {
        if (matches(**at, uri)) {
            found = *at;
            (void)find_within(core_conf_of(**at), uri, found);
            return Match::kExact;
        }
    }
#endif
    return match;
}

/// Server block of that name; nullptr when there is none.
const ngx_http_core_srv_conf_t* server_named(const MainConf& conf, std::string_view name) noexcept {
    const ngx_http_conf_ctx_t* ctx = find_server(*conf.servers, name);
    return ctx == nullptr ? nullptr
                          : static_cast<ngx_http_core_srv_conf_t*>(
                                ctx->srv_conf[ngx_http_core_module.ctx_index]);
}

template <class Meets>
bool has_push(const MainConf& conf, const ngx_http_core_srv_conf_t& server, Meets meets) noexcept {
    if (conf.push_uris == nullptr) {
        return false;
    }
    const auto* first = static_cast<PushUri*>(conf.push_uris->elts);
    return std::any_of(first, first + conf.push_uris->nelts,
                       [&](const PushUri& push) { return push.server == &server && meets(push); });
}

bool is_evaluated(const PushUri& push) noexcept { return literal_path(push).empty(); }

bool is_named_in(const MainConf& conf, const ngx_http_core_srv_conf_t& server,
                 std::string_view path) noexcept {
    return has_push(conf, server, [path](const PushUri& push) {
        return is_evaluated(push) || literal_path(push) == path;
    });
}

Standing standing_in(const MainConf& conf, const ngx_http_core_srv_conf_t& server,
                     std::string_view path) noexcept {
    const Location* location = find_location(server, path);
    const bool is_there =
        location != nullptr && (!is_catch_all(*location) || is_named_in(conf, server, path));
    return is_there ? Standing::kThere : Standing::kNoLocation;
}

}  // namespace

const Location* find_location(const ngx_http_core_srv_conf_t& server,
                              std::string_view path) noexcept {
    const auto& outer = *static_cast<ngx_http_core_loc_conf_t*>(
        server.ctx->loc_conf[ngx_http_core_module.ctx_index]);
    const Location* location = nullptr;
    (void)find_within(outer, path, location);
    return location;
}

bool is_catch_all(const Location& location) noexcept {
    return to_view(location.name) == "/" && location.exact_match == 0;
}

std::string_view literal_path(const PushUri& push) noexcept {
    const ngx_http_complex_value_t& uri = *push.conf->push_uri;
    if (uri.lengths != nullptr) {
        return {};
    }
    const std::string_view text = to_view(uri.value);
    const std::string_view path = text.substr(0, text.find('?'));
    return path.find('%') == std::string_view::npos ? path : std::string_view{};
}

Standing standing_of(const MainConf& conf, std::string_view server,
                     std::string_view path) noexcept {
    const ngx_http_core_srv_conf_t* block = server_named(conf, server);
    return block == nullptr ? Standing::kNoServer : standing_in(conf, *block, path);
}

bool is_named(const MainConf& conf, std::string_view server, std::string_view path) noexcept {
    const ngx_http_core_srv_conf_t* block = server_named(conf, server);
    return block != nullptr && is_named_in(conf, *block, path);
}

std::string why_gone(Standing standing, std::string_view server, std::string_view path) {
    const std::string block = "server block \"" + std::string(server) + '"';
    return "the configuration has no " +
           (standing == Standing::kNoServer
                ? block
                : "location \"" + std::string(path) + "\" in " + block) +
           " any more: bring it back, or move its events to another location";
}

bool is_removed(const MainConf& conf, std::string_view target, bool is_nowhere) noexcept {
    constexpr std::string_view kCut = "\xE2\x80\xA6";
    const std::size_t at = target.find(" /");
    const bool is_cut =
        target.size() >= kCut.size() && target.substr(target.size() - kCut.size()) == kCut;
    if (at == std::string_view::npos || is_cut) {
        return false;  // nothing can be said about it
    }
    const std::string_view path = target.substr(at + 1);
    const ngx_http_core_srv_conf_t* block = server_named(conf, target.substr(0, at));
    if (block == nullptr) {
        return true;
    }
    return is_nowhere ? !has_push(conf, *block, is_evaluated)
                      : !is_named_in(conf, *block, path) ||
                            standing_in(conf, *block, path) != Standing::kThere;
}

}  // namespace flashduty
