# A fleet of three edges, and everything that can go wrong with it: kills, stops and
# cut wires of edges, of the leader, of the database and its standbys; promotions, two
# primaries, cancelled commits, held snapshots, clocks, full disks, reloads, upgrades;
# one or two at a time. What was answered 2xx comes or is a dead letter with a reason;
# events of an alert come in order, but where an edge was without the fleet; the last
# that Flashduty hears of an alert is its last event; the pace is that of one gateway.
#
# NEMESIS_SECONDS   how long (120), without the healing
# NEMESIS_SEED      that of an earlier run, for the same faults
# NEMESIS_ONLY, NEMESIS_WITHOUT   faults, with commas between
# NEMESIS_KEEP      a folder where a run leaves its logs

use strict;
use warnings;

use File::Copy qw(copy);
use File::Path qw(make_path);
use Test::More;
use Time::HiRes qw(sleep time);

use Callers;
use Client;
use Disk;
use Fleet;
use FleetOracle;
use FleetWatch;
use Flashduty;
use Gateway;
use Postgres;
use Pulse;

use constant {
    PER_SECOND => 60,
    PER_MINUTE => 2400,
    GRACE      => 2,
    # Longer than a failover takes here, shorter than what isolates an edge.
    ALONE_AFTER => 5,
};

Postgres->or_skip;
my $has_disk = may_mount();
my $SECONDS  = $ENV{NEMESIS_SECONDS} || 120;
my $SEED     = $ENV{NEMESIS_SEED} || 1 + int rand 2**31;
note("NEMESIS_SEED=$SEED");

my ($faketime) = glob '/usr/lib/*/faketime/libfaketime.so.1';
# nginx forgets what it is not told to keep; an upgrade asks for it again.
my @KEPT = qw(LD_PRELOAD ASAN_OPTIONS FAKETIME_DONT_FAKE_MONOTONIC FAKETIME_TIMESTAMP_FILE FAKETIME_CACHE_DURATION NO_FAKE_STAT);

my $fleet = Fleet->new(
    standbys => 2, workers => 2, daemon => 1, after => '300ms', rate => PER_SECOND . 'r/s ' . PER_MINUTE . 'r/m',
    parameters => 'alone_after=' . ALONE_AFTER . 's', main => join('', map {"env $_;\n"} @KEPT),
);
$fleet->plan(6);
my ($wires, $peer) = ($fleet->wires, $fleet->flashduty);
my @EDGES = $fleet->names;
# The edge with a small disk and a clock of its own.
my $odd = $EDGES[-1];
mount_small($fleet->edge($odd)->folder, '32m') if $has_disk;

sub one_of { return $_[ rand @_ ] }

# --- edges -------------------------------------------------------------------

my %is_down;

sub start_edge {
    my ($name) = @_;

    my $edge = $fleet->edge($name);
    unlink $edge->dir . '/nginx.pid';
    local %ENV = %ENV;
    if ($faketime && $name eq $odd) {
        %ENV = (%ENV, LD_PRELOAD => $faketime, FAKETIME_DONT_FAKE_MONOTONIC => 1, FAKETIME_TIMESTAMP_FILE => $edge->dir . '/faketime',
            FAKETIME_CACHE_DURATION => 1, NO_FAKE_STAT => 1);
    }
    $edge->start;
    delete $is_down{$name};
    return 1;
}

sub set_clock {
    my ($shift) = @_;

    my $file = $fleet->edge($odd)->dir . '/faketime';
    open my $new, '>', "$file.new" or die "cannot write $file: $!\n";
    print {$new} "$shift\n";
    close $new;
    return rename "$file.new", $file;
}

