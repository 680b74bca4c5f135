#include "conf.hpp"

#include <new>

#include "../core/secret.hpp"
#include "../core/text.hpp"
#include "handler.hpp"

namespace flashduty {

namespace {

char* const kConfOk = nullptr;                         // NGX_CONF_OK
char* const kConfError = reinterpret_cast<char*>(-1);  // NGX_CONF_ERROR

constexpr ngx_uint_t kAnyHttpContext = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

const ngx_str_t& argument(ngx_conf_t* cf, ngx_uint_t i) noexcept {
    return static_cast<ngx_str_t*>(cf->args->elts)[i];
}

template <class... Values>
char* refuse(ngx_conf_t* cf, const char* format, Values... values) noexcept {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, format, values...);
    return kConfError;
}

ngx_int_t compile(ngx_conf_t* cf, const ngx_str_t& text, ngx_http_complex_value_t* value) noexcept {
    ngx_str_t source = text;
    ngx_http_compile_complex_value_t compilation = {};
    compilation.cf = cf;
    compilation.value = &source;
    compilation.complex_value = value;
    return ngx_http_compile_complex_value(&compilation);
}

/// True when a path leads out of where it starts: a segment that is `..`.
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

constexpr char kOtherHandler[] =
    "a location with \"flashduty_push\" or \"flashduty_preview\" takes no other handler, such as "
    "\"proxy_pass\"";

ngx_http_core_loc_conf_t& core_conf(ngx_conf_t* cf) noexcept {
    return *static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

ngx_http_handler_pt handler_of(const LocationConf& conf) noexcept {
    return conf.is_preview ? preview_handler : conf.push_uri != nullptr ? push_handler : nullptr;
}

/// Makes the location one of ours.
char* take_location(ngx_conf_t* cf, LocationConf& conf, ngx_http_handler_pt handler) noexcept {
    if (handler_of(conf) != nullptr) {
        return refuse(cf,
                      "\"flashduty_push\" and \"flashduty_preview\" exclude each other, "
                      "and a location takes only one of them, once");
    }
    ngx_http_core_loc_conf_t& core = core_conf(cf);
    if (core.handler != nullptr) {
        return refuse(cf, kOtherHandler);
    }
    core.handler = handler;
    conf.file = cf->conf_file->file.name;
    conf.line = cf->conf_file->line;
    static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_flashduty_module))
        ->is_used = true;
    return kConfOk;
}

char* set_push(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    ngx_str_t uri = argument(cf, 1);
    const std::string_view text = to_view(uri);
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
    if (conf.push_uri == nullptr || compile(cf, uri, conf.push_uri) != NGX_OK) {
        return kConfError;
    }
    return kConfOk;
}

char* set_preview(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    LocationConf& conf = *static_cast<LocationConf*>(data);
    char* result = take_location(cf, conf, preview_handler);
    conf.is_preview = true;
    return result;
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

/// An `if` or `limit_except` in one of our locations is that location still.
void inherit_handler(ngx_conf_t* cf, const LocationConf& outer, LocationConf& conf) noexcept {
    ngx_http_core_loc_conf_t& core = core_conf(cf);
    if (!core.noname || core.handler != nullptr) {
        return;
    }
    conf.is_preview = outer.is_preview;
    conf.push_uri = outer.push_uri;
    if (core.lmt_excpt) {
        core.handler = handler_of(conf);
    }
}

template <class Conf>
Conf* create(ngx_conf_t* cf) noexcept {
    void* memory = ngx_palloc(cf->pool, sizeof(Conf));
    return memory == nullptr ? nullptr : new (memory) Conf{};
}

}  // namespace

ngx_command_t commands[] = {
    {ngx_string("flashduty_push"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_push,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("flashduty_preview"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_preview,
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
    ngx_null_command,
};

void* create_main_conf(ngx_conf_t* cf) noexcept { return create<MainConf>(cf); }

void* create_location_conf(ngx_conf_t* cf) noexcept { return create<LocationConf>(cf); }

char* merge_location_conf(ngx_conf_t* cf, void* parent, void* child) noexcept {
    const LocationConf& outer = *static_cast<LocationConf*>(parent);
    LocationConf& conf = *static_cast<LocationConf*>(child);
    if (handler_of(conf) != nullptr && core_conf(cf).handler != handler_of(conf)) {
        // nginx is at the end of the http block by now.
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", kOtherHandler, &conf.file,
                      conf.line);
        return kConfError;
    }
    inherit_handler(cf, outer, conf);
    constexpr ngx_http_complex_value_t* LocationConf::*kFields[] = {
        &LocationConf::title, &LocationConf::description, &LocationConf::alert_key,
        &LocationConf::event_status};
    for (auto field : kFields) {
        if (conf.*field == nullptr) {
            conf.*field = outer.*field;
        }
    }
    if (conf.labels == nullptr) {
        conf.labels = outer.labels;
    }
    return kConfOk;
}

}  // namespace flashduty
