# The stand-in for Flashduty is strict: it notices every broken rule, and it
# misbehaves exactly as it is told.

use strict;
use warnings;

use Test::More;

use Client;
use EventRules;
use Flashduty;

my $URL     = '/event/push/alert/standard?integration_key=k';
my @HEADERS = ('Content-Type' => 'application/json; charset=utf-8');
my $EVENT   = '{"title_rule":"t","event_status":"Info"}';

sub breaks {
    my ($body, $rule, $name) = @_;
    return is(join('; ', EventRules::body_violations($body)), $rule, $name);
}

sub labels { return '{"title_rule":"t","event_status":"Info","labels":{' . join(',', @_) . '}}' }

breaks($EVENT, '', 'the smallest event is fine');
breaks(
    '{"title_rule":"t","event_status":"Ok","alert_key":"k","description":"d","labels":{"a":"1"},"images":[]}',
    '', 'a full event is fine'
);
breaks('[]',                                         'no object',              'an array');
breaks("{\"title_rule\":\"\xc0\x80\"}",              'no UTF-8',               'overlong UTF-8');
breaks("{\"title_rule\":\"\xed\xa0\x80\"}",          'no UTF-8',               'an encoded surrogate');
breaks('{"event_status":"Info"}',                    'no title_rule',          'no title');
breaks('{"title_rule":"","event_status":"Info"}',    'title_rule is empty',    'an empty title');
breaks('{"title_rule":7,"event_status":"Info"}',     'title_rule is no string', 'a number as title');
breaks('{"title_rule":"t","event_status":"info"}',   'event_status info',      'a status word in lower case');
breaks('{"title_rule":"t","event_status":"Ok"}',     'Ok without an alert_key', 'Ok without a key');
breaks('{"title_rule":"[tpl]","event_status":"Ok","alert_key":"k"}', 'title is a template', 'a template');
breaks('{"title_rule":"t","event_status":"Info","title":"t"}', 'unknown field title', 'an unknown field');
breaks('{"title_rule":"t","event_status":"Info","event_status":"Info"}',
    'member "event_status" twice', 'a repeated member');
breaks(labels('"a":1'),      'label a is no string', 'a number as label');
breaks(labels('"a":null'),   'label a is no string', 'null as label');
breaks(labels('"a-b":"1"'),  'label name a-b',       'a label name of its own kind');
breaks(labels(map {"\"l$_\":\"v\""} 1 .. 51), '51 labels', 'too many labels');

like((EventRules::body_violations('{"title_rule":"t"'))[0], qr/^no JSON/, 'half an event');

my $chinese = "\xe4\xb8\xad";
breaks('{"title_rule":"' . $chinese x 512 . '","event_status":"Info"}', '', 'limits count characters');
breaks('{"title_rule":"' . $chinese x 513 . '","event_status":"Info"}',
    'title_rule has 513 characters', 'a title too long');

my $peer = Flashduty->start;

sub push_with {
    my ($answer, @request) = @_;
    $peer->answer($answer);
    return Client->connect($peer->port)->request(@request ? @request : ('POST', $URL, $EVENT, @HEADERS));
}

is(push_with(taken())->json->{request_id}, 'request-1', 'it says yes');
is(join('; ', $peer->complaints),          '',          'and has no complaint');
is(push_with(says(400, 'InvalidParameter', 'm'))->json->{error}{code}, 'InvalidParameter', 'it says no');
is(push_with(html(502))->header('Content-Type'), 'text/html', 'it answers a page');
is(push_with(nothing(503))->body, '', 'it answers nothing');
is(push_with(taken(chunked => 1, body => 'x' x 5000))->body, 'x' x 5000, 'it answers in chunks');
is(push_with(taken(pieces => 7, body => 'x' x 5000))->body, 'x' x 5000, 'it answers slowly');
is(length push_with(taken(body => 'MEGABYTE'))->body, 1_000_000, 'it answers a megabyte');
like(push_with(taken(cut => 10))->body, qr/^incomplete: \{/, 'it cuts its answer');
is(push_with(dropped('close'))->status, '', 'it closes without an answer');
is(push_with(dropped('reset'))->status, '', 'it resets without an answer');
like(push_with(taken(cut => 10, then => 'reset'))->body, qr/^incomplete: \{/, 'it resets in the middle of its answer');

sub sent_to {
    my ($answer) = @_;
    $peer->answer($answer);
    return Client->connect($peer->port)->send(Client->compose('POST', $URL, $EVENT, @HEADERS));
}

my $client = sent_to(taken(then => 'close'));
is($client->response->status, '200', 'it says yes');
ok($client->is_closed, 'and closes');
$client = sent_to({ raw => "HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n", unread => 1, then => 'close' });
is($client->response->status, '413', 'it answers what it does not read');
ok($client->is_closed, 'and closes in good order');
is($peer->last_push->{method}, undef, 'indeed it read nothing');

push_with(taken(), 'GET', '/elsewhere', $EVENT, 'Content-Type' => 'text/plain', Cookie => 'a=b');
is_deeply(
    $peer->last_push->{violations},
    [
        'method GET',
        'path /elsewhere',
        'no integration_key',
        'header Cookie',
        'Content-Type text/plain',
    ],
    'it notices a wrong request'
);

$peer->stop;
done_testing();
