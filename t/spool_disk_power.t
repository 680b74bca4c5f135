# Everything is killed and the power fails, again and again, while syncs fail every now and then:
# every alert that was answered 2xx arrives.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Load;
use Spool;

use constant ROUNDS => 10;

my $t = Spool->new(workers => 2, kills => 1);
fail_syncs_of($t->file, $t->dir);
$t->plan(3 + 2 * ROUNDS);
failing_syncs(sub { $t->start });

my $events = Ledger->new($t);
my $load   = Load->start(port => $t->port, uri => '/blueking', rate => 100, alerts => 1, log => $t->dir . '/load');

for my $round (1 .. ROUNDS) {
    $t->flashduty->answer($round % 3 == 0 ? taken() : html(503));
    ok($load->goes_on(30), 'alerts are answered');
    if ($round % 2) {
        syncs_fail($round % 4 == 1 ? 'later' : ());
        eventually { failed_syncs() };
        $load->goes_on(int rand 30);
        syncs_work() if $round % 3;
        $load->goes_on(int rand 10);
    }
    $t->crash;
    syncs_work();
    lose_power();
    failing_syncs(sub { $t->start });
    is(sql($t->file, 'PRAGMA integrity_check'), "ok\n", 'the database is sound after that');
}

note($events->note_load($load));
cmp_ok(scalar($events->told('202 spooled')), '>', 100, 'many events were spooled');

$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
