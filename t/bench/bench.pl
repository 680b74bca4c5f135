#!/usr/bin/perl
# What a request costs each contender, all of them measured in turn, round after round. Writes what
# it has found to RESULTS. Wants two cores that nobody else uses.
#
# usage: bench.pl MODULE CORE_BENCH FOLDER RESULTS
# ROUNDS and SECONDS in the environment: of each round, for each contender and body.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use lib abs_path(dirname(__FILE__)) . '/lib';

use Contenders;
use Load;
use Neighbour;

use constant {
    CONNECTIONS   => 32,
    COLD_REQUESTS => 50,
    FLOOR       => 'proxy_pass',
    MODULE      => 'this module',
    LUA         => 'Lua, body',
};

my ($module, $core_bench, $folder, $results) = @ARGV;
die "usage: bench.pl MODULE CORE_BENCH FOLDER RESULTS\n" if !defined $results;
my $rounds  = $ENV{ROUNDS}  || 7;
my $seconds = $ENV{SECONDS} || 2;

my @sizes = qw(1k 3k 16k 200k);
my %path  = map { $_ => "$folder/bodies/$_.json" } @sizes;
my %says  = (
    'read only'    => 'nothing but reading the body (`echo_read_request_body`)',
    'proxy_pass'   => '`proxy_pass` of the body: the floor',
    'this module'  => '**this module**',
    'Lua, body'    => 'Lua, `set_body_data` then `proxy_pass`',
    'Lua, capture' => 'Lua, `ngx.location.capture`',
    'njs'          => 'njs, `r.subrequest`',
);

my $memory   = memory();
my $was_busy = (split ' ', Instance::slurp('/proc/loadavg'))[0];
my $peer     = start_peer();
my %user;    # by size and contender: the share of user time in each round
my %contender = map { $_ => start_contender($_, $peer, abs_path($module)) } NAMES;

check_events($_) for @sizes;

for my $size (@sizes) {
    cost($_, $size, 1) for NAMES;    # warms up
}
%user = ();
my $cpu  = measured([NAMES], sub { cost(@_, $seconds) });
my %user_share = map { my $size = $_; $size => { map { $_ => median(@{ $user{$size}{$_} }) } NAMES } } @sizes;
my $cold = measured([FLOOR, MODULE], sub { cold_cost(@_) });
my $idle = measured([FLOOR, MODULE], sub { load($contender{ $_[0] }, 1, $seconds, $path{ $_[1] })->{p50_us} });

# A load that has a core to itself idles beside a slow contender and never beside a fast one, and it
# is the contender whom Linux charges for waking it. On one core nothing idles.
$_->run_on(Contenders::LOAD_CORE) for @contender{ FLOOR(), MODULE() };
my $shared = measured([FLOOR, MODULE], sub { cost(@_, $seconds) });
my %core = map { my ($name, @ns) = split; $name => \@ns } core_times();

my $report = report();
print $report;
open my $file, '>', $results or die "$results: $!\n";
print {$file} $report;
close $file or die "$results: $!\n";

# ---------------------------------------------------------------- measuring

# All who translate have to make the same event of the body.
sub check_events {
    my ($size) = @_;
    my $body  = Instance::slurp($path{$size});
    my $json  = JSON::PP->new->utf8->canonical;
    my $event = $json->encode($json->decode($contender{ MODULE() }->post($body, '/preview')));
    for my $name (grep { $_ ne 'read only' && $_ ne FLOOR } NAMES) {
        $peer->post('', '/keep');
        $contender{$name}->post($body);
        my $got = $json->encode($json->decode($peer->post('', '/kept')));
        die "$name makes another event of $size:\n$got\n$event\n" if $got ne $event;
    }
    return;
}

# Microseconds of the processor per request.
sub cost {
    my ($name, $size, $for_seconds) = @_;
    my $before = $contender{$name}->cpu_ns;
    my @ticks  = $contender{$name}->ticks;
    my $load   = load($contender{$name}, CONNECTIONS, $for_seconds, $path{$size});
    push @{ $user{$size}{$name} }, $contender{$name}->user_share(\@ticks);
    return ($contender{$name}->cpu_ns - $before) / $load->{requests} / 1000;
}

