# With `error_log ... debug` an alert's whole way is in nginx's log, door by door, by its event's
# id, and never with the integration key.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;
use Spool;

plan skip_all => 'this nginx is built without --with-debug'
    unless Gateway->build =~ /--with-debug/;

my $t = Spool->new(workers => 2, main => 'error_log %%DIR%%/debug.log debug;')->plan(12)->start;

is($t->post('/blueking', alert())->verdict, '200 delivered', 'an alert is delivered');

sub log_text {
    open my $file, '<', $t->dir . '/debug.log' or return '';
    local $/;
    return scalar readline $file;
}

my $id = eventually { (log_text() =~ /flashduty acceptor: event (\d+) of target \d+ is on disk/)[0] };
ok($id, 'its event has an id once it is on disk');

for my $door (
    qr/flashduty event: \d+ bytes, status \w+/,
    qr/flashduty acceptor: 1 events wait for the disk/,
    qr/flashduty line: 1 events for the deliverer, there is a line: 1/,
    qr/flashduty deliverer: woken for target \d+ by event $id/,
    qr/flashduty deliverer: event $id of target \d+ leaves, attempt 1/,
    qr{flashduty push: \d+ bytes to "/flashduty"},
    qr/flashduty push: status 200, verdict 0, \d+ ms/,
    qr/flashduty deliverer: event $id is settled: delivered/,
    qr/flashduty acceptor: event $id delivered, its caller waits: 1/,
) {
    ok(eventually { log_text() =~ $door }, "the log has $door");
}

my @own = grep {/ flashduty (?:event|acceptor|line|deliverer|push): /} split /\n/, log_text();
is(scalar(grep { index($_, $t->{key}) >= 0 } @own), 0, 'none of these lines holds the key');
