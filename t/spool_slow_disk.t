# A disk with slow syncs, and many callers of many workers: whoever came first writes next, so that
# no event goes past the spool.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use Callers;
use Client;
use Disk;
use Flashduty;
use Gateway;
use Spool;

# Others for a longer look, as in TEST_SLOW_DISK='8 100 10000'.
my ($workers, $sync_ms, $alerts) = split / /, $ENV{TEST_SLOW_DISK} || '8 20 640';
use constant CALLERS => 64;

my $library = $ENV{TEST_SLOW_SYNC} || dirname(abs_path(__FILE__)) . '/../build/bench/slow_sync.so';
plan(skip_all => "needs $library") if !-e $library;

my $t = Spool->new(workers => $workers)->plan(3);
{
    local $ENV{LD_PRELOAD}       = $library;
    local $ENV{SLOW_SYNC_US}     = $sync_ms * 1000;
    local $ENV{SLOW_SYNC_COUNTS} = $t->dir . '/syncs';
    # nginx may have a sanitizer in it.
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0';
    $t->start;
}
$t->flashduty->answer(html(503));
my $callers = Callers->start(
    port => $t->port, log => $t->dir . '/callers', name => 'caller', keys => CALLERS, at_once => CALLERS,
    events => int($alerts / CALLERS),
);
my $count = CALLERS * int($alerts / CALLERS);
# Several seconds may pass before anything is to be seen.
my $seen = -1;
while ($callers->count < $count && $callers->count > $seen) {
    $seen = $callers->count;
    eventually { $callers->count > $seen };
}
my %verdicts;
$verdicts{"$_->[2] $_->[3]"}++ for $callers->finish;
is(join(', ', map {"$_: $verdicts{$_}"} sort keys %verdicts), "202 spooled: $count", 'Flashduty is away: all are spooled');
is($t->waiting, $count, 'all of them wait');
is(crits($t), '', 'and nobody complains');
