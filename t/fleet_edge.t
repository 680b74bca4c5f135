# One edge with a shared database: what it takes in goes there, is delivered from there and answered
# in time; while the database is away it goes to the local spool, is delivered from there when that
# lasts, and moves over when it is back.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Edge;
use Flashduty;
use Gateway;
use Postgres;

Postgres->or_skip;
my $db = Postgres->start;
my $t  = Edge->new(workers => 2, database => $db->conninfo, fleet => 'alone_after=3s', kills => 1)->plan(26)->start;

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub in_database { return $db->sql('SELECT count(*) FROM flashduty.event') }
sub pushed      { return scalar grep { $_->{body} =~ /"\Q$_[0]\E"/ } $t->taker->pushes }

sub has_library {
    my ($pid) = @_;
    open my $maps, '<', "/proc/$pid/maps" or return 0;
    return scalar grep {/libpq/} <$maps>;
}

ok($t->comes_to_lead, 'the edge leads');
ok((eventually { $db->sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flashduty/a'}) >= 4 }),
    'each worker is connected, and the agent');
is(post('one'), '200 delivered', 'an alert is delivered, and its caller hears so');
is(post('two'), '200 delivered', 'the next one, too');
ok((eventually { in_database() == 0 }), 'nothing of them stays in the database');
is($t->waiting, 0, 'nothing was in the local spool');
ok(!has_library($t->master), 'the master has not loaded libpq');
ok(has_library(($t->workers)[0]), 'but the workers have');

# Flashduty is away: events wait in the database.
$t->taker->answer(nothing(503));
like(post('three'), qr/^202 spooled/, 'Flashduty takes nothing: an event waits');
is(in_database(), 1, 'in the database');
is($t->waiting, 0, 'not in the local spool');
$t->taker->answer(taken());
ok($t->is_back(sub { in_database() == 0 }), 'it is delivered from there');

# The database is away.
$db->freeze;
like(post('four'), qr/^202 spooled/, 'the database hangs: an event waits');
is($t->waiting, 1, 'in the local spool');
ok((eventually { pushed('four') }), 'the database stays away: the edge delivers it itself');
is(post('five'), '200 delivered', 'and what comes then');
$db->thaw;
ok((eventually { $t->error_log =~ /has got what waited on this edge/ }), 'the database is back, and the edge with it');
ok((eventually { in_database() == 0 }), 'nothing waits in the database');
ok((eventually { post('six') eq '200 delivered' }), 'alerts are delivered');
is($t->waiting, 0, 'past the local spool');

# It dies, and comes back before the edge has given it up.
$db->kill_all;
like(post('seven'), qr/^202 spooled/, 'the database is dead: an event waits');
is($t->waiting, 1, 'in the local spool');
$db->go;
ok((eventually { pushed('seven') }), 'the database is back: it is delivered');
ok((eventually { in_database() == 0 && $t->waiting == 0 }), 'nothing waits anywhere');

# The worker that leads dies.
kill 'KILL', $t->deliverer;
ok((eventually { (() = $t->error_log =~ /this edge leads:/g) >= 2 }), 'the leading worker is killed: the other one leads');
ok((eventually { post('eight') eq '200 delivered' }), 'alerts are delivered');
