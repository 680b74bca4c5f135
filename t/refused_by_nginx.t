# What nginx refuses before the gateway has nginx's own page and no outcome;
# its access rules work as everywhere.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(20)->start;
    log_format outcome "$status [$flashduty_outcome]";
    limit_req_zone $server_port zone=slow:32k rate=1r/m;

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

refused('/denied',    403);
refused('/password',  401);
refused('/either',    401);
refused('/returned',  410);
refused('/internal',  404);
refused('/flashduty', 404);

is($t->post('/password', alert(), @PASSWORD)->verdict, '200 delivered', 'with the password');
is($t->post('/either',   alert(), @PASSWORD)->verdict, '200 delivered', 'with the password in place of the address');
my @headers = map { @{ $_->{headers} } } $t->flashduty->pushes;
is(scalar(grep { $_->[0] eq 'Authorization' } @headers), 0, 'which goes no further');

is($t->post('/slow', alert())->verdict, '200 delivered', 'within the limit');
refused('/slow', 503);
is($t->flashduty->count, 3, 'nothing else was pushed');

like($t->post('/compressed', alert(), 'Accept-Encoding' => 'gzip')->body, qr/^\x1f\x8b/, 'gzip is nginx\'s matter');
