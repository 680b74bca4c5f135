#!/usr/bin/perl
# Measures a fleet: alerts a second that its edges take, how soon their callers hear of delivery, how
# long it takes until another edge leads. Writes its figures to RESULTS, and what a run of
# fleet_store_bench has to say. Wants two cores that nobody else uses.
#
# usage: fleet.pl MODULE NGINX STORE_BENCH RESULTS
# In the environment: SECONDS of each load; ROUNDS of each takeover; PARTS.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Time::HiRes qw(sleep time);
use lib map { abs_path(dirname(__FILE__)) . $_ } '/../lib', '/lib';

use Alerts;
use Callers;
use Client;
use Fleet;
use Flashduty;
use Gateway;
use Instance;
use Postgres;
use Report;

use constant {
    CALLERS  => 64,
    INSERTS  => 12,     # concurrent sessions, for comparison
    PUSH_MS  => 30,
    PATIENCE => 60,
};

my ($module, $nginx, $store_bench, $results) = @ARGV;
die "usage: fleet.pl MODULE NGINX STORE_BENCH RESULTS\n" if !defined $results;
$ENV{TEST_FLASHDUTY_MODULE} = abs_path($module);
$ENV{TEST_NGINX_BINARY}     = $nginx;
my $seconds = $ENV{SECONDS} || 10;
my $rounds  = $ENV{ROUNDS}  || 7;

my $folder = File::Temp->newdir('bench.XXXXXX', TMPDIR => 1);
my $body   = write_body($folder);
my $store  = '';

my %parts = (
    accept   => \&edges_take_alerts,
    verdict  => \&callers_hear_of_delivery,
    takeover => \&another_edge_takes_over,
    store    => \&the_store_is_asked,
);
$parts{$_}->() for split / /, $ENV{PARTS} // 'accept verdict takeover store';

write_report($results, report());

# ---------------------------------------------------------------- what is measured

# A disk that syncs, as it would be.
sub fleet {
    my (%fleet) = @_;
    return Fleet->new(
        settings => { fsync => 'on', shared_buffers => '128MB' }, workers => 1, after => '800ms', rate => 'off',
        parameters => 'alone_after=45s', %fleet,
    )->start;
}

sub edges_take_alerts {
    my $fleet = fleet(is_direct => 1);
    my $alone = median(map { insert_p99_ms($fleet) } 1 .. 3);
    $fleet->flashduty->go_away;
    load($fleet, 2);    # now the leader knows
    my @loads = load($fleet, $seconds);

    my ($all, %answers) = (0);
    for my $load (@loads) {
        $all += $load->{requests} / $load->{seconds};
        $answers{$_} += $load->{answers}{$_} for keys %{ $load->{answers} };
    }
    my ($p99_ms) = sort { $b <=> $a } map { $_->{p99_ms} } @loads;
    figure('Flashduty away, 64 callers at three edges, a synchronous standby on the same disk: alerts a second', $all, 'least', 1000);
    figure("answered $_, of all", $answers{$_}) for sort keys %answers;
    figure('p50, ms', median(map { $_->{p50_ms} } @loads));
    figure('p99, ms', $p99_ms);
    figure('p99 of single `INSERT`s of 12 sessions before that, ms', $alone);
    figure('the ratio', $p99_ms / $alone, 'most', 10);
    figure('edges that went local meanwhile', scalar grep { $_->error_log =~ /go to the local spool/ } $fleet->edges);
    return finish($fleet);
}

