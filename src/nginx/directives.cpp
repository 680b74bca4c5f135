#include "directives.hpp"

#include <algorithm>
#include <new>

#include "../core/secret.hpp"
#include "../core/text.hpp"
#include "api.hpp"
#include "base/conf_tools.hpp"
#include "base/secret_file.hpp"
#include "fleet_directives.hpp"
#include "handler.hpp"
#include "request/conf.hpp"
#include "spool_directives.hpp"
#include "status.hpp"

namespace flashduty {

namespace {

constexpr ngx_uint_t kAnyHttpContext = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

ngx_int_t compile(ngx_conf_t* cf, const ngx_str_t& text, ngx_http_complex_value_t* value) noexcept {
    ngx_str_t source = text;
    ngx_http_compile_complex_value_t compilation = {};
    compilation.cf = cf;
    compilation.value = &source;
    compilation.complex_value = value;
    return ngx_http_compile_complex_value(&compilation);
}

constexpr char kOtherHandler[] =
    "a location with \"flashduty_push\", \"flashduty_preview\", \"flashduty_status\" or "
    "\"flashduty_api\" takes no other handler, such as \"proxy_pass\"";

ngx_http_core_loc_conf_t& core_conf(ngx_conf_t* cf) noexcept {
    return *static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

ngx_http_core_srv_conf_t& server_conf(ngx_conf_t* cf) noexcept {
    return *static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
}

/// Appends to a list, which is made with its first entry; nullptr when out of memory.
template <class Value>
Value* append(ngx_conf_t* cf, ngx_array_t*& list) noexcept {
    if (list == nullptr) {
        list = ngx_array_create(cf->pool, 4, sizeof(Value));
    }
    return list == nullptr ? nullptr : static_cast<Value*>(ngx_array_push(list));
}

/// Gives the location one of our handlers.
char* take_location(ngx_conf_t* cf, LocationConf& conf, ngx_http_handler_pt handler) noexcept {
    if (handler_of(conf) != nullptr) {
        return refuse(cf,
                      "\"flashduty_push\", \"flashduty_preview\", \"flashduty_status\" and "
                      "\"flashduty_api\" exclude each other, and a location takes only one of "
                      "them, once");
    }
    ngx_http_core_loc_conf_t& core = core_conf(cf);
    if (core.handler != nullptr) {
        return refuse(cf, kOtherHandler);
    }
    core.handler = handler;
    conf.file = cf->conf_file->file.name;
    conf.line = cf->conf_file->line;
    return kConfOk;
}

/// Notes the location's push uri, see check_push_uris().
bool note_push(ngx_conf_t* cf, const LocationConf& conf) noexcept {
    auto* push = append<PushUri>(cf, main_conf(cf).push_uris);
    if (push == nullptr) {
        return false;
    }
    *push = {&conf, &server_conf(cf)};
    return true;
}

char* set_push(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    ngx_str_t uri = argument(cf, 1);
    const std::string_view text = to_view(uri);
    main_conf(cf).is_used = true;
    char* result = take_location(cf, conf, push_handler);
    if (result != kConfOk) {
        return result;
    }
    if (text.empty() || (text[0] != '/' && text[0] != '$')) {
        return refuse(cf,
                      "\"flashduty_push\" takes the path of a local location, such as "
                      "/flashduty, not \"%V\"",
                      &uri);
    }
    std::string_view url = text;
    if (!take_integration_key(url).empty()) {
        return refuse(cf,
                      "the integration key must not stand in \"flashduty_push\": put the push "
                      "URL into the proxy_pass of the location it names");
    }
    if (ngx_http_script_variables_count(&uri) == 0 && climbs(text)) {
        return refuse(cf, "the path in \"flashduty_push\" must not hold \"..\": \"%V\"", &uri);
    }
    conf.push_uri = static_cast<ngx_http_complex_value_t*>(
        ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
    if (conf.push_uri == nullptr || compile(cf, uri, conf.push_uri) != NGX_OK ||
        !note_push(cf, conf)) {
        return kConfError;
    }
    return kConfOk;
}

char* set_preview(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    main_conf(cf).is_used = true;
    char* result = take_location(cf, conf, preview_handler);
    conf.is_preview = true;
    return result;
}

struct FormatName {
    std::string_view name;
    StatusFormat format;
};

constexpr FormatName kFormats[] = {
    {"json", StatusFormat::kJson},
    {"prometheus", StatusFormat::kPrometheus},
    {"html", StatusFormat::kHtml},
    {"health", StatusFormat::kHealth},
    {"health=fleet", StatusFormat::kFleetHealth},
};

char* set_status_parameter(ngx_conf_t* cf, const ngx_str_t& parameter,
                           LocationConf& conf) noexcept {
    constexpr std::string_view kApi = "api=";
    const std::string_view text = to_view(parameter);
    if (text.substr(0, kApi.size()) == kApi && text.size() > kApi.size() &&
        conf.status_api.len == 0) {
        conf.status_api = to_ngx(text.substr(kApi.size()));
        auto* user = append<ApiPlace>(cf, main_conf(cf).api_users);
        if (user == nullptr) {
            return kConfError;
        }
        *user = {&server_conf(cf), {}, conf.status_api, conf.file, conf.line};
        return kConfOk;
    }
    for (const FormatName& row : kFormats) {
        if (row.name == text && conf.status == StatusFormat::kByAccept) {
            conf.status = row.format;
            return kConfOk;
        }
    }
    return refuse(
        cf,
        "\"flashduty_status\" shows json, prometheus, html, health or health=fleet, and takes "
        "api=, not \"%V\"",
        &parameter);
}

char* set_status(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    main_conf(cf).has_status = true;
    char* result = take_location(cf, conf, status_handler);
    if (result != kConfOk) {
        return result;
    }
    conf.status = StatusFormat::kByAccept;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        result = set_status_parameter(cf, argument(cf, i), conf);
        if (result != kConfOk) {
            return result;
        }
    }
    return kConfOk;
}

char* set_api(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    const ngx_http_core_loc_conf_t& core = core_conf(cf);
    char* result = take_location(cf, conf, api_handler);
    if (result != kConfOk) {
        return result;
    }
    bool is_regex = false;
#if (NGX_PCRE)
    is_regex = core.regex != nullptr;
#endif
    if (core.exact_match || core.named || is_regex) {
        return refuse(cf,
                      "\"flashduty_api\" serves what lies below a path: it takes a prefix "
                      "location, such as \"location /flashduty/api/\"");
    }
    const std::string_view write = cf->args->nelts == 1 ? "write=off" : to_view(argument(cf, 1));
    if (write != "write=on" && write != "write=off") {
        return refuse(cf, "\"flashduty_api\" takes write=on or write=off, not \"%V\"",
                      &argument(cf, 1));
    }
    conf.is_api = true;
    conf.may_change = write == "write=on";
    main_conf(cf).is_used = true;
    auto* place = append<ApiPlace>(cf, main_conf(cf).apis);
    if (place == nullptr) {
        return kConfError;
    }
    *place = {&server_conf(cf), {}, core.name, conf.file, conf.line};
    return kConfOk;
}

char* add_label(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    ngx_str_t name = argument(cf, 1);
    if (!is_label_name(to_view(name))) {
        return refuse(cf,
                      "\"%V\" is no label name: letters, digits and \"_\", no digit at its start, "
                      "at most 128 characters",
                      &name);
    }
    if (conf.labels == nullptr) {
        conf.labels = ngx_array_create(cf->pool, 4, sizeof(LabelConf));
        if (conf.labels == nullptr) {
            return kConfError;
        }
    }
    auto* label = static_cast<LabelConf*>(ngx_array_push(conf.labels));
    if (label == nullptr) {
        return kConfError;
    }
    *label = {};
    label->name = name;
    return compile(cf, argument(cf, 2), &label->value) == NGX_OK ? kConfOk : kConfError;
}

/// Digests of the tokens in a file's text; nullptr when there are none.
const BearerTokens* read_tokens(ngx_conf_t* cf, ngx_str_t& path, std::string_view text) noexcept {
    auto* tokens = create<BearerTokens>(cf);
    ngx_array_t* digests = ngx_array_create(cf->pool, 2, sizeof(TokenDigest));
    if (tokens == nullptr || digests == nullptr) {
        return nullptr;
    }
    for (ngx_uint_t line = 1; !text.empty(); line++) {
        std::string_view token;
        const SecretLine kind = take_secret_line(text, token);
        if (kind == SecretLine::kBad) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "line %ui of \"%V\" is no token: one word of visible ASCII "
                               "characters on each line",
                               line, &path);
            return nullptr;
        }
        if (kind == SecretLine::kSecret) {
            auto* digest = static_cast<TokenDigest*>(ngx_array_push(digests));
            if (digest == nullptr || !digest_token(token, *digest)) {
                return nullptr;
            }
        }
    }
    if (digests->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" holds no token", &path);
        return nullptr;
    }
    *tokens = {static_cast<TokenDigest*>(digests->elts), digests->nelts};
    return tokens;
}

