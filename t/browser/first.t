# What the page says before anything was delivered, and when what is wrong does not pass by itself.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Browser;
use Flashduty;
use Gateway;
use Spool;

my $t    = Spool->new(server => Browser::SERVER)->plan(6)->start;
my $page = Browser->open('http://127.0.0.1:' . $t->port . '/');

sub state_is {
    my ($state, $name) = @_;
    return ok($page->comes("document.getElementById('state').classList.contains('$state')"), $name);
}

$t->post('/blueking', '{}');
state_is('warn', 'all that came was rejected: not ready');
is($page->text('#sentence'), 'Nothing pushed yet: 1 request was answered with an error.', '... and says so');

$t->flashduty->answer(says(401, 'Unauthorized', 'integration key is invalid'));
$t->post('/blueking', alert());
state_is('spooling', 'a key that is not taken');
like($page->text('#detail'), qr/^This does not pass by itself: .* until max_age\./, 'somebody must act');

$t->flashduty->answer(says(503, 'InternalError', 'busy'));
$t->post('/blueking', alert(event => { id => 'other', event_id => 'other' }));
ok($page->says('#sentence', 'because busy'), 'an outage');
like($page->text('#detail'), qr/^Nothing is lost: /, '... passes');
