#!/usr/bin/perl
# Measures the spool: alerts a second, syncs, latencies, and the costs of a large backlog. Writes its
# figures to RESULTS. Wants two cores that nobody else uses.
#
# usage: spool.pl MODULE FILL_SPOOL SLOW_SYNC RESULTS
# In the environment: SECONDS of each load; BACKLOG, events; SYNC_US, what a sync takes at least.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Time::HiRes qw(sleep time);
use lib abs_path(dirname(__FILE__)) . '/lib';

use Alerts;
use Contenders;
use Instance;
use Report;

use constant {
    GATEWAY_CORE   => Contenders::CONTENDER_CORE,
    LOAD_CORE      => Contenders::LOAD_CORE,
    CALLERS        => 64,
    ROUNDS         => 5,
    SMALL_BACKLOG  => 1_000,
    MIDDLE_BACKLOG => 100_000,
    REPLAYED       => 20_000,
    PATIENCE       => 60,
};

my ($module, $fill_spool, $slow_sync, $results) = @ARGV;
die "usage: spool.pl MODULE FILL_SPOOL SLOW_SYNC RESULTS\n" if !defined $results;
$_ = abs_path($_) for $module, $fill_spool, $slow_sync;
my $seconds = $ENV{SECONDS} || 10;
my $backlog = $ENV{BACKLOG} || 1_000_000;
my $sync_us = $ENV{SYNC_US} // 2000;

my $folder = File::Temp->newdir('bench.XXXXXX', TMPDIR => 1);
my $body   = write_body($folder);
my $nobody = Instance::held_port();
# An event belongs to a server, and that has its port.
my $port = Instance::held_port();
my $peer = start_counting_peer();
my @targets;

my %parts = (
    away    => \&flashduty_is_away,
    there   => \&flashduty_is_there,
    backlog => \&there_is_a_backlog,
    replay  => \&alerts_come_during_a_replay,
);
$parts{$_}->() for split / /, $ENV{PARTS} // 'away there backlog replay';

write_report($results, report());

# ---------------------------------------------------------------- what is measured

sub flashduty_is_away {
    my $gateway = gateway(peer => $nobody->sockport);
    load($gateway, CALLERS, 1);    # now it knows
    my $before = syncs($gateway);
    my $load   = load($gateway, CALLERS, $seconds);
    my $syncs  = syncs($gateway);
    my $count  = $syncs->{count} - $before->{count};
    only($load, '202 spooled');

    figure('Flashduty away, 64 callers: alerts a second, all of them 202', per_second($load), 'least', 2000);
    figure('syncs per event', $count / $load->{requests}, 'most', 1 / 8);
    figure('p50, ms', $load->{p50_ms});
    figure('p99, ms, `flashduty_spool_after` of 800 ms not waited for', $load->{p99_ms}, 'most', 60);
    figure('a sync of this disk alone, ms', ($syncs->{ns} - $before->{ns}) / $count / 1e6);
    return;
}

sub flashduty_is_there {
    my %gateway = (with => gateway(), without => gateway(spool => 0));
    my %p50_ms;
    for my $round (1 .. ROUNDS) {
        for my $name (sort keys %gateway) {
            my $load = load($gateway{$name}, 1, $seconds / ROUNDS);
            only($load, '200 delivered');
            push @{ $p50_ms{$name} }, $load->{p50_ms};
        }
    }
    my @added = map { $p50_ms{with}[$_] - $p50_ms{without}[$_] } 0 .. ROUNDS - 1;
    figure('Flashduty there, one caller: p50 without a spool, ms', median(@{ $p50_ms{without} }));
    figure('p50 with one, ms', median(@{ $p50_ms{with} }));
    figure('the difference, ms: two syncs and 5 ms', median(@added), 'most', 2 * sync_ms($gateway{with}) + 5);

    my $load = load($gateway{with}, CALLERS, $seconds);
    only($load, '200 delivered');
    figure('64 callers: alerts a second, all of them delivered', per_second($load), 'least', 1000);
    figure('p50, ms', $load->{p50_ms});
    figure('p99, ms', $load->{p99_ms});
    return;
}

