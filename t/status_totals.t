# Totals are exact: over workers that count at once, through reloads, and for
# callers that do not wait for their answers.

use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Load;

my $t = Gateway->new(workers => 3, server => <<'EOC')->plan(20)->start;
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
        location = /status {
            flashduty_status json;
        }
EOC

sub status { return $t->get('/status')->json }

sub sum_of {
    my ($figures) = @_;
    return sum0(values %$figures);
}

# The alerts of a load, and reloads meanwhile; some of each outcome.
my @GIVEN = map { $_ % 10 == 0 ? html(500) : $_ % 7 == 0 ? says(400, 'InvalidParameter', 'm') : taken() } 1 .. 600;
$t->flashduty->answer(@GIVEN, taken());
my $load = Load->start(
    port => $t->port, uri => '/blueking', rate => 200, alerts => scalar @GIVEN, log => $t->dir . '/load',
);
for (1 .. 3) {
    $load->goes_on(50);
    $t->reload;
}
my (undef, @answers) = $load->finish;
my %got = map { $_ => 0 } qw(delivered refused failed);
$got{ (split / /)[2] }++ for @answers;

my $status = status();
my %counted = %{ $status->{flashduty_events_total} };
is_deeply({ map { $_ => $counted{$_} } keys %got }, \%got, 'what callers were told is what was counted');
is(sum_of(\%counted), scalar @answers, 'each of them once');
is($status->{flashduty_received_total}, scalar @answers, 'and received');
is(sum_of($status->{flashduty_pushes_total}), scalar @answers, 'and pushed');
is($status->{flashduty_push_duration_seconds}{count}, scalar @answers, 'each push has a duration');
is($status->{flashduty_delivery_delay_seconds}{count}, $got{delivered}, 'each delivery a delay');
is(sum0(map { $_->{delivered} } @{ $status->{minutes} }), $got{delivered}, 'the minutes add up');
is(sum0(map { $_->{pushes} } @{ $status->{minutes} }), scalar @answers, 'those of the pushes, too');
is(@{ $status->{minutes} }, 60, 'there are sixty of them');
is(@{ $status->{alerts} }, 100, 'a hundred alerts are shown');

# Callers that leave before the answer.
my $before = $t->flashduty->count;
$t->flashduty->answer({ hold => 1 });
my @callers = map { $t->client->send(Client->compose('POST', '/blueking', alert())) } 1 .. 5;
$t->flashduty->wait_for($before + 5);
$_->leave for @callers;
$t->flashduty->release;
$t->flashduty->answer(taken());
ok((eventually { status()->{flashduty_events_total}{delivered} == $got{delivered} + 5 }),
    'a caller that leaves is counted by what became of its alert');
is(sum_of(status()->{flashduty_events_total}), @answers + 5, 'once');

# Requests without a push.
$t->post('/blueking', '{}');
$t->post('/blueking', DEBUG_BODY);
$t->get('/blueking');
$t->post('/preview', alert());
my %more = %{ status()->{flashduty_events_total} };
is("@more{qw(rejected test preview)}", '2 1 1', 'rejected, test and preview');
is(status()->{flashduty_received_total}, @answers + 8, 'a preview is not received');

# A push that nginx itself ends.
my $file = $t->read_file('nginx.conf');
$file =~ s/^(error_log .*)/$1\nworker_shutdown_timeout 100ms;/m;
$t->write_file('nginx.conf', $file)->reload;
$t->flashduty->answer({ hold => 1 });
my $hung = $t->client->send(Client->compose('POST', '/blueking', alert()));
$t->flashduty->wait_for($before + 6);
$t->reload;
ok((eventually { status()->{flashduty_events_total}{failed} == $got{failed} + 1 }),
    'a push that nginx ends has failed');
is(sum_of(status()->{flashduty_events_total}), @answers + 10, 'once');
is_deeply([ values %{ status()->{flashduty_target_up} } ], [1], 'that says nothing of the target');

# Counters start from zero after a restart.
$t->flashduty->release;
my $started = status()->{since};
cmp_ok($started, '>', 1_700_000_000, 'delivering since some time');
cmp_ok(status()->{now} - $started, '<', 120, 'not long ago');
is(status()->{flashduty_build_info}{nginx}, ($t->build =~ m{^nginx version: \w+/(\d+\.\d+\.\d+)}m)[0], 'by this nginx');
