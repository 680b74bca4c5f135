# nginx is told to leave, or to stop, with events in the spool and on their way:
# it goes, their callers are answered, and the next nginx delivers what is left.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, main => 'worker_shutdown_timeout 2s;', server => <<'EOC')->plan(25)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout 1h;
        }
EOC

sub keyed {
    my ($key, %change) = @_;
    return alert(%change, event => { id => $key, event_id => $key });
}

sub keys_pushed {
    my ($from) = @_;
    return join ' ', map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty->pushes($from);
}

# Time until nginx is gone.
sub leaves {
    my ($signal) = @_;

    my $since = time;
    $t->signal($signal);
    eventually { $t->has_ended } or die "nginx does not end\n";
    return time - $since;
}

sub log_says {
    my ($line, $times) = @_;
    return eventually { (() = $t->error_log =~ /$line/g) >= $times };
}

# Something waits for Flashduty.
$t->flashduty->go_away;
is($t->post('/blueking', keyed('waits'))->verdict, '202 spooled', 'an alert waits');
cmp_ok(leaves('QUIT'), '<', Client::PATIENCE / 2, 'nginx leaves all the same');
$t->flashduty->come_back;
$t->start;
ok($t->runs_empty, 'the next one delivers it');
is(keys_pushed(0), 'waits', 'once');

# A push is under way, and its caller waits.
sub in_flight {
    my ($key) = @_;

    my $before = $t->flashduty->count;
    $t->flashduty->answer({ hold => 1 }, taken());
    my $caller = $t->client->send(Client->compose('POST', '/blueking', keyed($key)));
    is(scalar($t->flashduty->wait_for($before + 1)), $before + 1, 'a push is in flight');
    return $caller;
}

my $caller = in_flight('held');
my $since  = time;
$t->signal('QUIT');
ok(log_says('gracefully shutting down', 4), 'nginx is told to leave');
$t->flashduty->release;
like($caller->response->verdict, qr/^(?:200 delivered|202 spooled)$/, 'the caller is answered');
ok((eventually { $t->has_ended }), 'and nginx leaves');
my $count = $t->flashduty->count;
$t->start;
is($t->waiting, 0, 'that push is settled');
is($t->post('/blueking', keyed('next'))->verdict, '200 delivered', 'the next nginx delivers');
is(keys_pushed($count), 'next', 'what is new and nothing else');

# A push without an answer: at worker_shutdown_timeout the worker goes.
$caller = in_flight('hangs');
$since  = time;
$t->signal('QUIT');
like($caller->response->verdict, qr/^202 spooled$|^$/, 'the caller hears that it is spooled, or nothing');
ok((eventually { $t->has_ended }), 'nginx leaves');
cmp_ok(time - $since, '<', 2 + Client::PATIENCE / 2, 'at worker_shutdown_timeout');
is($t->waiting, 1, 'the event is still there');
$count = $t->flashduty->count;
$t->start;
ok($t->runs_empty, 'the next one delivers it');
is(keys_pushed($count), 'hangs', 'once more');

# At once.
$caller = in_flight('stopped');
cmp_ok(leaves('TERM'), '<', Client::PATIENCE / 2, 'nginx is stopped');
isnt($caller->response->status, '200', 'the caller hears nothing good of a push that nobody answered');
$count = $t->flashduty->count;
$t->start;
ok($t->runs_empty, 'the next one delivers it');
is(keys_pushed($count), 'stopped', 'once more');

# Single process.
leaves('QUIT');
$t->{main} = "master_process off;\n";
$t->start;
is($t->post('/blueking', keyed('single'))->verdict, '200 delivered', 'a single process spools and delivers');
is($t->waiting, 0, 'and settles');
