package Pulse;

# Measure of how busy the machine is: a process of its own wants to run every few milliseconds and
# writes down how late it was.

use strict;
use warnings;

use IO::Handle;
use List::Util qw(max);
use POSIX ();
use Time::HiRes qw(sleep time);

use constant BEAT => 0.01;

# Begins; the log is a file.
sub start {
    my ($class, $log) = @_;

    open my $file, '>', $log or die "cannot write $log: $!\n";
    $file->autoflush;
    my $parent = $$;
    my $pid    = fork // die "cannot fork: $!\n";
    return bless { log => $log, pid => $pid }, $class if $pid;

    while (getppid == $parent) {
        my $began = time;
        sleep BEAT;
        my $late = time - $began - BEAT;
        printf {$file} "%.3f %.3f\n", $began, $late if $late > BEAT;
    }
    POSIX::_exit(0);
}

# Ends; after this late() can be asked.
sub stop {
    my ($self) = @_;

    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    open my $file, '<', $self->{log} or die "cannot read $self->{log}: $!\n";
    while (<$file>) {
        my ($began, $late) = split;
        for my $second (int $began .. int $began + $late) {
            $self->{late}{$second} = max $late, $self->{late}{$second} // 0;
        }
    }
    return $self;
}

# Seconds by which it was late at most between two times.
sub late {
    my ($self, $from, $until) = @_;
    return max 0, map { $self->{late}{$_} // () } int $from .. int $until;
}

sub worst { return max 0, values %{ $_[0]{late} } }

1;
