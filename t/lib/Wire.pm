package Wire;

# Wires between the machines of a test: TCP proxies in one process, each of which passes bytes on,
# holds them, loses them or delays them, in each direction for itself.
#
#   pass      what comes goes on
#   hold      nothing goes on, nothing is lost: a network that stalls
#   drop      nothing goes on, not even that the other end has gone: a cable that is cut. What was
#             connected meanwhile is reset by the next order that lets bytes pass
#   a number  what comes goes on so many milliseconds later

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use Gateway;

# What lies in a wire at most before it stops reading.
use constant ROOM => 1 << 20;

# --- the test's side ---------------------------------------------------------

# Begins; each wire has a name and the port that it leads to.
sub start {
    my ($class, %to) = @_;

    my %held = map { $_ => Gateway::held_port() } keys %to;
    socketpair my $near, my $far, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "no socketpair: $!\n";
    $_->autoflush for $near, $far;
    my $parent = $$;
    my $pid    = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $near;
        $SIG{$_} = 'IGNORE' for qw(HUP INT PIPE);
        my %port  = map { $_ => $held{$_}->sockport } keys %held;
        my $lived = eval { serve(\%to, \%port, $far, $parent); 1 };
        print STDERR "wires: $@" if !$lived;
        POSIX::_exit(!$lived);
    }
    close $far;
    my $self = bless { held => \%held, control => $near, pid => $pid, owner => $parent }, $class;
    $self->ask('hello');
    return $self;
}

# Port of a wire's near end.
sub port { return $_[0]{held}{ $_[1] }->sockport }

# Names of all wires, or of those that match.
sub names {
    my ($self, $pattern) = @_;
    return grep { !defined $pattern || /$pattern/ } sort keys %{ $self->{held} };
}

# Both directions of some wires; there: towards the port; back: the other way.
sub set {
    my ($self, $how, @names) = @_;

    my %how = ref $how ? %$how : (there => $how, back => $how);
    $self->ask(join ' ', 'set', $_, map { $how{$_} // '-' } qw(there back)) for @names;
    return $self;
}

sub pass { my ($self, @names) = @_; return $self->set('pass', @names) }
sub hold { my ($self, @names) = @_; return $self->set('hold', @names) }
sub drop { my ($self, @names) = @_; return $self->set('drop', @names) }

# Breaks what is connected; new connections are made as before.
sub reset {
    my ($self, @names) = @_;

    $self->ask("reset $_") for @names;
    return $self;
}

# Leads to another port from the next connection on.
sub lead {
    my ($self, $name, $port) = @_;

    $self->ask("lead $name $port");
    return $self;
}

sub ask {
    my ($self, $order) = @_;

    print { $self->{control} } "$order\n";
    return readline($self->{control}) // die "the wires have died\n";
}

sub stop {
    my ($self) = @_;

    close delete $self->{control} or return;
    kill 'TERM', $self->{pid};    # processes that were started later hold that end, too
    waitpid $self->{pid}, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);
    $self->stop if $self->{control} && $self->{owner} == $$;
    return;
}

# --- the wires' side ---------------------------------------------------------

# A connection is two ends that know each other; an end has the bytes that go out there, each piece
# with its time.
sub serve {
    my ($to, $port, $control, $parent) = @_;

    my (%wire, %end);
    for my $name (keys %$to) {
        my $listener = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1', LocalPort => $port->{$name}, ReuseAddr => 1)
            or die "no listener: $!\n";
        $listener->blocking(0);
        $wire{$name} = { to => $to->{$name}, listener => $listener, there => 'pass', back => 'pass' };
    }
    my %by_listener = map { $_->{listener} => $_ } values %wire;

    while (getppid == $parent) {
        my $now  = time;
        my @ends = values %end;
        my @read = map { $_->{socket} } grep { may_read($_) } @ends;
        my @due  = grep { @{ $_->{out} } && how($_) !~ /^(?:hold|drop)/ } @ends;
        my ($next) = sort { $a <=> $b } map { $_->{out}[0][0] - $now } @due;
        my ($readable, $writable) = IO::Select->select(
            IO::Select->new($control, @read, map { $_->{listener} } values %wire),
            IO::Select->new(map { $_->{socket} } grep { $_->{out}[0][0] <= $now } @due),
            undef, !defined $next || $next > 0.5 || $next <= 0 ? 0.5 : $next,
        );
        for my $socket (@{ $readable || [] }) {
            if ($socket == $control) {
                my $order = readline($control) // return;
                obey(\%wire, \%end, split ' ', $order);
                print {$control} "done\n";
            }
            elsif (my $wire = $by_listener{$socket}) { join_ends($wire, \%end) }
            else                                     { take($end{$socket} || next) }
        }
        send_on($end{$_} || next) for @{ $writable || [] };
        sweep(\%end);
    }
    return;
}

# How a wire treats what goes out at an end.
sub how { return $_[0]{wire}{ $_[0]{side} } }

sub may_read {
    my ($end) = @_;

    my $other = $end->{other};
    return if $end->{has_read_all};
    return 1 if how($other) eq 'drop';
    return how($other) ne 'hold' && $other->{size} < ROOM;
}

sub join_ends {
    my ($wire, $ends) = @_;

    my $near = $wire->{listener}->accept or return;
    my $far  = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $wire->{to}, Proto => 'tcp') or return close $near;
    my ($back, $there) = map { { socket => $_, wire => $wire, out => [], size => 0 } } $near, $far;
    @{$back}{qw(side other)}  = ('back',  $there);
    @{$there}{qw(side other)} = ('there', $back);
    for my $end ($back, $there) {
        binmode $end->{socket};
        $end->{socket}->blocking(0);
        $ends->{ $end->{socket} } = $end;
    }
    return;
}

