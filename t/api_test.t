# The test of the way to Flashduty: pushed at once, never spooled, and its result.

use strict;
use warnings;

use Test::More;

use Api;
use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Api->new(http => <<'EOC')->plan(43)->start;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /team {
            flashduty_push /team-push?team=a;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /team-push {
            internal;
            proxy_pass %%PUSH_URL%%&team=$arg_team;
        }
        location = /closed {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /closed-hook {
            flashduty_push /closed;
        }
        location /api/ {
            flashduty_api write=on;
        }
    }
EOC

# A test, when a second has passed since the last one.
sub test {
    my ($path) = @_;
    my $answer;
    eventually { $answer = $t->ask('POST', $path); $answer->status != 429 };
    return $answer;
}

my $answer = test('test?uri=/flashduty');
is($answer->verdict, '200 delivered', 'a test is delivered');
my ($push) = $t->flashduty->pushes;
like($push->{body}, qr/"event_status":"Ok","alert_key":"flashduty-gateway-test"/, 'as an Ok of its own key');
is($answer->json->{alert_key}, 'flashduty-gateway-test', 'which the answer names');
is($answer->json->{http_status}, 200, 'with the HTTP status');
like($answer->json->{push_time}, qr/^\d+(?:\.\d+)?$/, 'the time taken');
is($answer->json->{alert_key_came_back} ? 'yes' : 'no', 'yes', 'and that Flashduty named the alert');
like($answer->json->{request_id}, qr/\S/, 'and its request id');
is($t->waiting, 0, 'it is not spooled');
is($t->ask('POST', 'test?uri=/flashduty')->status, 429, 'one a second');
ok($t->logs(qr/\[notice\] .*flashduty api: POST \/api\/test\?uri=\/flashduty by user "" from 127\.0\.0\.1: test of "\/flashduty" of server "[^"]+" delivered$/m), 'the log has a line');
is($t->get('waiting')->{next}, undef, 'nothing waits');

# Results of the test, in the terms of the answers.
my @ROWS = (
    [ 'a wrong key',        says(401, 'Unauthorized', 'no such key'),     '502 refused', qr/no such key/,       401, 'Unauthorized' ],
    [ 'a refused event',    says(400, 'InvalidParameter', 'bad title'),   '502 refused', qr/bad title/,         400, 'InvalidParameter' ],
    [ 'to slow down',       says(429, 'RequestTooFrequently', 'slow'),    '503 failed',  qr/slow/,              429, 'RequestTooFrequently' ],
    [ 'trouble there',      says(500, 'InternalError', 'oops'),           '502 failed',  qr/oops/,              500, 'InternalError' ],
    [ 'a page instead',     html(200),                                    '502 failed',  qr/not as Flashduty/,  200, undef ],
);
for my $row (@ROWS) {
    my ($name, $says, $verdict, $reason, $status, $code) = @$row;
    $t->flashduty->answer($says);
    $answer = test('test?uri=/flashduty');
    is($answer->verdict, $verdict, $name);
    like($answer->reason, $reason, 'with the reason');
    is($answer->json->{http_status}, $status, 'and the HTTP status');
    is($answer->json->{code}, $code, 'and the code');
}
is($t->waiting, 0, 'nothing of that is spooled');
$t->flashduty->answer(taken());

is(test('test?uri=/closed')->verdict, '502 failed', 'nobody there');
is(test('test?uri=/team-push')->verdict, '200 delivered', 'a uri with arguments');
like(($t->flashduty->pushes)[-1]{uri}, qr/team=a/, 'has them in its test');
is(test('test?uri=/nowhere')->status, 400, 'a uri that nothing is pushed to');
like($t->ask('POST', 'test?uri=/api/')->reason, qr/there is no "flashduty_push" of that uri/, 'with a sentence');
is($t->ask('POST', 'targets/7/test')->status, 404, 'a target that there is not');

$t->post('/blueking', alert());
my $target = $t->target('/flashduty');
is(test("targets/$target->{id}/test")->verdict, '200 delivered', 'a target is tested');

# Without a spool.
my $bare = Api->new(spool => undef);
$bare->start;
is($bare->ask('GET', 'waiting')->status, 404, 'without a spool nothing waits');
like($bare->ask('GET', 'targets')->reason, qr/there is no spool/, 'with a sentence');
is($bare->ask('POST', 'try')->status, 404, 'and nothing is tried');
is($bare->ask('POST', 'test?uri=/flashduty')->verdict, '200 delivered', 'but the test');
