package FleetWatch;

# Diary of a fleet: a process of its own asks every edge again and again how it is, and writes down
# what it says.

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep time);

use Client;

# Seconds between two questions, and for an answer.
use constant { BETWEEN => 0.15, PATIENCE => 0.5 };

# log: a file; ports: of each edge
sub start {
    my ($class, %watch) = @_;

    open my $log, '>', $watch{log} or die "cannot write $watch{log}: $!\n";
    $log->autoflush;
    my $parent = $$;
    my $pid    = fork // die "cannot fork: $!\n";
    return bless { %watch, pid => $pid }, $class if $pid;

    $SIG{PIPE} = 'IGNORE';
    while (getppid == $parent) {
        my $began  = time;
        my $states = ask_all($watch{ports});
        printf {$log} "%.3f %s %s %d %d %d\n", $began, $_, $states->{$_}{mode} // 'silent', $states->{$_}{leader} ? 1 : 0,
            $states->{$_}{term} // 0, $states->{$_}{local_events} // 0
            for sort keys %{ $watch{ports} };
        sleep BETWEEN;
    }
    POSIX::_exit(0);
}

# What each edge says of its fleet, as far as it answers in time.
sub ask_all {
    my ($ports) = @_;

    my $select = IO::Select->new;
    my (%caller, %states);
    for my $edge (keys %$ports) {
        my $caller = eval { Client->connect($ports->{$edge}) } or next;
        $caller->send(Client->compose('GET', '/status', undef, Connection => 'close'));
        $caller{ $caller->socket } = [ $edge, $caller, '' ];
        $select->add($caller->socket);
    }
    my $deadline = time + PATIENCE;
    while ($select->count && time < $deadline) {
        for my $socket ($select->can_read($deadline - time)) {
            my $it = $caller{$socket};
            next if sysread $socket, $it->[2], 65536, length $it->[2];
            $select->remove($socket);
            my ($body) = $it->[2] =~ /\r\n\r\n(.*)/s or next;
            $states{ $it->[0] } = (eval { JSON::PP->new->utf8->decode($body =~ s/\A[0-9a-f]+\r\n|\r\n0\r\n\r\n\z//gr) } || {})->{fleet};
        }
    }
    return \%states;
}

# Ends; after this it can be asked.
sub stop {
    my ($self) = @_;

    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    open my $file, '<', $self->{log} or die "cannot read $self->{log}: $!\n";
    while (<$file>) {
        my ($at, $edge, $mode, $is_leader, $term, $local) = split;
        push @{ $self->{seen} }, [ $at, $edge, $mode, $is_leader, $term, $local ] if defined $local;
    }
    return $self;
}

# [EDGE, FROM, UNTIL]: times at which an edge was not with the fleet, or did not answer.
sub away {
    my ($self) = @_;

    my (@away, %since, %last);
    for my $seen (@{ $self->{seen} }) {
        my ($at, $edge, $mode, undef, undef, $local) = @$seen;
        my $is_away = $mode ne 'fleet' || $local;
        $since{$edge} //= $last{$edge} // $at if $is_away;
        push @away, [ $edge, delete $since{$edge}, $at ] if !$is_away && defined $since{$edge};
        $last{$edge} = $at;
    }
    push @away, map { [ $_, $since{$_}, $last{$_} ] } keys %since;
    return @away;
}

# [TIME, TERM, EDGE] of each term when it was first seen, in the order of the terms.
sub terms {
    my ($self) = @_;

    my %first;
    $first{ $_->[4] } //= [ $_->[0], $_->[4], $_->[1] ] for grep { $_->[3] } @{ $self->{seen} };
    return map { $first{$_} } sort { $a <=> $b } keys %first;
}

1;
