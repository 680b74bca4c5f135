# The disk is full: events are pushed without the spool and answered by that
# push. With room again they are written down, and nothing was lost.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

mounts_of_its_own();
my $t = Spool->new;
mount_small($t->folder, '8m');
$t->plan(14)->start;

my $events = Ledger->new($t);

is($events->post, '200 delivered', 'there is room: delivered');
$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'while Flashduty is away, spooled');
is($events->verdicts_of(10), '202 spooled', 'and so are the next');

fill($t->folder);
ok($events->post_until('502 failed'), 'no room is left, and Flashduty is away: failed');
is($events->verdicts_of(10), '502 failed', 'and so are the next');
$t->flashduty->answer(nothing(504));
is($events->post, '504 failed', 'failed as the push does');
$t->flashduty->answer(html(429));
is($events->post, '503 failed', 'whatever that is');
my $without = qr/is pushed without it: .*/;
like(crits($t), $without, 'the log says that the spool cannot be used');
is(scalar(() = crits($t) =~ /$without/g), 1, 'once');

$t->flashduty->answer(taken());
is($events->verdicts_of(10), '200 delivered', 'Flashduty is back: delivered');

make_room($t->folder);
$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'with room again and Flashduty away, spooled');
is($events->verdicts_of(10), '202 spooled', 'and so are the next');
$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