# Reads at an end what goes out at the other.
sub take {
    my ($end) = @_;

    my $other = $end->{other};
    my $got   = sysread $end->{socket}, my $bytes, 65536;
    return if !defined $got && $!{EAGAIN};
    my $how = how($other);
    if ($how eq 'drop') { $other->{has_lost} = 1 }
    else {
        push @{ $other->{out} }, [ time + ($how =~ /^\d/ ? $how / 1000 : 0), $got ? $bytes : undef ];
        $other->{size} += $got // 0;
    }
    $end->{has_read_all} = 1 if !$got;
    return;
}

sub send_on {
    my ($end) = @_;

    my $piece = $end->{out}[0] or return;
    if (defined $piece->[1]) {
        my $sent = syswrite $end->{socket}, $piece->[1];
        return $end->{is_over} = 1 if !defined $sent && !$!{EAGAIN};
        $end->{size} -= $sent // 0;
        substr $piece->[1], 0, $sent // 0, '';
        return if length $piece->[1];
    }
    else {
        shutdown $end->{socket}, 1;
        $end->{has_ended} = 1;
    }
    shift @{ $end->{out} };
    return;
}

# Closes what is over: an end that failed, and one with nothing to come from either side.
sub sweep {
    my ($ends) = @_;

    my @all = values %$ends;
    for my $end (@all) {
        my $other = $end->{other} or next;
        break($ends, $end) if $end->{is_over} || $end->{has_ended} && $other->{has_ended};
    }
    return;
}

sub break {
    my ($ends, $end) = @_;

    for my $part ($end, $end->{other}) {
        delete $ends->{ $part->{socket} } or next;
        setsockopt $part->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0 if !$part->{has_ended};
        close $part->{socket};
    }
    delete $end->{other}{other};
    delete $end->{other};
    return;
}

sub obey {
    my ($wire, $ends, $order, $name, @values) = @_;

    return if $order eq 'hello';
    my $it = $wire->{$name} or die "no wire $name\n";
    if ($order eq 'lead') { $it->{to} = $values[0] }
    if ($order eq 'set') {
        for my $side (qw(there back)) {
            my $value = shift @values;
            $it->{$side} = $value if $value ne '-';
        }
    }
    my @its = grep { $_->{wire} == $it } values %$ends;
    for my $end (@its) {
        next if !$end->{other};
        my $is_lost = grep { $_->{has_lost} && how($_) ne 'drop' } $end, $end->{other};
        break($ends, $end) if $order eq 'reset' || $is_lost;
    }
    return;
}

1;
