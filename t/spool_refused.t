# An event that Flashduty refuses becomes a dead letter, which keeps everything that came; the next
# event of its alert goes on, and an operator can have it sent again.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(server => <<'EOC')->plan(42)->start;
        client_max_body_size 2m;

        location = /blueking {
            flashduty_push /flashduty?team=a;
        }
        location = /file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /mixed {
            client_body_buffer_size 1k;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

my $NO = says(400, 'InvalidParameter', 'title_rule is "odd"');

sub keyed {
    my ($key, %change) = @_;
    return alert(%change, event => { id => $key, event_id => $key });
}

# The one command that README has for this.
sub send_again {
    my ($where) = @_;
    $t->query("UPDATE dead SET again = 1 WHERE $where");
    return;
}

sub alert_keys {
    return join ' ', sort map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty->pushes($_[0]);
}

# Something else is delivered there, and then refused what comes next.
sub refuse_next {
    my ($uri) = @_;
    $t->flashduty->answer(taken());
    is($t->post($uri, keyed('well'))->verdict, '200 delivered', 'another one is delivered');
    $t->flashduty->answer($NO, taken());
    return;
}

sub log_says {
    my ($line) = @_;
    return eventually { $t->error_log =~ $line };
}

# Refused, beside a yes.
refuse_next('/blueking');
my $body     = keyed('one');
my $response = $t->post('/blueking', $body);
is($response->verdict, '502 refused', 'the caller hears that it is refused');
is($response->members, 'outcome reason code request_id alert_key', 'the answer has all its members');
is($response->json->{code},       'InvalidParameter', "with Flashduty's code");
is($response->json->{request_id}, 'request-2',        'with its request id');
like($response->reason, qr/title_rule is "odd"/, 'the reason is what Flashduty says');
like($t->error_log, qr/\[error\].* alert "one" refused: /, 'it is an error');

my ($dead) = $t->dead;
like($dead->{reason}, qr/title_rule is "odd"/, 'the dead letter says why');
is($dead->{alert_key}, 'one', 'whose it is');
is($dead->{title}, '10.0.1.10 / CPU usage', 'and what about');
is($dead->{event}, $t->flashduty->last_push->{body}, 'it has the event as it was pushed');
is($dead->{body}, $body, 'and what BlueKing sent');
cmp_ok(abs($dead->{dead_ms} / 1000 - time), '<', 60, 'and the time');
like($t->error_log, qr/\[error\].*alert "one", event $dead->{event_id}, is a dead letter: .*title_rule is "odd"/, 'the log names it');
ok($t->runs_empty, 'it does not wait any more');

# The next event of its key goes on, at once and out of the spool.
is($t->post('/blueking', keyed('one', type => 'RECOVERY_NOTICE'))->verdict, '200 delivered', 'the next of its alert is delivered');
refuse_next('/blueking');
$t->flashduty->answer({ hold => 1, %$NO }, taken());
my $before = $t->flashduty->count;
my $first  = $t->client->send(Client->compose('POST', '/blueking', keyed('two')));
$t->flashduty->wait_for($before + 1);
is($t->post('/blueking', keyed('two', type => 'RECOVERY_NOTICE'))->verdict, '202 spooled', 'one waits while it is pushed');
$t->flashduty->release;
is($first->response->verdict, '502 refused', 'it is refused');
is(scalar($t->flashduty->wait_for($before + 2)), $before + 2, 'the other leaves');
ok($t->runs_empty, 'and is taken');

# Bodies in files are kept as they are.
for my $case ([ '/file', 'dims_90' ], [ '/file', undef ], [ '/mixed', 'dims_90' ], [ '/mixed', undef ]) {
    my ($uri, $name) = @$case;
    my $big = $name ? payload($name) : keyed("big-$uri", description => "\xe6\xb0\xb4 \\ \"" . 'x' x 200_000);
    refuse_next($uri);
    is($t->post($uri, $big)->verdict, '502 refused', "$uri: a body of " . length($big) . ' bytes');
    ok(($t->dead)[-1]{body} eq $big, 'is kept byte for byte');
}

# Chunked, and in pieces.
$body = keyed('chunked');
refuse_next('/mixed');
$response = $t->client->request(
    'POST', '/mixed', Client->chunked($body, 100),
    'Transfer-Encoding' => 'chunked', Connection => 'close',
);
is($response->verdict, '502 refused', 'a chunked body');
is(($t->dead)[-1]{body}, $body, 'is kept without its chunks');

# Back again, by the one documented command; "one" was delivered since, with a
# newer event, and an old one would open an alert that nothing closes.
my $count = $t->flashduty->count;
my @dead  = $t->dead;
send_again('1');
ok(log_says(qr/\[notice\].* dead letters wait again/), 'an operator sends all of them again');
my @again = grep { $_->{alert_key} !~ /^(?:one|two)$/ } @dead;
is(scalar($t->flashduty->wait_for($count + @again)), $count + @again, 'they are pushed');
ok($t->runs_empty, 'and taken');
is(alert_keys($count), join(' ', sort map { $_->{alert_key} } @again), 'all but those that newer events have superseded');
my @bodies = sort map { $_->{body} } $t->flashduty->pushes($count);
ok(join("\n", @bodies) eq join("\n", sort map { $_->{event} } @again), 'as they were');
is(join(' ', map { $_->{alert_key} } $t->dead), 'one two', 'the others stay dead letters');
