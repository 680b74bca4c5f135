package Http2;

# An HTTP/2 caller with prior knowledge: posts, reads answers, resets streams. Headers go out as
# literals without indexing; only the status and the body of an answer are read.

use strict;
use warnings;

use parent 'Client';

use Response;

use constant { DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6, GOAWAY => 7 };
use constant { END_STREAM => 1, ACK => 1, END_HEADERS => 4, CANCEL => 8 };
use constant FRAME_MAX => 16384;

# Statuses of HPACK's static table, from index 8.
my @INDEXED = qw(200 204 206 304 400 404 500);

sub connect {
    my ($class, $port) = @_;

    my $self = $class->SUPER::connect($port);
    $self->{next_stream} = 1;
    $self->{answers}     = {};
    $self->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(SETTINGS, 0, 0, ''));
    return $self;
}

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

sub literal {
    my ($name, $value) = @_;
    return pack 'C C/a C/a', 0, $name, $value;
}

# Sends a whole request; returns its stream.
sub post {
    my ($self, $uri, $body, @headers) = @_;

    my $stream = $self->{next_stream};
    $self->{next_stream} += 2;

    my @fields = (':method', 'POST', ':scheme', 'http', ':path', $uri, ':authority', 'localhost', @headers);
    my $block  = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= literal($name, $value);
    }
    my @parts = unpack '(a' . FRAME_MAX . ')*', $body;
    my $last  = pop @parts // '';
    $self->send(join '',
        frame(HEADERS, END_HEADERS, $stream, $block),
        (map { frame(DATA, 0, $stream, $_) } @parts),
        frame(DATA, END_STREAM, $stream, $last));
    return $stream;
}

sub reset_stream {
    my ($self, $stream) = @_;
    return $self->send(frame(RST_STREAM, 0, $stream, pack 'N', CANCEL));
}

# Answer on a stream; answers on other streams that arrive before it are kept.
sub answer {
    my ($self, $stream) = @_;

    while (!$self->{answers}{$stream}{complete}) {
        my $frame = $self->take(\&whole_frame) or return Response->none;
        my ($type, $flags, $on, $payload) = @$frame;
        my $answer = $self->{answers}{$on} ||= {};
        if ($type == HEADERS) { $answer->{status} = status_of($payload) }
        if ($type == DATA)    { $answer->{body} .= $payload }
        if ($type == PING && !($flags & ACK)) { $self->send(frame(PING, ACK, 0, $payload)) }
        return Response->none if $type == GOAWAY || $type == RST_STREAM && $on == $stream;
        $answer->{complete} = 1 if $type <= HEADERS && $flags & END_STREAM;
    }
    my $answer = $self->{answers}{$stream};
    return bless { headers => {}, body => '', %$answer }, 'Response';
}

sub whole_frame {
    return undef if length $_[0] < 9;
    my ($high, $low, $type, $flags, $stream) = unpack 'C n C C N', $_[0];
    my $size = ($high << 16) + $low;
    return undef if length $_[0] < 9 + $size;
    my $payload = substr $_[0], 9, $size;
    substr $_[0], 0, 9 + $size, '';
    return [ $type, $flags, $stream, $payload ];
}

# Status of an answer: nginx sends it first, indexed or as a plain literal.
sub status_of {
    my ($block) = @_;

    $block =~ s/\A[\x20-\x3f]+//;    # changes of the table's size
    return $INDEXED[ ord($block) - 0x88 ] if $block =~ /\A[\x88-\x8e]/;
    return $block =~ /\A[\x08\x18\x48]\x03(\d{3})/ ? $1 : '';
}

1;
