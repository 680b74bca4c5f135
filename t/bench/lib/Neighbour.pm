package Neighbour;

# Somebody else on a core, who sweeps its caches when asked to.

use strict;
use warnings;

use POSIX ();

use constant WALK_BYTES => 32 << 20;

sub start {
    my ($class, $core) = @_;

    pipe(my $asked, my $ask)     or die "pipe: $!\n";
    pipe(my $answers, my $answer) or die "pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        system("taskset -cp $core $$ >/dev/null") == 0 or POSIX::_exit(1);
        close $ask;
        my $memory = 'x' x WALK_BYTES;
        while (sysread $asked, my $byte, 1) {
            substr $memory, $_ * 64, 1, $byte for 0 .. WALK_BYTES / 64 - 1;
            syswrite $answer, $byte;
        }
        POSIX::_exit(0);
    }
    return bless { pid => $pid, ask => $ask, answers => $answers }, $class;
}

sub walk {
    my ($self) = @_;
    syswrite $self->{ask}, 'x' or die "the neighbour is gone: $!\n";
    sysread $self->{answers}, my $byte, 1 or die "the neighbour is gone\n";
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    close $self->{ask};
    waitpid $self->{pid}, 0;
    return;
}

1;
