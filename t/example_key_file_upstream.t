# The example with the key in a file and an upstream block: connections are
# kept, and nginx has to know the addresses when it starts.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Example;
use Gateway;

my $t = Example->gateway('key_file_upstream.conf')->plan(26);
my $with_spool = $t->{conf};
Example::replace(\$t->{conf}, 'flashduty_spool %%DIR%%/spool.db;', '');    # each answer is that of the push
$t->start;

sub header_of_push {
    my ($name) = @_;
    return join ', ', map { $_->[1] } grep { $_->[0] eq $name } @{ $t->flashduty->last_push->{headers} };
}

for my $round (1 .. 3) {
    is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', "alert $round is delivered");
}
like($t->flashduty->last_push->{uri}, qr/\?integration_key=\Q$t->{key}\E$/, 'with the key of the file');
is(header_of_push('Host'), 'api.flashcat.cloud', 'to the right host');
is(Example::connections($t), 1, 'over one connection');

# A host that no DNS server is even asked for: its name is too long.
my $unknown = 'x' x 64 . '.example';
my $conf    = $t->{conf};
Example::replace(\$conf, 'server 127.0.0.1:%%TLS%% max_fails=0;', "server $unknown:443;");
my ($passed, $output) = $t->check(conf => $conf);
ok(!$passed, 'without an address of Flashduty nginx does not start');
like($output, qr/host not found in upstream "$unknown:443"/, 'and says so');

# A port in the URL.
SKIP: {
    # Angie and Tengine have a resolver of their own, and would ask for the real address.
    skip 'needs an nginx without a resolver of its own', 2 if $t->build =~ /^(?:Angie|Tengine) version/m;

    my $ported = $t->{conf};
    Example::replace(\$ported, 'https://api.flashcat.cloud/', 'https://api.flashcat.cloud:443/');
    $t->write_file('nginx.conf', $t->configuration(conf => $ported))->reload;
    is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '502 failed', 'with a port in the URL');
    like($t->error_log, qr/no resolver defined to resolve api\.flashcat\.cloud/, 'nginx does not take the upstream block');
}

# An upstream block of another name.
my $renamed = $t->{conf};
Example::replace(\$renamed, 'upstream api.flashcat.cloud {', 'upstream flashduty {');
Example::replace(\$renamed, 'https://api.flashcat.cloud/', 'https://flashduty/');
$t->write_file('nginx.conf', $t->configuration(conf => $renamed))->reload;
is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '502 failed', 'with the name of another upstream block alone');
like($t->error_log, qr/upstream SSL certificate does not match "flashduty"/, 'the certificate is the wrong one');

my ($host, $ssl_name) = $renamed =~ /^ *# +(proxy_set_header Host .*;)\n *# +(proxy_ssl_name .*;)$/m;
Example::replace(\$renamed, 'include flashduty_proxy.conf;', "include flashduty_proxy.conf; $host $ssl_name");
$t->write_file('nginx.conf', $t->configuration(conf => $renamed))->reload;
is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', 'with what the example says of it: delivered');
is(header_of_push('Host'), 'api.flashcat.cloud', 'to the right host');
$t->write_file('nginx.conf', $t->configuration(%$t));

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

Example::certify($t, 'api.flashcat.cloud');
is($t->reload->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', 'the right one: delivered');
is($t->flashduty->count, $pushes + 1, 'once');
$t->write_file('nginx.conf', $t->configuration(conf => $with_spool))->reload;
is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', 'as it stands, with its spool: delivered');
unlike($t->error_log, qr/\Q$t->{key}\E/, 'the key is not in the log');
