package EventRules;

# Rules of Flashduty's standard alert event, and of the request that carries it: all of them, as a
# list of sentences about what is broken.

use strict;
use warnings;

use B ();
use JSON::PP;

my %HEADERS  = map { $_ => 1 } 'Host', 'Content-Type', 'Content-Length', 'Connection', 'Accept-Encoding';
my %STATUSES = map { $_ => 1 } qw(Critical Warning Info Ok);
my %FIELDS   = map { $_ => 1 } qw(title_rule event_status alert_key description labels images);
my %LIMITS   = (title_rule => 512, alert_key => 255, description => 2048);

my $UTF8 = qr/
      [\x00-\x7f]
    | [\xc2-\xdf] [\x80-\xbf]
    | \xe0 [\xa0-\xbf] [\x80-\xbf]
    | [\xe1-\xec\xee\xef] [\x80-\xbf]{2}
    | \xed [\x80-\x9f] [\x80-\xbf]
    | \xf0 [\x90-\xbf] [\x80-\xbf]{2}
    | [\xf1-\xf3] [\x80-\xbf]{3}
    | \xf4 [\x80-\x8f] [\x80-\xbf]{2}
/x;

sub violations {
    my ($push, @allowed_headers) = @_;
    return (request_violations($push, @allowed_headers), body_violations($push->{body}));
}

sub request_violations {
    my ($push, @allowed) = @_;

    my ($path, $arguments) = split /\?/, $push->{uri}, 2;
    my %seen;
    push @{ $seen{ $_->[0] } }, $_->[1] for @{ $push->{headers} };
    my %expected = (%HEADERS, map { $_ => 1 } @allowed);

    my @found;
    push @found, "method $push->{method}" if $push->{method} ne 'POST';
    push @found, "path $path"             if $path ne '/event/push/alert/standard';
    push @found, 'no integration_key'     if ($arguments // '') !~ /(?:^|&)integration_key=[^&]+/;
    push @found, "header $_"              for grep { !$expected{$_} } sort keys %seen;
    push @found, "header $_ twice"        for grep { @{ $seen{$_} } > 1 } sort keys %seen;

    my $type = ($seen{'Content-Type'} || ['none'])->[0];
    push @found, "Content-Type $type" if $type ne 'application/json; charset=utf-8';
    my $encoding = ($seen{'Accept-Encoding'} || ['identity'])->[0];
    push @found, "Accept-Encoding $encoding" if $encoding ne 'identity';
    my $length = ($seen{'Content-Length'} || ['none'])->[0];
    push @found, "Content-Length $length" if $length ne length $push->{body};
    return @found;
}

sub body_violations {
    my ($body) = @_;

    my $text = $body;
    # A single "(?:...)*" would give up after 65534 characters.
    return 'no UTF-8' if $body =~ s/$UTF8//gr ne '' || !utf8::decode($text);
    my $event = eval { JSON::PP->new->decode($text) };
    return "no JSON: $@"  if $@;
    return 'no object'    if ref $event ne 'HASH';

    my @found = map {"member $_ twice"} repeated_members($text);
    push @found, "unknown field $_" for grep { !$FIELDS{$_} } sort keys %$event;
    push @found, "no $_"            for grep { !exists $event->{$_} } qw(title_rule event_status);
    for my $field (sort keys %LIMITS) {
        next if !exists $event->{$field};
        push @found, string_violations($field, $event->{$field}, $LIMITS{$field});
    }

    my $status = $event->{event_status} // '';
    push @found, "event_status $status"    if !$STATUSES{$status};
    push @found, 'Ok without an alert_key' if $status eq 'Ok' && !length($event->{alert_key} // '');
    push @found, 'title is a template'     if ($event->{title_rule} // '') =~ /\[TPL\]/i;
    push @found, label_violations($event->{labels}) if exists $event->{labels};
    push @found, 'images is no array' if exists $event->{images} && ref $event->{images} ne 'ARRAY';
    return @found;
}

sub label_violations {
    my ($labels) = @_;

    return 'labels is no object' if ref $labels ne 'HASH';
    my @found;
    push @found, keys(%$labels) . ' labels' if keys %$labels > 50;
    for my $name (sort keys %$labels) {
        push @found, "label name $name" if $name !~ /\A[a-zA-Z_][a-zA-Z0-9_]{0,127}\z/;
        push @found, string_violations("label $name", $labels->{$name}, 2048);
    }
    return @found;
}

sub string_violations {
    my ($what, $value, $limit) = @_;

    return "$what is no string" if !is_string($value);
    return "$what is empty"     if $value eq '';
    return "$what has " . length($value) . ' characters' if length $value > $limit;
    return;
}

sub is_string {
    my ($value) = @_;
    return defined $value && !ref $value && B::svref_2object(\$value)->FLAGS & B::SVp_POK;
}

# JSON::PP takes the last of two members with one name and says nothing.
sub repeated_members {
    my ($text) = @_;

    my (@seen, @repeated);
    while ($text =~ /\G.*?(?:("(?:[^"\\]++|\\.)*+")(\s*:)?|([{}]))/gcs) {
        my ($string, $is_name, $brace) = ($1, $2, $3 // '');
        if    ($brace eq '{') { push @seen, {} }
        elsif ($brace eq '}') { pop @seen }
        elsif ($is_name)      { push @repeated, $string if $seen[-1]{$string}++ }
    }
    return @repeated;
}

1;
