package Flashduty;

# A strict stand-in for Flashduty's ingest, in a process of its own. It checks
# every rule of the published protocol on each push and answers what the test
# asked for: the answers given to answer() are used one push after the other,
# the last one for all that follow.
#
# An answer is a hash:
#   status, headers => [...], body   as they are; a body of undef is Flashduty's yes
#   chunked => 1                     chunked rather than with a Content-Length
#   cut => N                         the connection closes N bytes before the end
#   pieces => N                      sent in N pieces, 10 ms apart
#   raw => BYTES                     these bytes in place of an answer
#   then => 'keep'|'close'|'reset'|'hang'
#                                    what becomes of the connection behind it; without this it is
#                                    closed where nginx asks for that or the answer is cut or raw
#   unread => 1                      given when a push begins to arrive, and none of it is read
#   hold => 1                        the answer waits for release()
# In headers and body "REQUEST-ID" becomes request-1, request-2, ..., and
# "MEGABYTE" a million letters.

use strict;
use warnings;

use Exporter qw(import);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(AF_UNIX MSG_PEEK PF_UNSPEC SHUT_WR SOCK_STREAM SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

use Client;
use EventRules;

our @EXPORT = qw(taken says html nothing dropped);

my $json = JSON::PP->new->ascii->canonical;

# --- answers -----------------------------------------------------------------

sub taken { return {@_} }

sub says {
    my ($status, $code, $message, %more) = @_;

    my $envelope = { request_id => 'REQUEST-ID', error => { code => $code, message => $message } };
    return { status => $status, body => $json->encode($envelope), %more };
}

sub html {
    my ($status, %more) = @_;

    my $page = "<html><body><h1>$status</h1></body></html>\n";
    return { status => $status, headers => ['Content-Type' => 'text/html'], body => $page, %more };
}

sub nothing {
    my ($status, %more) = @_;
    return { status => $status, body => '', %more };
}

sub dropped { return { raw => '', then => $_[0] } }

# --- the test's side ---------------------------------------------------------

# manners: lenient, allow, note; see Gateway
sub start {
    my ($class, %manners) = @_;

    # The port is held as long as the peer lives, whether it listens or not.
    my $port = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1, Proto => 'tcp')
        or die "no free port: $!\n";
    socketpair my $near, my $far, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "no socketpair: $!\n";
    $_->autoflush for $near, $far;

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $near;
        my $lived = eval { $class->serve($port->sockport, $far, \%manners); 1 };
        print STDERR "peer: $@" if !$lived;
        POSIX::_exit(!$lived);
    }
    my $self = bless { pid => $pid, held => $port, control => $near }, $class;
    close $far;
    $self->count;    # it listens
    return $self;
}

sub port { return $_[0]{held}->sockport }

sub ask {
    my ($self, @question) = @_;

    my $control = $self->{control} or return;
    print {$control} $json->encode(\@question), "\n";
    my $line = readline $control;
    die "the peer has died\n" if !defined $line;
    return $json->decode($line)->[0];
}

sub answer {
    my ($self, @answers) = @_;

    $self->ask(answer => \@answers);
    return $self;
}

# Sets the answer, instead of all that, to pushes whose body holds a text; or removes it.
sub answer_to {
    my ($self, $text, $answer) = @_;

    $self->ask(answer_to => $text, $answer);
    return $self;
}

sub release { return $_[0]->ask('release') }

# Stops listening, and breaks all connections; and the way back.
sub go_away   { return $_[0]->ask('go_away') }
sub come_back { return $_[0]->ask('come_back') }

