# Changes of an operator by flashduty_api: send again, discard, delete, try, pause, move.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Api;
use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Api->new(workers => 2, kills => 1, locations => <<'EOC')->plan(60)->start;
        location = /other-hook {
            flashduty_push /other;
        }
        location = /other {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

sub post {
    my ($key, %change) = @_;
    my $uri = delete $change{uri} || '/blueking';
    return $t->post($uri, alert(%change, event => { id => $key, event_id => $key }));
}

sub verdict {
    my ($answer) = @_;
    my $json = $answer->json;
    return join ' ', $answer->status, map { "$_=$json->{$_}" } grep { $json->{$_} } qw(count busy superseded);
}

sub pushed {
    my ($key) = @_;
    return grep { $_->{body} =~ /"alert_key":"$key"/ } $t->flashduty->pushes;
}

# A dead letter, of something that was refused beside a yes.
sub kill_event {
    my ($key) = @_;
    $t->flashduty->answer_to(qq("$key"), says(400, 'InvalidParameter', 'title is wrong'));
    post($key);
    my $dead;
    eventually { post('well'); ($dead) = grep { $_->{key} eq $key } $t->list('dead'); $dead };
    return $dead || {};
}

# Sent again.
my $dead = kill_event('bad');
is($dead->{state}, 'dead', 'a dead letter');
is(verdict($t->ask('POST', 'dead/7/resend')), '404', 'one that there is not');
$t->flashduty->answer_to('"bad"', undef);
is(verdict($t->ask('POST', "dead/$dead->{id}/resend")), '200 count=1', 'is sent again');
ok($t->logs(qr/\[notice\] .*flashduty api: POST \/api\/dead\/$dead->{id}\/resend by user "" from 127\.0\.0\.1: 1 done, 0 busy$/m), 'the log says by whom');
ok($t->runs_empty, 'and leaves');
is(scalar(pushed('bad')) >= 2, 1, 'to Flashduty');
is(scalar($t->list('dead')), 0, 'it is no dead letter any more');
is(verdict($t->ask('POST', "dead/$dead->{id}/resend")), '404', 'not twice');

# Superseded.
$dead = kill_event('old');
$t->flashduty->answer_to('"old"', undef);
is(post('old')->verdict, '200 delivered', 'a newer event of its key is delivered');
is(verdict($t->ask('POST', "dead/$dead->{id}/resend")), '409', 'it is never sent again');
like($t->ask('POST', "dead/$dead->{id}/resend")->reason, qr/a newer event of its key/, 'and says why');
is(verdict($t->ask('POST', 'dead/resend')), '200 superseded=1', 'nor among many');
my ($listed) = $t->list('dead');
is($listed->{state}, 'superseded', 'the list says so');

# Deleted.
is(verdict($t->ask('DELETE', "dead/$dead->{id}")), '200 count=1', 'a dead letter is deleted');
ok($t->logs(qr/\[error\] .*flashduty spool: dead letter of alert "old", event $dead->{id}, deleted: by the operator, it was: title is wrong$/m), 'with an error line');
is(verdict($t->ask('DELETE', "dead/$dead->{id}")), '404', 'not twice');
kill_event("many-$_") for 1 .. 3;
is(verdict($t->ask('DELETE', 'dead?key=many-2')), '200 count=1', 'some are deleted by a filter');
is(verdict($t->ask('DELETE', 'dead')), '200 count=2', 'or all');

# Discarded.
$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance'));
post("key-$_") for 1 .. 3;
ok((eventually { $t->target('/flashduty')->{state} eq 'away' }), 'Flashduty is away');
my @waiting = $t->list('waiting');
my $answer  = sub {
    my $answer;
    eventually { $answer = $t->ask('POST', "waiting/$waiting[1]{id}/discard"); $answer->status != 409 };
    return $answer;
}->();
is(verdict($answer), '200 count=1', 'an event is discarded');
($listed) = $t->list('dead');
is("$listed->{key} $listed->{reason}", 'key-2 discarded by the operator', 'and is a dead letter');
ok($t->logs(qr/\[error\] .*alert "key-2", event \d+, is a dead letter: discarded by the operator$/m), 'the log says so');
is(verdict($t->ask('POST', "waiting/$waiting[1]{id}/discard")), '404', 'not twice');
is(verdict($t->ask('POST', 'waiting/discard?target=7')), '200', 'those of a target that has none');
is(verdict($t->ask('POST', 'dead/resend?key=key-2')), '200 count=1', 'it may be sent again');
my $discarded = 0;
ok((eventually { $discarded += $t->ask('POST', 'waiting/discard?target=' . $t->target('/flashduty')->{id})->json->{count}; $discarded >= 3 }),
    'all of a target are discarded');
is($t->waiting, 0, 'nothing waits');
is(verdict($t->ask('DELETE', 'dead')), '200 count=3', 'all are deleted');

# A probe now.
post('probe');
ok((eventually { $t->target('/flashduty')->{state} eq 'away' }), 'it is away');
$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance', 'Retry-After' => 500));
my $tries = $t->flashduty->count;
ok((eventually { $t->ask('POST', 'try'); $t->flashduty->count > $tries }), 'it asks for 500 seconds of patience');
$t->flashduty->answer(taken());
is(verdict($t->ask('POST', 'targets/7/try')), '404', 'a target that there is not');
is(verdict($t->ask('POST', 'targets/' . $t->target('/flashduty')->{id} . '/try')), '200 count=1', 'a probe now');
ok($t->comes_to_wait(0), 'finds that it is back');

# A pause.
my $id = $t->target('/flashduty')->{id};
is(verdict($t->ask('POST', "targets/$id/pause?for=1h")), '200', 'a target is paused');
my $target = $t->target('/flashduty');
is($target->{state}, 'paused', 'it says so');
cmp_ok(abs($target->{paused_until} - time - 3600), '<', 60, 'and until when');
my $before = $t->flashduty->count;
$answer = post('paused');
is($answer->verdict, '202 spooled', 'what comes waits');
like($answer->reason, qr/paused by the operator/, 'and its caller hears why');
is($t->flashduty->count, $before, 'nothing is pushed');
is(post('elsewhere', uri => '/other-hook')->verdict, '200 delivered', 'other targets go on');
my $deliverer = $t->deliverer;
kill 'KILL', $deliverer;
ok((eventually { my $next = $t->deliverer; $next && $next != $deliverer }), 'another process delivers');
$answer = undef;
ok((eventually { ($answer = post('paused-2'))->reason =~ /paused by the operator/ }), 'it knows of the pause');
is($t->target('/flashduty')->{state}, 'paused', 'which goes on');
is(scalar(pushed('paused')), 0, 'nothing was pushed');
ok((eventually { $t->ask('POST', "targets/$id/resume")->status == 200 }), 'it is resumed');
ok($t->runs_empty, 'all leave');
is($t->target('/flashduty')->{state}, 'up', 'it is up');

# A move.
$t->ask('POST', "targets/$id/pause?for=1h");
post("move-$_") for 1 .. 3;
post('move-1', type => 'RECOVERY_NOTICE');
is($t->target('/flashduty')->{waiting}, 4, 'four wait');
is(verdict($t->ask('POST', "targets/$id/move?to=/nowhere")), '400', 'they are not moved to nowhere');
like($t->ask('POST', "targets/$id/move?to=/nowhere")->reason, qr/there is no "flashduty_push" of that uri/, 'with a sentence');
is(verdict($t->ask('POST', 'targets/7/move?to=/other')), '404', 'nor from nowhere');
is(verdict($t->ask('POST', "targets/$id/move?to=/other")), '200 count=4', 'they are moved');
ok($t->runs_empty, 'and leave from there');
is(join(' ', map { $_->{body} =~ /"event_status":"(\w+)"/ } pushed('move-1')), 'Warning Ok', 'in their order');
is($t->target('/flashduty')->{waiting}, 0, 'nothing is left');
is(verdict($t->ask('POST', "targets/$id/resume")), '200', 'the target is resumed');

# Events of a location that is gone.
$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance'));
post('gone', uri => '/other-hook');
my $gone = $t->target('/other');
is($gone->{waiting}, 1, 'one waits elsewhere');
$t->flashduty->answer(taken());
ok((eventually { verdict($t->ask('POST', "targets/$gone->{id}/move?to=/flashduty")) =~ /^200/ && $t->target('/other')->{waiting} == 0 }), 'it is moved back');
ok($t->runs_empty, 'and leaves');
like(join("\n", $t->error_log =~ /^.*flashduty api: .*$/mg), qr/POST \/api\/targets\/$id\/move\?to=\/other by user "" from 127\.0\.0\.1: 4 done, 0 busy/, 'each change is in the log');
