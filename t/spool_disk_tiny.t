# A disk that is smaller than the spool may grow: it is full before anybody counts so. Events are
# pushed without the spool, with the reason, and nothing of what was answered is lost; once there is
# room again, and it leaves some of itself where Flashduty is back, they are written down again.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

mounts_of_its_own();
my $t = Spool->new(spool => 'max_size=1g', after => '20ms');
mount_small($t->folder, '2m');
$t->plan(9)->start;

my $events = Ledger->new($t);
$events->{padding} = 4000;

$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'while Flashduty is away, spooled');
ok($events->post_until('502 failed'), 'until the disk is full');
like(crits($t), qr/has no room left on its disk/, 'the log says why');
my $waiting = $t->waiting;
cmp_ok($waiting, '>', 50, "$waiting events wait");

$t->flashduty->answer(taken());
is($events->broken, '', 'Flashduty is back: whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'and takes events again');
is($events->verdicts_of(20), '202 spooled', 'and more');
$t->flashduty->answer(taken());
is($events->broken, '', 'which arrive');
