# Reloads and binary upgrades, one of them taken back, in the middle of outages and of the delivery
# of waiting events: every alert is answered 2xx, all of them come, and none overtakes another of
# its key or is pushed twice.

use strict;
use warnings;

use Test::More;

use Callers;
use Flashduty;
use Gateway;
use Oracle;
use Spool;

my $t = Spool->new(daemon => 1, workers => 2, after => '800ms', http => <<'EOC')->plan(33)->start;
    upstream flashduty {
        server 127.0.0.1:%%PEER%%;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:%%PORT%%;

        location = /blueking {
            flashduty_label generation first;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://flashduty/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
EOC

my $peer = $t->flashduty;

# Slow enough for a backlog to take a while.
my $SLOWLY = taken(pieces => 8);
$peer->answer($SLOWLY);

my @callers = map {
    Callers->start(port => $t->port, log => $t->dir . "/callers$_", name => "key$_", keys => 100, at_once => 30, rate => 100)
} 1 .. 2;

my %seen;

# Waits until the log has so many more lines of a kind than were waited for.
sub log_says {
    my ($line, $times) = @_;

    $seen{$line} += $times;
    return eventually { (() = $t->error_log =~ /$line/mg) >= $seen{$line} };
}

sub workers_start { return log_says('start worker process \d', 2) }
sub workers_leave { return log_says('exited with code 0', 2) }

# Flashduty is away, and something waits.
sub outage {
    $peer->answer(html(503));
    my $waiting = $t->waiting;
    return eventually { $t->waiting > $waiting + 60 };
}

# Flashduty is back, and the backlog is being delivered.
sub backlog {
    my $count = $peer->count;
    $peer->answer($SLOWLY);
    return eventually { $peer->count > $count + 10 };
}

sub goes_on {
    my ($when) = @_;
    ok($callers[0]->goes_on(20), "$when: alerts go on being answered");
    return;
}

sub configure {
    my ($generation) = @_;

    my $file = $t->read_file('nginx.conf');
    $file =~ s/flashduty_label generation \K\w+/$generation/;
    return $t->write_file('nginx.conf', $file);
}

workers_start();
goes_on('at first');

# Reloads.
ok(outage(), 'an outage');
configure('second')->signal('HUP');
ok(workers_start(), 'a reload in it');
goes_on('with old and new workers');
ok(workers_leave(), 'the old workers leave');
ok(backlog(), 'what waits is being delivered');
configure('third')->signal('HUP');
ok(workers_start(), 'a reload in the middle of that');
goes_on('meanwhile');
ok(workers_leave(), 'the old workers leave');

# An upgrade that is taken back.
ok(outage(), 'another outage');
my $old = $t->master;
configure('fourth');
kill 'USR2', $old;
ok(workers_start(), 'an upgrade in it');
goes_on('old and new master side by side');
ok(backlog(), 'what waits is being delivered');
kill 'WINCH', $old;
ok(workers_leave(), 'in the middle of that the old workers leave');
goes_on('with the new workers');
ok(outage(), 'another outage');
my $new = $t->master;
isnt($new, $old, 'there is a new master');
kill 'HUP', $old;
ok(workers_start(), 'the upgrade is taken back: the old master has workers again');
ok(backlog(), 'what waits is being delivered');
kill 'QUIT', $new;
ok(workers_leave() && (eventually { ($t->master // 0) == $old }), 'in the middle of that the new ones leave');
goes_on('with the old ones');

# An upgrade that is not taken back.
kill 'USR2', $old;
ok(workers_start(), 'another upgrade');
ok(outage(), 'another outage');
kill 'WINCH', $old;
ok(workers_leave(), 'the old workers leave in it');
ok(backlog(), 'what waits is being delivered');
kill 'QUIT', $old;
ok(log_says("\\b$old#\\d+: exit\$", 1), 'and the old master');
goes_on('in the end');

my $oracle = Oracle->new->hears(map { $_->finish } @callers);
$peer->answer(taken());
ok($t->runs_empty, 'at last nothing waits');
is_deeply([ $oracle->sees($peer->arrivals)->verdict ], [], 'all alerts came, and in order');
is($oracle->repeats, 0, 'each was taken once');
is(join(', ', grep { !/^(?:200 delivered|202 spooled)$/ } keys %{ $oracle->outcomes }), '', 'all were answered 2xx');
note($oracle->figures);
is(join("\n", $t->error_log =~ /^.*\[crit\].*$/mg), '', 'nothing was wrong with the spool');
my @elected = $t->error_log =~ /(\d+)#\d+: flashduty spool: this process delivers$/mg;
cmp_ok(scalar(@elected), '>=', 5, 'as often as workers left, others took over: ' . @elected . ' times');
