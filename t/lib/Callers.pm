package Callers;

# Many callers at once, in a process of its own. Each alert key has one caller, who sends its next
# event only when the one before was answered: trigger and recovery by turns, numbered in their
# titles. So the order in which the events of a key were written down is known.
#
# Or, with `lives`, as BlueKing does it: an alert fires, may fire on, and ends with its recovery;
# what fires then is another alert, with a key of its own.

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Gateway;

# --- the test's side ---------------------------------------------------------

# port, or ports (an event goes to any of them); log: a file; name: what the keys begin with; keys: how many; events: of
# each key, endless when undefined; at_once: how many keys have an event on its
# way; rate: events a second at most; levels: the severities of the triggers; lives: the most events
# of an alert
sub start {
    my ($class, %callers) = @_;

    pipe my $end, my $goes_on or die "cannot pipe: $!\n";
    open my $log, '>', $callers{log} or die "cannot write $callers{log}: $!\n";
    $log->autoflush;

    my $seed = int rand 2**31;
    my $pid  = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $goes_on;
        srand $seed;
        my $lived = eval { $class->send_all(%callers, end => $end, log => $log); 1 };
        print STDERR "callers: $@" if !$lived;
        POSIX::_exit(!$lived);
    }
    return bless { log => $callers{log}, pid => $pid, goes_on => $goes_on }, $class;
}

# [KEY, NUMBER, STATUS, OUTCOME, TIME, PLACE] of every event that was answered so far, in the order
# of the answers, with the time of sending and the number of its port; an event without an answer has
# the status "none".
sub answers {
    my ($self) = @_;

    open my $log, '<', $self->{log} or die "cannot read $self->{log}: $!\n";
    chomp(my @lines = <$log>);
    return map {
        my ($sent, $key, $number, $place, $status, $outcome) = split / /, $_, 6;
        [ $key, $number, $status, $outcome, $sent, $place ]
    } @lines;
}

# Number of answers so far.
sub count {
    my ($self) = @_;

    if (!$self->{reader}) { open $self->{reader}, '<', $self->{log} or die "cannot read $self->{log}: $!\n" }
    seek $self->{reader}, 0, 1;
    my $reader = $self->{reader};
    1 while <$reader>;
    return $.;
}

# Waits for so many more answers.
sub goes_on {
    my ($self, $count) = @_;

    my $goal = $self->count + $count;
    return eventually { $self->count >= $goal };
}

# Begins no further event, or sends the rest where their number is fixed. Returns all answers.
sub finish {
    my ($self) = @_;

    if (my $goes_on = delete $self->{goes_on}) {
        syswrite $goes_on, '.';    # other callers may hold that end as well
        waitpid $self->{pid}, 0;
        die "the callers have died\n" if $?;
    }
    return $self->answers;
}

# --- the callers' side -------------------------------------------------------

sub send_all {
    my ($class, %callers) = @_;

    my $self = bless {
        at_once => 50, rate => 1e9, levels => [ 1, 2, 3 ], %callers,
        idle   => [ map { { key => "$callers{name}-$_", sent => 0, level => $_ } } 1 .. $callers{keys} ],
        open   => {},
        select => IO::Select->new,
    }, $class;
    $self->{ports} //= [ $callers{port} ];
    begin_life($_, $self->{lives}) for $self->{lives} ? @{ $self->{idle} } : ();
    $self->{select}->add($self->{end}) if !defined $self->{events};

    my $started = time;
    my $sent    = 0;
    while (@{ $self->{idle} } && !$self->{has_end} || %{ $self->{open} }) {
        my $wait = $started + $sent / $self->{rate} - time;
        if ($wait <= 0 && !$self->{has_end} && @{ $self->{idle} } && keys %{ $self->{open} } < $self->{at_once}) {
            $sent += $self->send_next;
            $wait = 0;
        }
        elsif ($wait <= 0 || !@{ $self->{idle} }) {
            $wait = Client::PATIENCE;
        }
        $self->listen($wait) or $wait < Client::PATIENCE or $self->give_up;
    }
    return;
}

# Sends the next event of any key; does nothing when nobody can be reached.
sub send_next {
    my ($self) = @_;

    my $place  = int rand @{ $self->{ports} };
    my $caller = eval { Client->connect($self->{ports}[$place]) };
    if (!$caller) {
        select undef, undef, undef, 0.02;
        return 0;
    }
    my $alert = splice @{ $self->{idle} }, rand @{ $self->{idle} }, 1;
    $alert->{sent}++;
    $alert->{at}    = time;
    $alert->{place} = $place;
    $caller->send(Client->compose('POST', '/blueking', $self->body($alert), Connection => 'close'));
    $self->{open}{ $caller->socket } = { client => $caller, alert => $alert };
    $self->{select}->add($caller->socket);
    return 1;
}

sub body {
    my ($self, $alert) = @_;

    my $levels   = $self->{levels};
    my $is_over  = $alert->{length} ? $alert->{sent} == $alert->{length} : $alert->{sent} % 2 == 0;
    return alert(
        type     => $is_over ? 'RECOVERY_NOTICE' : 'ANOMALY_NOTICE',
        event    => { id   => $alert->{key}, event_id => $alert->{key}, level => $levels->[ $alert->{level} % @$levels ] },
        strategy => { name => "event $alert->{sent}" },
    );
}

# Takes what arrives during the wait; returns how many things arrived.
sub listen {
    my ($self, $seconds) = @_;

    my @readable = $self->{select}->can_read($seconds);
    for my $socket (@readable) {
        if ($socket == $self->{end}) {
            $self->{select}->remove($socket);
            $self->{has_end} = 1;
            next;
        }
        my $call = delete $self->{open}{$socket};
        $self->{select}->remove($socket);
        $self->note($call->{alert}, $call->{client}->response->verdict || 'none');
    }
    return scalar @readable;
}

sub note {
    my ($self, $alert, $verdict) = @_;

    printf { $self->{log} } "%.3f %s %d %d %s\n", $alert->{at}, $alert->{key}, $alert->{sent}, $alert->{place}, $verdict;
    begin_life($alert, $self->{lives}) if $alert->{length} && $alert->{sent} >= $alert->{length};
    push @{ $self->{idle} }, $alert if $alert->{sent} < ($self->{events} // 'inf');
    return;
}

# The next alert of a caller: its events are two, or up to so many.
sub begin_life {
    my ($alert, $most) = @_;

    $alert->{name} //= $alert->{key};
    $alert->{key}    = "$alert->{name}." . ++$alert->{life};
    $alert->{sent}   = 0;
    $alert->{length} = 2 + int rand $most - 1;
    return;
}

# Gives up: nobody answers any more.
sub give_up {
    my ($self) = @_;

    $self->note($_->{alert}, 'late') for values %{ $self->{open} };
    $self->{open}    = {};
    $self->{has_end} = 1;
    return;
}

1;
