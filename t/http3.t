# The gateway in an nginx that listens for HTTP/3: it starts, and serves as before.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;

use BlueKing;
use Client;
use Example;
use Gateway;

plan(skip_all => 'this nginx has no HTTP/3') if Gateway->build !~ /--with-http_v3_module/;

my $t = Gateway->new(http => <<'EOC')->plan(2);
    ssl_certificate %%DIR%%/flashduty.crt;
    ssl_certificate_key %%DIR%%/flashduty.key;

    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT%% quic;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC
Example::certify($t, 'localhost');
$t->start;

# RFC 9000, 6.1: a version that the server does not know is answered with those that it does.
my $quic = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '127.0.0.1', PeerPort => $t->port);
$quic->send(pack 'C N C/a C/a x1200', 0xc0, 0x1a2a3a4a, 'receiver', 'sender');
my $answer = '';
$quic->recv($answer, 65536) if IO::Select->new($quic)->can_read(Client::PATIENCE);
is(join(' ', (unpack 'x N C/a C/a N*', $answer)[ 0 .. 3 ]), '0 sender receiver 1', 'it speaks QUIC');

is($t->post('/blueking', alert())->verdict, '200 delivered', 'and an alert is delivered beside it');
