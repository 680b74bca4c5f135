package Client;

# An HTTP/1.1 caller with a raw socket: whole requests for everyday use, single
# bytes where a test needs them.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use Response;

# Seconds to wait for what should come at once. Under valgrind and the like everything takes many
# times as long.
use constant IS_SLOW => $ENV{TEST_NGINX_PREFIX_CMD} || $ENV{TEST_NGINX_VALGRIND} ? 1 : 0;

# Seconds to wait for a condition on a machine that is busy with other things.
use constant PATIENCE => IS_SLOW ? 60 : 30;

sub connect {
    my ($class, $port) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "cannot connect to port $port: $!\n";
    binmode $socket;
    return bless { socket => $socket, in => '' }, $class;
}

sub reaches {
    my ($class, $port) = @_;
    return defined eval { $class->connect($port) };
}

sub socket { return $_[0]{socket} }

sub send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes;
        return $self if !defined $sent;    # nginx may answer and close early
        substr($bytes, 0, $sent, '');
    }
    return $self;
}

# Text of a request. Adds Content-Length for a body, unless the headers give the length themselves.
sub compose {
    my ($class, $method, $uri, $body, @headers) = @_;

    my $text = "$method $uri HTTP/1.1\r\nHost: localhost\r\n";
    my $framed;
    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
        $framed ||= $name =~ /^(?:Content-Length|Transfer-Encoding)$/i;
    }
    $text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body && !$framed;
    return "$text\r\n" . ($body // '');
}

sub chunked {
    my ($class, $body, $size) = @_;

    my $text = '';
    $text .= sprintf("%x\r\n", length) . "$_\r\n" for unpack "(a$size)*", $body;
    return "${text}0\r\n\r\n";
}

sub request {
    my ($self, $method, @rest) = @_;
    return $self->send($self->compose($method, @rest))->response($method);
}

# Next answer on this connection; interim answers are skipped.
sub response {
    my ($self, $method) = @_;

    my $head;
    do {
        $head = $self->take(sub { $_[0] =~ s/\A(.*?\r\n)\r\n//s ? $1 : undef });
        return Response->none if !defined $head;
    } while $head =~ m{\AHTTP/1\.1 1\d\d};

    my $response = Response->parse($head);
    return $response if ($method // '') eq 'HEAD' || $response->status =~ /^(?:204|304)$/;

    my $length = $response->header('Content-Length');
    my $whole
        = defined $length
        ? sub { length $_[0] >= $length ? substr $_[0], 0, $length, '' : undef }
        : \&whole_chunked;
    $response->{body} = $self->take($whole) // "incomplete: $self->{in}";
    return $response;
}

sub whole_chunked {
    my $body = '';
    pos($_[0]) = 0;
    while ($_[0] =~ /\G([0-9a-f]+)\r\n/gci) {
        my $size = hex $1;
        my $at   = pos $_[0];
        return if length $_[0] < $at + $size + 2;
        $body .= substr $_[0], $at, $size;
        pos($_[0]) = $at + $size + 2;
        next if $size;
        substr $_[0], 0, $at + 2, '';
        return $body;
    }
    return;
}

# Reads until the taker has cut its part from the input.
sub take {
    my ($self, $taker) = @_;

    my $deadline = time + PATIENCE;
    while (1) {
        my $taken = $taker->($self->{in});
        return $taken if defined $taken;
        my $left = $deadline - time;
        return undef if $left <= 0 || !IO::Select->new($self->{socket})->can_read($left);
        return undef if !sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    }
}

# True when nginx closed the connection and sent nothing more.
sub is_closed {
    my ($self) = @_;

    return $self->{in} eq ''
        && IO::Select->new($self->{socket})->can_read(PATIENCE)
        && !sysread $self->{socket}, $self->{in}, 1;
}

sub leave {
    my ($self) = @_;

    close $self->{socket};
    return;
}

sub reset {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
    close $self->{socket};
    return;
}

1;
