# Two nginx on one spool, with other server blocks each: alerts of the second would wait forever
# while the first delivers. The second says so, in the log and in health; a reload is no second
# nginx.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Disk;
use Flashduty;
use Gateway;
use Spool;

my $first = Spool->new(workers => 1)->plan(8)->start;
ok((eventually { $first->deliverer }), 'one nginx delivers');
$first->reload;
ok((eventually { (() = $first->error_log =~ /this process delivers$/mg) > 1 }), 'after a reload another process of it does');

my $spool  = $first->file;
my $second = Gateway->new(workers => 2, http => <<"EOC");
    flashduty_spool $spool;
    server {
        listen 127.0.0.1:%%PORT%%;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /health {
            flashduty_status health;
        }
    }
EOC
$second->start;
is($second->post('/blueking', alert())->verdict, '202 spooled', 'an alert of another one with another server is written down');
my $said = qr/\[crit\] .*flashduty spool "\Q$spool\E": another nginx delivers from the same spool, and it does not know the server block "127\.0\.0\.1:\d+/;
ok((eventually { $second->error_log =~ $said }), 'and it says that nobody delivers it');
is(scalar(() = $second->error_log =~ /another nginx delivers/g), 1, 'once');
like($second->get('/health')->body, qr/another nginx delivers from the same spool/, 'health says so, too');

unlike($first->error_log, qr/another nginx delivers/, 'the reload was none');
stop_nginx($first);
ok((eventually { $second->flashduty->count == 1 }), 'when the first has gone, the second delivers');
