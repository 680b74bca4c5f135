# Everything that can go wrong, at random moments and on top of each other: kills,
# outages, reloads, upgrades, a full disk, slow and failing syncs, power failures,
# steps of the clock, events that Flashduty cannot digest. Whatever was answered 2xx
# comes or is a dead letter with a reason; those of a key come in order; the pace is
# kept; nothing dies young.
#
# CHAOS_SECONDS   how long (120), without the wait for the spool to run empty
# CHAOS_SEED      that of an earlier run, for the same faults
# CHAOS_WITHOUT   faults that are left out, with commas between
# CHAOS_KEEP      a folder where a run leaves its logs

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use Callers;
use Client;
use Disk;
use Flashduty;
use Gateway;
use Oracle;
use Pulse;
use Spool;

use constant {
    WORKERS    => 3,
    PER_SECOND => 60,
    PER_MINUTE => 2400,
    # Bound of what cannot be delivered, and so of the time that the spool takes to run empty.
    MAX_AGE => 45,
};

my $SECONDS  = $ENV{CHAOS_SECONDS} || 120;
my $has_disk = may_mount();
my $SEED     = $ENV{CHAOS_SEED} || 1 + int rand 2**31;
note("CHAOS_SEED=$SEED");

my $build = dirname(abs_path(__FILE__)) . '/../../build';
my $slow_sync = $ENV{TEST_SLOW_SYNC} || "$build/bench/slow_sync.so";
plan(skip_all => "needs $slow_sync") if !-e $slow_sync;
my ($faketime) = glob '/usr/lib/*/faketime/libfaketime.so.1';

# nginx forgets what it is not told to keep; an upgrade asks for it again.
my @KEPT = qw(LD_PRELOAD ASAN_OPTIONS SLOW_SYNC_US SLOW_SYNC_COUNTS FAILING_SYNC_FILE FAILING_SYNC_WHEN
    FAILING_SYNC_STATE FAKETIME_DONT_FAKE_MONOTONIC FAKETIME_TIMESTAMP_FILE FAKETIME_CACHE_DURATION NO_FAKE_STAT);

my $t = Spool->new(
    daemon => 1, workers => WORKERS, kills => 1, after => '300ms',
    spool  => 'max_size=64m max_age=' . MAX_AGE . 's', rate => PER_SECOND . 'r/s ' . PER_MINUTE . 'r/m',
    # What is pushed from the spool knows no caller.
    allow => [ 'X-Deliverer', 'X-Caller' ], note => [ 'X-Deliverer', 'X-Caller' ],
    main  => join('', map {"env $_;\n"} @KEPT), http => <<'EOC');
    upstream flashduty {
        server 127.0.0.1:%%PEER%%;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:%%PORT%%;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://flashduty/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Deliverer $pid;
            proxy_set_header X-Caller $remote_addr;
            proxy_read_timeout %%SHORT%%;
        }
    }
EOC
fail_syncs_of($t->file, $t->dir);
mount_small($t->folder, '32m') if $has_disk;
$t->plan(7);

my $peer = $t->flashduty;

# --- nginx -------------------------------------------------------------------

sub start_nginx {
    local %ENV = (
        %ENV,
        LD_PRELOAD => join(' ', grep {defined} $faketime, $slow_sync), SLOW_SYNC_US => 0, SLOW_SYNC_COUNTS => $t->dir . '/slow',
        FAKETIME_DONT_FAKE_MONOTONIC => 1, FAKETIME_TIMESTAMP_FILE => $t->dir . '/faketime', FAKETIME_CACHE_DURATION => 1,
        NO_FAKE_STAT => 1,
    );
    unlink $t->dir . '/nginx.pid';
    failing_syncs(sub { $t->start });
    return;
}

sub one_of { return $_[ rand @_ ] }

sub log_mark { return -s $t->dir . '/error.log' }

