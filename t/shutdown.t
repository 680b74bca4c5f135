# A shutdown that may not wait ends a push in flight in good order.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(main => 'worker_shutdown_timeout 200ms;', http => <<'EOC')->plan(6)->start;
    log_format outcome "$flashduty_outcome";

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log outcome;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

$t->flashduty->answer(dropped('hang'));
my @callers = map { $t->client->send(Client->compose('POST', '/blueking', alert())) } 1 .. 3;
my $gone    = $t->client->send(Client->compose('POST', '/blueking', alert()));
is($t->flashduty->wait_for(4), 4, 'four pushes are in flight');
$gone->leave;
$t->settle->signal('QUIT');
ok(eventually { $t->has_ended }, 'nginx ends although none is answered');
unlike($_->response->status, qr/^2/, 'a caller is not told that its event was delivered') for @callers;
unlike($t->read_file('access.log'), qr/delivered/, 'nor is the log');
