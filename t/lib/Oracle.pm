package Oracle;

# Judges the fate of events. It is told once what the caller of each heard, in the order of sending
# within a key; then which became dead letters, and what arrived at Flashduty, in its order. It names
# everything that must not be.

use strict;
use warnings;

# Members of an arrival. The last two are there where Flashduty notes them: process that pushed it,
# and caller, empty when it came from the spool.
use constant { AT => 0, TAKEN => 1, KEY => 2, TITLE => 3, DELIVERER => 4, CALLER => 5 };

sub new {
    my %nothing = map { $_ => {} } qw(answers sent highest taken dead pushed);
    return bless { %nothing, wrong => [], repeats => 0, live => 0 }, $_[0];
}

# Takes answers in the form of Callers.
sub hears {
    my ($self, @answers) = @_;

    for my $answer (@answers) {
        my ($key, $number, $status, $outcome, $sent) = @$answer;
        $self->{answers}{$key}{$number} = join ' ', grep {defined} $status, $outcome;
        $self->{sent}{$key}{$number} = $sent;
        $self->{events}++;
    }
    return $self;
}

# Takes a dead letter: its key, title and reason, and when it was seen; of each only the first time
# counts.
sub buries {
    my ($self, $key, $title, $reason, $at) = @_;

    my ($number) = $title =~ / event (\d+)\z/ or die "no event: $title\n";
    $self->{dead}{$key}{$number} //= { reason => $reason, at => $at };
    return $self;
}

# Takes arrivals in the form of Flashduty. Pushes without the spool may arrive at any time.
sub sees {
    my ($self, @arrivals) = @_;

    for my $arrival (@arrivals) {
        my ($is_taken, $key, $title) = @{$arrival}[ TAKEN, KEY, TITLE ];
        my ($number) = $title =~ / event (\d+)\z/;
        if (!defined $number || !$self->{answers}{$key}{$number}) {
            push @{ $self->{wrong} }, "$key, \"$title\": came and was never sent";
            next;
        }
        $self->{repeats}++                if $self->{taken}{$key}{$number};
        $self->{taken}{$key}{$number} = 1 if $is_taken;
        if (length($arrival->[CALLER] // '')) {
            $self->{live}++;
            next;
        }
        push @{ $self->{pushed}{ $arrival->[DELIVERER] } }, $arrival->[AT] if defined $arrival->[DELIVERER];
        my $highest = $self->{highest}{$key} // 0;
        push @{ $self->{wrong} }, "$key: event $number came after $highest" if $number < $highest;
        $self->{highest}{$key} = $number if $number > $highest;
    }
    return $self;
}

# All violations: an event that came after a newer one of its key, an event whose caller heard 2xx
# and that was never taken and is no dead letter, a dead letter without a reason.
sub verdict {
    my ($self) = @_;

    my @wrong = @{ $self->{wrong} };
    for my $key (sort keys %{ $self->{answers} }) {
        my $answers = $self->{answers}{$key};
        for my $number (sort { $a <=> $b } keys %$answers) {
            my $dead = $self->{dead}{$key}{$number};
            push @wrong, "$key: event $number is a dead letter without a reason" if $dead && $dead->{reason} !~ /\S/;
            push @wrong, "$key: event $number was answered $answers->{$number} and never came"
                if $answers->{$number} =~ /^2/ && !$self->{taken}{$key}{$number} && !$dead;
        }
    }
    return @wrong;
}

# Dead letters younger than so many seconds when they were seen, but for keys that are refused.
sub too_young {
    my ($self, $max_age, $refused) = @_;

    my @young;
    for my $key (grep { !/$refused/ } sort keys %{ $self->{dead} }) {
        for my $number (sort { $a <=> $b } keys %{ $self->{dead}{$key} }) {
            my $dead = $self->{dead}{$key}{$number};
            my $age  = $dead->{at} - ($self->{sent}{$key}{$number} // 0);
            push @young, sprintf '%s: event %d is dead after %.1f s: %s', $key, $number, $age, $dead->{reason} if $age < $max_age;
        }
    }
    return @young;
}

# Places where one process pushed more than so many in a stretch of so many seconds. On a busy machine
# some pushes arrive later than others: $late gives by how much at most, between two times.
sub over_rate {
    my ($self, $seconds, $most, $late) = @_;

    my @over;
    for my $deliverer (sort keys %{ $self->{pushed} }) {
        my @times = @{ $self->{pushed}{$deliverer} };
        for my $last ($most .. $#times) {
            my $apart = $times[$last] - $times[ $last - $most ];
            next if $apart > $seconds || $apart > $seconds - $late->($times[ $last - $most ] - 1, $times[$last] + 1);
            push @over, sprintf '%d pushes of process %s within %.2f s, at %.2f', $most + 1, $deliverer, $apart, $times[$last];
        }
    }
    return @over;
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
    my $dead     = map { keys %$_ } values %{ $self->{dead} };
    return sprintf '%d events of %d keys: %s; %d taken more than once, %d dead letters, %d pushes without the spool',
        $self->{events} // 0, $keys, join(', ', map {"$outcomes->{$_} $_"} sort keys %$outcomes), $self->{repeats}, $dead,
        $self->{live};
}

1;
