# Server blocks with the same listen and server_name, which nginx only warns of:
# an event from the spool goes where the caller's own server block pushes to.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, peers => [qw(FURTHER DEFAULT)], ports => ['SECOND'], http => <<'EOC')->plan(8)->start;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name _;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%SECOND%%;
        server_name _;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%FURTHER%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%% default_server;
        server_name _;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%DEFAULT%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
EOC

sub post {
    my ($port, $key, $host) = @_;

    my $request = Client->compose('POST', '/blueking', alert(event => { id => $key, event_id => $key }));
    $request =~ s/^Host: \K\S+/$host/m;
    return $t->client($port)->send($request)->response('POST')->verdict;
}

for my $case ([ 'PORT', '_', 'PEER' ], [ 'SECOND', '_', 'FURTHER' ], [ 'PORT', 'other.test', 'DEFAULT' ]) {
    my ($port, $host, $peer) = @$case;
    is(post($port, "to-$peer", $host), '200 delivered', "host $host on $port: delivered");
    my @keys = map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty($peer)->pushes;
    is("@keys", "to-$peer", 'by its own server block, and nothing else is');
}

my @servers = map { $_->{server} } $t->query('SELECT server FROM target ORDER BY target_id');
is(scalar(@servers), 3, 'each is a target of its own');
my ($port, $second) = map { $t->port($_) } qw(PORT SECOND);
is(join(', ', @servers), "127.0.0.1:$port _, 127.0.0.1:$second _, 127.0.0.1:$port _ #2", 'by a name of its own');
