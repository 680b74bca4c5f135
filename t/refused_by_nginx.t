# A request that nginx refuses before the gateway gets nginx's own page and no outcome; nginx's
# access rules work as everywhere.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(30)->start;
    log_format outcome "$status [$flashduty_outcome]";
    limit_req_zone $server_port zone=slow:32k rate=1r/m;
    limit_conn_zone $server_port zone=callers:32k;

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log outcome;

        location = /denied {
            deny all;
            flashduty_push /flashduty;
        }
        location = /password {
            auth_basic gateway;
            auth_basic_user_file %%DIR%%/users;
            flashduty_push /flashduty;
        }
        location = /either {
            satisfy any;
            deny all;
            auth_basic gateway;
            auth_basic_user_file %%DIR%%/users;
            flashduty_push /flashduty;
        }
        location = /slow {
            limit_req zone=slow;
            flashduty_push /flashduty;
        }
        location = /asked_in_vain {
            auth_request /nobody;
            flashduty_push /flashduty;
        }
        location = /asked_or_denied {
            satisfy any;
            deny all;
            auth_request /no;
            flashduty_push /flashduty;
        }
        location = /asked_and_allowed {
            satisfy any;
            deny all;
            auth_request /yes;
            flashduty_push /flashduty;
        }
        location = /one_by_one {
            limit_conn callers 1;
            flashduty_push /flashduty;
        }
        location = /no_such_file {
            try_files $uri =404;
            flashduty_push /flashduty;
        }
        location = /returned {
            return 410;
            flashduty_push /flashduty;
        }
        location = /compressed {
            gzip on;
            gzip_types application/json;
            gzip_min_length 1;
            flashduty_push /flashduty;
        }
        location = /internal {
            internal;
            flashduty_push /flashduty;
        }
        location = /yes {
            return 204;
        }
        location = /no {
            return 403;
        }
        location = /nobody {
            proxy_pass http://127.0.0.1:%%NOBODY%%;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC
$t->write_file('users', "bk:{PLAIN}secret\n");
my @PASSWORD = (Authorization => 'Basic Yms6c2VjcmV0');

sub refused {
    my ($uri, $status) = @_;

    like($t->post($uri, alert())->body, qr/<title>$status/, "$uri: nginx's own page for $status");
    is(($t->access_log)[-1], "$status []", "$uri: no outcome");
    return;
}

refused('/denied',          403);
refused('/password',        401);
refused('/either',          401);
refused('/asked_in_vain',   500);
refused('/asked_or_denied', 403);
refused('/no_such_file',    404);
refused('/returned',        410);
refused('/internal',        404);
refused('/flashduty',       404);

is($t->post('/password', alert(), @PASSWORD)->verdict, '200 delivered', 'with the password');
is($t->post('/either',   alert(), @PASSWORD)->verdict, '200 delivered', 'with the password in place of the address');
my @headers = map { @{ $_->{headers} } } $t->flashduty->pushes;
is(scalar(grep { $_->[0] eq 'Authorization' } @headers), 0, 'which goes no further');

is($t->post('/asked_and_allowed', alert())->verdict, '200 delivered', 'when one that is asked allows it');

is($t->post('/slow', alert())->verdict, '200 delivered', 'within the limit');
refused('/slow', 503);
is($t->flashduty->count, 4, 'nothing else was pushed');

$t->flashduty->answer({ hold => 1 }, taken());
my $first = $t->client->send(Client->compose('POST', '/one_by_one', alert()));
$t->flashduty->wait_for(5);
refused('/one_by_one', 503);
$t->flashduty->release;
is($first->response->verdict, '200 delivered', 'the caller before it is unharmed');

like($t->post('/compressed', alert(), 'Accept-Encoding' => 'gzip')->body, qr/^\x1f\x8b/, 'gzip is nginx\'s matter');
