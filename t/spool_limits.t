# limit_req and limit_conn are for callers: pushes from the spool are not counted, neither by limits
# of the whole server nor by those of the push location.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

use constant CALLERS => 12;

my $t = Spool->new(http => <<"EOC")->plan(9)->start;
    limit_req_zone \$server_name zone=callers:64k rate=1r/m;
    limit_req_zone \$server_name zone=pushes:64k rate=1r/m;
    limit_conn_zone \$server_name zone=connections:64k;
    limit_conn_zone \$server_name zone=few:64k;
    limit_req zone=callers burst=@{[ CALLERS + 3 ]} nodelay;
    limit_conn connections 1;

    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking { flashduty_push /flashduty; }
        location = /led      { flashduty_push /leads; }
        location = /flashduty {
            internal;
            limit_req zone=pushes;
            limit_conn few 1;
            proxy_pass %%PUSH_URL%%;
        }
        location = /leads {
            internal;
            error_page 418 = \@flashduty;
            return 418;
        }
        location \@flashduty {
            proxy_pass %%PUSH_URL%%\$arg_nothing;
        }
    }
EOC

sub post {
    my ($key, $uri) = @_;
    return $t->post($uri // '/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

my %verdicts;
$verdicts{ post($_) }++ for 1 .. CALLERS;
is_deeply(\%verdicts, { '200 delivered' => CALLERS }, 'each caller is counted once, its push is not');

# Two at once, one of them held.
$t->flashduty->answer({ hold => 1 }, taken());
my $pushes = $t->flashduty->count;
my $first  = $t->client->send(Client->compose('POST', '/blueking', alert()));
ok((eventually { $t->flashduty->count > $pushes }), 'a push is under way');
is($t->post('/blueking', alert())->status, 503, 'limit_conn counts its caller');
$t->flashduty->release;
is($first->response->verdict, '200 delivered', 'and not the push');

is(post('led', '/led'), '200 delivered', 'error_page leads a push of the spool to a named location');
is($t->waiting, 0, 'none waits');
is(scalar($t->dead), 0, 'none is a dead letter');
ok((eventually { $t->post('/blueking', alert())->status == 503 }), 'at some time a caller is one too many');
unlike($t->error_log =~ s/^.*client: .*$//mgr, qr/limiting/, 'nothing was said of the pushes');
