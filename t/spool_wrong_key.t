# A wrong key, by whatever name Flashduty calls it, makes no dead letters: an event that is refused
# with nothing delivered to compare waits, and says so.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, server => <<'EOC')->plan(25)->start;
        flashduty_spool_after 2s;

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
    my ($key, %change) = @_;
    return $t->post('/blueking', alert(%change, event => { id => $key, event_id => $key }));
}

sub health { return $t->get('/health')->body }

sub order_of {
    my ($from, $key) = @_;
    return join ' ', map { $_->{body} =~ /"alert_key":"$key"/ ? $_->{body} =~ /"event_status":"(\w+)"/ : () }
        $t->flashduty->pushes($from);
}

my %SAYS = (
    'the message names the key' => [
        says(400, 'InvalidParameter', 'integration_key is not a valid one'), qr/integration_key is not a valid one/,
    ],
    'a code that nobody knows' => [
        says(400, 'IntegrationNotRouted', 'no route takes it'),
        qr/\d+ events are refused: no route takes it; nothing else was sent to compare/,
    ],
);

for my $name (sort keys %SAYS) {
    my ($answer, $reason) = @{ $SAYS{$name} };
    $t->flashduty->answer($answer);
    my $first = post("first $name");
    is($first->verdict, '202 spooled', "$name: the first waits");
    like($first->reason, $reason, 'and its answer says why');
    is(post("$_ $name")->verdict, '202 spooled', 'so does another') for 'second', 'third', 'fourth';
    is(post("first $name", type => 'RECOVERY_NOTICE')->verdict, '202 spooled', 'and the recovery of the first');
    is($t->waiting, 5, 'all of them');
    is(scalar($t->dead), 0, 'none is a dead letter');
    ok((eventually { health() =~ /"state":"spooling"/ && health() =~ $reason }), 'health says why') or diag(health());

    # The right key, which comes with a reload.
    my $before = $t->flashduty->count;
    $t->flashduty->answer(taken());
    $t->signal('HUP');
    ok($t->is_back(sub { $t->waiting == 0 }), 'with a right key all are delivered');
    like(order_of($before, "first $name"), qr/^(?:Warning )?Ok$/, 'in their order');
}

# Beside a yes it is the event.
is(post('well')->verdict, '200 delivered', 'another one is delivered');
$t->flashduty->answer(says(400, 'InvalidParameter', 'title_rule is "odd"'), taken());
is(post('odd')->verdict, '502 refused', 'what is refused then is refused for good');
is(join(' ', map { $_->{alert_key} } $t->dead), 'odd', 'and is a dead letter');
