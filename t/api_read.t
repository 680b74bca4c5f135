# Views of an operator by flashduty_api: targets, waiting events, dead letters, one of them, and all
# of them.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use Api;
use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $t = Api->new(write => 'off')->plan(53)->start;

sub post {
    my ($key, %change) = @_;
    return $t->post('/blueking', alert(%change, event => { id => $key, event_id => $key }));
}

is_deeply($t->get('targets'), { write => JSON::PP::false, targets => [] }, 'nothing has come yet');
is_deeply($t->get('waiting'), { events => [], next => undef }, 'nothing waits');
is_deeply($t->get('dead'),    { events => [], next => undef }, 'nothing is dead');

# Waiting events.
$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance'));
my $since = time;
post("key-$_") for 1 .. 3;
post('key-1', type => 'RECOVERY_NOTICE');
my $answer = $t->ask('GET', 'waiting');
is($answer->status, 200, 'a list of what waits');
is($answer->header('Content-Type'),  'application/json; charset=utf-8', 'as JSON');
is($answer->header('Cache-Control'), 'no-store',                       'that nobody keeps');
is($answer->header('X-Content-Type-Options'), 'nosniff', 'or takes for something else');
is($answer->header('Access-Control-Allow-Origin'), undef, 'no other page may read it');
my @waiting = @{ $answer->json->{events} };
is(join(' ', map { $_->{key} } @waiting), 'key-1 key-2 key-3 key-1', 'in the order in which they came');
my $first = $waiting[0];
is($first->{status}, 'Warning', 'one has its status');
like($first->{title}, qr/CPU usage/, 'its title');
is($first->{state}, 'waiting', 'its state');
cmp_ok(abs($first->{accepted} - $since), '<', 60, 'when it was accepted');
ok((eventually { $t->get("waiting/$first->{id}")->{attempts} >= 1 }), 'how often it was tried');
is($waiting[3]{waits_for} . ' ' . ($waiting[3]{after} // ''), "event $first->{id}", 'one behind another says behind which');
is($waiting[3]{status}, 'Ok', 'it is the recovery');

my $one = $t->get("waiting/$first->{id}");
is($one->{reason}, 'in maintenance', 'one event says why it waits');
is($one->{event}{alert_key}, 'key-1', 'with the event');
is(decode_json($one->{body})->{event}{event_id}, 'key-1', 'the body that it came from');
is($one->{tries}[0]{http_status}, 503, 'and its last tries');
is($one->{tries}[0]{reason}, 'in maintenance', 'with their reasons');
cmp_ok(abs($one->{tries}[0]{time} - time), '<', 60, 'and times');

my $target = $t->target('/flashduty');
is($target->{state}, 'away', 'the target is away');
is($target->{reason}, 'in maintenance', 'with its reason');
is($target->{waiting}, 4, 'so many wait there');
is($target->{dead}, 0, 'none is dead');
like($target->{server}, qr/^127\.0\.0\.1:\d+ localhost$/, 'its server block');
cmp_ok($target->{next_probe} // 0, '>', $since - 60, 'when it is tried next');
is($first->{target}, $target->{id}, 'its id stands with its events');

# Pages and filters.
is(scalar($t->list('waiting?limit=1')), 4, 'page by page');
is(join(' ', map { $_->{status} } $t->list('waiting?key=key-1')), 'Warning Ok', 'of one key');
is(scalar($t->list("waiting?target=$target->{id}")), 4, 'of one target');
is(scalar($t->list('waiting?target=7')), 0, 'of another one');
is(scalar($t->list('waiting?text=MAINTENANCE')) > 0, 1, 'by what stands in the reason');
is(scalar($t->list('waiting?text=cpu+USAGE')), 4, 'or in the title');

# All of them.
my $export = $t->ask('GET', 'export?state=waiting');
is($export->status, 200, 'all of them');
is($export->header('Content-Type'), 'application/x-ndjson; charset=utf-8', 'as lines');
my @lines = map { decode_json($_) } split /\n/, $export->body;
is(join(' ', map { $_->{id} } @lines), join(' ', map { $_->{id} } @waiting), 'one for each');
is(decode_json($lines[3]{body})->{type}, 'RECOVERY_NOTICE', 'with its body');
is($t->ask('HEAD', 'export?state=waiting')->status, 200, 'HEAD');
is($t->ask('HEAD', 'waiting')->body, '', 'has no body');

# Dead letters.
$t->flashduty->answer(taken());
ok($t->runs_empty, 'Flashduty is back');
is($t->ask('GET', "waiting/$first->{id}")->status, 404, 'what has left is not found');
like($t->ask('GET', "waiting/$first->{id}")->reason, qr/no such event waits/, 'with a sentence');
$t->flashduty->answer_to('"bad"', says(400, 'InvalidParameter', 'title is wrong'));
post('bad');
ok((eventually { post('other'); $t->get('dead')->{events}[0] }), 'one is refused');
my ($dead) = $t->list('dead');
is($dead->{key} . ' ' . $dead->{reason} . ' ' . $dead->{state}, 'bad title is wrong dead', 'it is listed');
cmp_ok(abs($dead->{died} - time), '<', 60, 'with when that was');
is(decode_json($t->get("dead/$dead->{id}")->{body})->{event}{id}, 'bad', 'and shown');
like($t->ask('GET', 'export?state=dead')->body, qr/\A\{"id":$dead->{id},[^\n]*\}\n\z/, 'and exported');
is($t->target('/flashduty')->{dead}, 1, 'its target has one');

# Report for support.
my $support = $t->get('support');
is($support->{spool}{schema}, 3, 'the bundle says which schema there is');
like($support->{versions}{nginx}, qr/^\d+\./, 'and which nginx');
unlike($t->ask('GET', 'support')->body, qr/CPU usage|integration-key/, 'and nothing of alerts or secrets');
