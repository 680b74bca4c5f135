# Another program holds the spool locked. For a moment: the event is written
# down when that is over. For more than 150 ms: it is pushed without the spool.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use BlueKing;
use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

use constant MOMENT => 0.05;

my $t = Spool->new->plan(14)->start;

my $events = Ledger->new($t);

is($events->post, '200 delivered', 'nobody holds it: delivered');
ok($t->runs_empty, 'and not kept');

my $sqlite = $t->hold;
my $before = $t->flashduty->count;
is($events->post, '200 delivered', 'locked for long: delivered');
is($t->flashduty->count, $before + 1, 'by one push');
$t->flashduty->answer(html(503));
is($events->verdicts_of(5), '502 failed', 'locked for long, and Flashduty is away: failed');
is(scalar(() = crits($t) =~ /is pushed without it/g), 1, 'the log says so once');
like(crits($t), qr/ is locked by another program: end its transaction, sqlite3's for instance$/m, '... and what to do');
print {$sqlite} "ROLLBACK;\n";
close $sqlite;
is($t->waiting, 0, 'nothing of that was written down');

ok($events->post_until('202 spooled'), 'locked no longer: spooled');
is($events->verdicts_of(5), '202 spooled', 'and so are the next');

# On a machine that is too busy a moment may become long: once more.
my ($verdict, $took);
for (1 .. 20) {
    $sqlite = $t->hold;
    my $id     = 'moment-' . $_;
    my $caller = $t->client;
    my $began  = time;
    $caller->send(Client->compose('POST', '/blueking', alert(event => { id => $id, event_id => $id })));
    sleep MOMENT;
    close $sqlite;
    $took    = time - $began;
    $verdict = $caller->response->verdict;
    $events->note($id, $verdict);
    last if $took < 0.12;
}
is($verdict, '202 spooled', sprintf 'locked for %.0f ms: spooled', $took * 1000);

$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
my %times;
$times{ $_->[2] }++ for grep { $_->[1] } $t->flashduty->arrivals;
is(join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'nothing arrives twice');