char* set_bearer_file(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    ngx_str_t path = argument(cf, 1);
    if (conf.bearers != nullptr) {
        return refuse(cf, "\"flashduty_bearer_file\" is given twice: put all tokens in one file");
    }
    if (to_view(path) == "off") {
        conf.bearers = create<BearerTokens>(cf);
        return conf.bearers == nullptr ? kConfError : kConfOk;
    }
    ngx_str_t text = ngx_null_string;
    if (!read_secret_file(cf, path, text)) {
        return kConfError;
    }
    conf.bearers = read_tokens(cf, path, to_view(text));
    wipe(text);
    main_conf(cf).has_bearers = true;
    return conf.bearers == nullptr ? kConfError : kConfOk;
}

/// True for characters that a URL takes without escapes.
bool is_key(std::string_view text) noexcept {
    const auto is_fit = [](char c) {
        const char lower = to_lower(c);
        return is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' || c == '_' ||
               c == '~';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), is_fit);
}

char* set_integration_key_file(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    ngx_str_t path = argument(cf, 1);
    if (conf.integration_key != nullptr) {
        return refuse(cf, "\"flashduty_integration_key_file\" is given twice");
    }
    ngx_str_t text = ngx_null_string;
    if (!read_secret_file(cf, path, text)) {
        return kConfError;
    }
    std::string_view rest = to_view(text), key;
    const bool is_sound = take_secret_line(rest, key) == SecretLine::kSecret && is_key(key);
    ngx_str_t found = to_ngx(key);
    auto* kept = create<ngx_str_t>(cf);
    if (is_sound && kept != nullptr) {
        *kept = {found.len, ngx_pstrdup(cf->pool, &found)};
    }
    wipe(text);
    if (!is_sound) {
        return refuse(cf,
                      "the first line of \"%V\" is no integration key: nothing but letters, "
                      "digits and -._~",
                      &path);
    }
    conf.integration_key = kept;
    return kept == nullptr || kept->data == nullptr ? kConfError : kConfOk;
}

