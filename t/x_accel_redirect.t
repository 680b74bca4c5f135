# A server's answer must not make nginx look elsewhere: only Flashduty's own yes is one.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(9)->start;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        default_type application/json;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /deaf {
            flashduty_push /deaf_push;
        }
        location = /deaf_push {
            internal;
            proxy_ignore_headers X-Accel-Redirect;
            proxy_pass %%PUSH_URL%%;
        }
        location = /file.json {
            root %%DIR%%;
        }
        location = /said {
            return 200 '{"request_id":"said"}';
        }
        location = /proxied {
            proxy_pass http://127.0.0.1:%%READY%%;
        }
        location @named {
            return 200 '{"request_id":"named"}';
        }
    }
EOC

$t->write_file('file.json', '{"request_id":"file"}');
for my $elsewhere (qw(/file.json /said /proxied @named)) {
    $t->flashduty->answer(
        { status => 200, headers => [ 'X-Accel-Redirect' => $elsewhere ], body => '{}' });
    my $response = $t->post('/blueking', alert());
    is($response->verdict, '502 failed', "$elsewhere is no yes");
    is($response->json->{request_id}, undef, 'and says nothing to the caller');
}

$t->flashduty->answer(
    { status => 200, headers => [ 'X-Accel-Redirect' => '/said' ], body => '{"request_id":"own"}' });
is($t->post('/deaf', alert())->json->{request_id}, 'own', 'where it is ignored the answer counts');