# The leader, or any edge that runs.
sub leader   { return $fleet->leader // running() }
sub running  { return one_of(grep { !$is_down{$_} } @EDGES) }
sub follower { my $leader = $fleet->leader // ''; return one_of(grep { !$is_down{$_} && $_ ne $leader } @EDGES) // running() }

sub die_and_come_back {
    my ($name) = @_;

    $fleet->edge($name)->crash;
    return start_edge($name);
}

my @stuck;

sub comes_about {
    my ($what, $is_so) = @_;

    push @stuck, sprintf '%s: not %s', scalar localtime, $what if !$is_so;
    return $is_so;
}

sub log_says {
    my ($edge, $mark, $line) = @_;

    return eventually {
        open my $log, '<:raw', $edge->dir . '/error.log' or return;
        seek $log, $mark, 0;
        local $/ = undef;
        return (readline($log) // '') =~ /$line/m;
    };
}

sub upgrade {
    my ($edge) = @_;

    my $old = $edge->master;
    kill 'USR2', $old;
    comes_about('a new master', eventually { ($edge->master // $old) != $old && $edge->workers }) or return;
    my $mark = -s $edge->dir . '/error.log';
    kill 'QUIT', $old;
    return comes_about('the old master leaves', log_says($edge, $mark, "\\b$old#\\d+: exit\$"));
}

# --- faults that last a while ------------------------------------------------

my %until;     # when each ends
my %undo;      # how
my $is_failing_over;

sub begin {
    my ($what, $seconds, $undo) = @_;

    $until{$what} = time + $seconds;
    $undo{$what}  = $undo;
    return 1;
}

sub end {
    my ($what) = @_;

    delete $until{$what};
    (delete $undo{$what})->();
    return;
}

# Cuts wires in one way or another.
sub cut {
    my ($what, $seconds, @names) = @_;

    my $how = one_of('hold', 'drop', { there => 'drop' }, { back => 'drop' }, { back => 'hold' });
    $wires->set($how, @names);
    return begin($what, $seconds, sub { $wires->pass(@names) });
}

sub stop_processes {
    my ($what, $seconds, @pids) = @_;

    kill 'STOP', @pids;
    return begin($what, $seconds, sub { kill 'CONT', @pids });
}

sub stop_edge {
    my ($what, $name) = @_;

    my $edge = $fleet->edge($name);
    return stop_processes($what, 1 + rand 9, $edge->master, $edge->workers);
}

sub to_database { return $wires->names(qr/^$_[0]>(?!flashduty)/) }

# The primary is gone, in one way or another; what was it comes back as a standby.
sub fail_over {
    my ($goes, $comes_back) = @_;

    return if $is_failing_over;
    my $old = $fleet->{primary};
    $goes->($fleet->server($old));
    sleep rand 2;
    $fleet->fail_over;
    $is_failing_over = 1;
    return begin('a failover', 2 + rand 4, sub {
        $comes_back->($fleet->server($old));
        sleep rand 1;    # two primaries
        $fleet->take_back($old);
        comes_about('the standbys follow', $fleet->primary->has_standbys(2));
        $is_failing_over = 0;
    });
}

sub hold_snapshot {
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $fleet->sql('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class; SELECT pg_sleep(60)');
        POSIX::_exit(0);
    }
    return begin('a held snapshot', 2 + rand 10, sub {
        $fleet->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION%'});
        kill 'KILL', $pid;
        waitpid $pid, 0;
    });
}

my $BACKEND = q{FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1};

my %FAULT = (
    "the leader's worker dies" => sub { kill 'KILL', $fleet->edge(leader())->deliverer // return },
    'a worker dies'            => sub { kill 'KILL', one_of($fleet->edge(running())->workers) // return },
    'the leader dies'          => sub { die_and_come_back(leader()) },
    'an edge dies'             => sub { die_and_come_back(follower()) },
    'the leader is away'       => sub {
        my $name = leader();
        $fleet->edge($name)->crash;
        $is_down{$name} = 1;
        begin('the leader is away', 3 + rand 8, sub { start_edge($name) });
    },
    'the leader stops'      => sub { stop_edge('the leader stops', leader()) },
    'an edge stops'         => sub { stop_edge('an edge stops',    follower()) },
    'the agent stops'       => sub { stop_processes('the agent stops', 1 + rand 9, $fleet->edge(leader())->deliverer // return) },
    'the leader is cut off' => sub { cut('the leader is cut off', 1 + rand 14, to_database(leader())) },
    'an edge is cut off'    => sub { cut('an edge is cut off',    1 + rand 14, to_database(follower())) },
    'all are cut off'       => sub { cut('all are cut off', 1 + rand 12, map { to_database($_) } @EDGES) },
    'no Flashduty for the leader' => sub { cut('no Flashduty for the leader', 1 + rand 6, leader() . '>flashduty') },
    'no standby'            => sub { cut('no standby', 1 + rand 8, map {"$_>$fleet->{primary}"} $fleet->standbys) },
    'a slow network'        => sub {
        my @names = $wires->names(qr/>(?!flashduty)/);
        $wires->set(10 + int rand 80, @names);
        begin('a slow network', 2 + rand 6, sub { $wires->pass(@names) });
    },
    'connections break' => sub { $wires->reset($wires->names(one_of(qr/./, qr/>$fleet->{primary}$/, qr/>flashduty/))) },
    'outage'            => sub {
        $peer->answer(one_of(says(503, 'ServiceUnavailable', 'later'), says(429, 'RequestTooFrequently', 'slow down'), dropped('reset')));
        begin('outage', 1 + rand 6, sub { $peer->answer(taken()) });
    },
    'a held snapshot'       => sub { hold_snapshot() },
    'a commit is cancelled' => sub { $fleet->sql("SELECT pg_cancel_backend(pid) $BACKEND") },
    'a backend is ended'    => sub { $fleet->sql("SELECT pg_terminate_backend(pid) $BACKEND") },
    'a backend dies'        => sub { my $pid = $fleet->sql("SELECT pid $BACKEND"); $pid =~ /^\d+$/ && kill 'KILL', $pid },
    'the postmaster dies'   => sub { return if $is_failing_over; $fleet->primary->kill_all->go; 1 },
    'a wal receiver stops'  => sub {
        stop_processes('a wal receiver stops', 1 + rand 5, $fleet->server(one_of($fleet->standbys))->process('walreceiver') // return);
    },
    'the primary dies'    => sub { fail_over(sub { $_[0]->kill_all }, sub { }) },
    'the primary freezes' => sub { fail_over(sub { $_[0]->freeze },   sub { $_[0]->thaw }) },
    'two primaries'       => sub { fail_over(sub { },                 sub { }) },
    'reload'              => sub { $fleet->edge(running())->signal('HUP') },
    'upgrade'             => sub { upgrade($fleet->edge(running())) },
    'the clock is set'    => sub { set_clock(one_of('-1h', '-20s', '-3s', '+0', '+3s', '+20s', '+1h')) },
    'full disk'           => sub {
        my $folder = $fleet->edge($odd)->folder;
        fill($folder, one_of(0, 4096));
        begin('full disk', 1 + rand 6, sub { make_room($folder) });
    },
);
my %left_out = map { $_ => 1 } split /,/, $ENV{NEMESIS_WITHOUT} // '';
$left_out{'full disk'}        = 1 if !$has_disk;
$left_out{'the clock is set'} = 1 if !$faketime;
my %only   = map { $_ => 1 } split /,/, $ENV{NEMESIS_ONLY} // join ',', keys %FAULT;
my @faults = grep { $only{$_} && !$left_out{$_} } sort keys %FAULT;

# --- the run -----------------------------------------------------------------

set_clock('+0');
start_edge($_) for @EDGES;
eventually { $fleet->leader } or die "nobody leads\n";
my $dir     = $fleet->edge($EDGES[0])->dir;
my %port    = map { $_ => $fleet->edge($_)->port } @EDGES;
my $pulse   = Pulse->start("$dir/pulse");
my $watch   = FleetWatch->start(log => "$dir/watch", ports => \%port);
my $callers = Callers->start(
    ports => [ @port{@EDGES} ], log => "$dir/callers", name => 'key', keys => 30, at_once => 30, rate => 20, lives => 6);

my ($faults, %times, @diary);
my $end = time + $SECONDS;
while (time < $end) {
    # Whatever the faults before have made of it, the next ones are the same.
    srand $SEED + ++$faults;
    my $pause = time + 0.3 + rand 3;
    do {
        sleep 0.05;
        end($_) for grep { $until{$_} < time } sort keys %until;
    } while time < $pause || keys %until > 1;

    my $what = one_of(@faults);
    next if $until{$what} || %is_down;
    push @diary, sprintf "%.2f %s, with %s\n", time, $what, join ', ', sort keys %until;
    $times{$what}++ if $FAULT{$what}->();
    last if @stuck > 5;
    $peer->forget if $faults % 10 == 0;
    note(sprintf '%d s to go, %d answers', $end - time, $callers->count) if $faults % 20 == 0;
}
end($_) for sort keys %until;
comes_about('answered once all is well', $callers->goes_on(20));
is(join("\n", @stuck), '', 'everything did what it was told');

my $oracle   = FleetOracle->new(edges => \@EDGES)->hears($callers->finish);
my $is_empty = $fleet->runs_empty;
ok($is_empty, 'in the end all leave') or diag($fleet->waiting . ' wait');
my @dead = $fleet->dead;
$oracle->buries(@$_) for @dead;
$watch->stop;
$pulse->stop;
my @away = $watch->away;
$oracle->was_away(@$_) for @away;

my @arrivals = $peer->arrivals;
$oracle->sees(@arrivals);
my $late = sub { my $late = $pulse->late(@_); $late > 0.03 ? 1 : 0.2 + 2 * $late };
is(join("\n", $oracle->verdict), '', 'all that was answered 2xx came or is a dead letter, in order, and the last came last');
is(join("\n", $oracle->over_rate(1, PER_SECOND, $late, @arrivals), $oracle->over_rate(60, PER_MINUTE, sub {1}, @arrivals)), '',
    'the pace was kept');
is(join("\n", $oracle->behind_grace(GRACE + 1, [ $watch->terms ], @arrivals)), '', 'no former leader pushed behind the grace');
my $expected = qr/^(?:200 delivered|202 spooled|none|50[234] failed|502 refused)$/;
is(join(', ', grep { !/$expected/ } keys %{ $oracle->outcomes }), '', 'nothing else was answered');

note("NEMESIS_SEED=$SEED: $SECONDS s, ", join ', ', map {"$_ $times{$_}"} sort keys %times);
note($oracle->figures);
note(sprintf '%d pushes, %d terms, %d times that an edge was away; this machine was %.2f s late at most', $peer->count, scalar(() = $watch->terms),
    scalar @away, $pulse->worst);
my %crits;
$crits{ s/^.*?\[crit\] [\d#]+: //r =~ s/\d+/N/gr }++ for map { $_->error_log =~ /^.*\[crit\].*$/mg } $fleet->edges;
note("$crits{$_} times crit: $_") for sort keys %crits;

diag("NEMESIS_SEED=$SEED") if !Test::More->builder->is_passing;
if (my $folder = $ENV{NEMESIS_KEEP}) {
    make_path($folder);
    copy("$dir/$_", $folder) for qw(pulse watch callers);
    copy($fleet->edge($_)->dir . '/error.log', "$folder/error-$_.log") for @EDGES;
    my %text = (
        diary    => join('', @diary),
        arrivals => join('', map { join("\t", @$_) . "\n" } @arrivals),
        dead     => join('', map { join("\t", @$_) . "\n" } @dead),
        map { 'server-' . $_->name => $_->log } $fleet->servers,
    );
    for my $name (keys %text) {
        open my $file, '>', "$folder/$name" or die "cannot write $folder/$name: $!\n";
        print {$file} $text{$name};
    }
}
