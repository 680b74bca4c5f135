# The preview answers with exactly the event that would be sent, and sends
# nothing.

use strict;
use warnings;

use Test::More;

use BlueKing;
use EventRules;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(17)->start;
        location = /preview {
            flashduty_preview;
        }
        location = /titled {
            flashduty_title "$blueking_strategy_name on $blueking_dimension_bk_target_ip";
            flashduty_label team "ops";
            flashduty_preview;
        }
EOC

my $response = $t->post('/preview', payload('trigger_host_cpu'));
is($response->status, '200', 'a preview is 200');
is($response->header('Content-Type'), 'application/json; charset=utf-8', 'it is JSON with its charset');
is($response->header('Content-Length') // length $response->body, length $response->body, 'of the length it says');
is_deeply([ EventRules::body_violations($response->body) ], [], 'the event keeps every rule');

my $event = $response->json;
is($event->{event_status}, 'Warning', 'its status');
is($event->{title_rule}, "10.0.1.10 / \x{4e3b}\x{673a}CPU\x{4f7f}\x{7528}\x{7387}", 'its title');
is($event->{alert_key}, '17161930461000001', 'its key');
is($event->{labels}{source}, 'blueking', 'its labels');

is($t->post('/preview', payload('recovery_host_cpu'))->json->{event_status}, 'Ok', 'a recovery is Ok');
is(
    $t->post('/preview', payload('recovery_host_cpu'))->json->{alert_key},
    $event->{alert_key}, 'and has the key of its trigger'
);

$event = $t->post('/titled', alert())->json;
is($event->{title_rule}, 'CPU usage on 10.0.1.10', 'flashduty_title shows in the preview');
is($event->{labels}{team}, 'ops', 'and flashduty_label');

my $debug = $t->post('/preview', DEBUG_BODY);
is($debug->verdict, '200 test', 'the debug body gets what a push would answer');
is($t->post('/preview', '{}')->verdict, '400 rejected', 'so does a body with no alert');
is($t->post('/preview', '{')->verdict,  '400 rejected', 'so does bad JSON');
is($t->post('/preview', alert(), 'Content-Encoding' => 'gzip')->verdict, '415 rejected', 'so does a compressed body');
is($t->flashduty->count, 0, 'nothing was pushed');
