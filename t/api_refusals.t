# Callers that flashduty_api does not let in, and requests that it does not understand.

use strict;
use warnings;

use Test::More;

use Api;
use Client;
use Gateway;

my $t = Api->new(http => <<'EOC')->plan(62);
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
        location /basic/ {
            flashduty_api write=on;
            auth_basic gateway;
            auth_basic_user_file %%DIR%%/users;
        }
        location /denied/ {
            flashduty_api write=on;
            deny all;
        }
    }
EOC
$t->write_file('tokens', "sesame\n", 0600);
$t->write_file('users',  "anna:{PLAIN}secret\n");
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

# A browser sends a password that it knows along with another page's request, too.
my @CHANGES = ([ POST => 'try' ], [ POST => 'waiting/discard?target=1' ], [ POST => 'dead/resend' ], [ DELETE => 'dead' ],
    [ POST => 'test?uri=/flashduty' ]);
my @FOREIGN = ([ 'Sec-Fetch-Site' => 'cross-site' ], [ 'Sec-Fetch-Site' => 'same-site', Origin => "http://127.0.0.1:$port" ],
    [ Origin => 'http://evil.example' ], [ Origin => 'null' ]);
my $by_anna = sub {
    my ($change, @headers) = @_;
    return Client->connect($port)->request($change->[0], "/basic/$change->[1]", undef,
        Authorization => 'Basic YW5uYTpzZWNyZXQ=', @headers);
};
for my $change (@CHANGES) {
    is(join(' ', map { $by_anna->($change, @$_)->status } @FOREIGN), '403 403 403 403', "another origin with a password: @$change");
}
unlike($t->error_log, qr{flashduty api: .* by user "anna"}, 'gets nothing done');
is($t->flashduty->count, 0, 'and nothing pushed');
is($by_anna->($CHANGES[0])->status, 200, 'the password is right');
is(Client->connect($port)->request('POST', '/basic/try')->status, 401, 'and needed');
ok($t->logs(qr{flashduty api: POST /basic/try by user "anna" from 127\.0\.0\.1: }), 'the log names its user');

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
