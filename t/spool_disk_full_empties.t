# The disk is full when Flashduty comes back: the waiting events leave even so.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

mounts_of_its_own();
my $t = Spool->new(after => '20ms');
mount_small($t->folder, '32m');
$t->plan(4)->start;

my $events = Ledger->new($t);

$t->flashduty->answer(html(503));
is($events->verdicts_of(400), '202 spooled', 'Flashduty is away: spooled');
# The log is left little room, and the database none to grow.
sql($t->file, 'PRAGMA wal_checkpoint(TRUNCATE)');
fill($t->folder, 1 << 20);

$t->flashduty->answer(taken());
is($events->broken, '', 'Flashduty is back: whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
ok($events->post_until('200 delivered'), 'and is of use');
