package Response;

# An HTTP answer for tests to look at.

use strict;
use warnings;

use JSON::PP;

sub none { return bless { status => '', headers => {}, body => '' }, $_[0] }

sub parse {
    my ($class, $head) = @_;

    my ($line, @fields) = split /\r\n/, $head;
    my ($status) = $line =~ m{\AHTTP/1\.\d (\d{3})};
    my %headers;
    for my $field (@fields) {
        my ($name, $value) = split /:\s*/, $field, 2;
        push @{ $headers{ lc $name } }, $value;
    }
    return bless { status => $status // '', headers => \%headers, body => '' }, $class;
}

sub status { return $_[0]{status} }
sub body   { return $_[0]{body} }

sub header {
    my ($self, $name) = @_;
    return join ', ', @{ $self->{headers}{ lc $name } || return };
}

sub json { return eval { JSON::PP->new->utf8->decode($_[0]{body}) } || {} }

sub outcome { return $_[0]->json->{outcome} // '' }
sub reason  { return $_[0]->json->{reason}  // '' }

# "502 refused", the two things most tests ask for.
sub verdict { return join ' ', grep { length } $_[0]->status, $_[0]->outcome }

# Members of a flat object of strings, in the order of the text.
sub members {
    my ($self) = @_;

    my @names;
    my $text   = $self->{body};
    my $string = qr/"((?:[^"\\]|\\.)*)"/s;
    push @names, $1 while $text =~ /\G[{,]\s*$string\s*:\s*$string\s*/gc;
    return join ' ', @names;
}

1;
