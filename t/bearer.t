# Only callers who show a token of the file get through; all others are told so before their body is
# read.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use BlueKing;
use Client;
use Gateway;
use Http2;

# Part that all secrets of this test share, so that none of them is missed.
my $LEAKED = 'q8Zt';
my ($MAY, $JUNE, $OTHER, $WRONG) = map {"$LEAKED-$_"} qw(may june other wrong);
my $PASSWORD = "$LEAKED-password";

my $REFUSAL = '{"outcome":"rejected","reason":"no valid token: choose Bearer in the action plan\'s '
    . 'authentication, with a token that the gateway knows"}';

# Which requests pass "satisfy": one that shows nothing, the wrong thing, the
# right one.
my @SATISFY = (
    [ 'any', '',           '401 401 200' ],
    [ 'any', 'allow all;', '200 200 200' ],
    [ 'any', 'deny all;',  '401 401 200' ],
    [ 'any', 'auth_request /yes;', '200 200 200' ],
    [ 'any', 'auth_request /no;',  '401 401 200' ],
    [ 'all', '',           '401 401 200' ],
    [ 'all', 'allow all;', '401 401 200' ],
    [ 'all', 'deny all;',  '403 403 403' ],
);
my %GUARD = (
    basic  => 'auth_basic gateway; auth_basic_user_file %%DIR%%/users;',
    bearer => 'flashduty_bearer_file tokens;',
);

sub satisfy_location {
    my ($i, $guard) = @_;

    my ($satisfy, $rule) = @{ $SATISFY[$i] };
    return "location = /satisfy/$i/$guard {\n"
        . "satisfy $satisfy; $rule $GUARD{$guard}\nflashduty_push /flashduty;\n}\n";
}

my $locations = join '', map { satisfy_location($_, 'basic'), satisfy_location($_, 'bearer') } 0 .. $#SATISFY;

