# limit_req in the push location delays pushes and loses none of them, whether
# their callers wait or leave.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(5)->start;
    limit_req_zone $server_name zone=pushes:64k rate=20r/s;

    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            limit_req zone=pushes burst=20;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

my @callers = map { $t->client } 1 .. 4;
$_->send($_->compose('POST', '/blueking', alert())) for @callers;
is($_->response->verdict, '200 delivered', 'a push is answered, delayed or not') for @callers;

my @leaving = map { $t->client } 1 .. 3;
$_->send($_->compose('POST', '/blueking', alert())) for @leaving;
eventually { (() = $t->error_log =~ /delaying request/g) >= 5 };
$_->leave for @leaving;
is(scalar($t->flashduty->wait_for(7)), 7, 'callers that leave take no push with them');
