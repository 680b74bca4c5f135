# Answers to the caller: status, outcome, reason, code and request id, in this order, absent rather
# than empty, the important part first.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(56)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /nowhere {
            flashduty_push $arg_nothing;
        }
        location = /refusing {
            flashduty_push /refusing_flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /refusing_flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
EOC

# Every answer: the table's status and outcome, the members that may be there
# in their order, nothing empty, and the first 200 bytes that an operator sees.
sub answers {
    my ($response, $verdict, $members, $name) = @_;

    is($response->verdict, $verdict, "$name: $verdict");
    like($response->members, qr/\A$members\z/, "$name: its members");
    is($response->header('Content-Type'), 'application/json; charset=utf-8', "$name: JSON with its charset");
    is_deeply([ grep { !defined || ref || $_ eq '' } values %{ $response->json } ], [], "$name: nothing is empty");
    my $seen = substr $response->body, 0, 200;
    like($seen, qr/\A\{"outcome":"\w+"(?:,"reason":"(?:[^"\\]|\\.)+")?[,}]/, "$name: outcome and reason come first");
    return $response;
}

sub pushed {
    my ($answer, $verdict, $members, $name) = @_;

    $t->flashduty->answer($answer);
    return answers($t->post('/blueking', alert()), $verdict, $members, $name);
}

pushed(taken(), '200 delivered', 'outcome( reason)? request_id alert_key', 'delivered');

my $refused = pushed(
    says(400, 'InvalidParameter', 'title_rule is required'),
    '502 refused', 'outcome reason code request_id alert_key', 'refused'
);
like($refused->reason, qr/title_rule is required/, "refused: Flashduty's message is the reason");
is($refused->json->{code}, 'InvalidParameter', "refused: Flashduty's code");
like($refused->json->{request_id}, qr/^request-\d+$/, "refused: Flashduty's request id");

pushed(html(404), '502 refused', 'outcome reason alert_key', 'an unknown URL');

my $slow_down = pushed(
    says(429, 'RequestTooFrequently', 'slow down', headers => [ 'Retry-After' => 7 ]),
    '503 failed', 'outcome reason code request_id alert_key', 'too many'
);
is($slow_down->header('Retry-After'), '7', 'too many: Retry-After is passed on');

pushed(dropped('hang'), '504 failed', 'outcome reason alert_key', 'no answer');
answers($t->post('/refusing', alert()), '502 failed', 'outcome reason alert_key', 'nobody there');
answers($t->post('/nowhere', alert()), '500 failed', 'outcome reason( alert_key)?', 'no uri');
answers($t->post('/blueking', DEBUG_BODY), '200 test', 'outcome reason', 'the debug body');
answers($t->post('/blueking', '{}'), '400 rejected', 'outcome reason', 'no alert');

# A long message is cut so that operators see where it ends; Chinese counts in
# bytes.
my $long = says(400, 'InvalidParameter', 'a long message ' x 100);
pushed($long, '502 refused', 'outcome reason code request_id alert_key', 'a long message');

$t->flashduty->answer(says(400, 'InvalidParameter', "\x{544a}\x{8b66}" x 500));
my $chinese = $t->post('/blueking', alert());
my $seen    = substr $chinese->body, 0, 200;
like($seen, qr/\A\{"outcome":"refused","reason":"(?:[^"\\]|\\.)+"/, 'a long Chinese message is cut too');
like($chinese->reason, qr/\x{544a}\x{8b66}\x{544a}/, 'and stays readable');
