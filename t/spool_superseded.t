# A dead letter is never sent again once a newer event of its alert was delivered past the spool,
# while that could not be used.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new->plan(14)->start;

sub keyed {
    my ($key, %change) = @_;
    return alert(%change, event => { id => $key, event_id => $key });
}

sub state_of {
    my ($key) = @_;
    my ($row) = $t->query("SELECT state FROM dead_letters WHERE alert_key = '$key'");
    return $row ? $row->{state} : '';
}

for my $key ('over', 'gone', 'open') {
    $t->flashduty->answer(taken());
    is($t->post('/blueking', keyed('well'))->verdict, '200 delivered', 'another one is delivered');
    $t->flashduty->answer(says(400, 'InvalidParameter', 'no'));
    is($t->post('/blueking', keyed($key))->verdict, '502 refused', "$key is refused beside it");
}
ok((eventually { state_of('open') eq 'dead' }), 'all are dead letters');

$t->flashduty->answer(taken());
my $holder = $t->hold;
is($t->post('/blueking', keyed('over', type => 'RECOVERY_NOTICE'))->verdict, '200 delivered',
    'the recovery of one is delivered while another program holds the spool');
close $holder;

ok((eventually { state_of('over') eq 'superseded' }), 'its dead letter is superseded, without another alert');
$holder = $t->hold;
is($t->post('/blueking', keyed('gone', type => 'RECOVERY_NOTICE'))->verdict, '200 delivered', 'so is the recovery of another');
$t->signal('HUP');
eventually { $t->error_log =~ /gracefully shutting down/ };
close $holder;
ok((eventually { state_of('gone') eq 'superseded' }), 'the worker that knows of it leaves only when it has told the spool');

is($t->post('/blueking', keyed('next'))->verdict, '200 delivered', 'the spool is used again');
my $sent = $t->flashduty->count;
$t->query('UPDATE dead SET again = 1');
ok((eventually { state_of('open') eq '' }), 'marked by an operator, that of the other one waits again');
$t->flashduty->wait_for($sent + 1);
is(join(' ', map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty->pushes($sent)), 'open',
    'and is sent, the superseded one is not');