# Waits for so many lines of a kind behind a mark of the log.
sub log_says {
    my ($mark, $line, $times) = @_;

    return eventually {
        open my $log, '<:raw', $t->dir . '/error.log' or return;
        seek $log, $mark, 0;
        local $/;
        my $text = <$log> // '';
        return (() = $text =~ /$line/mg) >= ($times // 1);
    };
}

sub set_clock {
    my ($shift) = @_;

    my $file = $t->dir . '/faketime';
    open my $new, '>', "$file.new" or die "cannot write $file: $!\n";
    print {$new} "$shift\n";
    close $new;
    return rename "$file.new", $file;
}

sub sync_takes {
    my ($ms) = @_;

    open my $file, '+<', $t->dir . '/slow' or return;
    seek $file, 16, 0;
    return syswrite $file, pack 'Q', $ms * 1_000_000;
}

# --- faults that last a while ------------------------------------------------

# Answers mostly at once, now and then late, and rarely not at all.
my @MOSTLY = map { $_ % 10 ? taken() : taken(pieces => 5) } 1 .. 150;
my @WELL   = (@MOSTLY, html(503), @MOSTLY, dropped('reset'), @MOSTLY, taken(cut => 5), taken());

my %OUTAGE = (
    'says 503'       => sub { $peer->answer(html(503)) },
    'says 429'       => sub { $peer->answer(html(429)) },
    'breaks off'     => sub { $peer->answer(dropped('reset')) },
    'does not answer' => sub { $peer->answer(dropped('hang')) },
    'is not there'   => sub { $peer->go_away },
);

# Begin and end of each, and the most seconds between.
my %LASTING = (
    'outage' => {
        begin => sub { $OUTAGE{ one_of(sort keys %OUTAGE) }->() },
        end   => sub { $peer->come_back; $peer->answer(@WELL) },
        most  => 8,
    },
    'poison' => {
        begin => sub { $peer->answer_to('"alert_key":"poison-', html(403)) },
        end   => sub { $peer->answer_to('"alert_key":"poison-', undef) },
        most  => 2 * MAX_AGE,
    },
    'slow syncs' => { begin => sub { sync_takes(one_of(20, 100, 400)) }, end => sub { sync_takes(0) }, most => 6 },
    'failing syncs' => { begin => sub { syncs_fail(one_of([], ['later'])->@*) }, end => sub { syncs_work() }, most => 4 },
    'full disk' => { begin => sub { fill($t->folder, one_of(0, 1 << 16)) }, end => sub { make_room($t->folder) }, most => 4 },
);

my %until;

sub begin {
    my ($what) = @_;

    return if $until{$what};
    $until{$what} = time + 0.5 + rand $LASTING{$what}{most};
    $LASTING{$what}{begin}->();
    return 1;
}

sub end {
    my ($what) = @_;

    $LASTING{$what}{end}->() if delete $until{$what};
    return 1;
}

# --- faults of a moment ------------------------------------------------------

# List of what did not come about, however long it was waited for.
my @stuck;

sub comes_about {
    my ($what, $is_so) = @_;

    push @stuck, $what if !$is_so;
    return $is_so;
}

sub kill_worker { kill 'KILL', one_of($t->workers) // return; return 1 }

sub reload {
    my $mark = log_mark();
    $t->signal('HUP');
    kill_worker() if rand() < 0.2;
    return comes_about('a reload', log_says($mark, ': start worker process \d', WORKERS));
}

# An upgrade, finished or taken back; in the middle something may die.
sub upgrade {
    my ($is_taken_back) = @_;

    my $old  = $t->master;
    my $mark = log_mark();
    kill 'USR2', $old;
    comes_about('a new master', log_says($mark, ': start worker process \d', WORKERS) && eventually { ($t->master // $old) != $old }) or return;
    my $new = $t->master;
    sleep rand 1;
    kill_worker() if rand() < 0.3;
    $mark = log_mark();
    kill 'WINCH', $old;
    comes_about('the old workers leave', log_says($mark, "\\b$old#\\d+: worker process \\d+ exited")) or return;
    sleep rand 1;
    my $leaving = $is_taken_back ? $new : $old;
    if ($is_taken_back) {
        $mark = log_mark();
        kill 'HUP', $old;
        comes_about('the old master has workers', log_says($mark, "\\b$old#\\d+: start worker process \\d", WORKERS));
    }
    $mark = log_mark();
    kill 'QUIT', $leaving;
    comes_about('a master leaves', log_says($mark, "\\b$leaving#\\d+: exit\$"));
    return comes_about('one master is left', eventually { ($t->master // $leaving) != $leaving });
}

sub power_fails {
    $t->crash;
    end($_) for 'failing syncs', 'full disk';
    lose_power();
    start_nginx();
    return 1;
}

my %FAULT = (
    'a worker dies'        => sub { kill_worker() },
    'the deliverer dies'   => sub { kill 'KILL', $t->deliverer // return },
    'all workers die'      => sub { kill 'KILL', $t->workers },
    'nginx dies'           => sub { $t->crash; start_nginx(); 1 },
    'the power fails'      => sub { power_fails() },
    'reload'               => sub { reload() },
    'upgrade'              => sub { upgrade(0) },
    'upgrade taken back'   => sub { upgrade(1) },
    'the clock is set'     => sub { set_clock(one_of('-400d', '-1h', '-20s', '+0', '+20s', '+1h', '+30d')) },
    map { my $what = $_; $what => sub { begin($what) } } keys %LASTING,
);
my %left_out = map { $_ => 1 } split /,/, $ENV{CHAOS_WITHOUT} // '';
if (!$has_disk) {
    diag('no full disks, for that needs the right to mount');
    $left_out{'full disk'} = 1;
}
if (!$faketime) {
    diag('no steps of the clock, for that needs libfaketime');
    $left_out{'the clock is set'} = 1;
}
# Lasting ones come more often, or it would be rare that two of them meet.
my @faults = grep { !$left_out{$_} } sort(keys %FAULT), ('outage') x 3, ('the clock is set') x 2, 'full disk', 'slow syncs', 'the deliverer dies';

# --- what becomes dead letters -----------------------------------------------

my $oracle = Oracle->new;

# Notes the dead letters without writing: a reader that left last would.
sub note_dead {
    my $file = $t->file;
    open my $output, '-|', "exec sqlite3 -readonly -json '$file' 'SELECT alert_key, title, reason FROM dead' 2>/dev/null"
        or die "cannot run sqlite3: $!\n";
    my $text = do { local $/; <$output> } // '';
    return if !close $output;
    my $now = time;
    $oracle->buries(@{$_}{qw(alert_key title reason)}, $now) for length $text ? @{ JSON::PP->new->decode($text) } : ();
    return 1;
}

# --- the run -----------------------------------------------------------------

set_clock('+0');
start_nginx();
my $pulse = Pulse->start($t->dir . '/pulse');
$peer->answer(@WELL);
$peer->answer_to('"alert_key":"refused-', says(400, 'InvalidParameter', 'there is a word in it that nobody likes'));

sub callers {
    my ($name, $keys, $rate) = @_;
    return Callers->start(port => $t->port, log => $t->dir . "/callers-$name", name => $name, keys => $keys, at_once => $keys, rate => $rate);
}

my @callers = (callers('well', 40, 20), callers('good', 20, 10), callers('poison', 8, 2), callers('refused', 4, 1));

my (%times, $faults);
my $looked = 0;
my $end = time + $SECONDS;
while (time < $end) {
    # Whatever the faults before have made of it, the next ones are the same.
    srand $SEED + ++$faults;
    my $pause = time + rand 1.5;
    do {
        sleep 0.05;
        end($_) for grep { $until{$_} < time } sort keys %until;
    } while time < $pause;

    my $what = one_of(@faults);
    $times{$what}++ if $FAULT{$what}->();
    comes_about("answers after: $what, with " . join(', ', sort keys %until), $callers[0]->goes_on(5));
    last if @stuck > 5;
    if (time > $looked + 3) {
        note_dead();
        $peer->forget;
        $looked = time;
    }
    note(sprintf '%d s to go, %d answers: %s', $end - time, $callers[0]->count, join ', ', map {"$_ $times{$_}"} sort keys %times)
        if $faults % 50 == 0;
}
end($_) for sort keys %until;
is(join("\n", @stuck), '', 'alerts went on being answered, and nginx did what it was told');

$oracle->hears(map { $_->finish } @callers);
my $is_empty = $t->runs_empty;
ok($is_empty, 'in the end all leave') or diag($t->waiting . ' wait');
ok((eventually { note_dead() }), 'the dead letters can be read');
$pulse->stop;

$oracle->sees($peer->arrivals);
# A busy machine may hold up a process in the middle of a second's pushes: then more seconds tell.
my $late = sub { my $late = $pulse->late(@_); $late > 0.03 ? 1 : 0.2 + 2 * $late };
my @fast = ($oracle->over_rate(1, PER_SECOND, $late), $oracle->over_rate(5, 5 * PER_SECOND, sub {1}), $oracle->over_rate(60, PER_MINUTE, sub {1}));
is(join("\n", $oracle->verdict), '', 'all that was answered 2xx came or is a dead letter, and in order');
is(join("\n", $oracle->too_young(MAX_AGE, qr/^refused-/)), '', 'nothing died of age that was younger than max_age');
is(join("\n", @fast), '', 'the pace was kept');
my $expected = qr/^(?:200 delivered|202 spooled|none|50[234] failed|502 refused)$/;
is(join(', ', grep { !/$expected/ } keys %{ $oracle->outcomes }), '', 'nothing else was answered');

note("CHAOS_SEED=$SEED: $SECONDS s, ", join ', ', map {"$_ $times{$_}"} sort keys %times);
note($oracle->figures);
note(sprintf '%d pushes; this machine was %.2f s late at most', $peer->count, $pulse->worst);
my %crits;
$crits{ s/^.*?\[crit\] [\d#]+: //r =~ s/\d+/N/gr }++ for $t->error_log =~ /^.*\[crit\].*$/mg;
note("$crits{$_} times crit: $_") for sort keys %crits;

diag("CHAOS_SEED=$SEED") if !Test::More->builder->is_passing;
if (my $folder = $ENV{CHAOS_KEEP}) {
    make_path($folder);
    copy($_, $folder) for glob $t->dir . '/{error.log,output,callers-*,pulse}';
    open my $file, '>', "$folder/arrivals" or die "cannot write $folder/arrivals: $!\n";
    print {$file} map { join("\t", @$_) . "\n" } $peer->arrivals;
}

# Files that libfaketime leaves behind when it is killed.
for my $shared (glob '/dev/shm/{faketime_shm,sem.faketime_sem}_*') {
    my ($pid) = $shared =~ /_(\d+)\z/ or next;
    unlink $shared if !-e "/proc/$pid";
}
