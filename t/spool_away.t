# While Flashduty is away, or the account at fault, alerts are taken and answered
# at once; when it is back they are delivered in order.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

# Much longer than anything takes here: who waits for it is noticed.
use constant AFTER => 8;

my $t = Spool->new(workers => 2, http => <<"EOC")->plan(53)->start;
    log_format outcome "\$flashduty_alert_key|\$flashduty_outcome|\$flashduty_push_status|\$flashduty_push_time|"
        "\$flashduty_request_id|\$flashduty_error_code";

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log outcome;
        flashduty_spool_after @{[AFTER]}s;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

my $posted = 0;

# The answer to an alert, and how long it took.
sub post {
    my ($key, %change) = @_;

    $posted++;
    my $since    = time;
    my $response = $t->post('/blueking', alert(%change, event => { id => $key, event_id => $key }));
    return ($response, time - $since);
}

sub log_says {
    my ($line, $times) = @_;
    return eventually { (() = $t->error_log =~ /$line/mg) >= $times };
}

# The log is written behind the answer.
sub last_line {
    my @lines;
    eventually { (@lines = $t->access_log) >= $posted };
    return $lines[-1];
}

my $OK = '202 spooled';

# Away.
$t->flashduty->go_away;
my ($response, $seconds) = post('first');
is($response->verdict, $OK, 'nobody there: the alert is spooled');
cmp_ok($seconds, '<', AFTER / 2, 'and answered as soon as that is known');
is($response->members, 'outcome reason alert_key', 'the answer has no code and no request id');
is($response->json->{alert_key}, 'first', 'but the alert key');
like($response->reason, qr/on disk/, 'its reason says where the event is');
like(substr($response->body, 0, 200), qr/"outcome":"spooled","reason":"(?:[^"\\]|\\.)*"/, 'both within 200 bytes');
like(last_line(), qr/^first\|spooled\|502\|\d+\.\d{3}\|\|$/, 'the log has what the push came to');
ok(log_says(qr/\[error\] .*flashduty target "\/flashduty of server [^"]+" is away, .*: .+$/m, 1), 'an error line says it is away');
like($t->error_log, qr/\[info\] .* alert "first" spooled: /, 'an info line that the alert is spooled');

($response, $seconds) = post('second');
is($response->verdict, $OK, 'one of another alert');
cmp_ok($seconds, '<', AFTER / 2, 'is answered as soon as it has been a probe');
like(last_line(), qr/^second\|spooled\|502\|\d+\.\d{3}\|\|$/, 'the log has what that came to');

($response, $seconds) = post('first', type => 'RECOVERY_NOTICE');
is($response->verdict, $OK, "the first alert's recovery");
cmp_ok($seconds, '<', AFTER / 2, 'is answered at once');
like(last_line(), qr/^first\|spooled\|\|\|\|$/, 'there was no push to log');
is($t->waiting, 3, 'all three wait');
my ($row) = $t->query('SELECT attempts, last_error FROM event ORDER BY event_id LIMIT 1');
cmp_ok($row->{attempts}, '>=', 1, 'with what was tried');
isnt($row->{last_error}, '', 'and why it failed');

# Back.
$t->flashduty->come_back;
ok($t->runs_empty, 'back again: all leave');
ok(log_says(qr/\[notice\] .*flashduty target "\/flashduty of server [^"]+" is back after \d+ s$/m, 1), 'a notice says so');
my @pushed = map { keyed($_) } $t->flashduty->pushes;
is(join(', ', grep {/first/} @pushed), 'first Warning, first Ok', 'the events of one alert in order');
is(scalar(@pushed), 3, 'each once');
is((post('first'))[0]->verdict, '200 delivered', 'the next is delivered while its caller waits');

sub keyed {
    my ($push) = @_;
    return join ' ', $push->{body} =~ /"alert_key":"(\w+)"/, $push->{body} =~ /"event_status":"(\w+)"/;
}

# Every other way to be away.
my @FAULTS = (
    [ 'resets',                   dropped('reset'),                              502, '' ],
    [ 'closes',                   dropped('close'),                              502, '' ],
    [ 'answers 500',              says(500, 'InternalError', 'm'),               500, 'InternalError' ],
    [ 'answers 503 with a page',  html(503),                                     503, '' ],
    [ 'answers 200 with a page',  html(200),                                     200, '' ],
    [ 'says the key is wrong',    says(401, 'Unauthorized', 'no such key'),      401, 'Unauthorized' ],
);
my $away = 1;
for my $fault (@FAULTS) {
    my ($name, $answer, $status, $code) = @$fault;
    my $before = $t->flashduty->count;
    $t->flashduty->answer($answer);
    ($response, $seconds) = post('other');
    is($response->verdict . ($seconds < AFTER / 2 ? '' : ' late'), $OK, "one that $name: spooled at once");
    like(last_line(), qr/^other\|spooled\|$status\|\d+\.\d{3}\|[^|]*\|$code$/, 'the log has what the push came to');
    ok(log_says(qr/\[error\] .* is away, /, ++$away), 'and that it is away');
    $t->flashduty->answer(taken());
    ok($t->runs_empty, 'fixed, it is delivered');
}

# A reason of Flashduty's own that is very long leaves room for the outcome.
$t->flashduty->answer(says(401, 'Unauthorized', 'x' x 3000));
($response) = post('long');
like(substr($response->body, 0, 200), qr/^\{"outcome":"spooled","reason":"/, 'a long reason stands behind the outcome');
$t->flashduty->answer(taken());
ok($t->runs_empty, 'and that one is delivered too');

# A key that waits, while its target is well.
$t->flashduty->answer_to('"poison"', says(500, 'InternalError', 'm'));
post('poison');
eventually { (post('well'))[0]->verdict eq '200 delivered' };
($response, $seconds) = post('poison', type => 'RECOVERY_NOTICE');
is($response->verdict . ($seconds < AFTER / 2 ? '' : ' late'), $OK, 'behind one that cannot be digested: spooled at once');
ok((eventually { (post('well'))[0]->verdict eq '200 delivered' }), 'other alerts are not held up');
$t->flashduty->answer_to('"poison"', undef);
ok($t->runs_empty, 'once it is digested, all are delivered');
is((grep {/^poison/} map { keyed($_) } $t->flashduty->pushes)[-1], 'poison Ok', 'the recovery last');
