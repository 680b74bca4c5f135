# Bodies arrive in memory, in files, in both, in chunks and in bits; an error in one is told with
# its place.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use BlueKing;
use Client;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(48)->start;
    log_format outcome "[$flashduty_outcome]";

    server {
        listen 127.0.0.1:%%PORT%%;
        client_max_body_size 8m;
        client_header_buffer_size 1k;
        client_body_timeout %%SHORT%%;
        access_log %%DIR%%/access.log outcome;

        location = /memory {
            client_body_buffer_size 4m;
            flashduty_push /flashduty;
        }
        location = /file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /mixed {
            client_body_buffer_size 1k;
            flashduty_push /flashduty;
        }
        location = /small {
            client_max_body_size 1k;
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /flashduty {
            internal;
            client_max_body_size 1m;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC
my @WAYS = qw(/memory /file /mixed);

sub chunked {
    my ($uri, $body, $size) = @_;
    return $t->client->request('POST', $uri, Client->chunked($body, $size), 'Transfer-Encoding' => 'chunked');
}

# Whichever way a body is read, the event is the same.
my $sample   = payload('dims_90');
my $expected = $t->post('/preview', $sample)->body;
for my $uri (@WAYS) {
    is($t->post($uri, $sample)->verdict, '200 delivered', "$uri: a body of 44 KB");
    is($t->flashduty->last_push->{body}, $expected, "$uri: makes the same event");
    is(chunked($uri, $sample, 1000)->verdict, '200 delivered', "$uri: in chunks");
    is($t->flashduty->last_push->{body}, $expected, "$uri: makes the same event in chunks");
}

my $tiny = alert();
my $small_event = $t->post('/preview', $tiny)->body;
chunked('/memory', $tiny, 1);
is($t->flashduty->last_push->{body}, $small_event, 'chunks of one byte make the same event');

my $client = $t->client;
my $text   = $client->compose('POST', '/mixed', $tiny);
$client->send(substr $text, 0, 300)->send(substr $text, 300, 1)->send(substr $text, 301);
is($client->response->verdict, '200 delivered', 'a body that arrives in bits');

# Two megabytes: the event stays small.
my $huge = alert(latest_anomaly_record => { log => 'x' x 2_000_000 });
for my $uri (@WAYS) {
    is($t->post($uri, $huge)->verdict, '200 delivered', "$uri: two megabytes");
    is($t->flashduty->last_push->{body}, $small_event, "$uri: of which the event takes what it needs");
}
my $wordy = alert(description => 'x' x 2_000_000);
is($t->post('/mixed', $wordy)->verdict, '200 delivered', 'two megabytes of description');

# A message in other clothes.
my $quoted = JSON::PP->new->allow_nonref->encode($tiny);
for my $wrapped ("\xef\xbb\xbf$tiny", "[$tiny]", qq({"callback_message": $tiny}), $quoted) {
    $t->post('/mixed', $wrapped);
    is($t->flashduty->last_push->{body}, $small_event, 'opened: ' . substr $wrapped, 0, 12);
}

# Bodies that are no alert.
my $pushes = $t->flashduty->count;

sub rejected {
    my ($body, $reason, $name) = @_;

    my $response = $t->post('/mixed', $body);
    is($response->verdict, '400 rejected', "$name: rejected");
    like($response->reason, $reason, "$name: with a reason");
    return;
}

# The byte at which reading stopped, give or take the byte itself.
sub at { return join '|', map {"\\b$_\\b"} $_[0] - 1 .. $_[0] + 1 }

my $deep = sub { '{"event":{"dimensions":{"x":' . '[' x $_[0] . ']' x $_[0] . '}}}' };
my $late = '{"padding":"' . 'x' x 50_000 . '","event":}';
rejected('',                 qr/./, 'an empty body');
rejected('{}',               qr/./, 'an empty object');
rejected('{"a":1,}',         qr/${\at(7)}/, 'a trailing comma');
rejected('{"event":{}} {}',  qr/${\at(13)}/, 'trailing garbage');
rejected($late,              qr/${\at(length($late) - 1)}/, 'an error far behind');
rejected(substr($tiny, 0, 99), qr/${\at(99)}/, 'a body that was cut');
rejected($deep->(62),        qr/./, '65 levels');

my $debug = $t->post('/file', DEBUG_BODY);
is($debug->verdict, '200 test', 'the debug body is a test');
isnt($debug->reason, '', 'that says something');
is($t->flashduty->count, $pushes, 'nothing of this was pushed');
is($t->post('/mixed', $deep->(61))->verdict, '200 delivered', '64 levels are fine');

# A body that nginx refuses before the handler gets nginx's own page.
$pushes = $t->flashduty->count;
like($t->post('/small', $sample)->body, qr/<title>413/, 'a body over client_max_body_size');
is(($t->access_log)[-1], '[]', 'has no outcome');
is(chunked('/small', $sample, 1000)->status, '413', 'so has one in chunks');

$client = $t->client;
$client->send($client->compose('POST', '/mixed', substr($tiny, 0, 50), 'Content-Length' => length $tiny));
ok($client->is_closed, 'a caller that stops in the middle is given up');
is($t->settle->flashduty->count, $pushes, 'half an alert is never pushed');