# Pushes so far, or from a number on: method, uri, headers (as a list of pairs), head (the bytes of
# all these), body, connection, at (the time), violations, and aborted when nginx left before the
# answer. A push that was not read has a connection and a time, and as body the bytes that arrived.
sub pushes { return @{ $_[0]->ask('pushes', $_[1] // 0) } }

sub last_push { return $_[0]->ask('last') }
sub count     { return $_[0]->ask('count') }

sub wait_for {
    my ($self, $count) = @_;

    my $deadline = time + Client::PATIENCE;
    sleep 0.01 while $self->count < $count && time < $deadline;
    return $self->pushes;
}

# Pushes in short, for large numbers of them: time of arrival, whether it was taken, alert key, title,
# and each header of `note`, empty where it was absent.
sub arrivals {
    my ($self, $from) = @_;

    return map {
        my ($arrival, @noted) = split /\t/, $_, -1;
        [ (split / /, $arrival, 4), @noted ]
    } split /\n/, $self->ask('arrivals', $from // 0);
}

sub complaints { return @{ $_[0]->ask('complaints') || [] } }

# Frees the memory of the pushes so far: only their number, complaints and arrivals are still
# needed.
sub forget { return $_[0]->ask('forget') }

sub stop {
    my ($self) = @_;

    return if !$self->{control};
    print { delete $self->{control} } "[\"stop\"]\n";
    waitpid $self->{pid}, 0;
    return;
}

# --- the peer's side ---------------------------------------------------------

sub serve {
    my ($class, $port, $control, $manners) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $peer = bless {
        port   => $port, control => $control, manners => $manners, answers => [ taken() ],
        select => IO::Select->new($control),
        pushes => [], arrivals => [], held => [], timers => [], open => {}, accepted => 0, answer_to => {},
    }, $class;
    $peer->listen_again;

    while (1) {
        my @writers = grep { length $_->{out} } values %{ $peer->{open} };
        my $due     = (sort { $a <=> $b } map { $_->[0] } @{ $peer->{timers} })[0];
        my $wait    = defined $due ? $due - time : undef;
        $wait = 0 if defined $wait && $wait < 0;

        my (undef, $writable)
            = IO::Select->select($peer->{select}, IO::Select->new(map { $_->{socket} } @writers), undef, $wait);
        $peer->accept_all;

        # Reads all that has arrived before the first push of it is answered: if nginx has given a
        # push up and sent it again, neither copy must be seen behind the push that follows it.
        for my $socket ($peer->{select}->can_read(0)) {
            if   ($socket == $control) { $peer->obey or return }
            else                       { $peer->read_from($peer->{open}{$socket} || next) }
        }
        $peer->write_to($peer->{open}{$_} || next) for @{ $writable || [] };

        my @now = grep { $_->[0] <= time } @{ $peer->{timers} };
        $peer->{timers} = [ grep { my $timer = $_; !grep { $_ == $timer } @now } @{ $peer->{timers} } ];
        $_->[1]->() for @now;
    }
    return;
}

sub obey {
    my ($peer) = @_;

    my $line = readline $peer->{control};
    return if !defined $line;
    my ($order, @values) = @{ $json->decode($line) };
    return if $order eq 'stop';
    my $reply = 1;
    if    ($order eq 'answer') { $peer->{answers} = $values[0] }
    elsif ($order eq 'pushes') { $reply = [ @{ $peer->{pushes} }[ $values[0] .. $#{ $peer->{pushes} } ] ] }
    elsif ($order eq 'last')   { $reply = $peer->{pushes}[-1] }
    elsif ($order eq 'count')  { $reply = @{ $peer->{pushes} } }
    elsif ($order eq 'forget') { $_ = { violations => $_->{violations} } for @{ $peer->{pushes} } }
    elsif ($order eq 'complaints') { $reply = $peer->complain }
    elsif ($order eq 'arrivals')   { $reply = $peer->arrived($values[0]) }
    elsif ($order eq 'answer_to')  { $peer->{answer_to}{ $values[0] } = $values[1] }
    elsif ($order eq 'go_away')    { $peer->listen_no_more }
    elsif ($order eq 'come_back')  { $peer->listen_again }
    elsif ($order eq 'release') {
        $_->() for splice @{ $peer->{held} };
    }
    print { $peer->{control} } $json->encode([$reply]), "\n";
    return 1;
}

sub arrived {
    my ($peer, $from) = @_;

    my $arrivals = $peer->{arrivals};
    return join "\n", @{$arrivals}[ $from .. $#$arrivals ];
}

sub complain {
    my ($peer) = @_;

    my $number = 0;
    return [ map { $number++; map {"push $number: $_"} @{ $_->{violations} } } @{ $peer->{pushes} } ];
}

sub listen_again {
    my ($peer) = @_;

    return if $peer->{listener};
    $peer->{listener} = IO::Socket::INET->new(
        Listen => 256, LocalAddr => '127.0.0.1', LocalPort => $peer->{port}, ReuseAddr => 1,
    ) or die "no listener: $!\n";
    $peer->{listener}->blocking(0);
    $peer->{select}->add($peer->{listener});
    return;
}

sub listen_no_more {
    my ($peer) = @_;

    $peer->close_one($_) for values %{ $peer->{open} };
    my $listener = delete $peer->{listener} or return;
    $peer->{select}->remove($listener);
    close $listener;
    return;
}

sub accept_all {
    my ($peer) = @_;

    my $listener = $peer->{listener} or return;
    while (my $socket = $listener->accept) {
        binmode $socket;
        $socket->blocking(0);
        $peer->{open}{$socket} = { socket => $socket, in => '', out => '', number => ++$peer->{accepted} };
        $peer->{select}->add($socket);
    }
    return;
}

sub close_one {
    my ($peer, $connection) = @_;

    my $socket = $connection->{socket};
    delete $peer->{open}{$socket};
    $peer->{select}->remove($socket);
    close $socket;
    return;
}

sub read_from {
    my ($peer, $connection) = @_;

    return if $peer->leaves_unread($connection);
    my $got = sysread $connection->{socket}, $connection->{in}, 65536, length $connection->{in};
    if (!$got) {
        $connection->{push}{aborted} = 1 if $connection->{push};
        return $peer->close_one($connection);
    }
    $connection->{in} =~ /\A(.*?\r\n)\r\n/s or return;
    my ($head, $size) = ($1, $+[0]);
    my ($length) = $head =~ /^Content-Length:\s*(\d+)/mi;
    $size += $length // 0;
    return if length $connection->{in} < $size;

    my $request = substr $connection->{in}, 0, $size, '';
    my $body    = substr $request, $size - ($length // 0);
    $peer->take_push($connection, $head, $body);
    return;
}

sub leaves_unread {
    my ($peer, $connection) = @_;

    return if !$peer->{answers}[0]{unread} || $connection->{push} || $connection->{in} ne '';
    recv $connection->{socket}, my $arrived, 65536, MSG_PEEK;
    return if !length $arrived;    # nginx leaves

    $peer->{select}->remove($connection->{socket});
    $peer->answer_push($connection,
        { body => $arrived, connection => $connection->{number}, at => time, violations => [] });
    return 1;
}

sub take_push {
    my ($peer, $connection, $head, $body) = @_;

    my ($line, @fields) = split /\r\n/, $head;
    my ($method, $uri, $version) = split / /, $line;
    my @headers = map { [ split /:\s*/, $_, 2 ] } @fields;
    my $push    = {
        method     => $method,
        uri        => $uri,
        headers    => \@headers,
        head       => $head,
        body       => $body,
        connection => $connection->{number},
        at         => time,
    };
    my $manners = $peer->{manners};
    $push->{violations}
        = $manners->{lenient} ? [] : [ EventRules::violations($push, @{ $manners->{allow} || [] }) ];
    $connection->{last} = $version ne 'HTTP/1.1' || $head =~ /^Connection:\s*close/mi;
    return $peer->answer_push($connection, $push);
}

sub answer_push {
    my ($peer, $connection, $push) = @_;

    $connection->{push} = $push;
    push @{ $peer->{pushes} }, $push;

    my $answer   = $peer->answer_for($push);
    my $number   = @{ $peer->{pushes} };
    my $is_taken = !grep { defined $answer->{$_} } qw(raw status body cut);
    my ($title, $key) = map { $push->{body} =~ /"$_":"([^"]*)"/ ? $1 : '-' } qw(title_rule alert_key);
    my %header = map {@$_} @{ $push->{headers} || [] };
    my @noted  = map { $header{$_} // '' } @{ $peer->{manners}{note} || [] };
    push @{ $peer->{arrivals} }, join "\t", sprintf('%.6f %d %s %s', $push->{at}, $is_taken, $key, $title), @noted;

    my $reply   = sub { $peer->reply($connection, $answer, $number) };
    if   ($answer->{hold}) { push @{ $peer->{held} }, $reply }
    else                   { $reply->() }
    return;
}

sub answer_for {
    my ($peer, $push) = @_;

    for my $text (keys %{ $peer->{answer_to} }) {
        return $peer->{answer_to}{$text} || next if index($push->{body}, $text) >= 0;
    }
    my $answers = $peer->{answers};
    return @$answers > 1 ? shift @$answers : $answers->[0];
}

sub reply {
    my ($peer, $connection, $answer, $number) = @_;

    return if !$peer->has($connection);
    my $bytes = $answer->{raw} // render($answer, $connection->{push}, "request-$number");
    substr $bytes, -$answer->{cut}, $answer->{cut}, '' if $answer->{cut};

    my $is_broken = defined $answer->{raw} || $answer->{cut};
    $connection->{then} = $answer->{then} // ($is_broken || $connection->{last} ? 'close' : 'keep');

    my $size = POSIX::ceil(length($bytes) / ($answer->{pieces} // 1)) || 1;
    return $peer->send_pieces($connection, unpack "(a$size)*", $bytes);
}

sub render {
    my ($answer, $push, $request_id) = @_;

    my $body    = $answer->{body} // yes_to($push);
    my $status  = $answer->{status} // 200;
    my @headers = @{ $answer->{headers} || [] };
    unshift @headers, 'Content-Type' => 'application/json' if !grep { $_ eq 'Content-Type' } @headers;
    s/REQUEST-ID/$request_id/g, s/MEGABYTE/'x' x 1_000_000/ge for $body, @headers;

    my $head = "HTTP/1.1 $status Answer\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }
    return "${head}Content-Length: " . length($body) . "\r\n\r\n$body" if !$answer->{chunked};

    my $chunks = join '', map { sprintf("%x\r\n", length) . "$_\r\n" } unpack '(a1000)*', $body;
    return "${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n";
}

sub yes_to {
    my ($push) = @_;

    my $event = eval { JSON::PP->new->utf8->decode($push->{body}) } || {};
    return $json->encode({ request_id => 'REQUEST-ID', data => { alert_key => $event->{alert_key} } });
}

sub send_pieces {
    my ($peer, $connection, $piece, @rest) = @_;

    return if !$peer->has($connection);
    $connection->{more} = @rest;
    $connection->{out} .= $piece // '';
    $peer->write_to($connection);
    push @{ $peer->{timers} }, [ time + 0.01, sub { $peer->send_pieces($connection, @rest) } ] if @rest;
    return;
}

sub write_to {
    my ($peer, $connection) = @_;

    my $sent = syswrite $connection->{socket}, $connection->{out};
    return $peer->close_one($connection) if !defined $sent && !$!{EAGAIN};

    substr $connection->{out}, 0, $sent // 0, '';
    return if length $connection->{out} || $connection->{more};
    return $peer->end($connection, $connection->{then});
}

sub end {
    my ($peer, $connection, $then) = @_;

    return if $then eq 'hang';
    delete $connection->{push};
    return if $then eq 'keep';
    # Only shuts such a socket down: closed with something unread in it, it would be reset.
    my $is_unread = !$peer->{select}->exists($connection->{socket});
    return shutdown $connection->{socket}, SHUT_WR if $is_unread && $then eq 'close';
    setsockopt $connection->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0 if $then eq 'reset';
    return $peer->close_one($connection);
}

sub has {
    my ($peer, $connection) = @_;
    return ($peer->{open}{ $connection->{socket} } // '') eq $connection;
}

1;
