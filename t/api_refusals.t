# Callers that flashduty_api does not let in, and requests that it does not understand.

use strict;
use warnings;

use Test::More;

use Api;
use Client;
use Gateway;

my $t = Api->new(http => <<'EOC')->plan(52);
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost gateway.example *.wild.example ~^re\d+\.example$;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location /api/ {
            flashduty_api write=on;
        }
        location /plain {
            flashduty_api;
        }
        location /secret/ {
            flashduty_api write=on;
            flashduty_bearer_file %%DIR%%/tokens;
        }
        location /denied/ {
            flashduty_api write=on;
            deny all;
        }
    }
EOC
$t->write_file('tokens', "sesame\n", 0600);
$t->start;

# The name that a caller uses.
for my $host ('127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:8080', 'localhost', 'gateway.example', 'a.wild.example', 're7.example') {
    is($t->ask_as($host, 'GET', 'waiting')->status, 200, "host $host");
}
for my $host ('evil.example', 'wild.example', 'localhost.evil.example', '127.0.0.1.evil.example', 're.example') {
    my $answer = $t->ask_as($host, 'GET', 'waiting');
    is($answer->status, 403, "host $host is not let in, to read neither");
    like($answer->reason, qr/the host is no name of this server block/, 'with a sentence');
}

# Origins of a page.
my $port = $t->port;
my @TRY  = ('POST', 'try');
is($t->ask(@TRY)->status, 200, 'a caller that is no browser may change something') or diag $t->ask(@TRY)->body;
is($t->ask(@TRY, 'Sec-Fetch-Site' => $_)->status, 200, "a page, $_") for 'same-origin', 'none';
is($t->ask(@TRY, 'Sec-Fetch-Site' => $_)->status, 403, "a page, $_") for 'cross-site', 'same-site';
is($t->ask_as("127.0.0.1:$port", @TRY, Origin => "http://127.0.0.1:$port")->status, 200, 'an old browser, its own page');
for my $origin ('http://evil.example', 'http://127.0.0.1:1', 'null', "https://127.0.0.1:$port.evil.example") {
    my $answer = $t->ask_as("127.0.0.1:$port", @TRY, Origin => $origin);
    is($answer->status, 403, "an old browser, origin $origin");
    like($answer->reason, qr/another origin/, 'with a sentence');
}
is($t->ask('GET', 'waiting', 'Sec-Fetch-Site' => 'cross-site')->status, 200, 'another page gets an answer that its browser keeps from it');

# Reading only.
my $plain = sub { my ($method, $path) = @_; Client->connect($t->port)->request($method, $path) };
is($plain->('GET', '/plain/waiting')->status, 200, 'a location that only reads');
for my $change ([ 'POST', 'try' ], [ 'DELETE', 'dead' ], [ 'POST', 'test?uri=/flashduty' ], [ 'POST', 'dead/resend' ]) {
    my $answer = $plain->($change->[0], "/plain/$change->[1]");
    is($answer->status, 403, "@$change");
    like($answer->reason, qr/only reads/, 'is told so');
}
is($plain->('GET', '/plainer/waiting')->status, 404, 'a longer name is another one');
is($plain->('GET', '/plain')->status, 404, 'nothing lies at the location itself');

# Guards of the location.
my $secret = $plain->('GET', '/secret/waiting');
is($secret->status . ' ' . $secret->header('WWW-Authenticate'), '401 Bearer', 'one that wants a token');
like($secret->reason, qr/no valid token/, 'says so');
is(Client->connect($t->port)->request('GET', '/secret/waiting', undef, Authorization => 'Bearer sesame')->status,
    200, 'and takes one');
is($plain->('GET', '/denied/waiting')->status, 403, 'a location that is denied');

# Requests that are not understood.
my $answer = $t->ask('GET', 'nothing');
is($answer->status, 404, 'nothing there');
like($answer->reason, qr/there is nothing here/, 'with a sentence');
$answer = $t->ask('POST', 'waiting');
is($answer->status . ' ' . $answer->header('Allow'), '405 GET, HEAD', 'the wrong method');
$answer = $t->ask('DELETE', 'dead?taget=3');
is($answer->status, 400, 'an argument with a slip');
