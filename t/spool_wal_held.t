# Somebody reads in a transaction that does not end: the WAL cannot be copied back and grows. The log
# says so, and how to end it.

use strict;
use warnings;

use IO::Handle;
use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

my $t = Spool->new(after => '20ms')->plan(9)->start;

my $events = Ledger->new($t);
$t->flashduty->answer(html(503));
is($events->post, '202 spooled', 'Flashduty is away: spooled');

my $sign = $t->dir . '/reads';
open my $reader, '|-', 'sqlite3', $t->file or die "cannot run sqlite3: $!\n";
$reader->autoflush;
print {$reader} "BEGIN;\nSELECT count(*) FROM event;\n.shell touch $sign\n";
ok((eventually { -e $sign }), 'somebody reads');

my $warning = qr/\[warn\] [^\n]*: flashduty spool: a reader keeps (\d+) MB in its "-wal" from being copied back/;
$events->{padding} = 900_000;
my $wal = $t->file . '-wal';
my $verdicts = $events->verdicts_of(60);
unlike($t->error_log, $warning, 'a WAL of ' . ((-s $wal) >> 20) . ' MB is none to speak of');
is($verdicts . ', ' . $events->verdicts_of(30), '202 spooled, 202 spooled', 'events are written down all the same');
ok((eventually { $t->error_log =~ $warning }), 'from 64 MB on the log says so');
my ($told_mb) = $t->error_log =~ $warning;
cmp_ok($told_mb, '>=', 64, "namely $told_mb MB");
is($events->verdicts_of(10), '202 spooled', 'more are');

close $reader;
ok((eventually { $events->post; -s $wal <= 40_000_000 }), 'nobody reads any more: the WAL is copied back with the next events');
my @at = map { 3600 * $_->[0] + 60 * $_->[1] + $_->[2] } map { [/ (\d+):(\d+):(\d+) /] } grep {/$warning/} split /^/, $t->error_log;
is(scalar(grep { ($at[$_] - $at[ $_ - 1 ]) % 86_400 < 59 } 1 .. $#at), 0, 'and was complained of once a minute');