sub callers_hear_of_delivery {
    for my $case ([ 15, '100r/s 1000r/m', 'the default rate' ], [ 200, 'off', '`flashduty_rate off`' ]) {
        my ($rate, $limit, $says) = @$case;
        my $fleet = fleet(is_direct => 1, rate => $limit);
        # Four pieces, 10 ms apart.
        $fleet->flashduty->answer(taken(pieces => 1 + PUSH_MS / 10));
        my %ports   = (ports => [ map { $_->port } $fleet->edges ]);
        my $callers = Callers->start(%ports, log => "$folder/verdicts$rate", name => "at$rate", keys => 3 * $seconds * $rate, events => 1, rate => $rate);
        my @answers = $callers->finish;
        my $heard   = grep { "$_->[2] " . ($_->[3] // '') eq '200 delivered' } @answers;
        figure("$rate alerts a second, $says, a push of ${\PUSH_MS} ms: callers who hear `delivered` within 800 ms, %",
            100 * $heard / @answers, 'least', 99);
        finish($fleet);
    }
    return;
}

sub another_edge_takes_over {
    my $fleet = fleet();
    my %fault = (
        'all packets of the leader are dropped' => [ 6.5, sub { $fleet->wires->drop($fleet->wires->names(qr/^$_[0]>/)) },
            sub { $fleet->wires->pass($fleet->wires->names(qr/^$_[0]>/)) } ],
        'all processes of the leader are killed' => [ 6.5, sub { $fleet->edge($_[0])->crash }, sub { start_again($fleet->edge($_[0])) } ],
        'the worker of the leader is killed'     => [ 1, sub { kill 'KILL', $fleet->edge($_[0])->deliverer }, sub { } ],
    );
    # In the middle of settling, too.
    my $callers = Callers->start(
        ports => [ map { $_->port } $fleet->edges ], log => "$folder/takeover", name => 'over', keys => 50, at_once => 20, rate => 30);
    for my $what (sort keys %fault) {
        my ($most, $goes, $comes_back) = @{ $fault{$what} };
        my @took;
        for (1 .. $rounds) {
            my $leader = settled_leader($fleet);
            my %mark   = map { $_ => turns($fleet->edge($_)) } $fleet->names;
            my $began  = time;
            $goes->($leader);
            sleep 0.005 while !(grep { turns($fleet->edge($_)) > $mark{$_} } $fleet->names) && time - $began < PATIENCE;
            push @took, time - $began;
            $comes_back->($leader);
        }
        figure("$what: until an edge leads, median of $rounds, s", median(@took), 'most', $most);
        figure('the longest, s', (sort { $b <=> $a } @took)[0]);
    }
    $callers->finish;
    return finish($fleet);
}

sub the_store_is_asked {
    open my $output, '-|', $store_bench or die "$store_bench: $!\n";
    $store = do { local $/; <$output> };
    close $output or die "$store_bench fails\n";
    return;
}

# ---------------------------------------------------------------- measuring

# All callers at once, a third of them at each edge.
sub load {
    my ($fleet, $for_seconds) = @_;

    my @running = map { wrk('http://127.0.0.1:' . $_->port . '/blueking', $body, int(CALLERS / 3 + 1), $for_seconds) } $fleet->edges;
    return map { load_of($_) } @running;
}

# Single INSERTs of some sessions at once, in the fleet's database.
sub insert_p99_ms {
    my ($fleet) = @_;

    my $db = $fleet->primary;
    $db->sql('CREATE TABLE IF NOT EXISTS public.single (n bigserial PRIMARY KEY, body text)');
    open my $script, '>', "$folder/insert.sql" or die "insert.sql: $!\n";
    print {$script} q{INSERT INTO public.single (body) VALUES (repeat('x', 1000));}, "\n";
    close $script;
    my @command = (
        Postgres::programs() . '/pgbench', '-n', '-c', INSERTS, '-j', 1, '-T', int($seconds / 3) || 1, '-l',
        '--log-prefix', "$folder/single", '-f', "$folder/insert.sql", '-h', '127.0.0.1', '-p', $db->port, '-U', Postgres::USER, 'postgres',
    );
    unlink glob "$folder/single.*";
    open my $output, '-|', @command or die "pgbench: $!\n";
    my $text = do { local $/; <$output> };
    close $output or die "pgbench has failed:\n$text";
    return quantile(0.99, map { (split)[2] / 1000 } map { split /\n/, Instance::slurp($_) } glob "$folder/single.*");
}

# Number of times that an edge came to lead.
sub turns { return scalar(() = $_[0]->error_log =~ /flashduty fleet: this edge leads:/g) }

sub start_again {
    my ($edge) = @_;

    unlink $edge->dir . '/nginx.pid';
    return $edge->start;
}

# The edge that leads, once all are well.
sub settled_leader {
    my ($fleet) = @_;

    my $is_well = sub {
        my %state = map { $_ => $fleet->state_of($_) } $fleet->names;
        return 3 == (grep { ($_->{mode} // '') eq 'fleet' && !$_->{local_events} } values %state) && 1 == grep { $_->{leader} } values %state;
    };
    for (1 .. 6) {
        last if eventually { $is_well->() };
    }
    return $fleet->leader // die "nobody leads\n";
}

sub finish {
    my ($fleet) = @_;

    $_->crash for $fleet->edges;
    $_->kill_all for $fleet->servers;
    $fleet->wires->stop;
    return;
}

# ---------------------------------------------------------------- showing

sub report {
    my $table   = figures_table();
    my $machine = machine();
    my ($version) = `@{[Postgres::programs()]}/postgres --version` =~ /([\d.]+)/;
    return <<"END";
# What a fleet costs

Written by `make bench-fleet`; do not edit. $machine PostgreSQL $version.

Three nginx with a worker each, a PostgreSQL with a synchronous standby (`fsync=on`), a Flashduty that takes everything, and the callers: all on these cores and one disk. Each alert is `t/payloads/v6_doc_sample.json` with a key of its own. Loads of $seconds s.

$table
Asking for what is due and settling it, by how many events wait, and with a key that has very many (`make bench-fleet-store`); targets: 1,000 a second at least, at most 1.3 times the cost at 1,000; 200 a second with a snapshot held:

```
$store```
END
}
