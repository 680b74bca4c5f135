# The oracle of nemesis.t notices what must not be.

use strict;
use warnings;

use Test::More tests => 21;

use FleetOracle;

my @EDGES = qw(a b);

# Answer to the caller of an event, taken by an edge at a time; arrival of an event.
sub told { my ($number, %more) = @_; return [ 'k', $number, $more{status} // 202, 'spooled', $more{at} // $number, $more{place} // 0 ] }
sub came { my ($at, $number, %more) = @_; return [ $at, $more{taken} // 1, 'k', "CPU event $number", $more{edge} // 'a', 7, $more{caller} // '' ] }

sub oracle { return FleetOracle->new(edges => \@EDGES)->hears(@_) }
sub wrong  { my ($told, @arrivals) = @_; return [ oracle(@$told)->sees(@arrivals)->verdict ] }

my @TWO = (told(1), told(2, place => 1));
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2)), [], 'all come in order: well');
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2, taken => 0), came(5, 2)), [], 'one comes again: well');
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2), came(5, 1), came(6, 2)), [], 'an old one comes again, and then the last: well');
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2), came(5, 1)), ['k: the last to arrive was event 1 by a, not 2 by b'], 'an old one comes last');
is_deeply(wrong(\@TWO, came(3, 1)), [
    'k: event 2, by b, was answered 202 spooled and never came', 'k: the last to arrive was event 1 by a, not 2 by b' ], 'one does not come');
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2, taken => 0)), [
    'k: event 2, by b, was answered 202 spooled and never came', 'k: the last to arrive was event 1 by a, not 2 by b' ], 'one is not taken');
is_deeply(wrong(\@TWO, came(3, 2), came(4, 1), came(5, 2)), ['k: event 1 by a came after 2 by b'], 'one is overtaken');
is_deeply(wrong(\@TWO, came(3, 2), came(4, 1)), [
    'k: event 1 by a came after 2 by b', 'k: the last to arrive was event 1 by a, not 2 by b' ], '... and is the last');
is_deeply(wrong([ told(1, status => 'none'), told(2) ], came(3, 2), came(4, 1)), [], 'one whose caller heard nothing may be');
is_deeply(wrong([ told(1), told(2, status => 'none') ], came(3, 1), came(4, 2)), [], '... and may come last');
is_deeply(wrong(\@TWO, came(3, 1), came(4, 2), came(5, 3)), ['k, "CPU event 3": came and was never sent'], 'one was never sent');
is_deeply(wrong(\@TWO, came(3, 2), came(4, 1, caller => '127.0.0.1')), [], 'what goes without the spool is out of order: well');
is_deeply(wrong(\@TWO, came(3, 2, caller => '127.0.0.1'), came(4, 1)), [], '... and need not be the last');

my $away = oracle(@TWO)->was_away('a', 3, 9)->sees(came(10, 2), came(11, 1), came(12, 2));
is_deeply([ $away->verdict ], [], 'an edge that is away may be overtaken: well');
$away = oracle(@TWO)->was_away('a', 3, 9)->sees(came(10, 2), came(11, 1));
is_deeply([ $away->verdict ], ['k: the last to arrive was event 1 by a, not 2 by b'], '... if the last word is the last event');
$away = oracle(@TWO)->was_away('a', 30, 39)->sees(came(10, 2), came(11, 1), came(12, 2));
is(scalar($away->verdict), 1, '... and at another time it may not');

my $dead = oracle(@TWO)->buries('k', 'CPU event 1', 'superseded')->sees(came(3, 2));
is_deeply([ $dead->verdict ], [], 'a dead letter has a reason: well');
$dead = oracle(@TWO)->buries('k', 'CPU event 1', '')->sees(came(3, 2));
is_deeply([ $dead->verdict ], ['k: event 1 is a dead letter without a reason'], 'one has none');

my @fast = ((map { came($_ / 10, 1) } 0 .. 5), map { came($_ / 10, 1, edge => 'b') } 6 .. 10);
is(scalar(oracle(told(1))->over_rate(1, 9, sub {0.05}, @fast)), 2, 'two edges push too much together');

my @terms = ([ 1, 5, 'a' ], [ 10, 6, 'b' ]);
is_deeply([ oracle(told(1))->behind_grace(3, \@terms, came(9, 1), came(12, 1), came(20, 1, edge => 'b')) ], [], 'the grace is kept: well');
like((oracle(told(1))->behind_grace(3, \@terms, came(14, 1)))[0], qr/^a pushed "CPU event 1" of k at 14.00, when b had led with term 6 for 4.0 s$/,
    'a former leader pushes');
