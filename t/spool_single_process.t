# Without a master process nginx does not start its modules again after a reload
# and serves nobody any more. With a spool it refuses to, and goes on.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(main => 'master_process off;', emerg => 'cannot be reloaded, restart it')->plan(5)->start;

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

is(post('one'), '200 delivered', 'without a master process an alert is delivered');
$t->signal('HUP');
my $refused = qr/\[emerg\].*"master_process off" and "flashduty_spool" cannot be reloaded, restart it/;
ok((eventually { $t->error_log =~ $refused }), 'a reload is refused');
is(post('two'), '200 delivered', 'the next alert is delivered');
$t->flashduty->go_away;
is(post('three'), '202 spooled', 'another waits');
$t->flashduty->come_back;
ok($t->runs_empty, 'and leaves');
