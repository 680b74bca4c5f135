# The status example: its contents, who may see them, and that the rules and the dashboard ask for
# metrics that exist.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use BlueKing;
use Client;
use Example;
use Flashduty;
use Gateway;

my $t = Example->gateway('status.conf')->plan(22)->start;

sub status_of {
    my ($uri, @headers) = @_;
    return $t->client('STATUS')->request('GET', $uri, undef, @headers, Connection => 'close');
}

is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', 'an alert');
is($t->get('/health')->status, 200, 'health for a balancer');
is($t->get('/health')->json->{state}, 'delivering', '... in a word');
is($t->get('/metrics')->status, 404, 'nothing else is shown there');

like(status_of('/')->header('Content-Type'), qr{^text/html}, 'the page');
is(status_of('/', Accept => 'application/json')->json->{state}, 'delivering', '... and what it asks for');
is(status_of('/status')->json->{flashduty_events_total}{delivered}, 1, 'JSON for scripts');
my $metrics = status_of('/metrics');
like($metrics->header('Content-Type'), qr{^text/plain; version=0\.0\.4}, 'metrics');

# --- the access log ----------------------------------------------------------

$t->flashduty->answer(says(400, 'InvalidParameter', 'm'));
$t->post('/blueking', alert(bk_biz_name => qq{a "name"\\, \x01\t<x>}));
$t->post('/blueking', '{}');
my @lines = map { JSON::PP->new->utf8->decode($_) } split /\n/, $t->settle->read_file('alerts.log');
is(@lines, 4, 'each line of the access log is JSON');
@lines = grep { $_->{outcome} } @lines;    # not the 404
is(join(' ', map { $_->{outcome} } @lines), 'delivered refused rejected', 'with its outcome');
is($lines[0]{http_status}, 200, '... its status');
is($lines[0]{push_status}, '200', '... that of the push');
like($lines[0]{push_time}, qr/^\d+\.\d{3}$/, '... its time');
is($lines[0]{request_id}, 'request-1', "... Flashduty's id");
is($lines[1]{code}, 'InvalidParameter', '... its code');
is($lines[1]{biz_name}, 'a "name"\\,  <x>', '... and texts as they are');
is($lines[2]{title}, '', 'what there is not is empty');

# --- figures that are asked for ----------------------------------------------

my %known = map { $_ => 1 } $metrics->body =~ /^# TYPE (\S+)/mg;
$known{"${_}_bucket"} = 1 for $metrics->body =~ /^# TYPE (\S+) histogram$/mg;

for my $name ('flashduty.rules.yml', 'grafana.json') {
    my @names = Example->text($name) =~ /\b(flashduty_\w+)/g;
    cmp_ok(@names, '>', 5, "$name asks for figures");
    is(join(' ', grep { !$known{$_} } @names), '', '... that there are');
}
my $dashboard = JSON::PP->new->utf8->decode(Example->text('grafana.json'));
cmp_ok(@{ $dashboard->{panels} }, '>', 10, 'the dashboard has panels');
