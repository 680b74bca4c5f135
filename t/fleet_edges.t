# Two edges that share a database: one delivers for both, callers of each hear of it in time, and the
# other one takes over from one that dies, leaves or is stopped.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Edge;
use Flashduty;
use Gateway;
use Postgres;

Postgres->or_skip;
my $db = Postgres->start;
my %fleet = (database => $db->conninfo, workers => 2);
my $a = Edge->new(%fleet, edge => 'a', kills => 1)->plan(21)->start;
ok($a->comes_to_lead, 'the first edge leads');
my $b = Edge->new(%fleet, edge => 'b', like => $a)->start;
ok((eventually { $db->sql('SELECT count(*) FROM flashduty.edge') == 2 }), 'both are on the roll');

sub post {
    my ($edge, $key) = @_;
    return $edge->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub pushed { return scalar grep { $_->{body} =~ /"\Q$_[0]\E"/ } $a->taker->pushes }

# Waits until an edge delivers what comes to it.
sub delivers {
    my ($edge, $key) = @_;

    my $tries = 0;
    return eventually { post($edge, $key . $tries++) eq '200 delivered' };
}

is(post($a, 'at-a'), '200 delivered', 'an alert at the leader is delivered');
ok(delivers($b, 'at-b'), 'one at the other edge, too, and its caller hears so');
my $more = 0;
# A busy machine may be late now and then.
ok((eventually { !grep { post($b, 'more-' . $more++) ne '200 delivered' } 1 .. 10 }), 'ten of ten hear it in time');
ok(!$b->leads, 'without leading');
is($db->sql('SELECT count(*) FROM flashduty.event'), 0, 'nothing waits in the database');

# The leader is stopped, as a machine that hangs.
my $stopped = $a->deliverer;
$a->stop_process($stopped);
my $since = time;
like(post($b, 'while-stopped'), qr/^202 spooled/, 'the leader is stopped: an alert at the other edge waits');
ok((eventually { $b->leads }), 'the other edge takes over');
cmp_ok(time - $since, '<', 15, 'within seconds');
ok((eventually { pushed('while-stopped') == 1 }), 'and delivers it');
ok(delivers($b, 'led-by-b'), 'and what comes then');
kill 'CONT', $stopped;
ok((eventually { $a->error_log =~ /leads no more/ }), 'awake, the old one sees that it leads no more');
ok(delivers($a, 'woken'), 'what comes to it is delivered');
is(pushed('while-stopped'), 1, 'nothing was pushed twice');

# The leader leaves in good order.
$since = time;
$b->signal('HUP');
ok((eventually { $a->leads }), 'the leader reloads: the other one takes over');
cmp_ok(time - $since, '<', 10, 'at once');
ok(delivers($b, 'reloaded'), 'what comes to the reloaded one is delivered');

# The leader's machine dies.
$a->crash;
ok((eventually { $b->leads }), 'the leader dies: the other edge takes over');
ok(delivers($b, 'alone'), 'and delivers');
is($db->sql('SELECT count(*) FROM flashduty.dead'), 0, 'there is no dead letter');
