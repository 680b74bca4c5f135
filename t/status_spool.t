# Status of a spool: number and reason of waiting events, later deliveries, and when neither the
# spool nor Flashduty takes an alert.

use strict;
use warnings;

use IO::Handle;
use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, server => <<'EOC')->plan(60)->start;
        location = /blueking {
            flashduty_push /flashduty?team=secret-argument;
        }
        location = /hasty {
            flashduty_spool_after 100ms;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout 5s;
        }
        location = /status {
            flashduty_status json;
        }
        location = /health {
            flashduty_status health;
        }
EOC

my $TARGET = "127.0.0.1:@{[$t->port]} localhost /flashduty";

sub post {
    my ($key, %more) = @_;
    return $t->post($more{uri} // '/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub status { return $t->get('/status')->json }

sub health {
    my $response = $t->get('/health');
    return $response->status . ' ' . ($response->json->{state} // '');
}

sub outcomes { return join ' ', map { $_->{outcome} } @{ status()->{alerts} } }

# --- all is well -------------------------------------------------------------

is(post('one'), '200 delivered', 'an alert is delivered while its caller waits');
ok((eventually { (status()->{flashduty_target_up} || {})->{$TARGET} }), 'its target is up');
my $status = status();
is($status->{flashduty_events_total}{delivered}, 1, 'counted as delivered');
is_deeply($status->{flashduty_replayed_total}, { delivered => 0, retry => 0, dead => 0 }, 'and not as a replay');
is($status->{flashduty_delivery_delay_seconds}{count}, 1, 'its delay is counted');
is(outcomes(), 'delivered', 'it is shown');
is($status->{alerts}[0]{request_id}, 'request-1', '... as Flashduty has it');
ok($status->{spool}{enabled}, 'there is a spool');
is(health(), '200 delivering', 'delivering');
ok((eventually { status()->{spool}{bytes} > 4096 }), 'the spool has a size');
ok((eventually { status()->{flashduty_spool_commits_total} >= 2 }), 'one commit takes it in, another settles it');
$t->reload;
is(status()->{flashduty_events_total}{delivered}, 1, 'a reload forgets nothing');
is(health(), '200 delivering', 'and delivers');

# --- Flashduty is away -------------------------------------------------------

$t->flashduty->answer(says(500, 'InternalError', "it is down, and the key is $t->{key}"));
is(post('two'), '202 spooled', 'Flashduty fails: the alert is spooled');
ok((eventually { status()->{state} eq 'spooling' }), 'spooling');
is(health(), '200 spooling', 'which loses nothing');
ok((eventually { status()->{spool}{waiting} == 1 }), 'one waits');
$status = status();
like($status->{reason}, qr/^it is down, and the key is \*\*\*$/, 'it says why');
is($status->{spool}{last_error}, $status->{reason}, 'that was the last error');
cmp_ok(abs($status->{since} - time), '<', 10, 'since when');
my ($target) = @{ $status->{targets} };
is($target->{target}, $TARGET, 'the target is named');
ok(!$target->{up}, 'it is away');
is($target->{reason}, $status->{reason}, 'why');
ok(defined $target->{next_try_seconds} && $target->{next_try_seconds} <= 300, 'when it is tried again');
is($status->{spool}{next_try_seconds}, $target->{next_try_seconds}, 'which is the next try');
is($status->{flashduty_target_up}{$TARGET}, 0, 'as a figure, too');
ok((eventually { status()->{spool}{oldest_seconds} > 0.5 }), 'the oldest gets older');
unlike($t->get('/status')->body, qr/\Q$t->{key}\E|secret-argument/, 'no secret is shown');

$t->flashduty->answer(taken());
ok((eventually { status()->{state} eq 'delivering' }), 'Flashduty is back: delivering');
ok($t->runs_empty, 'what waited is delivered');
is(outcomes(), 'delivered spooled delivered', 'which is shown after what its caller was told');
$status = status();
is($status->{flashduty_replayed_total}{delivered}, 1, 'and counted as a replay');
is($status->{minutes}[-1]{replayed} + $status->{minutes}[-2]{replayed}, 1, 'in its minute, too');
is($status->{flashduty_events_total}{spooled}, 1, 'its caller was told that it is spooled');
is($status->{flashduty_delivery_delay_seconds}{count}, 2, 'its delay is that since it came');
cmp_ok($status->{alerts}[0]{delay_seconds}, '>', 0.5, 'with the time in the spool');
is($status->{alerts}[0]{title}, '10.0.1.10 / CPU usage', 'it is the same alert');
is($status->{alerts}[0]{biz_name}, 'BlueKing', 'of the same business');
ok((eventually { status()->{spool}{waiting} == 0 }), 'none waits');
is(status()->{spool}{oldest_seconds}, 0, 'so none is old');

# --- a caller that does not wait long enough ---------------------------------

my $pushes = $t->flashduty->count;
$t->flashduty->answer({ hold => 1 });
is(post('three', uri => '/hasty'), '202 spooled', 'a slow answer');
$t->flashduty->wait_for($pushes + 1);
$t->flashduty->release;
ok((eventually { outcomes() =~ /^delivered spooled/ }), 'comes later, and is shown');
is(status()->{flashduty_replayed_total}{delivered}, 2, 'as a replay');
is(status()->{alerts}[0]{biz_name}, 'BlueKing', 'with its texts');

# --- refused -----------------------------------------------------------------

$t->flashduty->answer(says(400, 'InvalidParameter', 'no'));
is(post('four'), '502 refused', 'an event that is refused');
ok((eventually { status()->{spool}{dead} == 1 }), 'is a dead letter');
is(outcomes() =~ /^refused delivered/ && status()->{alerts}[0]{code}, 'InvalidParameter', 'shown with its code');

# --- the spool cannot be used ------------------------------------------------

$t->flashduty->answer(taken());
open my $lock, '|-', 'sqlite3', $t->file or die "cannot run sqlite3: $!\n";
$lock->autoflush;
print {$lock} "BEGIN IMMEDIATE;\n.shell touch @{[$t->dir]}/locked\n";
eventually { -e $t->dir . '/locked' };
is(post("locked-$_"), '200 delivered', 'another program has locked it: alerts are pushed live') for 1 .. 3;
$status = status();
is("$status->{state}: $status->{reason}" =~ s/: \K(?=.*lock).*/lock/r, 'delivering: lock', 'that is said');
is($status->{flashduty_spool_usable}, 0, 'as a figure');
is(health(), '200 delivering', 'and is no failure');
$t->flashduty->answer(html(500));
is(post('lost'), '502 failed', 'Flashduty fails, too');
is(health(), '503 failing', 'then an alert would be lost');
sleep 2;
is(health(), '503 failing', 'whatever the deliverer, to which nothing comes, knows of its target');
close $lock;
$t->flashduty->answer(taken());
ok((eventually { post('after') eq '200 delivered' && health() eq '200 delivering' && status()->{reason} eq '' }),
    'both are back');
is(status()->{flashduty_spool_usable}, 1, 'the figure says so');
is(scalar(() = $t->error_log =~ /\[crit\].*spool cannot be used/g), 1, 'one line told of it, of all workers');
is(scalar(() = $t->error_log =~ /\[notice\].*spool can be used again/g), 1, 'and one of its end');