# The same of requests that come alone, each after a neighbour on the contender's core has walked
# through more memory than the caches hold.
sub cold_cost {
    my ($name, $size) = @_;
    my $neighbour = Neighbour->start(Contenders::CONTENDER_CORE);
    my $body      = Instance::slurp($path{$size});
    my $sum_ns    = 0;
    for (1 .. COLD_REQUESTS) {
        $neighbour->walk;
        my $before = $contender{$name}->cpu_ns;
        $contender{$name}->post($body);
        $sum_ns += $contender{$name}->cpu_ns - $before;
    }
    return $sum_ns / COLD_REQUESTS / 1000;
}

# By size and contender: the figures of all rounds. Each round begins with another contender.
sub measured {
    my ($names, $measure) = @_;
    my (%figures, @order);
    @order = @$names;
    for my $round (1 .. $rounds) {
        for my $size (@sizes) {
            push @{ $figures{$size}{$_} }, $measure->($_, $size) for @order;
        }
        push @order, shift @order;
        print STDERR "round $round of $rounds\n";
    }
    return \%figures;
}

sub core_times {
    open my $output, '-|', 'taskset', '-c', Contenders::CONTENDER_CORE, $core_bench, 'time', @path{@sizes}
        or die "$core_bench: $!\n";
    my @lines = <$output>;
    close $output or die "$core_bench has failed\n";
    return @lines;
}

# What memory.pl says; where it fails, the lines that say so are among them.
sub memory {
    open my $output, '-|', $^X, dirname(__FILE__) . '/memory.pl', $module, $folder
        or die "memory.pl: $!\n";
    my $text = do { local $/; <$output> };
    close $output;
    return $text =~ /RSS after.*from before/ ? $text : die "memory.pl has failed:\n$text";
}

# ---------------------------------------------------------------- showing

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub spread {
    my @sorted = sort { $a <=> $b } @_;
    return sprintf '%s (%s–%s)', map { short($_) } median(@sorted), @sorted[ 0, -1 ];
}

sub short { return sprintf $_[0] < 100 ? '%.1f' : '%.0f', $_[0] }

