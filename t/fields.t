# flashduty_title, _description, _alert_key, _event_status and flashduty_label replace the texts of
# the translation, and keep Flashduty's rules.

use strict;
use warnings;

use Test::More;

use BlueKing;
use EventRules;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(39)->start;
    flashduty_title "http title";
    flashduty_label level_of http;
    flashduty_label other http;

    server {
        listen 127.0.0.1:%%PORT%%;
        flashduty_description "server description";

        location = /inherited {
            flashduty_preview;
        }
        location = /own {
            flashduty_title "location title";
            flashduty_label level_of location;
            flashduty_preview;
        }
        location /outer/ {
            flashduty_title "outer title";
            flashduty_preview;

            location = /outer/inner {
                flashduty_preview;
            }
        }
        location = /replaced {
            flashduty_title "T $blueking_biz_id $arg_more";
            flashduty_description "D $blueking_level";
            flashduty_alert_key "K $blueking_event_id";
            flashduty_event_status $arg_status;
            flashduty_preview;
        }
        location = /empty {
            flashduty_title $arg_nothing;
            flashduty_description $arg_nothing;
            flashduty_alert_key $arg_nothing;
            flashduty_event_status $arg_nothing;
            flashduty_preview;
        }
        location = /built_in {
            flashduty_title "<$flashduty_title>";
            flashduty_alert_key "<$flashduty_alert_key>";
            flashduty_description "<$flashduty_event_status>";
            flashduty_label title "<$flashduty_title>";
            flashduty_preview;
        }
        location = /labels {
            flashduty_label team ops;
            flashduty_label biz "biz $blueking_biz_id";
            flashduty_label check replaced;
            flashduty_label bk_target_ip "";
            flashduty_label scenario $arg_nothing;
            flashduty_preview;
        }
        location = /push {
            flashduty_title "title $arg_more";
            flashduty_label team ops;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
    server {
        listen 127.0.0.1:%%NOBODY%%;
        flashduty_title "";
        flashduty_label own server;

        location = /preview {
            flashduty_preview;
        }
    }
EOC

sub event {
    my ($uri, $body) = @_;

    my $response = $t->post($uri, $body // alert());
    my @broken   = EventRules::body_violations($response->body);
    diag "$uri: $_" for @broken;
    return @broken ? {} : $response->json;
}

# Inheritance.
my $event = event('/inherited');
is($event->{title_rule},  'http title',         'the title comes from http');
is($event->{description}, 'server description', 'the description from server');
is($event->{labels}{level_of}, 'http',          'the labels from http');

$event = event('/own');
is($event->{title_rule}, 'location title', 'a title of the location comes first');
is($event->{labels}{level_of}, 'location', 'so does a label');
is($event->{labels}{other}, undef, 'a level with labels of its own inherits none');
is($event->{description}, 'server description', 'other fields are still inherited');
is(event('/outer/inner')->{title_rule}, 'outer title', 'a nested location inherits');

$event = $t->client('NOBODY')->request('POST', '/preview', alert())->json;
is($event->{title_rule}, '10.0.1.10 / CPU usage', 'an empty title undoes the inherited one');
is_deeply([ @{ $event->{labels} }{qw(own other)} ], [ 'server', undef ], 'another server has its own labels');

# Replacement.
$event = event('/replaced?status=Info&more=m');
is($event->{title_rule},   'T 2 m',               'the title, with variables');
is($event->{description},  'D 2',                 'the description');
is($event->{alert_key},    'K 17161930461000001', 'the alert key');
is($event->{event_status}, 'Info',                'the status');

for my $word (qw(Critical Warning Info Ok)) {
    is(event("/replaced?status=$word")->{event_status}, $word, "$word is a status");
}
for my $word ('critical', 'Fatal', 'Info+') {
    my @lines = $t->logged(sub { $event = event("/replaced?status=$word") });
    is($event->{event_status}, 'Warning', "$word is none: the built-in one is kept");
    is(scalar(grep {/\[warn\]/} @lines), 1, "and a warning is logged");
}

my $plain = event('/inherited');
$event = event('/empty');
is($event->{title_rule}, '10.0.1.10 / CPU usage', 'an empty title keeps the built-in one');
is_deeply(
    [ @$event{qw(description alert_key event_status)} ],
    [ 'avg(usage) >= 80.0%', '17161930461000001', 'Warning' ],
    'so do the other fields'
);

# The rules hold for these too.
is(event('/replaced?more=[TPL]')->{title_rule}, "T 2 \x{ff3b}TPL]", 'a title is never a template');
is(length event('/replaced?more=' . 'x' x 600)->{title_rule}, 512, 'a long title is cut');
is(length event('/built_in', alert(event => { event_id => 'k' x 255 }))->{alert_key}, 71, 'a long key is hashed');
is(event("/replaced?more=\xe4\xb8")->{title_rule}, "T 2 \x{fffd}", 'a title is always UTF-8');

# The built-in values are at hand.
$event = event('/built_in');
is($event->{title_rule},  '<10.0.1.10 / CPU usage>', 'the built-in title inside the title');
is($event->{alert_key},   '<17161930461000001>',     'the built-in key inside the key');
is($event->{description}, '<Warning>',               'the built-in status');
is($event->{labels}{title}, '<10.0.1.10 / CPU usage>', 'and inside a label');

# Labels.
$event = event('/labels');
is_deeply(
    [ @{ $event->{labels} }{qw(team biz check bk_target_ip scenario source)} ],
    [ 'ops', 'biz 2', 'replaced', undef, undef, 'blueking' ],
    'labels are added, replaced and removed, the others stay'
);
my $labels = event('/labels', payload('dims_90'))->{labels};
is(scalar keys %$labels, 50, 'fifty labels at most');
is($labels->{team}, 'ops', 'the configured ones first');

is($t->post('/push?more=pushed', alert())->verdict, '200 delivered', 'an event with replaced fields is delivered');
like($t->flashduty->last_push->{body}, qr/"title_rule":"title pushed".*"team":"ops"/, 'as it was configured');