bool has_api(const MainConf& conf, const ApiPlace& user) noexcept {
    const ngx_uint_t count = conf.apis == nullptr ? 0 : conf.apis->nelts;
    for (ngx_uint_t i = 0; i < count; i++) {
        const ApiPlace& place = static_cast<ApiPlace*>(conf.apis->elts)[i];
        if (place.server == user.server && to_view(place.location) == to_view(user.location)) {
            return true;
        }
    }
    return false;
}

/// Passes our handler on to an `if` or `limit_except` within the location.
void inherit_handler(ngx_conf_t* cf, const LocationConf& outer, LocationConf& conf) noexcept {
    ngx_http_core_loc_conf_t& core = core_conf(cf);
    if (!core.noname || core.handler != nullptr) {
        return;
    }
    conf.is_preview = outer.is_preview;
    conf.push_uri = outer.push_uri;
    conf.status = outer.status;
    conf.status_api = outer.status_api;
    conf.is_api = outer.is_api;
    conf.may_change = outer.may_change;
    if (core.lmt_excpt) {
        core.handler = handler_of(conf);
    }
}

}  // namespace

ngx_http_handler_pt handler_of(const LocationConf& conf) noexcept {
    return conf.is_preview                      ? preview_handler
           : conf.push_uri != nullptr           ? push_handler
           : conf.is_api                        ? api_handler
           : conf.status != StatusFormat::kNone ? status_handler
                                                : nullptr;
}

