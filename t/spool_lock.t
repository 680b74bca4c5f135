# The file that says who delivers cannot be opened: events are still taken in, the error log
# says why nobody delivers them, and delivery begins by itself once it can.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t    = Spool->new(workers => 1, after => '100ms')->plan(6);
my $lock = $t->file . '.lock';

mkdir $lock or die "cannot make $lock: $!\n";
$t->start;

sub complaints { return grep {/\[error\]/} split /\n/, $t->error_log }

is($t->post('/blueking', alert())->verdict, '202 spooled', 'nobody can deliver: an alert is written down');
ok((eventually { scalar complaints() }), 'the error log speaks of it');
like((complaints())[0], qr/this process cannot deliver.*"\Q$lock\E" cannot be locked/, 'and says why');
$t->post('/blueking', alert()) for 1 .. 5;    # each waits for as long as a try to be elected
is(scalar(complaints()), 1, 'once');

rmdir $lock;
ok($t->runs_empty, 'fixed: it is delivered, without a restart');
like($t->error_log, qr/\[notice\].*this process delivers$/m, 'by one that was elected');
