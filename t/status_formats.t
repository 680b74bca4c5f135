# The status location: the format that is asked for, its headers, and nothing
# else than GET and HEAD.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(57)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /status {
            flashduty_status;
        }
        location = /json {
            flashduty_status json;
        }
        location = /prometheus {
            flashduty_status prometheus;
        }
        location = /html {
            flashduty_status html;
        }
        location = /health {
            flashduty_status health;
        }
        location = /limited {
            flashduty_status json;
            limit_except GET {
                allow all;
            }
        }
EOC

my %TYPE = (
    prometheus => 'text/plain; version=0.0.4; charset=utf-8',
    json       => 'application/json; charset=utf-8',
    html       => 'text/html; charset=utf-8',
);

# --- which format ------------------------------------------------------------

my $BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8';

for my $case (
    [ '/status',     undef,              'prometheus' ],
    [ '/status',     '*/*',              'prometheus' ],
    [ '/status',     'text/plain;version=0.0.4', 'prometheus' ],
    [ '/status',     $BROWSER,           'html' ],
    [ '/status',     'application/json', 'json' ],
    [ '/json',       $BROWSER,           'json' ],
    [ '/prometheus', $BROWSER,           'prometheus' ],
    [ '/html',       undef,              'html' ],
    [ '/html',       'application/json', 'json' ],
    [ '/health',     $BROWSER,           'json' ],
    [ '/limited',    undef,              'json' ],
    )
{
    my ($uri, $accept, $format) = @$case;
    my $response = $t->get($uri, defined $accept ? (Accept => $accept) : ());
    my $name     = "$uri for " . ($accept // 'who asks for nothing');
    is($response->header('Content-Type'), $TYPE{$format}, "$name: $format");
    is($response->header('Cache-Control'), 'no-store', "$name: is not kept");
    is($response->header('X-Content-Type-Options'), 'nosniff', "$name: is what it says");
}

my $page = $t->get('/html');
like($page->header('Content-Security-Policy'),
    qr/^default-src 'none'; script-src 'sha256-[^;]*'; style-src 'sha256-[^;]*'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    'the page runs nothing but its own');
like($page->body, qr/\A<!doctype html>.*<\/html>\s*\z/si, 'it is whole');

# --- methods -----------------------------------------------------------------

for my $uri ('/status', '/json', '/health') {
    my $head = $t->client->request('HEAD', $uri, undef, Connection => 'close');
    is($head->status, 200, "HEAD $uri");
    ok($head->header('Content-Length') > 10, '... says how long the answer would be');
    for my $method (qw(POST DELETE)) {
        my $response = $t->client->request($method, $uri, 'x', Connection => 'close');
        is($response->status . ' ' . $response->header('Allow'), '405 GET, HEAD', "$method $uri");
    }
}

my $client = $t->client;
is($client->request('GET', '/json', 'a body')->status, 200, 'a body is not looked at');
is($client->request('GET', '/json')->status, 200, 'and the connection is kept');

# --- figures under the same names --------------------------------------------

$t->post('/blueking', alert(event => { id => 'wonderful-id' })) for 1 .. 3;
$t->post('/blueking', payload('dims_90'));
$t->post('/blueking', '{}');
$t->post('/preview',  alert());
$t->flashduty->answer(says(400, 'InvalidParameter', 'no'));
$t->post('/blueking', alert(event => { id => 'wonderful-id' }));

my $json = $t->get('/json')->json;
my %sample = $t->get('/prometheus')->body =~ /^(flashduty_\w+(?:\{.*\})?) (\S+)$/mg;

my %flat;
for my $name (grep {/^flashduty_/} keys %$json) {
    my $value = $json->{$name};
    if ($name eq 'flashduty_build_info') {
        $flat{qq($name\{version="$value->{version}",nginx="$value->{nginx}"})} = 1;
    }
    elsif (ref $value && $value->{buckets}) {
        $flat{qq(${name}_bucket{le="$_"})} = $value->{buckets}{$_} for keys %{ $value->{buckets} };
        $flat{"${name}_$_"} = $value->{$_} for 'sum', 'count';
    }
    elsif (ref $value) {
        my ($label) = map {/^\Q$name\E\{(\w+)=/} keys %sample;
        $flat{qq($name\{$label="$_"})} = $value->{$_} for keys %$value;
    }
    else {
        $flat{$name} = $value;
    }
}
is_deeply(\%flat, \%sample, 'JSON and Prometheus say the same');

is($sample{flashduty_received_total}, 6, 'received');
is_deeply(
    $json->{flashduty_events_total},
    { delivered => 4, spooled => 0, test => 0, preview => 1, refused => 1, failed => 0, rejected => 1 },
    'each request once, by its answer'
);
is_deeply($json->{flashduty_pushes_total},
    { (map { $_ => 0 } qw(401 403 404 429 500 502 503 timeout connect unreadable)), 200 => 4, 400 => 1 }, 'each push');
is($json->{flashduty_delivery_delay_seconds}{count}, 4, 'each delivery');
cmp_ok($json->{flashduty_labels_dropped_total}, '>', 40, 'dropped labels');
my ($target) = keys %{ $json->{flashduty_target_up} };
is($target, "127.0.0.1:@{[$t->port]} localhost /flashduty", 'the target without its arguments');
unlike(join("\n", $t->get('/prometheus')->body, keys %sample), qr/wonderful-id/, 'no id in any label');
