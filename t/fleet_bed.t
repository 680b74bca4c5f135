# The bed of the fleet's tests: PostgreSQL servers of their own, and wires that can be cut.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Client;
use Gateway;
use Postgres;
use Wire;

Postgres->or_skip;

# --- wires -------------------------------------------------------------------

# Answers each line with the same line.
my $echo = Gateway::held_port();
my $port = $echo->sockport;
my $server = fork // die "cannot fork: $!\n";
if (!$server) {
    my $listener = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "$!\n";
    $SIG{CHLD} = 'IGNORE';
    while (my $socket = $listener->accept) {
        next if fork;
        print {$socket} $_ while <$socket>;
        POSIX::_exit(0);
    }
}
eventually { Client->reaches($port) };
my $wires = Wire->start(one => $port, other => $port);

sub call { return Client->connect($wires->port($_[0] // 'one')) }

# Whether a line comes back in so many seconds.
sub echoes {
    my ($caller, $text, $seconds) = @_;

    $caller->send("$text\n") if defined $text;
    return if !IO::Select->new($caller->socket)->can_read($seconds // Client::PATIENCE);
    sysread $caller->socket, my $answer, 100;
    return $answer;
}

my $caller = call();
is(echoes($caller, 'a'), "a\n", 'a wire passes bytes on');
is(echoes($caller, 'b' x 99), 'b' x 99 . "\n", '... again');

$wires->hold('one');
is(echoes($caller, 'c', 0.2), undef, 'held, it passes nothing on');
is(echoes(call('other'), 'd'), "d\n", '... but another does');
$wires->pass('one');
is(echoes($caller), "c\n", '... and nothing was lost');

$wires->set({ back => 'hold' }, 'one');
is(echoes($caller, 'e', 0.2), undef, 'one direction can be held');
$wires->set({ back => 'pass' }, 'one');
is(echoes($caller), "e\n", '... and the line had got there');

$wires->set({ there => 300 }, 'one');
my $began = time;
is(echoes($caller, 'f'), "f\n", 'delayed, it comes');
cmp_ok(time - $began, '>=', 0.3, '... later');
$wires->pass('one');

$wires->drop('one');
is(echoes($caller, 'g', 0.2), undef, 'cut, it passes nothing on');
$wires->pass('one');
ok($caller->is_closed, '... and what lost something is reset afterwards');

$caller = call();
echoes($caller, 'h');
$wires->reset('one');
ok($caller->is_closed, 'what is connected can be reset');
is(echoes(call(), 'i'), "i\n", '... and what comes then works');

$caller = call();
shutdown $caller->socket, 1;
ok($caller->is_closed, 'an end goes through');
$wires->stop;
kill 'KILL', $server;
waitpid $server, 0;

# --- servers -----------------------------------------------------------------

my $primary = Postgres->start(name => 'one', settings => { synchronous_standby_names => 'ANY 1 (two)' });
$wires = Wire->start(two => $primary->port);
my $standby = $primary->standby(name => 'two', port => $wires->port('two'));
ok($primary->has_standbys(1), 'a standby follows');
is($primary->sql('CREATE TABLE t (n int)'),       '', 'a table is written');
is($primary->sql('INSERT INTO t VALUES (1)'),     '', 'a row is written');
ok((eventually { $standby->sql('SELECT n FROM t') eq '1' }), '... and is there');
is($primary->sql('SELECT sync_state FROM pg_stat_replication'), 'quorum', '... synchronously');

$wires->drop('two');
my $writer = fork // die "cannot fork: $!\n";
if (!$writer) {
    $primary->sql('INSERT INTO t VALUES (2)');
    POSIX::_exit(0);
}
my $waits = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'};
ok((eventually { $primary->sql($waits) eq '1' }), 'cut off from its standby, a primary confirms nothing');

$primary->freeze;
$standby->promote;
is($standby->sql('INSERT INTO t VALUES (3); SELECT count(*) FROM t', 'postgres options=-csynchronous_commit=off'), '2',
    'promoted, the standby writes');
$primary->thaw;
ok((eventually { $primary->sql($waits) eq '1' }), 'thawed, the old one still waits');
$primary->kill_all;
waitpid $writer, 0;
like($primary->sql('SELECT 1'), qr/refused/, 'killed, it is gone');

$wires->pass('two')->lead('two', $standby->port);
$primary->come_back_as_standby($standby, $wires->port('two'));
$standby->configure(synchronous_standby_names => 'ANY 1 (one)');
ok($standby->has_standbys(1), 'it comes back as a standby');
ok((eventually { $primary->sql('SELECT count(*) FROM t') eq '2' }), '... with the other history');
is($standby->stop->pid, undef, 'a server stops');
is($standby->go->sql('SELECT count(*) FROM t'), '2', '... and starts again');

# --- their end ---------------------------------------------------------------

pipe my $told, my $tells or die "cannot pipe: $!\n";
my $test = fork // die "cannot fork: $!\n";
if (!$test) {
    my $server = Postgres->start;
    syswrite $tells, join(' ', $server->pid, $server->folder) . "\n";
    sleep 600;
}
close $tells;
my ($pid, $folder) = split ' ', readline $told;
kill 'KILL', $test;
waitpid $test, 0;
ok((eventually { !kill 0, $pid }), 'a server ends with a test that is killed');
ok((eventually { !-e $folder }), '... and leaves nothing behind');

done_testing;
