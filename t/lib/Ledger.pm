package Ledger;

# Compares the answers to a gateway's callers with the events that its Flashduty has taken: a 2xx is
# a promise.

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep time);

use BlueKing;
use Client;
use Gateway;

# Seconds of patience: a target that was away is tried only after seconds.
use constant PATIENCE => 6 * Client::PATIENCE;

# `name` begins the keys of its own alerts.
sub new {
    my ($class, $gateway, $name) = @_;
    return bless { gateway => $gateway, name => $name // 'ledger', sent => 0, told => {} }, $class;
}

# Sends an alert with a key of its own, which may be padded; returns the verdict.
sub post {
    my ($self) = @_;

    my $id = "$self->{name}-" . ++$self->{sent};
    my $verdict
        = $self->{gateway}->post('/blueking', alert(event => { id => $id, event_id => $id }, padding => 'x' x ($self->{padding} // 0)))->verdict;
    $self->note($id, $verdict);
    return $verdict;
}

# Notes the answers to a Load; returns its rate, and the number of each answer, for the test's own
# notes.
sub note_load {
    my ($self, $load) = @_;

    my ($rate, @answers) = $load->finish;
    for my $answer (@answers) {
        my ($key, $verdict) = $answer =~ /^(\S+) (\S+ \S+)/;
        $self->note($key, $verdict);
    }
    my %times;
    $times{$_}++ for values %{ $self->{told} };
    return join ', ', $rate, map {"$times{$_} $_"} sort keys %times;
}

sub note {
    my ($self, $key, $verdict) = @_;

    $self->{told}{$key} = $verdict;
    return;
}

# Verdicts of so many alerts, each verdict once.
sub verdicts_of {
    my ($self, $count) = @_;

    my %verdicts = map { $self->post => 1 } 1 .. $count;
    return join ', ', sort keys %verdicts;
}

# Verdicts of the alerts sent for so many seconds, each verdict once.
sub verdicts_for {
    my ($self, $seconds) = @_;

    my %verdicts;
    my $end = time + $seconds;
    $verdicts{ $self->post } = 1 while time < $end;
    return join ', ', sort keys %verdicts;
}

# Sends alerts until one gets the verdict.
sub post_until {
    my ($self, $verdict) = @_;
    return eventually { $self->post eq $verdict };
}

sub told {
    my ($self, $verdict) = @_;
    return grep { $self->{told}{$_} eq $verdict } sort keys %{ $self->{told} };
}

# Keys that were promised and not taken, once nothing more arrives.
sub broken {
    my ($self) = @_;

    my ($least, $deadline) = 'inf';
    my @missing;
    while (1) {
        my %taken = map { $_->[2] => 1 } grep { $_->[1] } $self->{gateway}->flashduty->arrivals;
        @missing = grep { $self->{told}{$_} =~ /^2/ && !$taken{$_} } sort keys %{ $self->{told} };
        ($least, $deadline) = (scalar @missing, time + PATIENCE) if @missing < $least;
        last if !@missing || time > $deadline;
        sleep 0.05;
    }
    my @first = splice @missing, 0, 10;
    return join ' ', (map {"$_ ($self->{told}{$_})"} @first), @missing ? 'and ' . @missing . ' more' : ();
}

1;
