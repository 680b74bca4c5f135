# A backlog leaves within the budget, in any second and any minute, and the worst
# alerts leave first.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

use constant { PER_SECOND => 20, PER_MINUTE => 120 };

# The budget is about when pushes leave; on a busy machine this peer may notice
# some by so many seconds later than others.
use constant LATE => 0.2;

my $t = Spool->new(workers => 2, rate => sprintf('%dr/s %dr/m', PER_SECOND, PER_MINUTE), server => <<'EOC')->plan(13)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /impatient {
            flashduty_spool_after 100ms;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

my %LEVEL = (Critical => 1, Warning => 2, Info => 3);

# Posts so many alerts, each with a key of its own.
sub post {
    my ($count, $status, $name, $uri) = @_;

    my @verdicts;
    for my $number (1 .. $count) {
        my $key = "$name-$number";
        push @verdicts,
            $t->post($uri || '/blueking', alert(event => { id => $key, event_id => $key, level => $LEVEL{$status} }))->verdict;
    }
    return scalar grep { $_ eq '202 spooled' } @verdicts;
}

# The most pushes in any stretch of so many seconds.
sub most_within {
    my ($seconds, @times) = @_;

    my ($most, $first) = (0, 0);
    for my $last (0 .. $#times) {
        $first++ while $times[$first] <= $times[$last] - $seconds;
        $most = max $most, $last - $first + 1;
    }
    return $most;
}

# The least severe first, while nobody is there.
$t->flashduty->go_away;
is(post(30, 'Info', 'info', '/impatient'), 30, 'alerts that tell something wait');
is(post(30, 'Warning', 'warning', '/impatient'), 30, 'then some that warn');
is(post(30, 'Critical', 'critical', '/impatient'), 30, 'then some that are critical');
is($t->waiting, 90, 'all of them');
$t->flashduty->come_back;
post(1, 'Critical', 'critical-back');    # a probe
ok((eventually { $t->flashduty->count >= 60 }), 'back again: they leave');
ok($t->runs_empty, 'all of them');

# With the budget of the minute spent, an alert is spooled at once. Probes have
# spent from it, too.
my $delivered = 0;
$delivered++ while $delivered < PER_MINUTE && post(1, 'Critical', "more-$delivered") == 0;
cmp_ok($delivered, '>', 0, 'some more are delivered at once');
is(post(5, 'Critical', 'late'), 5, 'until the budget of the minute is spent, then they are spooled at once');

my @arrivals = $t->flashduty->arrivals;
my @backlog  = @arrivals[ 0 .. 90 ];
is(scalar(grep { $_->[2] =~ /^[cwi]/ } @backlog), 91, 'each has left once');
my @times = map { $_->[0] } @arrivals;
cmp_ok(most_within(1 - LATE,  @times), '<=', PER_SECOND, 'never more in a second than the budget has');
cmp_ok(most_within(60 - LATE, @times), '<=', PER_MINUTE, 'nor in a minute');
cmp_ok($backlog[-1][0] - $backlog[0][0], '>=', 90 / PER_SECOND - 1.5, 'so it took its time');

# The one that finds out that the target is back may be any; those that are on
# their way at once may pass each other.
my @rank   = map { { c => 0, w => 1, i => 2 }->{ substr $_->[2], 0, 1 } } @backlog[ 1 .. $#backlog ];
my @sorted = sort { $rank[$a] <=> $rank[$b] || $a <=> $b } 0 .. $#rank;
# The few that were probes while nobody was there may pass others, too.
cmp_ok(max(map { abs $_ - $sorted[$_] } 0 .. $#sorted), '<', 2 * PER_SECOND,
    'the critical ones first, then those that warn, then the others')
    or diag("@rank");
