# A short blip must not make nginx hold both addresses of Flashduty's name for dead: it would push
# nothing for 10 s, longer than BlueKing tries.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Example;
use Gateway;
use Spool;

my @EXAMPLES = map {"$_.conf"} qw(minimal routing protected key_file_upstream status);
my %server   = map { $_ => [ Example->text($_) =~ /^[ #]*server (api\.flashcat\.cloud:443[^;]*);/mg ] } @EXAMPLES;
my $readme   = '../README';
$server{$_} = [ Example->text($_) =~ /^ *server (api\.flashcat\.cloud:443[^;`]*);/mg ] for "$readme.md", "$readme.zh-CN.md";

my $t = Spool->new(peers => ['SECOND'], http => <<'EOC')->plan(15 + keys %server)->start;
    upstream kept {
        server 127.0.0.1:%%PEER%% max_fails=0;
        server 127.0.0.1:%%SECOND%% max_fails=0;
    }
    upstream given_up {
        server 127.0.0.1:%%PEER%%;
        server 127.0.0.1:%%SECOND%%;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_next_upstream error timeout non_idempotent;
        proxy_next_upstream_tries 2;

        location = /kept     { flashduty_push /to/kept; }
        location = /given_up { flashduty_push /to/given_up; }
        location = /to/kept {
            internal;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to/given_up {
            internal;
            proxy_pass http://given_up/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
EOC

is_deeply([ grep { !/ max_fails=0$/ } @{ $server{$_} } ], [], "$_: no server is given up") for sort keys %server;
ok(!(grep { !@$_ } values %server), 'and each has one');

my @peers = map { $t->flashduty($_) } 'PEER', 'SECOND';

sub alert_to {
    my ($uri) = @_;
    return $t->post($uri, alert())->verdict;
}

sub blip {
    my ($uri) = @_;

    $_->go_away for @peers;
    my $verdict = alert_to($uri);
    $_->come_back for @peers;
    return $verdict;
}

# Without a spool.
$t->write_file('nginx.conf', $t->configuration(%$t, spool => undef))->reload;
is(alert_to('/kept'), '200 delivered', 'with two addresses an alert is delivered');
is(blip('/kept'), '502 failed', 'while neither answers one fails');
is(alert_to('/kept'), '200 delivered', 'the next is delivered');
$peers[0]->go_away;
is(alert_to('/kept'), '200 delivered', 'with one address gone the other has it') for 1, 2;
$peers[0]->come_back;
unlike($t->error_log, qr/no live upstreams/, 'nginx gave up nobody');
is(blip('/given_up'), '502 failed', 'without max_fails=0 one fails as well');
is(alert_to('/given_up'), '502 failed', '... and so does the next');
like($t->error_log, qr/no live upstreams/, '... because nginx has given up both');

# With one.
$t->write_file('nginx.conf', $t->configuration(%$t))->reload;
is(alert_to('/kept'), '200 delivered', 'with a spool an alert is delivered');
my $lines = () = $t->error_log =~ /no live upstreams/g;
is(blip('/kept'), '202 spooled', 'one waits while neither answers');
ok($t->runs_empty, 'and leaves');
is(alert_to('/kept'), '200 delivered', 'the next is delivered');
is(scalar(() = $t->error_log =~ /no live upstreams/g), $lines, 'nginx gave up nobody');
