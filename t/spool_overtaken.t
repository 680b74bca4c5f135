# An event may be pushed before its worker hears that it is written down: the caller still gets the
# verdict, and the event is counted once.

use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $library = $ENV{TEST_LATE_NOTICE} or plan skip_all => 'TEST_LATE_NOTICE is the library that make nginx-tests builds';

my $t = Spool->new(workers => 2, main => 'env LATE_NOTICE;', http => <<'EOC')->plan(8);
    server {
        listen 127.0.0.1:%%PORT%%;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /worker {
            return 200 "$pid";
        }
        location = /status {
            flashduty_status json;
        }
    }
EOC
my $late = $t->dir . '/late';
{
    local $ENV{LD_PRELOAD}  = $library;
    local $ENV{LATE_NOTICE} = $late;
    # nginx may have a sanitizer in it.
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0';
    $t->start;
}

my $deliverer;
eventually { ($deliverer) = $t->error_log =~ /(\d+)#\d+: flashduty spool: this process delivers/ };
my $other;
eventually { ($other) = grep { $_ != $deliverer } $t->workers };

# A connection to each worker: the one that is stopped accepts none.
sub client_of {
    my ($worker, $stopped) = @_;

    $t->stop_process($stopped);
    my $client = $t->client;
    is($client->request('GET', '/worker')->body, $worker, 'a connection to a worker');
    kill 'CONT', $stopped;
    return $client;
}
my %client = ($deliverer => client_of($deliverer, $other), $other => client_of($other, $deliverer));

sub send_alert {
    my ($worker, $id) = @_;
    return $client{$worker}->send(Client->compose('POST', '/blueking', alert(event => { id => $id, event_id => $id })));
}

sub figures { return $t->get('/status')->json }

# The other worker's event is on disk and does not hear of it; an event of the deliverer's own worker
# makes that look, push both and write down what came of them.
open my $file, '>', "$late.$other" or die "cannot write $late.$other: $!\n";
close $file;
send_alert($other, 'overtaken');
$t->comes_to_wait(1);
is(send_alert($deliverer, 'beside')->response->verdict, '200 delivered', 'an event beside it is delivered');
ok($t->runs_empty, 'it is pushed and settled');
unlink "$late.$other";

my $response = $client{$other}->response;
is($response->verdict, '200 delivered', 'its caller hears that');
like($response->json->{request_id}, qr/^request-[12]$/, "with Flashduty's request id");
is(figures()->{flashduty_events_total}{delivered}, 2, 'both are counted by what their callers heard');
is(sum0(values %{ figures()->{flashduty_replayed_total} }), 0, 'and no second time');
