# An alert becomes an event at Flashduty, and the caller hears that it did.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my @PUSHED = grep { !/^(?:no_alert_empty_object|demo_without_alert)$/ } payload_names();

my $t = Gateway->new(server => <<'EOC')->plan(9 + 3 * @PUSHED)->start;
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
EOC

my $response = $t->post('/blueking', alert());
is($response->verdict, '200 delivered', 'the alert is delivered');
is($response->header('Content-Type'), 'application/json; charset=utf-8', 'the answer is JSON with its charset');
like($response->members, qr/^outcome( reason)? request_id alert_key$/, 'its members come in order, none is empty');
is($response->json->{request_id}, 'request-1',         "it holds Flashduty's request id");
is($response->json->{alert_key},  '17161930461000001', 'it holds the alert key');

my ($push) = $t->flashduty->pushes;
is(
    join(', ', sort map { $_->[0] } @{ $push->{headers} } ),
    join(', ', grep { $_ ne 'Connection' || had_connection($push) } qw(Accept-Encoding Connection Content-Length Content-Type Host)),
    'the push has its own headers and no others'
);
like($push->{body}, qr/"event_status":"Warning"/,                'the event says how bad it is');
like($push->{body}, qr/"title_rule":"10\.0\.1\.10 \/ CPU usage"/, 'the event says what is wrong');
is($push->{uri}, '/event/push/alert/standard?integration_key=integration-key-7f3a', 'the push goes to the push URL');

for my $name (@PUSHED) {
    my $previewed = $t->post('/preview', payload($name));
    is($previewed->status, '200', "$name can be previewed");
    is($t->post('/blueking', payload($name))->verdict, '200 delivered', "$name is delivered");
    is($t->flashduty->last_push->{body}, $previewed->body, "$name is pushed as previewed");
}

# True when nginx has sent it, which depends on its version's proxy_http_version.
sub had_connection {
    my ($push) = @_;
    return grep { $_->[0] eq 'Connection' } @{ $push->{headers} };
}
