#!/usr/bin/perl
# Where a contender's worker spends its time under load: the module's own share, and that of the
# kernel, nginx and the libraries.
#
# usage: profile.pl MODULE FOLDER SIZE [CONTENDER]
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib abs_path(dirname(__FILE__)) . '/lib';

use Contenders;
use Load;

use constant {
    CONNECTIONS => 32,
    SECONDS     => 10,
    SYMBOLS     => 40,
};

my ($module, $folder, $size, $name) = @ARGV;
die "usage: profile.pl MODULE FOLDER SIZE [CONTENDER]\n" if !defined $size;

my $peer      = start_peer();
my $contender = start_contender($name // 'this module', $peer, abs_path($module));
my $body      = "$folder/bodies/$size.json";
$contender->run_on(Contenders::LOAD_CORE);    # as bench.pl measures it, and why
load($contender, CONNECTIONS, 1, $body);    # warms up

my $perf = fork // die "cannot fork: $!\n";
if (!$perf) {
    exec qw(perf record -q -e cpu-clock -F 4000 -o), "$folder/perf.data", '-p', $contender->worker
        or die "perf: $!\n";
}
my ($before, $faults_before) = ($contender->cpu_ns, $contender->page_faults);
my $load   = load($contender, CONNECTIONS, SECONDS, $body);
my $us     = ($contender->cpu_ns - $before) / $load->{requests} / 1000;
my $faults = ($contender->page_faults - $faults_before) / $load->{requests};
kill 'INT', $perf;
waitpid $perf, 0;

printf "%s, %s: %.1f µs and %.2f page faults per request\n", $contender->name, $size, $us, $faults;
show(sort => 'dso', 20);
show(sort => 'dso,symbol', SYMBOLS);

sub show {
    my (undef, $by, $most) = @_;
    open my $report, '-|', 'perf', 'report', '--stdio', '-i', "$folder/perf.data", '--sort', $by,
        '--no-children'
        or die "perf: $!\n";
    my @lines = grep { /^ +[\d.]+%/ } <$report>;
    close $report or die "perf report has failed\n";
    print "\n";
    for my $line (@lines > $most ? @lines[ 0 .. $most - 1 ] : @lines) {
        my ($percent, $where, $symbol) = $line =~ /([\d.]+)%\s+(\S+)(?:\s+\[.\] (.*?)\s{2})?/;
        printf "%6.2f %% %7.2f µs  %-30s %s\n", $percent, $us * $percent / 100, $where, $symbol // '';
    }
}
