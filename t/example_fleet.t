# The fleet example: an edge whose database proves who it is, and asks for a password, as fleet.sql
# has set it up.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use BlueKing;
use Client;
use Example;
use Gateway;
use Postgres;

Postgres->or_skip;
my $SCRIPT = abs_path(dirname(__FILE__) . '/../conf.example/fleet.sql');

# --- the database ------------------------------------------------------------

my $db = Postgres->start;
my $port = $db->port;
$db->sql(q{CREATE DATABASE flashduty ENCODING 'UTF8' TEMPLATE template0});
my $said = $db->psql('flashduty', '-1', '-f', $SCRIPT);
$db->sql(q{ALTER ROLE gateway PASSWORD 'sEcReT'});

# --- the edge ----------------------------------------------------------------

my $t = Example->gateway('fleet.conf', instead => {
    'dbname=flashduty'      => join(' ', 'hostaddr=' . join(',', ('127.0.0.1') x 3), "port=$port", 'dbname=flashduty'),
    '/etc/nginx/db-ca.pem'  => '%%DIR%%/trusted.crt',
})->plan(10);
$t->write_file('fleet.password', "sEcReT\n", 0600);

Example::certify($t, 'db', 1, 2, 'DNS:db1,DNS:db2,DNS:db3');
umask 0077;    # PostgreSQL reads no key that others may read
$db->write('server.crt', $t->read_file('flashduty.crt'));
$db->write('server.key', $t->read_file('flashduty.key'));
$db->write('pg_hba.conf', "host all flashduty 127.0.0.1/32 trust\n", "hostssl flashduty gateway 127.0.0.1/32 scram-sha-256\n");
Example::certify($t, 'api.flashcat.cloud');
$db->configure(ssl => 'on');

unlike($said, qr/ERROR|WARNING|NOTICE/, 'fleet.sql complains of nothing');
my ($passed, $output) = $t->check(conf => $t->{conf});
ok($passed, 'nginx -t passes') or diag($output);
unlike($output, qr/\[warn\]/, 'and warns of nothing');

$t->start;
sub status_of { return $t->client('STATUS')->request('GET', $_[0], undef, Connection => 'close', @_[ 1 .. $#_ ]) }
sub fleet     { return status_of('/', Accept => 'application/json')->json->{fleet} }

ok((eventually { my $fleet = fleet(); $fleet->{leader} && $fleet->{up} }), 'the edge reaches its database and leads') or diag($t->error_log);
is($db->sql(q{SELECT count(*) > 0 FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE ssl AND application_name = 'flashduty/a'}),
    't', 'by TLS');
ok((eventually { $t->post('/blueking', payload('trigger_host_cpu'))->verdict eq '200 delivered' }), 'an alert is delivered');
is($t->get('/health')->status, 200, 'health for a balancer');
is($t->get('/health/fleet')->status, 200, '... that prefers edges in their fleet');
like(status_of('/metrics')->body, qr/^flashduty_fleet_leader 1$/m, 'metrics');
is(status_of('/api/waiting')->status, 200, 'the API');
