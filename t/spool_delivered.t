# With a spool, an alert that Flashduty takes in time is answered as without one,
# and nothing of it stays behind.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, http => <<'EOC')->plan(26)->start;
    log_format outcome "$flashduty_alert_key|$flashduty_outcome|$flashduty_push_status|$flashduty_push_time|"
        "$flashduty_request_id|$flashduty_error_code";

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log outcome;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

sub last_line {
    return eventually { ($t->access_log)[-1] };    # it is written behind the answer
}

# Events that were written down are deleted behind the answer.
sub ids_given {
    my ($row) = $t->query("SELECT seq FROM sqlite_sequence WHERE name = 'event'");
    return $row ? $row->{seq} : 0;
}

my $response = $t->post('/blueking', alert());
is($response->verdict, '200 delivered', 'the alert is delivered');
is($response->members, 'outcome request_id alert_key', 'the answer has the members of a live one');
is($response->header('Content-Type'), 'application/json; charset=utf-8', 'and its type');
is($response->json->{request_id}, 'request-1',         "it holds Flashduty's request id");
is($response->json->{alert_key},  '17161930461000001', 'it holds the alert key');
like(last_line(), qr/^17161930461000001\|delivered\|200\|\d+\.\d{3}\|request-1\|$/, 'the log has all of it');
ok($t->runs_empty, 'nothing stays in the spool');
is(scalar($t->dead), 0, 'nor is there a dead letter');

my ($push) = $t->flashduty->pushes;
is(
    join(', ', sort map { $_->[0] } grep { $_->[0] ne 'Connection' } @{ $push->{headers} }),
    'Accept-Encoding, Content-Length, Content-Type, Host', 'the push has its own headers and no others'
);
is($push->{uri}, '/event/push/alert/standard?integration_key=integration-key-7f3a', 'it goes to the push URL');
is($push->{body}, $t->post('/preview', alert())->body, 'it is the event that is previewed');

# Trigger, recovery, trigger of the same alert: each waits for nothing.
for my $type (qw(ANOMALY_NOTICE RECOVERY_NOTICE ANOMALY_NOTICE RECOVERY_NOTICE)) {
    is($t->post('/blueking', alert(type => $type))->verdict, '200 delivered', "$type is delivered");
}
my @statuses = map { $_->{body} =~ /"event_status":"(\w+)"/ } $t->flashduty->pushes(1);
is("@statuses", 'Warning Ok Warning Ok', 'in this order');

# Alerts that come together share their commits; each is answered by its own push.
my @callers = map { $t->client } 1 .. 40;
$callers[$_]->send(Client->compose('POST', '/blueking', alert(event => { id => "alert-$_", event_id => "alert-$_" })))
    for 0 .. $#callers;
my @answers = map { $_->response } @callers;
is(scalar(grep { $_->verdict eq '200 delivered' } @answers), 40, '40 at once are delivered');
is(scalar(grep { $answers[$_]->json->{alert_key} eq "alert-$_" } 0 .. $#answers), 40, 'each answer is about its own alert');
my %keys = map { ("request-$_->{number}" => $_->{body} =~ /"alert_key":"([^"]+)"/) } numbered($t->flashduty->pushes);
is(scalar(grep { $keys{ $_->json->{request_id} } eq $_->json->{alert_key} } @answers), 40, 'and has the request id of its push');

sub numbered {
    my $number = 0;
    return map { { %$_, number => ++$number } } @_;
}

# A request without an event writes nothing down.
my $ids = ids_given();
is($t->post('/preview', alert())->verdict, '200', 'a preview');
is($t->post('/blueking', DEBUG_BODY)->verdict, '200 test', "BlueKing's debug body");
is($t->post('/blueking', '{}')->verdict, '400 rejected', 'no alert');
is($t->post('/blueking', 'no JSON')->verdict, '400 rejected', 'no JSON');
is($t->get('/blueking')->status, '405', 'no body');
is(ids_given(), $ids, 'none of them touched the spool');
ok($t->runs_empty, 'after all that it is empty');