my $t = Gateway->new(emerg => qr/tokens" is empty/, ports => [ 'SECOND', 'HTTP2' ], http => <<"EOC")->plan(94);
    log_format all escape=none '\$uri \$status [\$flashduty_outcome] "\$flashduty_title" "\$sent_http_www_authenticate"';
    flashduty_bearer_file tokens;

    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%HTTP2%% %%HTTP2_ON%%;
        access_log %%DIR%%/access.log all;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /other {
            flashduty_bearer_file %%DIR%%/other_tokens;
            flashduty_push /flashduty;
        }
        location /outer {
            flashduty_bearer_file %%DIR%%/other_tokens;
            location = /outer/inner {
                flashduty_push /flashduty;
            }
        }
        location = /open {
            flashduty_bearer_file off;
            flashduty_push /flashduty;
        }
        location = /if {
            if (\$request_method) {
                set \$any 1;
            }
            flashduty_push /flashduty;
        }
        location = /limited {
            limit_except POST {
                allow all;
            }
            flashduty_push /flashduty;
        }
        location = /error_page {
            error_page 401 =200 /files/page;
            flashduty_push /flashduty;
        }
        location = /rewritten {
            rewrite ^ /blueking last;
        }

        location = /returned {
            return 200 "page\\n";
        }
        location /files/ {
            root %%DIR%%;
        }
        location = /yes {
            return 204;
        }
        location = /no {
            return 403;
        }
        location = /either {
            satisfy any;
            $GUARD{basic}
            flashduty_push /flashduty;
        }
        location = /both {
            $GUARD{basic}
            flashduty_push /flashduty;
        }
        location /satisfy/ {
            flashduty_bearer_file off;
            $locations
        }

        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }

    server {
        listen 127.0.0.1:%%SECOND%%;
        flashduty_bearer_file other_tokens;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /open {
            flashduty_bearer_file off;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC
mkdir $t->dir . '/files';
$t->write_file('files/page', "page\n");
$t->write_file('users', "bk:{PLAIN}$PASSWORD\n");
$t->write_file('other_tokens', "$OTHER\n", 0600);

sub write_tokens {
    $t->write_file('tokens', $_[0], 0600);
    return;
}
write_tokens("# BlueKing\n\n$MAY\n  $JUNE # from June on\n");
$t->start;

my $answers = '';

sub with   { return (Authorization => $_[0]) }
sub bearer { return with("Bearer $_[0]") }
sub basic  { return with('Basic ' . encode_base64("bk:$_[0]", '')) }

sub answer_to {
    my ($method, $uri, $body, @headers) = @_;

    my $response = $t->client->request($method, $uri, $body, @headers, Connection => 'close');
    $answers .= join "\n", $response->body, map {@$_} values %{ $response->{headers} };
    return $response;
}

sub status_of { return answer_to('POST', $_[0], alert(), @_[ 1 .. $#_ ])->status }

# Tokens that a caller may show.
my $response = answer_to('POST', '/blueking', alert());
is($response->status, 401, 'no token: 401');
is($response->body, $REFUSAL, '... and the reason says what to do');
is($response->header('WWW-Authenticate'), 'Bearer', '... with a challenge');
is($response->header('Content-Type'), 'application/json; charset=utf-8', '... as all answers');
is(($t->access_log)[-1], '/blueking 401 [rejected] "" "Bearer"', '... and the access log has the outcome');
cmp_ok(length $REFUSAL, '<=', 200, '... within the 200 bytes that BlueKing shows');

for my $case (
    [ '200 delivered', "Bearer $MAY",       'the first token' ],
    [ '200 delivered', "Bearer $JUNE",      'the second one' ],
    [ '200 delivered', "bEARER $MAY",       'the scheme in any case' ],
    [ '200 delivered', "Bearer    $MAY  ",  'several spaces' ],
    [ '401 rejected',  "Bearer $WRONG",     'a wrong token' ],
    [ '401 rejected',  "Bearer $OTHER",     'a token of another file' ],
    [ '401 rejected',  "Bearer \U$MAY",     'a token in other letters' ],
    [ '401 rejected',  "Bearer ${MAY}s",    'a longer one' ],
    [ '401 rejected',  'Bearer ' . substr($MAY, 0, -1), 'a shorter one' ],
    [ '401 rejected',  "Bearer $MAY $JUNE", 'two at once' ],
    [ '401 rejected',  'Bearer ' . 'x' x 4000, 'a very long one' ],
    [ '401 rejected',  'Bearer',            'the scheme alone' ],
    [ '401 rejected',  'Bearer ',           'an empty token' ],
    [ '401 rejected',  'Bearer #',          'the beginning of a comment' ],
    [ '401 rejected',  $MAY,                'no scheme' ],
    [ '401 rejected',  "Bearer$MAY",        'no space' ],
    [ '401 rejected',  "Token $MAY",        'a wrong scheme' ],
    [ '401 rejected',  (basic($PASSWORD))[1], 'Basic' ],
    [ '401 rejected',  '',                  'an empty header' ],
    )
{
    my ($verdict, $authorization, $name) = @$case;
    is(answer_to('POST', '/blueking', alert(), with($authorization))->verdict, $verdict, "$name: $verdict");
}
is($t->flashduty->count, 4, 'nothing else was pushed');
ok(!(grep { $_->[0] eq 'Authorization' } map { @{ $_->{headers} } } $t->flashduty->pushes), 'and no token');

is(answer_to($_, '/blueking')->status, 401, "$_ without a token is 401") for qw(GET HEAD DELETE);
is(answer_to('GET', '/blueking', undef, bearer($MAY))->status, 405, 'with one it is 405');
is(answer_to('POST', '/blueking', alert(), 'Content-Encoding' => 'gzip')->status, 401, 'an encoded body is 401, too');

# Before the body is read.
sub first_line {
    my ($caller) = @_;
    return $caller->take(sub { $_[0] =~ s/\A(.*?)\r\n// ? $1 : undef });
}

my $client = $t->client;
$client->send(Client->compose('POST', '/blueking', '', 'Content-Length' => 8, Expect => '100-continue'));
is(first_line($client), 'HTTP/1.1 401 Unauthorized', 'the caller is not asked for its body');

$client = $t->client;
$client->send(Client->compose('POST', '/blueking', '', 'Content-Length' => 8));
is($client->response->status, 401, 'the answer comes before the body');
$client->send('12345678');
is($client->request('POST', '/blueking', alert(), bearer($MAY))->verdict, '200 delivered',
    'and the next alert is delivered on that connection');

for my $body (alert(), 'x' x 500_000) {
    my $size = length $body;
    is($client->request('POST', '/blueking', $body)->status, 401, "$size bytes on a kept connection are turned away");
    is($client->request('POST', '/blueking', alert(), bearer($MAY))->verdict, '200 delivered', 'the next is delivered');
}
is($client->request('POST', '/blueking', Client->chunked(alert(), 100), 'Transfer-Encoding' => 'chunked')->status,
    401, 'so are chunks');
is($client->request('POST', '/blueking', alert(), bearer($MAY))->verdict, '200 delivered', 'and the next is delivered');

my $http2 = Http2->connect($t->port('HTTP2'));
for my $case ([ '401 rejected' ], [ '401 rejected', $WRONG ], [ '200 delivered', $MAY ]) {
    my ($verdict, $token) = @$case;
    my $stream = $http2->post('/blueking', alert(), defined $token ? (authorization => "Bearer $token") : ());
    is($http2->answer($stream)->verdict, $verdict, 'HTTP/2, ' . ($token // 'no token') . ": $verdict");
}

# Locations that ask for a token.
for my $case (
    [ '/blueking',    $MAY,   'from the level above' ],
    [ '/preview',     $MAY,   'for a preview' ],
    [ '/other',       $OTHER, "a location's own" ],
    [ '/outer/inner', $OTHER, 'from a location around it' ],
    [ '/if',          $MAY,   'within an if' ],
    [ '/rewritten',   $MAY,   'after a rewrite' ],
    )
{
    my ($uri, $token, $name) = @$case;
    my $wrong = $token eq $MAY ? $OTHER : $MAY;
    is(join(' ', map { status_of($uri, bearer($_)) } $wrong, $token), '401 200', "$uri: tokens $name");
}
is(status_of('/open'), 200, 'off');
is(answer_to('PUT', '/limited', alert())->status, 401, 'limit_except lets nobody past it');
is(answer_to('GET', $_)->body, "page\n", "$_ is nobody's push and open to all") for '/returned', '/files/page';

sub second_status { return $t->client('SECOND')->request('POST', $_[0], alert(), @_[ 1 .. $#_ ])->status }
is(second_status('/blueking', bearer($MAY)),   401, "a server's own tokens");
is(second_status('/blueking', bearer($OTHER)), 200, '... are the ones that count');
is(second_status('/open'),                     200, '... unless switched off');

$response = answer_to('POST', '/error_page', alert());
is($response->status, 401, 'error_page turns no 401 into something else');
is($response->body, $REFUSAL, '... and shows no page');

# Beside nginx's own rules.
my %shown = (
    basic  => [ [], [ basic($WRONG) ],  [ basic($PASSWORD) ] ],
    bearer => [ [], [ bearer($WRONG) ], [ bearer($MAY) ] ],
);
for my $i (0 .. $#SATISFY) {
    my ($satisfy, $rule, $expected) = @{ $SATISFY[$i] };
    for my $guard ('basic', 'bearer') {
        my $statuses = join ' ', map { status_of("/satisfy/$i/$guard", @$_) } @{ $shown{$guard} };
        is($statuses, $expected, "satisfy $satisfy, $rule $guard: $expected");
    }
}
is(status_of('/either', basic($PASSWORD)), 200, 'a password or a token: the password');
$response = answer_to('POST', '/either', alert(), bearer($MAY));
is($response->status, 200, '... or the token');
is($response->header('WWW-Authenticate'), undef, '... which is no more asked for');
$response = answer_to('POST', '/either', alert());
is($response->verdict, '401 rejected', '... or neither');
is($response->header('WWW-Authenticate'), 'Basic realm="gateway", Bearer', '... and both are asked for');
is(status_of('/both', bearer($MAY)),    401, 'a password and a token: the token is not enough');
is(status_of('/both', basic($PASSWORD)), 401, '... nor is the password');

# Changes of tokens.
sub works { return join ' ', map { status_of('/blueking', bearer($_)) } $MAY, $JUNE }

write_tokens("$MAY\n");
$t->reload;
is(works(), '200 401', 'the old token');
write_tokens("$MAY\n$JUNE\n");
is(works(), '200 401', 'a file that has changed is not read');
$t->reload;
is(works(), '200 200', 'until a reload: both tokens');
write_tokens("$JUNE\n");
$t->reload;
is(works(), '401 200', 'the new token');
write_tokens('');
$t->signal('HUP');
ok(eventually { $t->error_log =~ /\[emerg\] .*tokens" is empty/ }, 'a broken file fails the reload');
is(works(), '401 200', 'and the tokens stay what they were');

# Log lines, without the master's last remarks about the reloads.
my @lines = grep { !/ \[notice\] / }
    $t->logged(sub { status_of('/blueking?integration_key=key-in-the-url', bearer($WRONG)) });
is(scalar @lines, 1, 'a 401 is one line');
like($lines[0], qr/\[info\] .* alert rejected: no valid token: /, 'at info, with the reason');
unlike($lines[0], qr/key-in-the-url/, 'without the key that a caller put into its URL');

unlike($t->error_log, qr/$LEAKED/i, 'no token is in the error log');
unlike(join("\n", $t->access_log), qr/$LEAKED/i, 'nor in the access log');
unlike($answers, qr/$LEAKED/i, 'nor in an answer');
