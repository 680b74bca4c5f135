package Report;

# Figures of a bench, each with its target where it has one, and the machine that they were measured
# on.

use strict;
use warnings;

use Exporter qw(import);

use Instance;

our @EXPORT = qw(quantile median figure short figures_table machine write_report);

my @figures;
my $was_busy = (split ' ', Instance::slurp('/proc/loadavg'))[0];

sub quantile {
    my ($part, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    return $sorted[ int($part * $#sorted) ];
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Notes a figure, and whether it is at most or at least its limit.
sub figure {
    my ($says, $value, $bound, $limit) = @_;

    my $is_met = !defined $bound || ($bound eq 'most' ? $value <= $limit : $value >= $limit);
    push @figures, [
        $says, short($value), defined $bound ? "at $bound " . short($limit) : '',
        defined $bound ? $is_met ? 'yes' : '**no**' : '',
    ];
    print STDERR join(' | ', @{ $figures[-1] }), "\n";
    return;
}

sub short {
    my ($value) = @_;
    return sprintf $value >= 100 ? '%.0f' : $value >= 10 ? '%.1f' : $value >= 1 ? '%.2f' : '%.3f', $value;
}

sub row { return '| ' . join(' | ', @_) . " |\n" }

sub figures_table {
    return row('', 'measured', 'target', 'met') . row(('---') x 4) . join '', map { row(@$_) } @figures;
}

sub machine {
    my ($model)  = Instance::slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my $cores    = () = Instance::slurp('/proc/cpuinfo') =~ /^processor/mg;
    my ($kernel) = split ' ', Instance::slurp('/proc/sys/kernel/osrelease');
    my $versions = join ', ', map { my ($version) = `dpkg-query -W -f '\${Version}' $_`; "$_ $version" } qw(nginx libsqlite3-0);
    return "$cores cores of $model, Linux $kernel, load before the run $was_busy; $versions.";
}

# Prints a report, and writes it to the file.
sub write_report {
    my ($path, $report) = @_;

    print $report;
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $report;
    close $file or die "$path: $!\n";
    return;
}

1;
