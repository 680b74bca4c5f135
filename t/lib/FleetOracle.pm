package FleetOracle;

# Judges what a fleet has done with events whose order of answers is known. It is told what callers
# heard, which events are dead letters, what arrived, and when which edge was without the fleet; it
# names everything that must not be.
#
# Where an edge was without the fleet, events that it took may overtake others or be overtaken; but
# in the end the last that Flashduty hears of an alert is its last event, everywhere.

use strict;
use warnings;

use List::Util qw(any first max min);

# Members of an arrival; see Flashduty and the headers that a fleet's edges send.
use constant { AT => 0, TAKEN => 1, KEY => 2, TITLE => 3, EDGE => 4, DELIVERER => 5, CALLER => 6 };

# edges: names, in the order of the callers' places; margin: seconds by which nobody knows exactly
# when an edge was away
sub new {
    my ($class, %oracle) = @_;
    return bless { margin => 2, %oracle, (map { $_ => {} } qw(event first last came away)), wrong => [], repeats => 0 }, $class;
}

# Takes answers in the form of Callers.
sub hears {
    my ($self, @answers) = @_;

    for my $answer (@answers) {
        my ($key, $number, $status, $outcome, $sent, $place) = @$answer;
        $self->{event}{$key}{$number} = {
            told => join(' ', grep {defined} $status, $outcome), is_safe => scalar($status =~ /^2/), sent => $sent,
            edge => $self->{edges}[ $place // 0 ],
        };
    }
    return $self;
}

# An edge was without the fleet between two times.
sub was_away {
    my ($self, $edge, $from, $until) = @_;

    push @{ $self->{away}{$edge} }, [ $from - $self->{margin}, $until + $self->{margin} ];
    return $self;
}

sub is_away {
    my ($self, $edge, $from, $until) = @_;
    return any { $_->[0] <= $until && $_->[1] >= $from } @{ $self->{away}{$edge} || [] };
}

sub buries {
    my ($self, $key, $title, $reason) = @_;

    my ($number) = $title =~ / event (\d+)\z/ or die "no event: $title\n";
    my $event = $self->{event}{$key}{$number} or return $self;
    $event->{dead} = $reason // '';
    return $self;
}

# Takes arrivals in the form of Flashduty. A delivery without the spool is out of any order.
sub sees {
    my ($self, @arrivals) = @_;

    for my $arrival (@arrivals) {
        my ($at, $is_taken, $key, $title, $edge) = @$arrival;
        my ($number) = $title =~ / event (\d+)\z/;
        my $event = defined $number ? $self->{event}{$key}{$number} : undef;
        if (!$event) {
            push @{ $self->{wrong} }, "$key, \"$title\": came and was never sent";
            next;
        }
        if (length($arrival->[CALLER] // '')) {
            $event->{is_live} ||= $event->{taken} ||= $is_taken;
            next;
        }
        $self->overtaken($key, $number, $at) if !$event->{first};
        $event->{first} //= $at;
        next if !$is_taken;
        $self->{repeats}++ if $event->{taken}++;
        $self->{last}{$key} = $number;
    }
    return $self;
}

# Notes an event that comes for the first time, behind a newer one of its key. That may be where its
# caller heard nothing, or where one of the two was taken by an edge that was away.
sub overtaken {
    my ($self, $key, $number, $at) = @_;

    my $events = $self->{event}{$key};
    my $newer  = first { $_ > $number && $events->{$_}{first} } sort { $a <=> $b } keys %$events;
    return if !defined $newer;
    my ($old, $new) = @{$events}{ $number, $newer };
    return if !$old->{is_safe};
    my $is_excused = any { $self->is_away($_->{edge}, $old->{sent}, $at) } $old, $new;
    if   ($is_excused) { $self->{excused}++ }
    else               { push @{ $self->{wrong} }, sprintf '%s: event %d by %s came after %d by %s', $key, $number, $old->{edge}, $newer, $new->{edge} }
    return;
}

# All violations.
sub verdict {
    my ($self) = @_;

    my @wrong = @{ $self->{wrong} };
    for my $key (sort keys %{ $self->{event} }) {
        my $events = $self->{event}{$key};
        for my $number (sort { $a <=> $b } keys %$events) {
            my $event = $events->{$number};
            push @wrong, "$key: event $number is a dead letter without a reason" if defined $event->{dead} && $event->{dead} !~ /\S/;
            push @wrong, "$key: event $number, by $event->{edge}, was answered $event->{told} and never came"
                if $event->{is_safe} && !$event->{taken} && !defined $event->{dead};
        }
        push @wrong, $self->wrong_end($key);
    }
    return @wrong;
}

# The last that arrives of a key is its last event; one whose caller heard nothing may be it or not,
# and one that went without the spool is not known to those who have the others.
sub wrong_end {
    my ($self, $key) = @_;

    my $events = $self->{event}{$key};
    my $last   = $self->{last}{$key} // return;
    my $should = max grep { $events->{$_}{is_safe} && !$events->{$_}{is_live} && !defined $events->{$_}{dead} } keys %$events;
    return if !defined $should || $last >= $should || !$events->{$last}{is_safe};
    return sprintf '%s: the last to arrive was event %d by %s, not %d by %s', $key, $last, $events->{$last}{edge}, $should, $events->{$should}{edge};
}

# Places where all edges together pushed more than so many in a stretch of so many seconds; $late as
# in Oracle.
sub over_rate {
    my ($self, $seconds, $most, $late, @arrivals) = @_;

    my @times = map { $_->[AT] } grep { !length($_->[CALLER] // '') } @arrivals;
    my @over;
    for my $last ($most .. $#times) {
        my $apart = $times[$last] - $times[ $last - $most ];
        next if $apart > $seconds || $apart > $seconds - $late->($times[ $last - $most ] - 1, $times[$last] + 1);
        push @over, sprintf '%d pushes within %.2f s, at %.2f, by %s', $most + 1, $apart, $times[$last],
            join ' ', do { my %by = map { $_->[EDGE] => 1 } grep { $_->[AT] >= $times[ $last - $most ] && $_->[AT] <= $times[$last] } @arrivals; sort keys %by };
    }
    return @over;
}

# Pushes of an edge that led no more for longer than the grace, while it was not away. @terms: [TIME,
# TERM, EDGE] as seen one after the other.
sub behind_grace {
    my ($self, $grace, $terms, @arrivals) = @_;

    my @late;
    for my $arrival (grep { !length($_->[CALLER] // '') } @arrivals) {
        my ($at, $edge) = @{$arrival}[ AT, EDGE ];
        # The last term that was seen this long ago, and whether the edge has had one since.
        my $then  = (grep { $_->[0] <= $at - $grace } @$terms)[-1] or next;
        my $since = any { $_->[2] eq $edge && $_->[0] >= $then->[0] && $_->[0] <= $at + $grace } @$terms;
        next if $since || $self->is_away($edge, $at - $grace, $at);
        push @late, sprintf '%s pushed "%s" of %s at %.2f, when %s had led with term %s for %.1f s', $edge, @{$arrival}[ TITLE, KEY ], $at,
            $then->[2], $then->[1], $at - $then->[0];
    }
    return @late;
}

sub outcomes {
    my ($self) = @_;

    my %count;
    $count{ $_->{told} }++ for map { values %$_ } values %{ $self->{event} };
    return \%count;
}

sub figures {
    my ($self) = @_;

    my $outcomes = $self->outcomes;
    my @events   = map { values %$_ } values %{ $self->{event} };
    return sprintf '%d events of %d alerts: %s; %d taken more than once, %d out of order by an edge that was away, %d dead letters',
        scalar @events, scalar keys %{ $self->{event} }, join(', ', map {"$outcomes->{$_} $_"} sort keys %$outcomes),
        $self->{repeats}, $self->{excused} // 0, scalar grep { defined $_->{dead} } @events;
}

1;