sub there_is_a_backlog {
    my (%cost, $idle_kb);
    for my $round (1 .. ROUNDS) {
        my $spool   = filled(SMALL_BACKLOG);
        my $before  = pushed();
        my $gateway = gateway(held => $port, spool => $spool);
        $idle_kb //= $gateway->memory_kb('VmRSS');
        push @{ $cost{small} }, replay_cost($gateway, $before, SMALL_BACKLOG);
    }

    my $spool   = filled($backlog);
    my $size_mb = (-s "$spool/spool.db") / (1 << 20);
    my $before  = pushed();
    my $began   = time;
    my $gateway = gateway(held => $port, spool => $spool, values => { AFTER => '1ms' });
    spooled($gateway, 'first');
    my $took = time - $began;
    $cost{large} = replay_cost($gateway, $before, REPLAYED);
    my $grown_mb = ($gateway->memory_kb('VmHWM') - $idle_kb) / 1024;

    figure("A backlog of $backlog events, a database of " . int($size_mb) . ' MB: start to the first answer, s',
        $took, 'most', 2);
    figure('CPU µs of nginx per event replayed from a backlog of ' . SMALL_BACKLOG, median(@{ $cost{small} }));
    figure("from one of $backlog", $cost{large});
    figure('the ratio', $cost{large} / median(@{ $cost{small} }), 'most', 1.1);
    figure('memory that the worker takes for it, MB', $grown_mb, 'most', 64);
    return;
}

sub alerts_come_during_a_replay {
    my (%p50, %p99);
    for my $round (1 .. ROUNDS) {
        my $calm = gateway(values => { AFTER => '1ms' });
        load($calm, 1, 1);
        my $without = load($calm, 1, $seconds / ROUNDS);
        undef $calm;

        my $busy = gateway(held => $port, spool => filled(MIDDLE_BACKLOG), values => { AFTER => '1ms' });
        load($busy, 1, 1);
        my $before = pushed();
        my $began  = time;
        my $with   = load($busy, 1, $seconds / ROUNDS);
        my $rate   = (pushed() - $before) / (time - $began);
        figure('pushes a second during a replay of ' . MIDDLE_BACKLOG, $rate) if $round == ROUNDS;
        push @{ $p50{ratio} },   $with->{p50_ms} / $without->{p50_ms};
        push @{ $p50{with} },    $with->{p50_ms};
        push @{ $p50{without} }, $without->{p50_ms};
        push @{ $p99{added} },   $with->{p99_ms} - $without->{p99_ms};
    }
    figure('One caller, new alerts, answered as soon as they are on disk (`flashduty_spool_after 1ms`): p50, ms',
        median(@{ $p50{without} }));
    figure('p50 during the replay, ms', median(@{ $p50{with} }));
    figure('the ratio',                 median(@{ $p50{ratio} }), 'most', 1.1);
    figure('what p99 gains, ms',        median(@{ $p99{added} }), 'most', 2);
    return;
}

# ---------------------------------------------------------------- measuring

# A peer that takes everything, and counts it.
sub start_counting_peer {
    return Instance->start(
        name   => 'the peer',
        core   => LOAD_CORE,
        load   => ['lua'],
        server => <<'EOC',
        location / {
            content_by_lua_block {
                ngx.req.read_body()
                package.loaded.pushes = (package.loaded.pushes or 0) + 1
                local answer = '{"request_id":"4fd0a8a1c3a14d41b2a1f5cb4e2b7b6f",'
                    .. '"data":{"alert_key":"17161930461000001"}}'
                ngx.header.content_type = "application/json"
                ngx.header.content_length = #answer
                ngx.print(answer)
            }
        }
        location = /pushes {
            content_by_lua_block {
                ngx.print(package.loaded.pushes or 0)
            }
        }
EOC
    );
}

sub pushed { return $peer->post('', '/pushes') }

my $spools = 0;

sub new_spool {
    my $spool = "$folder/spool" . ++$spools;
    mkdir $spool, 0700 or die "$spool: $!\n";
    return $spool;
}

