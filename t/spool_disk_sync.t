# Syncs fail, and unsynced data is lost. Nobody is told that an event was spooled, events are pushed
# without the spool; when syncs work again, events are spooled again, without a restart. Every alert
# that was answered 2xx arrives.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Load;
use Spool;

use constant ROUNDS => 5;

my $t = Spool->new(workers => 2);
fail_syncs_of($t->file, $t->dir);
$t->plan(4 + 6 * ROUNDS);
failing_syncs(sub { $t->start });

my $events = Ledger->new($t);
my $load   = Load->start(port => $t->port, uri => '/blueking', rate => 100, alerts => 1, log => $t->dir . '/load');

$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'syncs work and Flashduty is away: spooled');

for my $round (1 .. ROUNDS) {
    # Every other time Flashduty is there.
    my $is_there = $round % 2 == 0;
    $t->flashduty->answer($is_there ? taken() : html(503));

    syncs_fail();
    ok((eventually { failed_syncs() }), 'a sync fails');
    my $verdict = $is_there ? '200 delivered' : '502 failed';
    ok($events->post_until($verdict), "from then on: $verdict");
    # Now and then for longer than it takes to try again.
    is($events->verdicts_for($round > ROUNDS - 2 ? 4 : 0.5), $verdict, 'and so for all');
    ok(failed_syncs() > 1, 'while the spool is tried now and then');

    syncs_work();
    $t->flashduty->answer(html(503));
    ok($events->post_until('202 spooled'), 'syncs work: spooled again');
    is($events->verdicts_of(50), '202 spooled', 'and so for all');
}

note($events->note_load($load));

$t->flashduty->answer(taken());
$t->reload;    # else the next try may be minutes away
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
is(join(' ', grep {/set|corrupt|unsynced/} files($t)), '', 'the spool is still the same file');
