# The gateway over HTTP/2: with and without a length, many streams at once, and
# callers that reset theirs.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Http2;

my $t = Gateway->new(http => <<'EOC')->plan(20)->start;
    log_format outcome "$flashduty_alert_key $flashduty_outcome";

    server {
        listen 127.0.0.1:%%PORT%% %%HTTP2_ON%%;
        access_log %%DIR%%/access.log outcome;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /small {
            client_max_body_size 1k;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

sub verdict_of {
    my ($client, @request) = @_;
    return $client->answer($client->post(@request))->verdict;
}

sub keyed { return alert(event => { id => $_[0], event_id => $_[0] }) }

my $client   = Http2->connect($t->port);
my $response = $client->answer($client->post('/blueking', alert(), 'content-length' => length alert()));
is($response->verdict, '200 delivered', 'with a content-length');
is($response->json->{alert_key}, '17161930461000001', 'with the whole answer');
is(verdict_of($client, '/blueking', alert()), '200 delivered', 'without one');
is(verdict_of($client, '/file', payload('dims_90')), '200 delivered', 'through a file');

is(verdict_of($client, '/blueking', '{}'), '400 rejected', 'a body with no alert');
is(verdict_of($client, '/blueking', ''),   '400 rejected', 'an empty body');
is(verdict_of($client, '/small', payload('dims_90')), '413', 'a body too large for nginx');
is(verdict_of($client, '/blueking', alert(), 'content-encoding' => 'gzip'), '415 rejected', 'a compressed body');
$t->flashduty->answer(says(400, 'InvalidParameter', 'm'), taken());
is(verdict_of($client, '/blueking', alert()), '502 refused', 'a refused event');

my @pushes  = $t->flashduty->pushes;
my @headers = sort map { $_->[0] } @{ $pushes[-1]{headers} };
is_deeply(
    [ grep { $_ ne 'Connection' } @headers ],
    [ 'Accept-Encoding', 'Content-Length', 'Content-Type', 'Host' ], 'the push has its own headers'
);

my @streams  = map { $client->post('/blueking', keyed("many-$_")) } 1 .. 20;
my %answered = map { ($_->json->{alert_key} => $_->verdict) } map { $client->answer($_) } reverse @streams;
my %expected = map { ("many-$_" => '200 delivered') } 1 .. 20;
is_deeply(\%answered, \%expected, 'twenty streams, each with its own answer');

# A caller that resets its stream when the push is already under way.
my $before = $t->flashduty->count;
$t->flashduty->answer({ hold => 1 }, taken());
my $stream = $client->post('/blueking', keyed('reset-late'));
is($t->flashduty->wait_for($before + 1), $before + 1, 'the push is under way');
$client->reset_stream($stream);
is(verdict_of($client, '/blueking', keyed('other')), '200 delivered', 'another stream goes on');
ok(!($t->flashduty->pushes)[$before]{aborted}, 'the push was not given up');
$t->flashduty->release;
ok(eventually { grep { $_ eq 'reset-late delivered' } $t->access_log }, 'and its verdict is known');

# A caller that resets it in the same breath, or hangs up altogether.
$before = $t->flashduty->count;
my $hasty = Http2->connect($t->port);
$hasty->reset_stream($hasty->post('/blueking', keyed('reset-early')));
is(verdict_of($hasty, '/blueking', keyed('after-reset')), '200 delivered', 'a reset at once harms no other');

$t->flashduty->answer({ hold => 1 }, taken());
$before = $t->flashduty->count;
$hasty->post('/blueking', keyed('hung-up'));
$t->flashduty->wait_for($before + 1);
$hasty->leave;
is(verdict_of($client, '/blueking', keyed('still')), '200 delivered', 'hanging up harms no other');
ok(!($t->flashduty->pushes)[$before]{aborted}, 'nor the push itself');
$t->flashduty->release;
ok(eventually { grep { $_ eq 'hung-up delivered' } $t->access_log }, 'whose verdict is known');

is(verdict_of($client, '/blueking', alert()), '200 delivered', 'after all that the next is delivered');