# Of one contender over another: the median over the rounds, each by itself, because what disturbs a
# round disturbs all in it.
sub ratio {
    my ($size, $name, $base, $figures) = @_;
    my ($costs, $bases) = @{ ($figures || $cpu)->{$size} }{ $name, $base };
    return median(map { $costs->[$_] / $bases->[$_] } 0 .. $#$costs);
}

sub row { return '| ' . join(' | ', @_) . " |\n" }

sub table {
    my ($head, @rows) = @_;
    return row(@$head) . row(map {'---'} @$head) . join('', map { row(@$_) } @rows) . "\n";
}

# What of the median is user time, and what system time.
sub parts {
    my ($name, $size) = @_;
    my $all  = median(@{ $cpu->{$size}{$name} });
    my $user = $all * $user_share{$size}{$name};
    return sprintf '%s + %s', short($user), short($all - $user);
}

sub sized { return map { sprintf '%s (%d bytes)', $_, -s $path{$_} } @sizes }

sub targets {
    my @targets = (
        (map { [ "whole request over the floor, $_->[0]", ratio($_->[0], MODULE, FLOOR), $_->[1] ] }
            [ '1k', 1.6 ], [ '3k', 1.7 ], [ '16k', 3.0 ]),
        (map { [ "whole request over Lua's, $_", ratio($_, MODULE, LUA), 0.5 ] } @sizes),
        [ 'added p50 on an idle gateway, 3k, µs', median(added($idle->{'3k'})), 60 ],
    );
    return map { [ $_->[0], sprintf('%.2f', $_->[1]), $_->[2], $_->[1] <= $_->[2] ? 'yes' : '**no**' ] }
        @targets;
}

# What the module adds to the floor, round by round.
sub added {
    my ($figures) = @_;
    my ($module, $floor) = @{$figures}{ MODULE(), FLOOR() };
    return map { $module->[$_] - $floor->[$_] } 0 .. $#$module;
}

sub machine {
    my ($model) = Instance::slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my $cores   = () = Instance::slurp('/proc/cpuinfo') =~ /^processor/mg;
    my ($kernel) = split ' ', Instance::slurp('/proc/sys/kernel/osrelease');
    my @packages = qw(nginx libyajl2 libnginx-mod-http-lua lua-cjson libnginx-mod-http-js);
    my $versions = join ', ', map { my ($version) = `dpkg-query -W -f '\${Version}' $_`; "$_ $version" } @packages;
    return "$cores cores of $model, Linux $kernel, load before the run $was_busy; $versions.";
}

sub report {
    my @head = sized();
    my $cpu_table = table([ 'CPU µs per request', @head ],
        (map { my $name = $_; [ $says{$name}, map { spread(@{ $cpu->{$_}{$name} }) } @sizes ] } NAMES),
        [ 'added by this module', map { spread(added($cpu->{$_})) } @sizes ]);
    my $ratio_table = table([ 'over the floor', @sizes ],
        map { my $name = $_; [ $says{$name}, map { sprintf '%.2f ×', ratio($_, $name, FLOOR) } @sizes ] }
            NAMES);
    my $user_table = table([ 'user + system, µs', @sizes ],
        map { my $name = $_; [ $says{$name}, map { parts($name, $_) } @sizes ] } NAMES);
    my $cold_table = table([ 'CPU µs per request', @sizes ],
        (map { my $name = $_; [ $says{$name}, map { spread(@{ $cold->{$_}{$name} }) } @sizes ] } FLOOR, MODULE),
        [ 'added by this module', map { spread(added($cold->{$_})) } @sizes ]);
    my $shared_table = table([ 'CPU µs per request', @sizes ],
        (map { my $name = $_; [ $says{$name}, map { spread(@{ $shared->{$_}{$name} }) } @sizes ] } FLOOR, MODULE),
        [ 'over the floor', map { sprintf '%.2f ×', ratio($_, MODULE, FLOOR, $shared) } @sizes ]);
    my $idle_table = table([ 'p50 µs', @sizes ],
        (map { my $name = $_; [ $says{$name}, map { spread(@{ $idle->{$_}{$name} }) } @sizes ] } FLOOR, MODULE),
        [ 'added', map { spread(added($idle->{$_})) } @sizes ]);
    my $core_table = table([ 'CPU µs', @sizes ],
        core_row('read, translate, write: the body in one buffer', 1),
        core_row('the same, the body in two buffers',              2),
        core_row('yajl alone, no callbacks',                       3),
        core_row('yajl alone, empty callbacks',                    4));
    my $target_table = table([qw(target measured most met)], targets());
    return <<"END";
# What it costs

Written by `make bench`; do not edit. @{[ machine() ]}

Bodies: `1k` is `t/payloads/v6_doc_sample.json`, `3k` `severity_escalated.json`, the others `dims_90.json` with fewer or more dimensions (`t/bench/bodies.pl`). Contenders: an nginx each with one worker; keepalive on both sides, bodies in memory (`client_body_buffer_size 256k`). Lua, njs and the module make the same event of each body; that is checked. Medians of $rounds interleaved rounds of $seconds s, in brackets the lowest and the highest; no request failed.

## Under load

User and system time of the contender's processes. The contender has one core, the load, wrk with @{[CONNECTIONS]} connections, and the peer the other.

$cpu_table$ratio_table$user_table## Cold

One request at a time, over a connection of its own, each after a neighbour on the contender's core has walked through 32 MB: between two alerts lie seconds. @{[COLD_REQUESTS]} requests in each round.

$cold_table## Instructions

What the module adds to a request, cold or warm (`make bench-core`).

```
@{[ Instance::slurp(abs_path(dirname(__FILE__)) . '/request_instructions.txt') =~ s/\n+$//r ]}
```

## The same, all on one core

A load with a core to itself idles beside a slow contender and never beside a fast one, and Linux charges the contender for waking it. On one core nothing idles.

$shared_table## One alert on an idle gateway

One connection, one request at a time; the contender on one core, the load and the peer on the other.

$idle_table## The core alone

The best of 200 tries.

$core_table## Memory

What `make bench-memory` says: the most that a worker takes for one body, and whether it keeps any of it.

```
@{[ $memory =~ s/^\n+|\n+$//gr ]}
```

## Targets

$target_table
END
}

sub core_row {
    my ($says, $column) = @_;
    return [ $says, map { short($core{$_}[$column] / 1000) } @sizes ];
}
