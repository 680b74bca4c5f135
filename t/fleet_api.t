# The operators' API of a fleet: at every edge it shows what waits in all of it, and changes go through
# the edge that leads.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Edge;
use Flashduty;
use Gateway;
use Postgres;

Postgres->or_skip;
my $db = Postgres->start;
my $a = Edge->new(database => $db->conninfo, edge => 'a')->plan(23)->start;
ok($a->comes_to_lead, 'an edge leads');
my $b = Edge->new(database => $db->conninfo, edge => 'b', like => $a)->start;
ok((eventually { $db->sql('SELECT count(*) FROM flashduty.edge') == 2 }), 'there is another one');

sub post {
    my ($edge, $key) = @_;
    return $edge->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub keys_at {
    my ($edge) = @_;
    return join ' ', sort map { $_->{key} } @{ $edge->ask('GET', 'waiting')->json->{events} };
}

my $tries = 0;
ok((eventually { post($b, 'first' . $tries++) eq '200 delivered' }), 'it takes alerts');
$a->taker->answer(nothing(503));
like(post($a, 'one'), qr/^202/, 'Flashduty takes nothing: an event at the one edge waits');
like(post($b, 'two'), qr/^202/, 'and one at the other');
for my $edge ($a, $b) {
    is(keys_at($edge), 'one two', "edge $edge->{edge} shows both");
}
my ($two) = grep { $_->{key} eq 'two' } @{ $b->ask('GET', 'waiting')->json->{events} };
my $answer = $b->ask('POST', "waiting/$two->{id}/discard");
is($answer->status, 200, 'one is discarded at the edge that does not lead') or diag($answer->body);
is($answer->json->{count}, 1, 'by the one that does');
is(keys_at($a), 'one', 'and is gone');
my ($target) = @{ $b->ask('GET', 'targets')->json->{targets} };
$answer = $b->ask('POST', "targets/$target->{id}/pause?for=60s");
is($answer->status, 200, 'the target is paused') or diag($answer->body);
$a->taker->answer(taken());
like(post($b, 'three'), qr/^202/, 'nothing leaves');
is($b->ask('POST', "targets/$target->{id}/resume")->status, 200, 'and resumed');
ok($a->is_back(sub { keys_at($a) eq '' }), 'all leaves');
is($a->ask('GET', 'dead')->json->{events}[0]{key}, 'two', 'what was discarded is a dead letter');

$answer = $a->ask('POST', 'edges/b/forget');
is($answer->status, 409, 'an edge that lives stays on the roll');
like($answer->json->{reason}, qr/^edge "b" lives: it was seen \d+s ago, stop it first$/, 'and why');
is($a->ask('POST', 'edges/c/forget')->status, 404, 'there is no other one');
$b->crash;
my $status = 0;
eventually { ($status = $a->ask('POST', 'edges/b/forget')->status) == 200 };
is($status, 200, 'one that is gone is taken off it');
is($db->sql('SELECT edge FROM flashduty.edge'), 'a', 'and is');
like($a->error_log, qr/\[notice\] .*edges\/b\/forget.*done/, 'the log says who did that');

$db->kill_all;
$answer = $a->ask('GET', 'waiting');
is($answer->status, 503, 'without the database there is nothing to see');
like($answer->json->{reason}, qr/\APostgreSQL: \S[^\t\n]*\z/, 'and why');
