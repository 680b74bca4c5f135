# Reloads and binary upgrades under a load of 200 alerts a second: every alert
# is answered, and none is said to be delivered that Flashduty has not seen.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Load;

my $t = Gateway->new(daemon => 1, workers => 2, http => <<'EOC')->plan(36)->start;
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

# Some pushes fail, and some take longer than a reload.
my @GIVEN = map { $_ % 25 == 0 ? html(500) : taken($_ % 10 == 0 ? (pieces => 30) : ()) } 1 .. 1_000;
$t->flashduty->answer(@GIVEN, taken());

my $load = Load->start(
    port => $t->port, uri => '/blueking', rate => 200, alerts => scalar @GIVEN, log => $t->dir . '/load',
);

my %seen;

# Waits until the log has so many more lines of a kind than were waited for.
sub log_says {
    my ($line, $times) = @_;

    $seen{$line} += $times;
    return eventually { (() = $t->error_log =~ /$line/mg) >= $seen{$line} };
}

sub workers_start { return log_says('start worker process \d', 2) }
sub workers_leave { return log_says('exited with code 0', $_[0] // 2) }
sub master_leaves { return log_says("\\b$_[0]#\\d+: exit\$", 1) }

sub configure {
    my ($generation) = @_;

    my $file = $t->read_file('nginx.conf');
    $file =~ s/flashduty_label generation \K\w+/$generation/;
    return $t->write_file('nginx.conf', $file);
}

# Alerts go on being answered, and by whom.
sub is_served_by {
    my ($generation) = @_;

    ok($load->goes_on(50), 'alerts go on being answered');
    my $served = eventually { $t->flashduty->last_push->{body} =~ /"generation":"$generation"/ };
    ok($served, "by the $generation generation");
    return;
}

workers_start();
is_served_by('first');

for my $generation (qw(second third fourth fifth sixth)) {
    configure($generation)->signal('HUP');
    ok(workers_start(), 'a reload');
    is_served_by($generation);
}
ok(workers_leave(10), 'all former workers leave');

# A binary upgrade that is taken back, and one that is not.
my $old = $t->master;
configure('seventh');

sub upgrade {
    kill 'USR2', $old;
    ok(workers_start(), 'an upgrade');
    kill 'WINCH', $old;
    ok(workers_leave(), 'the old workers leave');
    is_served_by('seventh');
    return;
}

upgrade();
my $new = $t->master;
isnt($new, $old, 'there is a new master');
kill 'HUP', $old;
ok(workers_start(), 'it is taken back: the old master has workers again');
kill 'QUIT', $new;
ok(workers_leave() && (eventually { ($t->master // 0) == $old }), 'the new ones leave');
is_served_by('sixth');

upgrade();
kill 'QUIT', $old;
ok(master_leaves($old), 'the old master leaves');
is_served_by('seventh');

# Results of all these alerts.
my ($rate, @answers) = $load->finish;
note($rate);

my @pushes = $t->flashduty->pushes;
my (%times, @unseen);
for my $answer (@answers) {
    my ($id, $status, $outcome, $request) = split / /, $answer;
    $times{"$status $outcome"}++;
    my ($number) = ($request // '') =~ /^request-(\d+)$/;
    push @unseen, $answer if $status =~ /^2/ && $pushes[ $number - 1 ]{body} !~ /"alert_key":"$id"/;
}
my $failures = grep { $_->{status} } @GIVEN;
is_deeply(
    \%times, { '200 delivered' => @answers - $failures, '502 failed' => $failures },
    'every alert is answered'
);
is_deeply(\@unseen, [], 'whatever is said to be delivered was seen by Flashduty');
