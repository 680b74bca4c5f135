# All targets count, however many they are: a thousand have a series of their own,
# the rest share one, and each of them is in health.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(15)->start;
    map $blueking_biz_id $push {
        volatile;
        0       "";
        default /flashduty/$blueking_biz_id;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        location = /blueking {
            flashduty_push $push;
        }
        location /flashduty/ {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /health {
            flashduty_status health;
        }
        location = /metrics {
            flashduty_status prometheus;
        }
    }
EOC

sub post {
    my ($number) = @_;
    return $t->post('/blueking', alert(bk_biz_id => $number))->verdict;
}

sub health {
    my $response = $t->get('/health');
    return $response->status . ' ' . ($response->json->{reason} // '');
}

# Prometheus's series of each target.
sub up {
    my $metrics = $t->get('/metrics')->body;
    return { $metrics =~ m{^flashduty_target_up\{target="(?:\S+ localhost )?(\S+)"\} (\d)$}mg };
}

# --- more than there ever was room for ---------------------------------------

post($_) for 1 .. 40;
$t->flashduty->answer(says(401, 'Unauthorized', 'no such key'));
is(post(41), '502 refused', 'forty targets are well, one has a wrong key');
$t->flashduty->answer(taken());
like(health(), qr{^503 .*/flashduty/41: no such key$}, 'health knows of it, and which it is');
my $up = up();
is(scalar keys %$up, 41, 'each has a series');
is($up->{'/flashduty/41'}, 0, '... it too');
post(41);
is(health(), '200 ', 'it is well again');

# --- more than there is room for now -----------------------------------------

post($_) for 42 .. 1000;
$up = up();
is(scalar keys %$up, 1000, 'a thousand targets have a series each');
ok(!exists $up->{other}, 'and nobody shares one');
post(1001);
$up = up();
is(scalar keys %$up, 1001, 'one more');
is($up->{other}, 1, 'has the one for all others');
$t->flashduty->answer(html(500));
post(1002);
$t->flashduty->answer(taken());
post(1003);
is(up()->{other}, 0, 'which tells of the one that fails');
like(health(), qr{^503 .*/flashduty/1002: .*HTTP 500}, 'as health does, by its name');
post(1002);
is(health(), '200 ', 'it is well again');

# --- nowhere to go -----------------------------------------------------------

is(post(0), '500 failed', 'an alert whose uri is empty');
like(health(), qr/^503 .*the uri of flashduty_push is empty/, 'counts like a push that failed');
is(up()->{other}, 0, 'as a figure, too');
