# Nothing of the caller's headers reaches Flashduty, and a compressed body is
# turned away.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(18)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

my @PLAIN = map { lc $_->[0] } @{ push_of()->{headers} };

sub push_of {
    my (@headers) = @_;
    my $response = $t->post('/blueking', alert(), @headers);
    is($response->verdict, '200 delivered', 'delivered with ' . ($headers[0] // 'no header of its own'));
    return $t->flashduty->last_push;
}

my $push = push_of(
    Authorization     => 'Bearer token-of-the-caller',
    Cookie            => 'session=1',
    'Accept-Encoding' => 'gzip, deflate',
    Accept            => '*/*',
    'Accept-Language' => 'zh-CN',
    'User-Agent'      => 'python-requests/2.32',
    Referer           => 'http://blueking/',
    Range             => 'bytes=0-1',
    'If-None-Match'   => '"x"',
    'X-Forwarded-For' => '192.0.2.1',
    'X-Real-IP'       => '192.0.2.1',
    'X-Bk-Token'      => 'secret',
    TE                => 'trailers',
    Upgrade           => 'h2c',
    'Content-Type'    => 'text/plain',
);
is_deeply([ map { lc $_->[0] } @{ $push->{headers} } ], \@PLAIN, 'the push has the headers of any other');
my $values = join "\n", map { $_->[1] } @{ $push->{headers} };
unlike($values, qr/token|session|192\.0\.2\.1|secret/, "and none of the caller's values");

# Many headers do not fit into the first part of nginx's list.
$push = push_of(map { ("X-Header-$_" => "value-$_") } 1 .. 60);
is_deeply([ map { lc $_->[0] } @{ $push->{headers} } ], \@PLAIN, 'sixty headers change nothing');

my $client = $t->client;
my @expecting = (Expect => '100-continue', 'Content-Length' => length alert());
$client->send($client->compose('POST', '/blueking', '', @expecting))->send(alert());
is($client->response->verdict, '200 delivered', 'Expect: 100-continue is answered by nginx');
is_deeply([ map { lc $_->[0] } @{ $t->flashduty->last_push->{headers} } ], \@PLAIN, 'and goes no further');

for my $type ('application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x') {
    is($t->post('/blueking', alert(), 'Content-Type' => $type)->verdict, '200 delivered', "$type is no obstacle");
}

# An answer is no document that could be unchanged.
my %condition = (
    'If-Match'            => '"etag"',
    'If-None-Match'       => '*',
    'If-Modified-Since'   => 'Mon, 01 Jan 2001 00:00:00 GMT',
    'If-Unmodified-Since' => 'Mon, 01 Jan 2001 00:00:00 GMT',
);
for my $name (sort keys %condition) {
    is($t->post('/blueking', alert(), $name => $condition{$name})->verdict, '200 delivered', "$name does not matter");
}

my $pushes = $t->flashduty->count;
my $gzip   = $t->post('/blueking', alert(), 'Content-Encoding' => 'gzip');
is($gzip->verdict, '415 rejected', 'a compressed body is rejected');
isnt($gzip->reason, '', 'with a reason');
is($t->flashduty->count, $pushes, 'and nothing is pushed');
