# Somebody removes the spool's files under a running gateway: first the lock file that says who
# delivers, then all of them. There are never two deliverers, and the log says what was done.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Disk;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 3, kills => 1)->plan(16)->start;

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub said { my ($what) = @_; return eventually { crits($t) =~ $what } }

sub elections { return scalar(() = $t->error_log =~ /: this process delivers$/mg) }

ok((eventually { $t->deliverer }), 'somebody delivers');
my $deliverer = $t->deliverer;
is(post('a'), '200 delivered', 'an alert is delivered');

unlink $t->file . '.lock' or die "cannot remove it: $!\n";
my ($other) = grep { $_ != $deliverer } $t->workers;
kill 'KILL', $other;
ok(said(qr/"\S+\.lock" was removed or replaced under the running gateway/), 'its lock file is removed: that is said');
is(post('b'), '200 delivered', 'alerts are delivered');
ok((eventually { -e $t->file . '.lock' }), 'the lock file is there again');
is(elections(), 1, 'by the same process, and by no other');
kill 'KILL', $deliverer;
ok((eventually { elections() == 2 }), 'when that dies another one takes over');
is(post('c'), '200 delivered', 'and delivers');

# A worker that comes now finds no socket, so the deliverer has to make it again by itself.
unlink $t->file . '.sock' or die "cannot remove it: $!\n";
ok((eventually { -S $t->file . '.sock' }), 'its socket is removed, and there again');
unlink $t->file . '.lock' or die "cannot remove it: $!\n";
ok((eventually { -e $t->file . '.lock' }), 'so is its lock file, though nobody asked for it');
is(post('g'), '200 delivered', 'and alerts are delivered');

$t->flashduty->go_away;
is(post($_), '202 spooled', "alert $_ waits") for qw(d e);
unlink map { $t->folder . "/$_" } files($t);
ok(said(qr/"\S+" was removed or replaced under the running gateway, with what was in it: 2 events that waited/),
    'all files are removed: that is said, and what was lost');
$t->flashduty->come_back;
ok($t->is_back(sub { post('f') eq '200 delivered' }), 'what comes next is delivered');
is(elections(), 2, 'by the same process');
