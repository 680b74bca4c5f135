# The wall clock is wrong when nginx starts and is set later, and nginx is reloaded: waiting events
# are as old as the time that has passed.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Disk;
use Flashduty;
use Gateway;
use Spool;

chomp(my $faketime = qx{ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null} // '');
plan(skip_all => 'needs libfaketime') if !length $faketime;

my @WRONG = ('-400d', '+30d');
# nginx forgets what it is not told to keep.
my @kept  = qw(LD_PRELOAD FAKETIME_DONT_FAKE_MONOTONIC FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE NO_FAKE_STAT ASAN_OPTIONS);
my @cases = map { Spool->new(workers => 2, main => join '', map {"env $_;\n"} @kept) } @WRONG;
$cases[0]->plan(8 * @WRONG);

for my $t (@cases) {
    my $wrong = shift @WRONG;
    my $rc    = $t->dir . '/faketime';

    # The file is looked at again and again; nginx may have a sanitizer in it.
    my $set_clock = sub {
        open my $file, '>', "$rc.new" or die "cannot write $rc: $!\n";
        print {$file} "$_[0]\n";
        close $file;
        rename "$rc.new", $rc or die "cannot write $rc: $!\n";
    };
    $set_clock->($wrong);
    {
        local %ENV = (
            %ENV, LD_PRELOAD => $faketime, FAKETIME_DONT_FAKE_MONOTONIC => 1, FAKETIME_TIMESTAMP_FILE => $rc,
            FAKETIME_NO_CACHE => 1, NO_FAKE_STAT => 1,
            ASAN_OPTIONS => join(':', grep {defined} $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0'),
        );
        $t->start;
    }
    $t->flashduty->answer(html(503));
    my $post = sub { $t->post('/blueking', alert(event => { id => $_[0], event_id => $_[0] }))->verdict };
    is($post->('before'), '202 spooled', "a clock at $wrong: an alert waits");
    $set_clock->('+0');
    is($post->('after'), '202 spooled', 'the clock is set: another one');
    my ($deliverer) = $t->deliverer;
    $t->reload;
    ok((eventually { ($t->deliverer // $deliverer) != $deliverer }), 'after a reload another process delivers');
    is($post->('last'), '202 spooled', 'a third one waits');
    is(scalar($t->dead), 0, 'none is dead');
    my ($row) = $t->query('SELECT max(accepted_ms) - min(accepted_ms) AS apart FROM event');
    cmp_ok($row->{apart}, '<', 600_000, 'they are as old as the time that has passed');
    ($row) = $t->query('SELECT max(arrived_ms) - min(arrived_ms) AS apart FROM event');
    cmp_ok($row->{apart}, '>', 86_400_000, 'although the wall clock was set between them');
    $t->flashduty->answer(taken());
    ok($t->runs_empty, 'all are delivered');
}
