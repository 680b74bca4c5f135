# An edge that is cut off from the database keeps what it takes in, delivers that itself, and tells
# the fleet afterwards: an alert that it opened behind its end is closed again.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Edge;
use Flashduty;
use Gateway;
use Postgres;
use Wire;

Postgres->or_skip;
my $db   = Postgres->start;
my $wire = Wire->start(db => $db->port);
my $b = Edge->new(database => $db->conninfo, edge => 'b')->plan(15)->start;
ok($b->comes_to_lead, 'an edge leads');
my $a = Edge->new(
    like => $b, edge => 'a', workers => 2, fleet => 'alone_after=4s',
    database => $db->conninfo =~ s/port=\d+/'port=' . $wire->port('db')/er,
)->start;

sub post {
    my ($edge, $key, %event) = @_;
    return $edge->post('/blueking', alert(event => { id => $key, event_id => $key }, %event))->verdict;
}

# Waits until what comes to an edge is delivered in time.
sub delivers {
    my ($edge, $key) = @_;

    my $tries = 0;
    return eventually { post($edge, $key . $tries++) eq '200 delivered' };
}

# Statuses of a key as Flashduty has got them.
sub got {
    my ($key) = @_;
    return join ' ', map { $_->{body} =~ /"event_status":"(\w+)"/ } grep { $_->{body} =~ /"alert_key":"\Q$key\E"/ } $a->taker->pushes;
}

ok(delivers($a, 'before'), 'an alert at the other edge is delivered');
$wire->drop('db');
like(post($a, 'opened'), qr/^202 spooled/, 'it is cut off: an alert waits');
is($a->waiting, 1, 'in its own spool');
like(post($a, 'opened-2'), qr/^202 spooled/, 'so does the next one');
is(post($b, 'opened', type => 'RECOVERY_NOTICE'), '200 delivered', 'the end of the first alert is delivered by the others') or diag(got('opened'));
ok((eventually { got('opened') =~ /\w+ \w+/ }), 'the edge delivers what it has kept');
isnt((split ' ', got('opened'))[-1], 'Ok', 'so that the alert is open at Flashduty');
is(post($a, 'alone'), '200 delivered', 'what comes now is delivered by it');
$wire->pass('db');
ok((eventually { $a->error_log =~ /has got what waited on this edge/ }), 'it is back');
ok((eventually { (split ' ', got('opened'))[-1] eq 'Ok' }), 'the alert is closed again') or diag(got('opened'));
ok(delivers($a, 'after'), 'what comes then is delivered by the leader');
is($a->waiting, 0, 'nothing is left in its spool');
ok((eventually { $db->sql('SELECT count(*) FROM flashduty.event') == 0 }), 'nor in the database');
is(got('opened-2') =~ tr/ //, 0, 'what had nothing behind it was sent once');
