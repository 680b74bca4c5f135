# Connections of callers and to Flashduty: kept, pipelined, many, and left
# early.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(33)->start;
    log_format outcome "$flashduty_alert_key $flashduty_outcome";

    upstream kept {
        server 127.0.0.1:%%PEER%%;
        keepalive 4;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log outcome;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /in_file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /kept {
            flashduty_push /kept_flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /kept_flashduty {
            internal;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout %%SHORT%%;
        }
    }
EOC

sub keyed { return alert(event => { id => $_[0], event_id => $_[0] }) }

sub text_of { return Client->compose('POST', '/blueking', @_) }

# Kept and pipelined.
my $client = $t->client;
is($client->request('POST', '/blueking', keyed("kept-$_"))->verdict, '200 delivered', "request $_ on one connection")
    for 1 .. 3;

$client = $t->client;
my @bodies = (keyed('first'), '{}', keyed('second'), DEBUG_BODY, keyed('third'));
$client->send(join '', map { text_of($_) } @bodies);
is(
    join(', ', map { $client->response->verdict } 1 .. 5),
    '200 delivered, 400 rejected, 200 delivered, 200 test, 200 delivered',
    'pipelined requests are answered in their order'
);
is_deeply(
    [ map { $_->{body} =~ /"alert_key":"(\w+)"/ } ($t->flashduty->pushes)[ -3 .. -1 ] ],
    [qw(first second third)], 'and pushed in it'
);

$client = $t->client;
$client->send("POST /blueking HTTP/1.0\r\nContent-Length: " . length(alert()) . "\r\n\r\n" . alert());
is($client->response->verdict, '200 delivered', 'a caller with HTTP/1.0');
ok($client->is_closed, 'whose connection ends');

# Fifty at once, all of them open before the first is answered.
my $before = $t->flashduty->count;
$t->flashduty->answer((map { { hold => 1 } } 1 .. 50), taken());
my %caller = map { ("many-$_" => $t->client) } 1 .. 50;
$caller{$_}->send(text_of(keyed($_))) for keys %caller;
is($t->flashduty->wait_for($before + 50), $before + 50, 'fifty pushes at once');
$t->flashduty->release;
my %answered;
for my $key (keys %caller) {
    my $answer = $caller{$key}->response;
    $answered{$key} = $answer->verdict . ' ' . $answer->json->{alert_key};
}
is_deeply(\%answered, { map { ($_ => "200 delivered $_") } keys %caller }, 'each with its own answer');

# Callers that leave.
sub push_of_key {
    my ($key) = @_;
    return eventually { (grep { $_->{body} =~ /"alert_key":"$key"/ } $t->flashduty->pushes)[0] };
}

sub is_logged {
    my ($line) = @_;
    return eventually { grep { $_ eq $line } $t->access_log };
}

for my $uri ('/blueking', '/in_file') {
    for my $leave ('leave', 'reset') {
        my $key = "left-$leave";
        $key =~ s/$/-file/ if $uri eq '/in_file';

        $t->client->send(Client->compose('POST', $uri, keyed($key)))->$leave;
        ok(push_of_key($key), "$uri: leave right after the body: the push arrives") if $leave eq 'leave';

        $t->flashduty->answer({ hold => 1 }, taken());
        $client = $t->client->send(Client->compose('POST', $uri, keyed("$key-late")));
        push_of_key("$key-late");
        $client->$leave;
        my $other = $t->settle->post('/blueking', alert());
        is($other->verdict, '200 delivered', "$uri: $leave during the push harms no other");
        ok(!push_of_key("$key-late")->{aborted}, "$uri: $leave during the push does not end it");
        $t->flashduty->release;
        ok(is_logged("$key-late delivered"), "$uri: $leave during the push: the log has the verdict");
    }
}

# Connections to Flashduty.
sub connection_used {
    my ($answer) = @_;
    $t->flashduty->answer($answer);
    $t->post('/kept', alert());
    return $t->flashduty->last_push->{connection};
}

my $connection = connection_used(taken());
for my $answer (
    taken(), taken(chunked => 1), says(400, 'InvalidParameter', 'm'), says(429, 'RequestTooFrequently', 'm'),
    says(500, 'InternalError', 'm'), html(502), nothing(503), taken(body => '{"data":{"x":"MEGABYTE"}}'),
    )
{
    is(connection_used($answer), $connection, 'the connection is kept after ' . ($answer->{status} // 200));
}
$connection = connection_used(taken());
isnt(connection_used(dropped('close')), 0, 'a kept connection that breaks');
$t->flashduty->answer(taken());
is($t->post('/kept', alert())->verdict, '200 delivered', 'is replaced');