ngx_command_t commands[] = {
    {ngx_string("flashduty_push"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_push,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_preview"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_preview,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE12,
     set_status, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_api"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1, set_api,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_title"), kAnyHttpContext | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, title),
     nullptr},
    {ngx_string("flashduty_description"), kAnyHttpContext | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, description),
     nullptr},
    {ngx_string("flashduty_alert_key"), kAnyHttpContext | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, alert_key),
     nullptr},
    {ngx_string("flashduty_event_status"), kAnyHttpContext | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocationConf, event_status), nullptr},
    {ngx_string("flashduty_label"), kAnyHttpContext | NGX_CONF_TAKE2, add_label,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_bearer_file"), kAnyHttpContext | NGX_CONF_TAKE1, set_bearer_file,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_integration_key_file"), kAnyHttpContext | NGX_CONF_TAKE1,
     set_integration_key_file, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_spool"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_spool,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_spool_after"), kAnyHttpContext | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, spool_after_ms), nullptr},
    {ngx_string("flashduty_rate"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12, set_rate,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_fleet"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_fleet,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    ngx_null_command,
};

bool keep_server_names(ngx_conf_t* cf) noexcept {
    const ngx_array_t* apis = main_conf(cf).apis;
    for (ngx_uint_t i = 0; apis != nullptr && i < apis->nelts; i++) {
        ApiPlace& place = static_cast<ApiPlace*>(apis->elts)[i];
        const ngx_array_t& names = place.server->server_names;
        place.server_names = names;
        place.server_names.elts = ngx_palloc(cf->pool, names.nelts * names.size + 1);
        if (place.server_names.elts == nullptr) {
            return false;
        }
        ngx_memcpy(place.server_names.elts, names.elts, names.nelts * names.size);
    }
    return true;
}

bool check_api_users(ngx_conf_t* cf) noexcept {
    const MainConf& conf = main_conf(cf);
    const ngx_uint_t count = conf.api_users == nullptr ? 0 : conf.api_users->nelts;
    for (ngx_uint_t i = 0; i < count; i++) {
        const ApiPlace& user = static_cast<ApiPlace*>(conf.api_users->elts)[i];
        if (!has_api(conf, user)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"api=%V\" of \"flashduty_status\" names no location with "
                          "\"flashduty_api\" of its server block in %V:%ui",
                          &user.location, &user.file, user.line);
            return false;
        }
    }
    return true;
}

void* create_main_conf(ngx_conf_t* cf) noexcept { return create<MainConf>(cf); }

void* create_location_conf(ngx_conf_t* cf) noexcept { return create<LocationConf>(cf); }

char* merge_location_conf(ngx_conf_t* cf, void* parent, void* child) noexcept {
    const LocationConf& outer = *static_cast<LocationConf*>(parent);
    LocationConf& conf = *static_cast<LocationConf*>(child);
    if (handler_of(conf) != nullptr && core_conf(cf).handler != handler_of(conf)) {
        // Names the directive's own line: nginx is at the end of the http block by now.
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", kOtherHandler, &conf.file,
                      conf.line);
        return kConfError;
    }
    inherit_handler(cf, outer, conf);
    const auto inherit = [&](auto field) {
        if (conf.*field == nullptr) {
            conf.*field = outer.*field;
        }
    };
    for (auto field : {&LocationConf::title, &LocationConf::description, &LocationConf::alert_key,
                       &LocationConf::event_status}) {
        inherit(field);
    }
    inherit(&LocationConf::labels);
    inherit(&LocationConf::bearers);
    inherit(&LocationConf::integration_key);
    ngx_conf_merge_msec_value(conf.spool_after_ms, outer.spool_after_ms, 800);
    return kConfOk;
}

}  // namespace flashduty
