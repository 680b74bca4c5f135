# Events that Flashduty cannot digest, whatever their severity, hold up no other
# one: a dozen of them wait, and good ones are delivered within seconds.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

use constant { POISON => 12, GOOD => 15 };

my $t = Spool->new(workers => 2, server => <<'EOC')->plan(11)->start;
        flashduty_spool_after 100ms;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /health {
            flashduty_status health;
        }
EOC

sub post {
    my ($key, $level) = @_;
    return $t->post('/blueking',
        alert(event => { id => $key, event_id => $key, level => $level }, description => $key))->verdict;
}

sub pushed {
    my ($what) = @_;
    return grep { $_->{body} =~ /"alert_key":"$what-/ } $t->flashduty->pushes;
}

# A firewall in between does not like some texts.
$t->flashduty->answer_to('"poison-', html(403));
is(post("poison-$_", 1), '202 spooled', "one that cannot be digested: it waits") for 1 .. 3;
post("poison-$_", 1) for 4 .. POISON;

# Good ones, less severe.
my (%sent, @late);
for my $number (1 .. GOOD) {
    my $key = "good-$number";
    $sent{$key} = time;
    post($key, 3);
    sleep 1;
}
ok((eventually { pushed('good') >= GOOD }), 'all good ones are delivered');
my %arrived;
$arrived{ $_->[2] } //= $_->[0] for $t->flashduty->arrivals;
my @delays = map { $arrived{$_} - $sent{$_} } keys %sent;
cmp_ok(max(@delays), '<', 5, 'each within seconds');

# All that cannot be digested were tried, and then few of them.
ok($t->is_back(sub { keys %{ { map { $_->{body} =~ /"alert_key":"(poison-\d+)"/ ? ($1 => 1) : () } $t->flashduty->pushes } } == POISON }),
    'each of the others was tried, too') or diag(scalar pushed('poison'));
is($t->waiting, POISON, 'and waits');
is(scalar($t->dead), 0, 'none is a dead letter');
cmp_ok(scalar(pushed('poison')), '<', 4 * POISON, 'they are not tried all the time');
like($t->get('/health')->body, qr/"state":"delivering"/, 'the target is well');

# The fault is fixed.
$t->flashduty->answer_to('"poison-', undef);
post("more-$_", 3) for 1 .. 20;
ok($t->is_back(sub { $t->waiting == 0 }), 'they leave, too');
