# `make fleet`: three edges and a PostgreSQL with its standby on one machine. The leader dies, the
# primary dies, an edge loses the database: everything that was taken gets to the stand-in.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use BlueKing;
use Client;
use Gateway;
use Postgres;

Postgres->or_skip;
my $ROOT   = abs_path(dirname(__FILE__) . '/..');
my $NGINX  = $ENV{TEST_NGINX_BINARY}     || 'nginx';
my $MODULE = $ENV{TEST_FLASHDUTY_MODULE} || "$ROOT/build/ngx_http_flashduty_module.so";

plan(skip_all => 'the module is inside the binary') if $ENV{TEST_NGINX_STATIC};
plan(tests => 26);

my $dir = File::Temp->newdir('run.XXXXXX', TMPDIR => 1);
mkdir "$dir/tmp";
chmod 0755, $dir, "$dir/tmp";
# Held, so that nobody else gets the port of an edge that is down.
my @held = map { Gateway::held_port() } 1 .. 5;
my ($all, $a, $b, $c, $self) = map { $_->sockport } @held;

sub run {
    my ($output) = @_;

    my $pid = fork // die "cannot fork: $!\n";
    return $pid if $pid;
    $ENV{TMPDIR} = "$dir/tmp";
    open STDOUT, '>', "$dir/$output";
    open STDERR, '>&', \*STDOUT;
    open STDIN,  '<', '/dev/null';
    exec $^X, "$ROOT/conf.example/run/fleet.pl", $NGINX, $MODULE, $all, $a, $b, $c, $self or POSIX::_exit(127);
}

sub output {
    my ($name) = @_;
    open my $file, '<', "$dir/$name" or return '';
    local $/;
    return scalar <$file>;
}

# What the program answers; it may have much to do before.
sub ask {
    my ($method, $path) = @_;

    my $caller = Client->connect($self);
    $caller->send("$method $path HTTP/1.0\r\n\r\n");
    my $text = '';
    1 while IO::Select->new($caller->socket)->can_read(3 * Client::PATIENCE) && sysread $caller->socket, $text, 4096, length $text;
    return $text =~ s/\A.*?\r\n\r\n//sr;
}

# How all is, once it is as it should be. The program has other things to do.
sub comes_to_be {
    my ($expected) = @_;

    my $state;
    for (1 .. 4) {
        return $state if eventually { sleep 0.2; ($state = ask('GET', '/')) =~ $expected };
    }
    diag($state);
    return;
}

sub taken { return (ask('GET', '/') =~ /^(\d+) alerts were answered/m)[0] }

my $pid = run('output');
END { kill 'KILL', $pid if $pid }
for (1 .. 4) {
    last if eventually { output('output') =~ /flashduty-down/ || waitpid($pid, POSIX::WNOHANG()) == $pid };
}
my $shown = output('output');
like($shown, qr/Ctrl-C ends it/, 'it starts');
like($shown, qr{^  http://127\.0\.0\.1:$a/ +http://127\.0\.0\.1:$b/ +http://127\.0\.0\.1:$c/$}m, 'shows where the pages are');
like($shown, qr{^  curl -d \@\S+/trigger\.json http://127\.0\.0\.1:$b/blueking$}m, 'how an alert is sent');
like($shown, qr{^  curl -X POST http://127\.0\.0\.1:$self$_}m, "and what does $_") for qw(/kill-leader /fail-over /cut-off\?edge=b /flashduty-down);

like(comes_to_be(qr/^edge a: fleet.*^edge b: fleet.*^edge c: fleet/ms), qr/^primary: one$/m, 'all edges are in the fleet');
like(Client->connect($c)->request('GET', '/', undef, Accept => 'text/html')->body, qr/<title>Flashduty gateway/, 'there is a page');
my $told = Client->connect($c)->request('POST', '/blueking', payload('dims_90'));
like($told->status, qr/^20[02]$/, 'an alert is taken');

# The edge that leads dies.
my ($leader) = ask('POST', '/kill-leader') =~ /^edge (\w), which led, is dead/;
ok($leader, 'the leader is killed') or diag(output('output'));
like(comes_to_be(qr/, delivers for all/), qr/^edge $leader: dead$/m, 'another one delivers');
my $before = taken();
ok((eventually { sleep 0.2; taken() > $before }), 'alerts are taken meanwhile');
ok(comes_to_be(qr/^edge $leader: fleet/m), 'the killed one comes back');

# The primary dies.
is(ask('POST', '/fail-over'), "the primary, one, has died; two was promoted, and one is its standby now\n", 'the primary dies');
$before = taken();
ok((eventually { sleep 0.2; taken() > $before }), 'alerts are taken');
ok(comes_to_be(qr/^edge a: fleet.*^edge b: fleet.*^edge c: fleet.*^primary: two$/ms), 'all edges are in the fleet of the other one');

# An edge loses the database.
like(ask('POST', '/cut-off?edge=b'), qr/^edge b does not reach/, 'an edge is cut off');
Client->connect($b)->request('POST', '/blueking', payload('dims_90'));
ok(comes_to_be(qr/^edge b: (?:holding|alone)/m), 'it goes on without the others');
like(ask('POST', '/cut-off?edge=b'), qr/^edge b reaches the database again/, 'it is let back');
ok(comes_to_be(qr/^edge b: fleet/m), 'and is one of the fleet again');

like(ask('POST', '/cut-off'), qr/which one/, 'without a name none is cut off');
ok(comes_to_be(qr/^  0 are on their way$/m), 'all that was taken is delivered');

kill 'HUP', $pid;
my $ended;
for (1 .. 4) {
    last if $ended = eventually { waitpid($pid, POSIX::WNOHANG()) == $pid };
}
ok($ended, 'a terminal that is closed ends it');
undef $pid if $ended;
is($?, 0, 'in good order') or diag(output('output'));
is(join(' ', glob "$dir/tmp/*"), '', 'and it leaves nothing behind');
