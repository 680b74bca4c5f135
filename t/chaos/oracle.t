# The oracle of chaos.t notices what must not be.

use strict;
use warnings;

use Test::More tests => 12;

use Oracle;

# Arrival of an event, and the answer that its caller heard.
sub came { my ($at, $number, %more) = @_; return [ $at, $more{taken} // 1, 'a', "CPU event $number", $more{by} // 7, $more{caller} // '' ] }
sub told { my ($number, @answer) = @_; return [ 'a', $number, @answer, 10 ] }

sub oracle { return Oracle->new->hears(map { told($_, 202, 'spooled') } 1 .. $_[0]) }

sub wrong { my ($count, @arrivals) = @_; return [ oracle($count)->sees(@arrivals)->verdict ] }

is_deeply(wrong(2, came(1, 1), came(2, 2)), [], 'all come in order: well');
is_deeply(wrong(2, came(1, 1, taken => 0), came(2, 1), came(3, 1), came(4, 2)), [], 'one comes again: well');
is_deeply(wrong(2, came(1, 1)), ['a: event 2 was answered 202 spooled and never came'], 'one does not come');
is_deeply(wrong(2, came(1, 1), came(2, 2, taken => 0)), ['a: event 2 was answered 202 spooled and never came'], 'one is not taken');
is_deeply(wrong(2, came(1, 2), came(2, 1)), ['a: event 1 came after 2'], 'one is overtaken');
is_deeply(wrong(2, came(1, 2, caller => '127.0.0.1'), came(2, 1)), [], 'one that went without the spool overtakes: well');
is_deeply(wrong(1, came(1, 1), came(2, 2)), ['a, "CPU event 2": came and was never sent'], 'one was never sent');

my $dead = oracle(2)->buries('a', 'CPU event 1', 'too old', 60)->buries('a', 'CPU event 2', '', 40);
is_deeply([ $dead->verdict ], ['a: event 2 is a dead letter without a reason'], 'a dead letter has a reason');
is_deeply([ $dead->too_young(45, qr/^refused/) ], ['a: event 2 is dead after 30.0 s: '], 'one dies young');
is_deeply([ $dead->too_young(45, qr/^a/) ], [], 'one that is refused may');

my $fast = oracle(1)->sees((map { came($_ / 10, 1) } 0 .. 10), (map { came($_ / 10, 1, by => 8) } 0 .. 9));
is_deeply([ $fast->over_rate(1, 10, sub {0.05}) ], [], 'each process keeps the pace: well');
is(scalar($fast->over_rate(1, 9, sub {0.05})), 3, 'too many at once');
