// Callers of flashduty_api that are let in: by the name they use, and the origin that a browser
// tells.
#include "api_caller.hpp"

#include "support.hpp"

using flashduty::ApiCaller;
using flashduty::host_of;
using flashduty::is_named;
using flashduty::is_own_address;
using flashduty::is_same_origin;

namespace {

struct HostRow {
    const char* says;
    std::string_view header;
    std::string_view host;
    bool is_own;
};

const std::vector<HostRow> kHosts = {
    {"IPv4", "127.0.0.1", "127.0.0.1", true},
    {"IPv4 with a port", "10.0.0.255:8080", "10.0.0.255", true},
    {"IPv6", "[::1]", "[::1]", true},
    {"IPv6 with a port", "[fe80::1]:8080", "[fe80::1]", true},
    {"IPv6 that ends in IPv4", "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]", true},
    {"localhost", "localhost", "localhost", true},
    {"localhost in any case", "LocalHost:8080", "LocalHost", true},
    {"a name", "gateway.example:8080", "gateway.example", false},
    {"a name that begins as an address", "127.0.0.1.evil.example", "127.0.0.1.evil.example", false},
    {"a name that begins as localhost", "localhost.evil.example", "localhost.evil.example", false},
    {"three numbers", "127.0.1", "127.0.1", false},
    {"five numbers", "127.0.0.0.1", "127.0.0.0.1", false},
    {"a number that is too large", "127.0.0.256", "127.0.0.256", false},
    {"an empty number", "127.0..1", "127.0..1", false},
    {"a point too many", "127.0.0.1.", "127.0.0.1.", false},
    {"no IPv6", "[evil]", "[evil]", false},
    {"nothing", "", "", false},
};

void check_host(void** state) {
    const HostRow& row = row_of<HostRow>(state);
    assert_text(host_of(row.header), row.host);
    assert_int_equal(is_own_address(row.host), row.is_own);
}

struct NameRow {
    const char* says;
    std::string_view host;
    std::string_view server_name;
    bool expected;
};

const std::vector<NameRow> kNames = {
    {"the name", "gateway.example", "gateway.example", true},
    {"in any case", "Gateway.Example", "gateway.example", true},
    {"another one", "other.example", "gateway.example", false},
    {"one below it", "a.gateway.example", "gateway.example", false},
    {"a wildcard in front", "a.example", "*.example", true},
    {"is not the name itself", "example", "*.example", false},
    {"nor one that only ends so", "evilexample", "*.example", false},
    {"a point in front", "a.example", ".example", true},
    {"is the name itself", "example", ".example", true},
    {"but not one that only ends so", "evilexample", ".example", false},
    {"a wildcard behind", "www.example", "www.*", true},
    {"is not another name", "evil.www.example", "www.*", false},
    {"no name at all", "", "", false},
    {"no server_name", "gateway.example", "", false},
};

void check_name(void** state) {
    const NameRow& row = row_of<NameRow>(state);
    assert_int_equal(is_named(row.host, row.server_name), row.expected);
}

struct OriginRow {
    const char* says;
    ApiCaller caller;
    bool expected;
};

const std::vector<OriginRow> kOrigins = {
    {"curl says nothing", {"127.0.0.1:8080", "", ""}, true},
    {"its own page", {"127.0.0.1:8080", "same-origin", "http://127.0.0.1:8080"}, true},
    {"what a person has typed", {"127.0.0.1:8080", "none", ""}, true},
    {"another site", {"127.0.0.1:8080", "cross-site", "http://evil.example"}, false},
    {"the same site, another origin", {"127.0.0.1:8080", "same-site", ""}, false},
    {"what a browser says goes before what it also says",
     {"127.0.0.1:8080", "cross-site", "http://127.0.0.1:8080"},
     false},
    {"a word that is not known", {"127.0.0.1:8080", "maybe", ""}, false},
    {"an old browser's own page", {"127.0.0.1:8080", "", "http://127.0.0.1:8080"}, true},
    {"another port", {"127.0.0.1:8080", "", "http://127.0.0.1:9090"}, false},
    {"another host", {"127.0.0.1:8080", "", "http://evil.example:8080"}, false},
    {"the usual port of http", {"gateway.example", "", "http://gateway.example"}, true},
    {"said by one of them", {"gateway.example:80", "", "http://gateway.example"}, true},
    {"the usual port of https", {"gateway.example:443", "", "https://gateway.example"}, true},
    {"is not that of http", {"gateway.example:80", "", "https://gateway.example"}, false},
    {"in any case", {"Gateway.example", "", "HTTP://gateway.Example"}, true},
    {"IPv6", {"[::1]:8080", "", "http://[::1]:8080"}, true},
    {"IPv6 without a port", {"[::1]", "", "http://[::1]"}, true},
    {"no origin", {"127.0.0.1:8080", "", "null"}, false},
    {"an extension", {"127.0.0.1:8080", "", "chrome-extension://abcdef"}, false},
};

void check_origin(void** state) {
    const OriginRow& row = row_of<OriginRow>(state);
    assert_int_equal(is_same_origin(row.caller), row.expected);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests;
    add_rows(tests, kHosts, check_host);
    add_rows(tests, kNames, check_name);
    add_rows(tests, kOrigins, check_origin);
    return run("api_caller", tests);
}
