# Levels of the log lines.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(server => <<'EOC')->plan(24)->start;
        client_body_buffer_size 256k;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /empty {
            flashduty_push $arg_nothing;
        }
        location = /nobody {
            flashduty_push /nobody_there;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /nobody_there {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
EOC

# The levels of the lines that a request leaves behind.
sub levels {
    my ($uri, $body, $answer, @headers) = @_;

    $t->flashduty->answer($answer || taken());
    return join ' ', map {/\[(\w+)\]/} $t->logged(sub { $t->post($uri, $body, @headers) });
}

# Nothing.
is(levels('/blueking', alert()),    '', 'delivered: nothing');
is(levels('/blueking', DEBUG_BODY), '', 'test: nothing');
is(levels('/preview',  alert()),    '', 'preview: nothing');
is(levels('/preview',  DEBUG_BODY), '', 'a preview of the debug body: nothing');
is(levels('/blueking', payload('nasty_characters')), '', 'odd characters: nothing');

# info: the caller's fault. A log without that level has a warning, once a minute.
my @rejected = $t->logged(sub { $t->post('/blueking', '{"no":"alert"}') });
is(join(' ', map {/\[(\w+)\]/} @rejected), 'info warn', 'the first that is rejected: also warn');
like($rejected[1], qr/: \*\d+ requests from 127\.0\.0\.1 are rejected, .*: no alert in the body: set the action plan's body to JSON \{\{alarm\.callback_message\}\}; /,
    '... from where, why, and what to do');
unlike($rejected[1], qr/"no"/, '... and nothing of the body');
is(levels('/blueking', '{}'),  'info', 'no alert: info');
is(levels('/blueking', '{"a'), 'info', 'bad JSON: info');
is(levels('/blueking', ''),    'info', 'an empty body: info');
is(levels('/preview',  '{}'),  'info', 'a preview of no alert: info');
is(levels('/blueking', alert(), undef, 'Content-Encoding' => 'gzip'), 'info', 'an encoding: info');
is(join(' ', map {/\[(\w+)\]/} $t->logged(sub { $t->get('/blueking') })), 'info', 'a wrong method: info');

# notice
is(levels('/blueking', payload('dims_90')), 'notice', 'labels dropped: notice');
is(levels('/preview',  payload('dims_90')), 'notice', 'labels dropped in a preview: notice');

# error: somebody has to do something. Where nginx is silent this is the
# module's one line.
is(levels('/blueking', alert(), says(400, 'InvalidParameter', 'm')),     'error', 'refused: error');
is(levels('/blueking', alert(), says(401, 'Unauthorized', 'm')),         'error', 'a wrong key: error');
is(levels('/blueking', alert(), says(429, 'RequestTooFrequently', 'm')), 'error', 'slow down: error');
is(levels('/blueking', alert(), html(503)),                              'error', 'failed: error');
like(levels('/blueking', alert(), dropped('hang')), qr/^error( error)?$/, 'no answer: error');
like(levels('/nobody', alert()),                    qr/^error( error)?$/, 'nobody there: error');
like(levels('/empty',  alert()),                    qr/^error( error)?$/, 'an empty uri: error');

my @lines = $t->logged(sub {
    $t->flashduty->answer(says(400, 'InvalidParameter', 'title_rule is missing'));
    $t->post('/blueking', alert());
});
like($lines[0], qr/title_rule is missing/, "a refused event's line says why");