# spool: a folder, 0 for none; peer: a port; held: its own
sub gateway {
    my (%config) = @_;

    my $spool = $config{spool} // new_spool();
    my $lines = $spool ? "    flashduty_spool $spool/spool.db max_size=64g;\n    flashduty_rate off;\n" : '';
    $lines .= "    flashduty_spool_after %%AFTER%%;\n";
    local $ENV{LD_PRELOAD}       = $slow_sync;
    local $ENV{SLOW_SYNC_COUNTS} = "$folder/counts" . ++$spools;
    local $ENV{SLOW_SYNC_US}     = $sync_us;
    my $gateway = Instance->start(
        name   => 'the gateway',
        core   => GATEWAY_CORE,
        held   => $config{held} // Instance::held_port(),
        load   => [$module],
        values => { PEER => $config{peer} // $peer->{port}, AFTER => '800ms', %{ $config{values} || {} } },
        http   => <<"EOC",
    upstream flashduty {
        server 127.0.0.1:%%PEER%% max_fails=0;
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
$lines
EOC
        server => <<'EOC',
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://flashduty/event/push/alert/standard?integration_key=KEY;
        }
EOC
    );
    $gateway->{counts} = $ENV{SLOW_SYNC_COUNTS};
    return $gateway;
}

# A spool in which so many events wait.
sub filled {
    my ($count) = @_;

    my $spool   = new_spool();
    my $gateway = gateway(held => $port, spool => $spool, peer => $nobody->sockport);
    spooled($gateway, 'template');
    undef $gateway;
    system($fill_spool, "$spool/spool.db", $count - 1, $body) == 0 or die "the spool cannot be filled\n";
    return $spool;
}

# Sends an alert, which is answered 202.
sub spooled {
    my ($gateway, $id) = @_;

    my $answer = HTTP::Tiny->new->post($gateway->url, { content => body_of($body, $id) });
    die "an alert: $answer->{status} $answer->{content}\n", $gateway->error_log if $answer->{status} != 202;
    return;
}

# Microseconds of the processor per event, the first and the last of them left out: there nginx has
# other things to do as well.
sub replay_cost {
    my ($gateway, $before, $count) = @_;

    my $edge = int $count / 20;
    my @at   = map { pushed_since($before, $_); [ pushed(), cpu_ns($gateway) ] } $edge, $count - $edge;
    return ($at[1][1] - $at[0][1]) / ($at[1][0] - $at[0][0]) / 1000;
}

sub pushed_since {
    my ($before, $count) = @_;

    my $deadline = time + PATIENCE;
    while (pushed() < $before + $count) {
        die 'of the backlog only ' . (pushed() - $before) . " were replayed\n" if time > $deadline;
        sleep 0.01;
    }
    return;
}

# Processor time of all processes and all of their threads.
sub cpu_ns {
    my ($gateway) = @_;

    my $ns = 0;
    for my $pid ($gateway->{pid}, $gateway->worker) {
        $ns += (split ' ', Instance::slurp($_))[0] for glob "/proc/$pid/task/*/schedstat";
    }
    return $ns;
}

sub syncs {
    my ($gateway) = @_;

    my ($count, $ns) = unpack 'QQ', Instance::slurp($gateway->{counts});
    return { count => $count, ns => $ns };
}

# Duration of a sync.
sub sync_ms {
    my ($gateway) = @_;

    my $syncs   = syncs($gateway);
    my $disk_ms = $syncs->{ns} / $syncs->{count} / 1e6;
    return $disk_ms > $sync_us / 1000 ? $disk_ms : $sync_us / 1000;
}

sub load {
    my ($gateway, $callers, $for_seconds) = @_;

    my $output = wrk($gateway->url, $body, $callers, int($for_seconds) || 1, 'taskset', '-c', LOAD_CORE);
    return load_of($output, sub { $gateway->error_log });
}

sub only {
    my ($load, $verdict) = @_;

    my $answers = $load->{answers};
    my $others  = join ', ', map {"$answers->{$_} $_"} grep { $_ ne $verdict } sort keys %$answers;
    figure("**other answers than $verdict: $others**", 1, 'most', 0) if $others ne '';
    return;
}

sub per_second { return $_[0]{requests} / $_[0]{seconds} }

# ---------------------------------------------------------------- showing

sub report {
    my $table      = figures_table();
    my $body_bytes = -s $body;
    my $sync       = $sync_us / 1000;
    my $machine    = machine();
    return <<"END";
# What the spool costs

Written by `make bench-spool`; do not edit. $machine

One nginx with one worker on one core; wrk and a peer that takes everything on the other. Each alert is `t/payloads/v6_doc_sample.json` ($body_bytes bytes) with a key of its own; `flashduty_rate off`. Every sync takes $sync ms at least, slept for where this disk is faster. Loads of $seconds s in all; where there are several rounds, medians of @{[ROUNDS]}.

$table
END
}
