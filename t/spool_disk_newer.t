# A spool that a newer version of the gateway has made is neither used nor
# touched: events are pushed without it.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

my $t = Spool->new->plan(12)->start;

my $events = Ledger->new($t);

$t->flashduty->answer(html(503));
ok($events->post_until('202 spooled'), 'an event waits');
stop_nginx($t);
my $version = sql($t->file, 'PRAGMA user_version') + 0;
sql($t->file, 'PRAGMA user_version = ' . ($version + 1));
my $waiting = $t->waiting;
my $files   = join ' ', files($t);

$t->flashduty->answer(taken());
my $count = $t->flashduty->count;
$t->start;
is($events->verdicts_of(5), '200 delivered', 'the spool is of a newer version: delivered');
is($t->flashduty->count, $count + 5, 'by one push each, and nothing else is pushed');
$t->flashduty->answer(html(503));
is($events->verdicts_of(5), '502 failed', 'or failed');
my $without = qr/is pushed without it: .*newer version/;
is(scalar(() = crits($t) =~ /$without/g), 1, 'the log says why, once');
unlike(crits($t), qr/set aside/, 'it is not set aside');
is($t->waiting, $waiting, 'what waits stays in it');
is(sql($t->file, 'PRAGMA user_version') + 0, $version + 1, 'and its version');

sql($t->file, "PRAGMA user_version = $version");
ok($events->post_until('202 spooled'), 'the spool is of this version again: spooled, without a restart');
is(join(' ', grep { !/\.(?:sock|lock|guard)\z|-(?:wal|shm)\z/ } files($t)), 'spool.db', 'there is no other file');
$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
