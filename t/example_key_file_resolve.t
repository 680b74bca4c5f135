# The example with the upstream block on newer versions of nginx: with "resolve" it starts without
# DNS, follows it and still keeps connections.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Dns;
use Example;
use Gateway;

plan(skip_all => '"resolve" came with nginx 1.27.3') if Gateway->version < 1_027_003;
plan(skip_all => 'Tengine 3.2.0 itself dies of "resolve" without DNS') if Gateway->build =~ m{^Tengine version: Tengine/3\.2\.0}m;

my $dns = Dns->start('api.flashcat.cloud');
my $t   = Example->gateway('key_file_upstream.conf')->plan(6);
my $own = '127.0.0.1:' . $dns->port . ' ipv6=off';

Example::replace(\$t->{conf}, 'flashduty_spool %%DIR%%/spool.db;', '');    # each answer is that of the push
Example::replace(\$t->{conf}, 'server 127.0.0.1:%%TLS%% max_fails=0;', '');
Example::replace(\$t->{conf}, '#     zone flashduty 64k;', 'zone flashduty 64k;');
Example::replace(\$t->{conf}, '#     resolver 10.0.0.2;', "resolver $own; resolver_timeout 1s;");
Example::replace(\$t->{conf}, '#     server api.flashcat.cloud:443 resolve max_fails=0;',
    'server api.flashcat.cloud:%%TLS%% resolve max_fails=0;');
$t->start;

sub verdict { return $t->post('/blueking', payload('trigger_host_cpu'))->verdict }

is(verdict(), '502 failed', 'started without DNS, nginx answers that an alert has failed');
$dns->answer('127.0.0.1');
ok(eventually { verdict() eq '200 delivered' }, 'once there is DNS one is delivered');
is(verdict(), '200 delivered', 'and the one after');
is(Example::connections($t), 1, 'over the same connection');
$dns->answer('127.0.0.2');    # where nobody listens
ok(eventually { verdict() eq '502 failed' }, 'nginx follows a change of address');
unlike($t->error_log, qr/\Q$t->{key}\E/, 'the key is not in the log');
