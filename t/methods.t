# POST, PUT, and the GET with a body that BlueKing sends by default are accepted; every other method
# is told what to choose.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(39)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

sub send_by {
    my ($method, $body, @headers) = @_;
    return $t->client->request($method, '/blueking', $body, @headers);
}

is(send_by('POST', alert())->verdict, '200 delivered', 'POST');
is(send_by('PUT',  alert())->verdict, '200 delivered', 'PUT');
is(send_by('GET',  alert())->verdict, '200 delivered', 'GET with a body');
is(
    send_by('GET', Client->chunked(alert(), 100), 'Transfer-Encoding' => 'chunked')->verdict,
    '200 delivered', 'GET with a chunked body'
);
is_deeply([ map { $_->{method} } $t->flashduty->pushes ], [ ('POST') x 4 ], 'each of them is pushed by POST');

sub turned_away {
    my ($response, $name) = @_;

    is($response->status, '405', "$name: 405");
    is($response->header('Allow'), 'POST, PUT', "$name: Allow says which methods there are");
    return;
}

for my $case (['GET'], ['DELETE'], [ 'DELETE', alert() ], [ 'PATCH', alert() ], ['OPTIONS']) {
    my ($method, $body) = @$case;
    my $name     = $method . (defined $body ? ' with a body' : '');
    my $response = send_by($method, $body);
    turned_away($response, $name);
    is($response->outcome, 'rejected', "$name: rejected");
    like($response->reason, qr/\bPOST\b/, "$name: the reason says to choose POST");
}
turned_away(send_by('HEAD'), 'HEAD');
turned_away($t->client->request('GET', '/preview'), 'a preview by GET without a body');

is(send_by('POST', '')->verdict, '400 rejected', 'POST without a body holds no alert');
is($t->flashduty->count, 4, 'nothing of this was pushed');

my $client = $t->client;
for my $case ([ 'DELETE', alert() ], ['HEAD'], ['GET'], [ 'PATCH', 'x' x 100_000 ]) {
    my ($method, $body) = @$case;
    is($client->request($method, '/blueking', $body)->status, '405', "$method on a kept connection is turned away");
    is($client->request('POST', '/blueking', alert())->verdict, '200 delivered', 'the next one is delivered');
}
