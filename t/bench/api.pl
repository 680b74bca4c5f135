#!/usr/bin/perl
# Costs of flashduty_api while a large backlog waits: pages, an export, and their effect on those who
# call meanwhile. Writes its figures to RESULTS. Wants two cores that nobody else uses.
#
# usage: api.pl MODULE FILL_SPOOL RESULTS
# In the environment: SECONDS of each load; BACKLOG, events; PAGES, how many are asked for.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep time);
use lib abs_path(dirname(__FILE__)) . '/lib';

use Alerts;
use Contenders;
use Instance;
use Report;

use constant {
    GATEWAY_CORE => Contenders::CONTENDER_CORE,
    LOAD_CORE    => Contenders::LOAD_CORE,
    CALLERS      => 8,
    ROUNDS       => 5,
};

my ($module, $fill_spool, $results) = @ARGV;
die "usage: api.pl MODULE FILL_SPOOL RESULTS\n" if !defined $results;
$_ = abs_path($_) for $module, $fill_spool;
my $seconds = $ENV{SECONDS} || 20;
my $backlog = $ENV{BACKLOG} || 1_000_000;
my $pages   = $ENV{PAGES}   || 1000;

my $folder = File::Temp->newdir('bench.XXXXXX', TMPDIR => 1);
my $body   = write_body($folder);
my $nobody = Instance::held_port();
my $port   = Instance::held_port();
my $http   = HTTP::Tiny->new(timeout => 120);
my $gateway;

mkdir "$folder/spool", 0700 or die "spool: $!\n";
$gateway = gateway();
$http->post($gateway->url, { content => body_of($body, 'template') });
undef $gateway;
system($fill_spool, "$folder/spool/spool.db", $backlog - 1, $body) == 0 or die "the spool cannot be filled\n";
$gateway = gateway();
$http->post($gateway->url, { content => body_of($body, 'first') });

on_load_core();
pages_are_quick();
an_export_is_fast();
others_do_not_notice();

write_report($results, report());

# ---------------------------------------------------------------- what is measured

sub pages_are_quick {
    my $first = get('waiting?limit=1')->{events}[0]{id};
    my ($target) = map { $_->{id} } @{ get('targets')->{targets} };
    my %asked = (
        'the first page of 50'          => sub {'waiting?limit=50'},
        'any page of 50'                => sub { 'waiting?limit=50&after=' . ($first + int rand $backlog) },
        'one of those of a target'      => sub { "waiting?limit=50&target=$target&after=" . ($first + int rand $backlog) },
        'one that a target has none in' => sub { 'waiting?target=7&after=' . ($first + int rand $backlog) },
        'those of an alert key'         => sub { 'waiting?key=backlog-' . (1 + int rand($backlog - 1)) },
        'one event'                     => sub { 'waiting/' . ($first + int rand($backlog - 1)) },
        'the targets'                   => sub {'targets'},
    );
    for my $name (sort keys %asked) {
        my @ms = map { my $began = time; ask($asked{$name}->()); (time - $began) * 1000 } 1 .. $pages;
        figure("$name, p50, ms", quantile(0.5, @ms));
        figure("$name, p99, ms", quantile(0.99, @ms), 'most', 20);
    }
    my @ms = map { my $began = time; ask('waiting?text=nowhere&after=' . ($first + int rand $backlog)); (time - $began) * 1000 } 1 .. $pages;
    figure('a page by `text=` that finds nothing, p99, ms', quantile(0.99, @ms));
    return;
}

sub an_export_is_fast {
    my $before_kb = $gateway->memory_kb('VmHWM');
    my ($bytes, $took) = export($seconds);
    figure('An export: MB a second', $bytes / $took / 1e6, 'least', 20);
    figure('MB of it that were read', $bytes / 1e6);
    figure('memory that the worker takes for it, MB', ($gateway->memory_kb('VmHWM') - $before_kb) / 1024, 'most', 64);
    return;
}

