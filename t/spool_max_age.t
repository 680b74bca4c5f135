# An event that waits for longer than max_age becomes a dead letter, and a dead letter that is older
# than dead_age, and an hour, is deleted, each with an error line.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(spool => 'max_age=2s dead_age=5s', server => <<'EOC')->plan(18)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /status {
            flashduty_status json;
        }
EOC

sub post {
    my ($key, %change) = @_;
    return $t->post('/blueking', alert(%change, event => { id => $key, event_id => $key }))->verdict;
}

sub log_says {
    my ($line) = @_;
    return eventually { $t->error_log =~ $line };
}

$t->flashduty->go_away;
my $since = time;
is(post('old'), '202 spooled', 'an alert waits');
is(post('old', type => 'RECOVERY_NOTICE'), '202 spooled', 'and its recovery');
ok($t->runs_empty, 'until it is too old');
my $seconds = time - $since;
cmp_ok($seconds, '>=', 2, 'not before max_age');
my @dead = $t->dead;
is(join(' ', map {"$_->{alert_key} $_->{status}"} @dead), 'old Warning old Ok', 'both are dead letters');
like($dead[0]{reason}, qr/\S/, 'with a reason');
like($dead[0]{event}, qr/"alert_key":"old"/, 'with the event');
like($dead[0]{body}, qr/"event_id":"old"/, 'with the body');
cmp_ok($dead[0]{attempts}, '>=', 1, 'and how often it was tried');
ok(log_says(qr/\[error\].*alert "old", event $dead[0]{event_id}, is a dead letter: /), 'an error line names it');
ok(log_says(qr/\[error\].*alert "old", event $dead[1]{event_id}, is a dead letter: /), 'and the other');
is($t->get('/status')->json->{flashduty_replayed_total}{dead}, 2, 'both are counted');

$t->flashduty->come_back;
ok($t->is_back(sub { post('new') eq '200 delivered' }), 'what comes next is delivered');
is(scalar(grep { $_->{body} =~ /"old"/ } $t->flashduty->pushes), 0, 'what was too old is not');

sleep 6;
is(scalar($t->dead), 2, 'they are kept for an hour at least, whatever dead_age says');
$t->query('UPDATE dead SET dead_ms = dead_ms - 3600000');
ok((eventually { !$t->dead }), 'then they are deleted');
ok(log_says(qr/\[error\].*dead letter of alert "old", event $_->{event_id}, deleted: /), 'an error line names it') for @dead;
