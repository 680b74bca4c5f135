# A whole alert is delivered whatever its caller does: leaves before it is written
# down, while its push is waited for, or resets its HTTP/2 stream.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Http2;
use Spool;

my $t = Spool->new(workers => 2, ports => ['HTTP2'], http => <<'EOC')->plan(6 + 6 * 3 + 4)->start;
    log_format outcome "$flashduty_alert_key $flashduty_outcome";

    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%HTTP2%% %%HTTP2_ON%%;
        access_log %%DIR%%/access.log outcome;
        client_max_body_size 4m;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

my $number = 0;

sub new_key { return 'alert-' . ++$number }

sub keyed {
    my ($key, %change) = @_;
    return alert(%change, event => { id => $key, event_id => $key });
}

sub pushes_of {
    my ($key) = @_;
    return scalar grep { $_->{body} =~ /"alert_key":"\Q$key\E"/ } $t->flashduty->pushes;
}

sub outcome_of {
    my ($key) = @_;

    my $outcome;
    eventually { ($outcome) = $t->read_file('access.log') =~ /^\Q$key\E (\S*)$/m };
    return $outcome;
}

# Ways for a caller to go, given its connection and its stream.
my %GOES = (
    'leaves'            => sub { $_[0]->leave },
    'resets'            => sub { $_[0]->reset },
    'resets its stream' => sub { $_[0]->reset_stream($_[1]) },
);

sub call {
    my ($uri, $how, $body) = @_;

    return $t->client->send(Client->compose('POST', $uri, $body)) if $how !~ /stream/;
    my $client = Http2->connect($t->port('HTTP2'));
    return ($client, $client->post($uri, $body));
}

# At once, when the event may not be written down yet.
for my $how (sort keys %GOES) {
    for my $uri ('/blueking', '/file') {
        my @keys = map { new_key() } 1 .. 10;
        my @open;
        for my $key (@keys) {
            my @call = call($uri, $how, keyed($key, description => 'x' x ($uri eq '/file' ? 100_000 : 10)));
            $GOES{$how}->(@call);
            push @open, @call;
        }
        my @lost = grep {
            my $key = $_;
            !eventually { pushes_of($key) }
        } keys_read($uri, $how, @keys);
        is_deeply(\@lost, [], "$uri: the caller $how at once: whatever was read whole is delivered");
    }
}

# A stream that is reset, or a connection, before nginx has read all of the body
# is no alert; those that nginx knows of are in its log.
sub keys_read {
    my ($uri, $how, @keys) = @_;

    $t->settle;
    return grep { my $key = $_; $t->read_file('access.log') =~ /^\Q$key\E /m } @keys;
}

# While its event is pushed.
for my $how (sort keys %GOES) {
    for my $uri ('/blueking', '/file') {
        my $key = new_key();
        $t->flashduty->answer({ hold => 1 });
        my @call = call($uri, $how, keyed($key));
        eventually { pushes_of($key) };
        $GOES{$how}->(@call);
        $t->settle;
        $t->flashduty->answer(taken())->release;
        ok($t->runs_empty, "$uri: the caller $how during the push: it is taken");
        is(pushes_of($key), 1, 'and was sent once');
        like(outcome_of($key), qr/^(?:delivered|spooled)$/, 'its outcome is in the log');
    }
}

# Other requests on the same connection are not held up.
my $client = Http2->connect($t->port('HTTP2'));
my ($gone, $stays) = (new_key(), new_key());
$t->flashduty->answer({ hold => 1 }, taken());
my $stream = $client->post('/blueking', keyed($gone));
eventually { pushes_of($gone) };
my $other = $client->post('/blueking', keyed($stays));
$client->reset_stream($stream);
is($client->answer($other)->verdict, '200 delivered', 'another stream of its connection is answered');
$t->flashduty->release;
ok($t->runs_empty, 'and the one that was reset is delivered');
is(pushes_of($gone), 1, 'once');

is(scalar($t->dead), 0, 'there is no dead letter');