# While somebody pages, filters and exports without a pause.
sub others_do_not_notice {
    my (%p99, @held_ms);
    for my $round (1 .. ROUNDS) {
        my $calm = load(CALLERS, $seconds / ROUNDS);
        my @busy = map { in_background($_) } \&page_on, \&export_on;
        sleep 0.5;
        push @held_ms, longest_wait_ms($seconds / ROUNDS);
        my $with = load(CALLERS, $seconds / ROUNDS);
        kill 'TERM', @busy;
        waitpid $_, 0 for @busy;
        push @{ $p99{without} }, $calm->{p99_ms};
        push @{ $p99{with} },    $with->{p99_ms};
        push @{ $p99{ratio} },   $with->{p99_ms} / $calm->{p99_ms};
    }
    figure(CALLERS . ' callers whose alerts are written down, Flashduty away: p99, ms', median(@{ $p99{without} }));
    figure('p99 while somebody pages and exports, ms', median(@{ $p99{with} }));
    figure('the ratio', median(@{ $p99{ratio} }), 'most', 1.2);
    figure('the longest that the worker let a request wait that needs nothing, ms', median(@held_ms), 'most', 50);
    return;
}

# ---------------------------------------------------------------- measuring

sub gateway {
    return Instance->start(
        name   => 'the gateway',
        core   => GATEWAY_CORE,
        held   => $port,
        load   => [$module],
        values => { PEER => $nobody->sockport },
        http   => <<"EOC",
    flashduty_spool $folder/spool/spool.db max_size=64g;
    flashduty_rate off;
EOC
        server => <<'EOC',
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=KEY;
        }
        location /api/ {
            flashduty_api write=on;
        }
        location = /nothing {
            return 204;
        }
EOC
    );
}

# The text of an answer: what JSON::PP takes to read it is no matter of the gateway's.
sub ask {
    my ($path) = @_;

    my $answer = $http->get("http://127.0.0.1:$gateway->{port}/api/$path");
    die "$path: $answer->{status} $answer->{content}\n" if $answer->{status} != 200 && $answer->{status} != 404;
    return $answer->{content};
}

sub get { return JSON::PP->new->utf8->decode(ask($_[0])) }

# Bytes and seconds of an export, of which no more is read than comes in that time.
sub export {
    my ($most_seconds) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $gateway->{port}) or die "an export: $!\n";
    print {$socket} "GET /api/export?state=waiting HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    my ($bytes, $began) = (0, time);
    while (time - $began < $most_seconds) {
        my $size = sysread $socket, my $part, 1 << 20;
        last if !$size;
        $bytes += $size;
    }
    return ($bytes, time - $began);
}

# Keeps this process from the gateway's core.
sub on_load_core {
    my $core = LOAD_CORE;
    system("taskset -cp $core $$ >/dev/null") == 0 or die "taskset has failed\n";
    return;
}

sub in_background {
    my ($work) = @_;

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        on_load_core();
        POSIX::nice(10);    # what is measured goes first
        $SIG{TERM} = sub { POSIX::_exit(0) };
        local $SIG{INT} = $SIG{TERM};
        $http = HTTP::Tiny->new(timeout => 120);
        eval { $work->() while 1 };
        POSIX::_exit(1);
    }
    return $pid;
}

sub page_on {
    my $after = 0;
    for (1 .. 100) {
        ($after) = ask("waiting?limit=500&after=$after") =~ /"next":(\d+)\}\s*\z/;
        $after //= 0;
        ask("waiting?text=nowhere&after=$after");
    }
    return;
}

sub export_on { export(5) }

sub longest_wait_ms {
    my ($for_seconds) = @_;

    my $began   = time;
    my $longest = 0;
    while (time - $began < $for_seconds) {
        my $at = time;
        $http->get("http://127.0.0.1:$gateway->{port}/nothing");
        my $ms = (time - $at) * 1000;
        $longest = $ms if $ms > $longest;
        sleep 0.002;
    }
    return $longest;
}

sub load {
    my ($callers, $for_seconds) = @_;

    my $output = wrk($gateway->url, $body, $callers, int($for_seconds) || 1, 'taskset', '-c', LOAD_CORE);
    return load_of($output, sub { $gateway->error_log });
}

# ---------------------------------------------------------------- showing

sub report {
    my $table   = figures_table();
    my $machine = machine();
    my $size_mb = int((-s "$folder/spool/spool.db") / (1 << 20));
    return <<"END";
# What the operator's hand costs

Written by `make bench-api`; do not edit. $machine

$backlog events wait, a database of $size_mb MB; Flashduty is away. One nginx with one worker on one core, with all its threads; those who call, page and export on the other. $pages requests of each kind.

$table
END
}
