# proxy_next_upstream is nginx's own: the next server gets the whole event, and
# the last answer counts.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(peers => ['SECOND'], http => <<'EOC')->plan(20)->start;
    upstream nobody_then_second {
        server 127.0.0.1:%%NOBODY%% max_fails=0;
        server 127.0.0.1:%%SECOND%% backup;
    }
    upstream first_then_second {
        server 127.0.0.1:%%PEER%% max_fails=0;
        server 127.0.0.1:%%SECOND%% backup;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_read_timeout %%SHORT%%;

        location = /nobody {
            flashduty_push /to_nobody;
        }
        location = /first {
            flashduty_push /to_first;
        }
        location = /once {
            flashduty_push /to_first_only;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /to_nobody {
            internal;
            proxy_pass http://nobody_then_second/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_next_upstream error timeout non_idempotent;
        }
        location = /to_first {
            internal;
            proxy_pass http://first_then_second/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_next_upstream error timeout http_500 http_502 http_429 non_idempotent;
        }
        location = /to_first_only {
            internal;
            proxy_pass http://first_then_second/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_next_upstream error timeout;
        }
    }
EOC

my $event = $t->post('/preview', payload('dims_90'))->body;

sub verdict_of {
    my ($uri, $first, $second) = @_;

    $t->flashduty->answer($first);
    $t->flashduty('SECOND')->answer($second || taken());
    return $t->post($uri, payload('dims_90'))->verdict;
}

sub second_has { return $t->flashduty('SECOND')->last_push->{body} }

is(verdict_of('/nobody', taken()), '200 delivered', 'nobody at the first server');
is(second_has(), $event, 'the second gets the whole event');

for my $case (
    [ dropped('close'),                   'a first server that closes' ],
    [ dropped('reset'),                   'one that resets' ],
    [ dropped('hang'),                    'one that is silent' ],
    [ says(500, 'InternalError', 'm'),    'one with an internal error' ],
    [ html(502),                          'one that is a bad gateway' ],
    [ html(429),                          'one that is too busy' ],
    )
{
    my ($answer, $name) = @$case;
    is(verdict_of('/first', $answer), '200 delivered', $name);
    is(second_has(), $event, '... and the second gets the whole event');
}

my $no = says(400, 'InvalidParameter', 'm');
is(verdict_of('/first', dropped('close'), $no), '502 refused', "the second's no counts");
is(verdict_of('/first', html(502), dropped('hang')), '504 failed', 'so does its silence');
is(verdict_of('/first', dropped('hang'), dropped('close')), '502 failed', 'and its closing');
is(verdict_of('/first', html(500), taken(cut => 1)), '502 failed', 'and its cut answer');

my $before = $t->flashduty('SECOND')->count;
is(verdict_of('/once', dropped('close')), '502 failed', 'without non_idempotent nothing is sent twice');
is($t->flashduty('SECOND')->count, $before, 'indeed');
