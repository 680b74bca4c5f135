package Load;

# Alerts at a steady rate, as BlueKing sends them: each with an id and a connection of its own, the
# head and the body written apart. A process of its own sends them until the number asked for is
# reached and finish() is called.

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Gateway;

# Most alerts that wait for nginx at once, where it is slow.
use constant CALLERS => 100;

# --- the test's side ---------------------------------------------------------

# port, uri; alerts: least number; rate: alerts a second; log: a file
sub start {
    my ($class, %load) = @_;

    pipe my $end, my $goes_on or die "cannot pipe: $!\n";
    open my $log, '>', $load{log} or die "cannot write $load{log}: $!\n";
    $log->autoflush;

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $goes_on;
        my $lived = eval { $class->rain(%load, end => $end, log => $log); 1 };
        print STDERR "load: $@" if !$lived;
        POSIX::_exit(!$lived);
    }
    return bless { log => $load{log}, pid => $pid, goes_on => $goes_on }, $class;
}

# "ID STATUS OUTCOME REQUEST-ID" of every alert that was answered so far.
sub answers {
    my ($self) = @_;

    open my $log, '<', $self->{log} or die "cannot read $self->{log}: $!\n";
    chomp(my @lines = <$log>);
    return @lines;
}

# Waits for so many more answers.
sub goes_on {
    my ($self, $count) = @_;

    my $goal = $self->answers + $count;
    return eventually { $self->answers >= $goal };
}

# All answers, and the rate at which the alerts were sent.
sub finish {
    my ($self) = @_;

    close $self->{goes_on};
    waitpid $self->{pid}, 0;
    my @lines = $self->answers;
    return (pop @lines, @lines);
}

# --- the load's side ---------------------------------------------------------

sub rain {
    my ($class, %load) = @_;

    my $self    = bless { %load, open => {}, select => IO::Select->new($load{end}) }, $class;
    my $started = time;
    my $sent    = 0;
    while (!$self->{has_end} || $sent < $load{alerts}) {
        my $wait = $started + $sent / $load{rate} - time;
        if ($wait > 0 || keys %{ $self->{open} } >= CALLERS) {
            $self->listen($wait > 0 ? $wait : 0.01);
        }
        else {
            $self->send_alert('load-' . ++$sent);
            $self->listen(0);
        }
    }
    my $seconds = time - $started;
    1 while %{ $self->{open} } && $self->listen(Client::PATIENCE);

    print { $self->{log} } "$_->{id} no answer\n" for values %{ $self->{open} };
    printf { $self->{log} } "%d alerts, %.0f a second\n", $sent, $sent / $seconds;
    return;
}

sub send_alert {
    my ($self, $id) = @_;

    my $caller = eval { Client->connect($self->{port}) };
    if (!$caller) {
        print { $self->{log} } "$id no connection\n";
        return;
    }
    my $body = alert(event => { id => $id, event_id => $id });
    my @headers = ('Content-Type' => 'application/json', 'Content-Length' => length $body, Connection => 'close');
    $caller->send(Client->compose('POST', $self->{uri}, undef, @headers))->send($body);
    $caller->{id} = $id;
    $self->{open}{ $caller->socket } = $caller;
    $self->{select}->add($caller->socket);
    return;
}

# Takes the answers that arrive during the wait; returns how many things arrived.
sub listen {
    my ($self, $seconds) = @_;

    my @readable = $self->{select}->can_read($seconds);
    for my $socket (@readable) {
        $self->{select}->remove($socket);
        my $caller = delete $self->{open}{$socket};
        if (!$caller) {
            $self->{has_end} = 1;
            next;
        }
        my $response = $caller->response;
        my @answer = ($response->verdict || 'no answer', $response->json->{request_id} // ());
        print { $self->{log} } "@{[ $caller->{id}, @answer ]}\n";
    }
    return scalar @readable;
}

1;
