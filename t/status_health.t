# Health without a spool: for balancers and probes.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(workers => 2, server => <<'EOC')->plan(20)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /health {
            flashduty_status health;
            error_page 503 /instead;
        }
        location = /status {
            flashduty_status json;
        }
EOC

sub health {
    my $response = $t->get('/health');
    return ($response->status . ' ' . ($response->json->{state} // ''), $response->json);
}

my ($state, $body) = health();
is($state, '200 delivering', 'nothing has happened yet');
is_deeply([ sort keys %$body ], [qw(since state)], 'there is no more to say');

$t->post('/blueking', alert());
is((health())[0], '200 delivering', 'a push that succeeded');

$t->flashduty->answer(says(400, 'InvalidParameter', 'm'));
$t->post('/blueking', alert());
is((health())[0], '200 delivering', 'an event that is refused says nothing of the next one');
$t->post('/blueking', alert(event => { id => $_, event_id => $_ })) for 1, 1, 2;
($state, $body) = health();
is($state, '503 failing', 'three of them in a row do, each of another key');
is($body->{reason}, '4 events in a row were refused: m', '... and why');
$t->flashduty->answer(taken());
$t->post('/blueking', alert());
is((health())[0], '200 delivering', 'until one is taken');

for my $case ([ html(500), 'HTTP 500' ], [ says(401, 'Unauthorized', 'no such key'), 'no such key' ], [ dropped('close'), 'could not be reached' ]) {
    my ($answer, $reason) = @$case;
    $t->flashduty->answer($answer);
    $t->post('/blueking', alert());
    ($state, $body) = health();
    is($state, '503 failing', "a push that failed: $reason");
    like($body->{reason}, qr/$reason/, '... and why');
    my $head = $t->client->request('HEAD', '/health', undef, Connection => 'close');
    is($head->status, 503, '... told to HEAD, too');
}
cmp_ok(abs($body->{since} - time), '<', 10, 'since when');
my $status = $t->get('/status')->json;
is_deeply([ @$status{qw(state reason since)} ], [ @$body{qw(state reason since)} ], 'the page hears the same');
is($t->get('/status')->status, 200, 'as a figure like any other');

$t->flashduty->answer(taken());
$t->post('/blueking', alert());
is((health())[0], '200 delivering', 'a push that succeeds ends it');
