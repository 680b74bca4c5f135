# The example with the key in a file and a resolver: nginx starts without DNS
# and follows it, and keeps no connections.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Disk;
use Dns;
use Example;
use Gateway;

my $dns = Dns->start('api.flashcat.cloud');
my $t   = Example->gateway('key_file_resolver.conf', dns => $dns->port)->plan(23);
my $with_spool = $t->{conf};
Example::replace(\$t->{conf}, 'flashduty_spool %%DIR%%/spool.db;', '');    # each answer is that of the push
$t->start;

sub verdict { return $t->post('/blueking', payload('trigger_host_cpu'))->verdict }

is(verdict(), '502 failed', 'started without DNS, nginx answers that an alert has failed');
like($t->error_log, qr/api\.flashcat\.cloud could not be resolved \(110: /, 'and the log says why');
is($t->flashduty->count, 0, 'nothing was sent');

$dns->answer('127.0.0.1');
is(verdict(), '200 delivered', 'once there is DNS the next is delivered');
like($t->flashduty->last_push->{uri}, qr/\?integration_key=\Q$t->{key}\E$/, 'with the key of the file');
my ($host) = map { $_->[1] } grep { $_->[0] eq 'Host' } @{ $t->flashduty->last_push->{headers} };
is($host, 'api.flashcat.cloud', 'to the right host');
is(verdict(), '200 delivered', 'and the one after');
is(Example::connections($t), 2, 'over a connection of its own');

$dns->answer('127.0.0.2');    # where nobody listens
ok(eventually { verdict() eq '502 failed' }, 'nginx follows a change of address');
like($t->error_log, qr/connect\(\) failed .* upstream: "https:\/\/127\.0\.0\.2:/, 'to where it leads');
$dns->answer('127.0.0.1');
ok(eventually { verdict() eq '200 delivered' }, 'and back');

# Servers that it talks to.
my $pushes = $t->flashduty->count;
for my $case (
    [ 'elsewhere.example',  1, qr/upstream SSL certificate does not match "api\.flashcat\.cloud"/, 'a certificate for another name' ],
    [ 'api.flashcat.cloud', 0, qr/upstream SSL certificate verify error: .*unable to/, 'one of an unknown CA' ],
    )
{
    my ($name, $is_trusted, $complaint, $says) = @$case;
    Example::certify($t, $name, $is_trusted);
    $t->reload;
    my @lines = $t->logged(sub {
        my $response = $t->post('/blueking', payload('trigger_host_cpu'));
        is($response->verdict, '502 failed', "$says: failed");
        unlike($response->body, qr/\Q$t->{key}\E/, '... without the key in the answer');
    });
    like("@lines", $complaint, '... and the log says why');
    is($t->flashduty->count, $pushes, '... and nothing was sent');
}

# The example unchanged, with its spool.
Example::certify($t, 'api.flashcat.cloud');
$t->write_file('nginx.conf', $t->configuration(conf => $with_spool))->reload;
is(verdict(), '200 delivered', 'with the spool: delivered');
$dns->answer('127.0.0.2');
ok(eventually { verdict() eq '202 spooled' }, 'alerts wait while the address is a wrong one');
$dns->answer('127.0.0.1');
$t->reload;    # else the next try may be minutes away
ok(eventually { sql($t->dir . '/spool.db', 'SELECT count(*) FROM event') == 0 }, 'and leave once it is right');
unlike($t->error_log, qr/\Q$t->{key}\E/, 'the key is not in the log');
