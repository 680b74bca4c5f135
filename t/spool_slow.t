# A caller waits for flashduty_spool_after and no longer, whatever Flashduty takes;
# the push goes on, and its event is delivered once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, after => '800ms', server => <<'EOC')->plan(19)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /soon {
            flashduty_spool_after 100ms;
            flashduty_push /flashduty;
        }
        location = /patient {
            flashduty_spool_after 2s;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

sub post {
    my ($uri, $key, %change) = @_;

    my $since   = time;
    my $verdict = $t->post($uri, alert(%change, event => { id => $key, event_id => $key }))->verdict;
    return ($verdict, time - $since);
}

sub keys_pushed {
    return join ' ', map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty->pushes;
}

# Seconds of grace for a busy machine.
my $GRACE = Client::PATIENCE / 2;

$t->flashduty->answer({ hold => 1 });
my ($verdict, $seconds) = post('/blueking', 'slow');
is($verdict, '202 spooled', 'a peer that takes long: the alert is spooled');
cmp_ok($seconds, '>=', 0.79, 'not before 800 ms');
cmp_ok($seconds, '<', 0.8 + $GRACE, 'nor long after');
($verdict, $seconds) = post('/soon', 'soon');
is($verdict, '202 spooled', 'with a time of its own');
cmp_ok($seconds, '>=', 0.09, 'not before that');
cmp_ok($seconds, '<', 0.1 + $GRACE, 'nor long after');

# The push is still under way; what comes behind it waits for it.
($verdict, $seconds) = post('/blueking', 'slow', type => 'RECOVERY_NOTICE');
is($verdict, '202 spooled', 'the recovery of an alert that is being pushed');
is(keys_pushed(), 'slow soon', 'does not overtake it');
is($t->waiting, 3, 'all three are in the spool');

$t->flashduty->answer(taken());
$t->flashduty->release;
ok($t->runs_empty, 'answered at last, they are settled');
is(keys_pushed(), 'slow soon slow', 'each was pushed once');
unlike($t->error_log, qr/is away/, 'and nobody was taken to be away');

# Answered in time by a push that began late.
is((post('/patient', 'next'))[0], '200 delivered', 'the next is delivered in time');

# An event whose verdict and whose time come together is answered once.
for my $number (1 .. 20) {
    $t->flashduty->answer(taken(pieces => 10));
    my ($answer) = post('/soon', "close-$number");
    $verdict = $answer if $answer !~ /^(?:200 delivered|202 spooled)$/;
}
is($verdict, '202 spooled', 'a verdict on the verge of time is either one');
$t->flashduty->answer(taken());
ok($t->runs_empty, 'and all are delivered');
my %times;
$times{$_}++ for split / /, keys_pushed();
is_deeply([ grep { $times{"close-$_"} != 1 } 1 .. 20 ], [], 'once each');

# The body may take long to come; the time runs from its end.
my $body = alert(event => { id => 'late', event_id => 'late' });
my $caller
    = $t->client->send(Client->compose('POST', '/patient', undef, 'Content-Length' => length $body) . substr $body, 0, 10);
select undef, undef, undef, 2.2;
$caller->send(substr $body, 10);
is($caller->response->verdict, '200 delivered', 'a body that takes longer than that to come');

is(scalar($t->dead), 0, 'there is no dead letter');
is($t->waiting, 0, 'and nothing waits');
