# A deliverer that has no descriptor left for the line of another worker takes
# it as soon as it has one, although no event tells of that.

use strict;
use warnings;

use Socket qw(AF_UNIX pack_sockaddr_un);
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

use constant SOCK_SEQPACKET => 5;

plan(skip_all => 'valgrind has descriptors of its own') if $ENV{TEST_NGINX_VALGRIND};
plan(skip_all => 'there is no prlimit') if !grep { -x "$_/prlimit" } split /:/, $ENV{PATH};

my $t = Spool->new(workers => 2)->plan(7)->start;
my $socket = $t->file . '.sock';

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

# The lines that wait to be taken: the kernel has given them no file yet.
sub untaken {
    open my $sockets, '<', '/proc/net/unix' or die "no /proc/net/unix: $!\n";
    return scalar grep { /\Q$socket\E$/ && (split)[6] eq '0' } <$sockets>;
}

sub limit {
    my ($pid, $number) = @_;
    return system('prlimit', "--pid=$pid", "--nofile=$number:") == 0;
}

ok((eventually { $t->deliverer }), 'there is a deliverer');
is(post('before'), '200 delivered', 'an alert is delivered');
my $deliverer = $t->deliverer;
my ($soft)    = `prlimit --pid=$deliverer --nofile --output=SOFT --noheadings` =~ /(\d+)/;

my %used = map { m{(\d+)$} => 1 } glob "/proc/$deliverer/fd/*";
my $lowest = 0;
$lowest++ while $used{$lowest};
limit($deliverer, $lowest) or die "cannot limit the deliverer\n";
socket my $worker, AF_UNIX, SOCK_SEQPACKET, 0 or die "no socket: $!\n";
ok(connect($worker, pack_sockaddr_un($socket)), 'somebody asks for a line');
is(untaken(), 1, 'and nobody takes it');
limit($deliverer, $soft);
ok((eventually { !untaken() }), 'it is taken when there is a descriptor for it');
close $worker;
is(post('after'), '200 delivered', 'the next alert is delivered');
is($t->deliverer, $deliverer, 'by the same deliverer');
