package Oracle;

# Judges the fate of events. It is told once what the caller of each heard, in the order of sending
# within a key; then what arrived at Flashduty, in its order. It names everything that must not be.

use strict;
use warnings;

sub new { return bless { answers => {}, highest => {}, taken => {}, wrong => [], repeats => 0 }, $_[0] }

# Takes answers in the form of Callers.
sub hears {
    my ($self, @answers) = @_;

    for my $answer (@answers) {
        my ($key, $number, $status, $outcome) = @$answer;
        $self->{answers}{$key}{$number} = join ' ', grep {defined} $status, $outcome;
        $self->{events}++;
    }
    return $self;
}

# Takes arrivals in the form of Flashduty.
sub sees {
    my ($self, @arrivals) = @_;

    for my $arrival (@arrivals) {
        my (undef, $is_taken, $key, $title) = @$arrival;
        my ($number) = $title =~ / event (\d+)\z/;
        if (!defined $number || !$self->{answers}{$key}{$number}) {
            push @{ $self->{wrong} }, "$key, \"$title\": came and was never sent";
            next;
        }
        my $highest = $self->{highest}{$key} // 0;
        push @{ $self->{wrong} }, "$key: event $number came after $highest" if $number < $highest;
        $self->{repeats}++                    if $self->{taken}{$key}{$number};
        $self->{highest}{$key} = $number      if $number > $highest;
        $self->{taken}{$key}{$number} = 1     if $is_taken;
    }
    return $self;
}

# All violations: an event that came after a newer one of its key, an event whose caller heard 2xx
# and that was never taken.
sub verdict {
    my ($self) = @_;

    my @wrong = @{ $self->{wrong} };
    for my $key (sort keys %{ $self->{answers} }) {
        my $answers = $self->{answers}{$key};
        for my $number (sort { $a <=> $b } keys %$answers) {
            push @wrong, "$key: event $number was answered $answers->{$number} and never came"
                if $answers->{$number} =~ /^2/ && !$self->{taken}{$key}{$number};
        }
    }
    return @wrong;
}

# Number of events with each answer.
sub outcomes {
    my ($self) = @_;

    my %count;
    $count{$_}++ for map { values %$_ } values %{ $self->{answers} };
    return \%count;
}

# Number of times an event was taken again.
sub repeats { return $_[0]{repeats} }

# Summary for the log of a test.
sub figures {
    my ($self) = @_;

    my $outcomes = $self->outcomes;
    my $keys     = keys %{ $self->{answers} };
    return sprintf '%d events of %d keys: %s; %d taken more than once', $self->{events} // 0, $keys,
        join(', ', map {"$outcomes->{$_} $_"} sort keys %$outcomes), $self->{repeats};
}

1;
