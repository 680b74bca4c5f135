# max_size is reached: events are pushed without the spool and answered by that push, and no waiting
# event is thrown out for them.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

my $t = Spool->new(spool => 'max_size=1m', after => '20ms')->plan(14)->start;

my $events = Ledger->new($t);
$events->{padding} = 4000;

$t->flashduty->answer(html(503));
is($events->post, '202 spooled', 'Flashduty is away: spooled');
ok($events->post_until('502 failed'), 'until there are too many: failed');
is($events->verdicts_of(10), '502 failed', 'and so are the next');
my $spooled = $events->told('202 spooled');
cmp_ok($spooled, '>', 50, "that was $spooled events");
is($t->waiting, $spooled, 'all of which still wait');
my ($pages, $free, $size) = map { sql($t->file, "PRAGMA $_") } qw(page_count freelist_count page_size);
my $used = ($pages - $free) * $size / 1024;
# The last one was taken when there was less.
cmp_ok($used, '<=', 1024 + 12, 'the pages in use are no more than was allowed');
my $without = qr/is pushed without it: .*/;
like(crits($t), $without, 'the log says that the spool cannot be used');
is(scalar(() = crits($t) =~ /$without/g), 1, 'once');

$t->flashduty->answer(taken());
is($events->broken, '', 'Flashduty is back: whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');

ok((eventually { $t->error_log =~ /\[notice\] .*can be used again/ }), 'then there is room, which the log says without another event');
$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'the next one is spooled');
is($events->verdicts_of(10), '202 spooled', 'and so are more');
$t->flashduty->answer(taken());
is($events->broken, '', 'and they arrive');
