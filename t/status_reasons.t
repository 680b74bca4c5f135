# The true reason: the one that concerns most alerts and can be acted on comes first, two reasons
# are both said, every answer of a target that is away says why, the log names a reason again when
# it changes, and none of that is forgotten over a reload.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, peers => ['OTHER'], server => <<'EOC')->plan(31)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /elsewhere {
            flashduty_push /other;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout 2s;
        }
        location = /other {
            internal;
            proxy_pass http://127.0.0.1:%%OTHER%%/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_read_timeout 2s;
        }
        location = /status {
            flashduty_status json;
        }
        location = /health {
            flashduty_status health;
        }
EOC

my $SERVER = "127.0.0.1:@{[$t->port]} localhost";

sub post {
    my ($key, $uri) = @_;
    return $t->post($uri // '/blueking', alert(event => { id => $key, event_id => $key }));
}

sub health { return $t->get('/health')->json }

sub lines { return scalar(() = $t->error_log =~ /$_[0]/g) }

# --- every answer says why ----------------------------------------------------

is(post('well')->verdict, '200 delivered', 'all is well');
$t->flashduty->answer(says(401, 'Unauthorized', 'integration key is invalid'));
for my $n (1 .. 4) {
    my $answer = post("key-$n");
    is($answer->verdict, '202 spooled', "a wrong key: alert $n");
    is($answer->reason, 'the event is on disk and will be delivered: integration key is invalid', '... hears why');
}
is(post('key-1')->reason, 'the event is on disk and will be delivered: integration key is invalid', 'one behind another, too');
is($t->get('/status')->json->{targets}[0]{needs}, 'operator', 'the status says that somebody must act');
is(health()->{reason}, 'integration key is invalid', 'health says so');
my ($shown) = @{ $t->get('/status')->json->{alerts} };
is($shown->{reason}, 'the event is on disk and will be delivered: integration key is invalid', 'as do the last alerts');
is(lines(qr/\[error\].*target "\/flashduty of server .*is away.*integration key is invalid/), 1, 'and the log, once');

# --- two things are wrong -----------------------------------------------------

is(post('other', '/elsewhere')->verdict, '200 delivered', 'another target is well');
$t->flashduty('OTHER')->answer(html(500));
post('other', '/elsewhere');
ok((eventually { (health()->{reason} // '') =~ m{^\Q$SERVER /flashduty\E: integration key is invalid; \Q$SERVER /other\E: .*HTTP 500} }),
    'what can be acted on comes first, with its name, and both are said') or diag(health()->{reason});

my $hold = $t->hold;
my $failed = post('locked', '/elsewhere');
is($failed->outcome, 'failed', 'the spool is locked, too');
like($failed->reason, qr/^the spool is locked by another program, and .*HTTP 500/, '... both are said to the caller');
# What the deliverer knew is old as soon as it has met the lock itself.
like(health()->{reason}, qr/^the spool is locked by another program, and .*(?:integration key is invalid|HTTP 500)/, '... and by health');
is($t->get('/health')->status, 503, '... which is failing');
close $hold;
$t->flashduty('OTHER')->answer(taken());
ok($t->is_back(sub { post('again', '/elsewhere')->verdict eq '200 delivered' }), 'both of that are over');
ok((eventually { (health()->{reason} // '') =~ /^\Q$SERVER\E \S+: integration key is invalid$/ }), 'the key is still wrong')
    or diag(health()->{reason});

# --- the reason changes, a reload ---------------------------------------------

my $since = health()->{since};
$t->flashduty->answer(says(403, 'NoLicense', 'the licence has expired'));
ok($t->is_back(sub { (health()->{reason} // '') =~ /the licence has expired/ }), 'it has another reason now');
is(lines(qr/\[error\].*target "\/flashduty of server .* is still away.*the licence has expired/), 1, 'which the log names');
is(health()->{since}, $since, 'since the same time');

$t->reload;
post('reloaded');
ok((eventually { (health()->{reason} // '') =~ /the licence has expired/ && health()->{since} == $since }),
    'a reload changes nothing of that') or diag(explain(health()));
is(lines(qr/\[error\].*is (?:still )?away.*the licence has expired/), 1, 'nor does the log say it again');
$t->flashduty->answer(taken());
$t->reload;
ok($t->runs_empty, 'Flashduty takes events again, while nginx is reloaded');
ok((eventually { $t->error_log =~ /\[notice\].*target "\/flashduty of server .*is back after \d+ s/ }), 'the log says that it is back');
is(health()->{state}, 'delivering', 'all is well');
cmp_ok(health()->{since}, '>', $since, '... since then');
