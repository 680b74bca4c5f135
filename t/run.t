# `make run`: a sample alert and its recovery go through the gateway, which goes on serving until it
# is told to stop.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use POSIX ();
use Test::More;

use BlueKing;
use Client;
use Gateway;

my $ROOT   = abs_path(dirname(__FILE__) . '/..');
my $NGINX  = $ENV{TEST_NGINX_BINARY}     || 'nginx';
my $MODULE = $ENV{TEST_FLASHDUTY_MODULE} || "$ROOT/build/ngx_http_flashduty_module.so";

plan(skip_all => 'the module is inside the binary') if $ENV{TEST_NGINX_STATIC};
plan(tests => 35);

my $dir  = File::Temp->newdir('run.XXXXXX', TMPDIR => 1);
my $port = free_port();
my $pid;

sub free_port {
    return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
}

sub run {
    my ($push_url) = @_;

    unlink "$dir/output";    # what the one before said
    my $pid = fork // die "cannot fork: $!\n";
    return $pid if $pid;
    $ENV{FLASHDUTY_PUSH_URL} = $push_url;
    $ENV{TMPDIR} = "$dir/tmp";
    open STDOUT, '>', "$dir/output";
    open STDERR, '>&', \*STDOUT;
    open STDIN,  '<', '/dev/null';
    exec $^X, "$ROOT/conf.example/run/run.pl", $NGINX, $MODULE, "127.0.0.1:$port"
        or POSIX::_exit(127);
}

sub output {
    open my $file, '<', "$dir/output" or return '';
    local $/;
    return scalar <$file>;
}

mkdir "$dir/tmp";
chmod 0755, $dir, "$dir/tmp";

$pid = run('not a url');
waitpid $pid, 0;
isnt($?, 0, 'a push URL that is none ends it');
like(output(), qr/^FLASHDUTY_PUSH_URL must be the push URL/, 'and it says so');

# Push URLs that take events and make no alerts of them.
my $HOST = 'https://api.flashcat.cloud/event/push/alert';
for my $case (
    [ "$HOST/tencent-bk?integration_key=k", qr/^FLASHDUTY_PUSH_URL is that of another kind of integration \(tencent-bk\): .*standard alert event/ ],
    [ "$HOST/standard",                     qr/^FLASHDUTY_PUSH_URL has no integration key/ ],
    [ "$HOST/standard?integration_key=",    qr/^FLASHDUTY_PUSH_URL has no integration key/ ],
    [ "$HOST/standard?integration_key=KEY", qr/^FLASHDUTY_PUSH_URL has the placeholder KEY/ ],
    )
{
    my ($url, $sentence) = @$case;
    $pid = run($url);
    waitpid $pid, 0;
    isnt($?, 0, "$url ends it");
    like(output(), $sentence, 'and it says what to do');
}

my $nobody = free_port();
$pid = run("http://127.0.0.1:$nobody/event/push/alert/standard?integration_key=k");
ok(eventually { output() =~ /Ctrl-C ends it/ }, 'it starts without Flashduty');
like(output(), qr/BlueKing was told: 202/, 'and shows that BlueKing is told: the event waits');
unlike(output(), qr/"title_rule"/, 'and that Flashduty got nothing');
kill 'INT', $pid;
waitpid $pid, 0;

$pid = run('');
ok(eventually { output() =~ /Ctrl-C ends it/ }, 'it starts');
my $shown = output();
for my $expected (
    qr/An alert fires/, qr/The same recovers/,
    qr/BlueKing sent +\| Flashduty got +\| BlueKing was told: 200 OK/,
    qr/"type": "ANOMALY_NOTICE"/, qr/"type": "RECOVERY_NOTICE"/,
    qr/"event_status": "Warning"/, qr/"event_status": "Ok"/,
    qr/"outcome": "delivered"/,
    )
{
    like($shown, $expected, "it shows $expected");
}

my $answer = Client->connect($port)->request('POST', '/blueking', payload('dims_90'));
is($answer->verdict, '200 delivered', 'it goes on serving');
my $said = do { local (@ARGV, $/) = ("$dir/output", glob "$dir/tmp/*/error.log"); join '', <> };
is(join("\n", Gateway::sanitizer_lines($said)), '', 'no sanitizer complained');

# The stand-in fails, and comes back.
like($shown, qr{The status page: http://127\.0\.0\.1:$port/\n}, 'it says where its page is');
like($shown, qr{^  curl -X POST http://127\.0\.0\.1:$port/flashduty-down$}m, 'and how the stand-in is made to fail');
like(Client->connect($port)->request('GET', '/', undef, Accept => 'text/html')->body, qr/<title>Flashduty gateway/, 'there it is');
sub told { return Client->connect($port)->request('POST', '/blueking', payload('dims_90'))->verdict }
like(Client->connect($port)->request('POST', '/flashduty-down', '')->body, qr/fails from now on/, 'it is told to fail');
ok((eventually { told() eq '202 spooled' }), 'alerts wait');
like(Client->connect($port)->request('POST', '/flashduty-down', '')->body, qr/comes back/, 'it is told to come back');
ok((eventually { told() eq '200 delivered' }), 'alerts are delivered');

my $second = run('');
waitpid $second, 0;
like(output(), qr/is in use by a run that was left behind: end it with `kill $pid`/, 'a second one says that the port is taken, and by whom');

kill 'HUP', $pid;
ok((eventually { waitpid($pid, POSIX::WNOHANG()) == $pid }), 'a terminal that is closed ends it, as Ctrl-C does');
is($?, 0, 'in good order');
is(join(' ', glob "$dir/tmp/*"), '', 'and it leaves nothing behind');
