# The deliverer is killed: another worker takes over within seconds, also when there is nothing to
# deliver, and the pushes under way are delivered.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 3, kills => 1, server => <<'EOC')->plan(15)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub elections { return scalar(() = $t->error_log =~ /\[notice\].*this process delivers$/mg) }

# Another one, and how long that took.
sub kill_deliverer {
    my $old   = $t->deliverer;
    my $since = time;
    kill 'KILL', $old;
    my $new = eventually {
        my $pid = $t->deliverer;
        $pid && $pid != $old && $pid;
    };
    return ($new, time - $since);
}

ok((eventually { $t->deliverer }), 'one worker delivers');
is(post('before'), '200 delivered', 'an alert is delivered');
is(elections(), 1, 'there is one, and a notice says which');

for my $round (1 .. 2) {
    my ($new, $seconds) = kill_deliverer();
    ok($new, 'it is killed: another takes over');
    cmp_ok($seconds, '<', Client::PATIENCE / 2, 'within seconds');
    ok((eventually { post('idle') eq '200 delivered' }), 'alerts are delivered');
}
is(elections(), 3, 'each take-over was logged');

# In the middle of a push.
$t->flashduty->answer({ hold => 1 }, taken());
my $count  = $t->flashduty->count + 1;
my $caller = $t->client->send(Client->compose('POST', '/blueking', alert()));
$t->flashduty->wait_for($count);
my $body   = $t->flashduty->last_push->{body};
my ($new)  = kill_deliverer();
ok($new, 'killed while it pushes');
ok($t->runs_empty, 'its successor settles that event');
is($t->flashduty->last_push->{body}, $body, 'by pushing it again');
is(scalar($t->flashduty->pushes($count)), 1, 'once');
is(post('after'), '200 delivered', 'and the next is delivered');
