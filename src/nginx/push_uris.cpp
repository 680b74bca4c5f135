#include "push_uris.hpp"

#include <algorithm>

#include "base/location.hpp"
#include "directives.hpp"
#include "request/conf.hpp"

namespace flashduty {

namespace {

using CoreConf = ngx_http_core_loc_conf_t;

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

/// Finds the location of `uri` within `outer` as nginx does: exact, by a regex, by a prefix.
Match find_location(const CoreConf& outer, std::string_view uri, const Location*& found) noexcept {
    const Match match = find_in_tree(outer.static_locations, uri, found);
    bool has_regex = match != Match::kExact;
    if (match == Match::kPrefix) {
        const Location& prefix = *found;
#if (NGX_PCRE)
        has_regex = prefix.noregex == 0;
#endif
        if (find_location(core_conf_of(prefix), uri, found) == Match::kExact) {
            return Match::kExact;
        }
    }
#if (NGX_PCRE)
    Location** at = has_regex ? outer.regex_locations : nullptr;
    for (; at != nullptr && *at != nullptr; at++) {
        if (matches(**at, uri)) {
            found = *at;
            (void)find_location(core_conf_of(**at), uri, found);
            return Match::kExact;
        }
    }
#endif
    return match;
}

/// Path of a uri without variables and escapes; empty for any other uri.
std::string_view literal_path(const LocationConf& conf) noexcept {
    if (conf.push_uri->lengths != nullptr) {
        return {};
    }
    const std::string_view uri = to_view(conf.push_uri->value);
    const std::string_view path = uri.substr(0, uri.find('?'));
    return path.find('%') == std::string_view::npos ? path : std::string_view{};
}

const LocationConf& conf_of(const Location& location) noexcept {
    return *static_cast<LocationConf*>(
        core_conf_of(location).loc_conf[ngx_http_flashduty_module.ctx_index]);
}

bool check(ngx_conf_t* cf, const PushUri& push) noexcept {
    const std::string_view path = literal_path(*push.conf);
    if (path.empty()) {
        return true;
    }
    const auto* server =
        static_cast<CoreConf*>(push.server->ctx->loc_conf[ngx_http_core_module.ctx_index]);
    const Location* location = nullptr;
    (void)find_location(*server, path, location);
    ngx_str_t uri = to_ngx(path);
    if (location == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no location of the server block matches \"%V\", which \"flashduty_push\" "
                      "names in %V:%ui",
                      &uri, &push.conf->file, push.conf->line);
        return false;
    }
    if (handler_of(conf_of(*location)) != nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"flashduty_push\" names \"%V\" in %V:%ui, a location with a directive of "
                      "the same module: it takes no pushes, name one with \"proxy_pass\"",
                      &uri, &push.conf->file, push.conf->line);
        return false;
    }
    if (to_view(location->name) == "/" && location->exact_match == 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "only \"location /\" matches \"%V\", which \"flashduty_push\" names in "
                      "%V:%ui",
                      &uri, &push.conf->file, push.conf->line);
    }
    return true;
}

}  // namespace

bool check_push_uris(ngx_conf_t* cf) noexcept {
    const ngx_array_t* pushes = main_conf(cf).push_uris;
    if (pushes == nullptr) {
        return true;
    }
    const auto* first = static_cast<PushUri*>(pushes->elts);
    return std::all_of(first, first + pushes->nelts,
                       [cf](const PushUri& push) { return check(cf, push); });
}

}  // namespace flashduty
