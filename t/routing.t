# The target of a push may depend on the alert.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(31)->start;
    map $blueking_biz_id $route {
        volatile;
        2       /two;
        3       /three;
        4       "";
        default /other;
    }
    map $blueking_biz_id $key_of {
        volatile;
        2       key-two;
        default key-default;
    }

    server {
        listen 127.0.0.1:%%PORT%%;

        location /from_path/ {
            flashduty_push /x$uri;
        }
        location = /by_uri {
            flashduty_push $route;
        }
        location = /by_key {
            flashduty_push /keyed;
        }
        location = /with_arguments {
            flashduty_push "/arguments?title=$flashduty_title&fixed=a b";
        }
        location = /with_control_characters {
            flashduty_push "/arguments?tab=a\tb&line=a\nb";
        }
        location = /to {
            flashduty_push $arg_to;
        }
        location = /literal_nowhere {
            flashduty_push /no/such/location$arg_nothing;
        }

        location = /two {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=two;
        }
        location = /three {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=three;
        }
        location = /other {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=other;
        }
        location = /keyed {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=$key_of;
        }
        location = /arguments {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=k&$args;
        }
    }
EOC

sub pushed_to {
    my ($uri, %change) = @_;

    my $before = $t->flashduty->count;
    is($t->post($uri, alert(%change))->verdict, '200 delivered', "$uri delivers");
    is($t->flashduty->count, $before + 1, 'one event');
    my ($arguments) = $t->flashduty->last_push->{uri} =~ /\?(.*)/;
    return $arguments;
}

is(pushed_to('/by_uri', bk_biz_id => 2),  'integration_key=two',   'to the location of its business');
is(pushed_to('/by_uri', bk_biz_id => 3),  'integration_key=three', 'to that of another');
is(pushed_to('/by_uri', bk_biz_id => -9), 'integration_key=other', 'to the default');
is(pushed_to('/by_key', bk_biz_id => 2),  'integration_key=key-two', 'with the key of its business');
is(pushed_to('/by_key', bk_biz_id => 5),  'integration_key=key-default', 'with the default key');

is(
    pushed_to('/with_arguments', strategy => { name => 'disk full' }),
    'integration_key=k&title=10.0.1.10%20/%20disk%20full&fixed=a%20b', 'spaces in arguments are escaped'
);
is(
    pushed_to('/with_control_characters'),
    'integration_key=k&tab=a%09b&line=a%0Ab', 'so are control characters'
);

# A uri that is none.
my $before = $t->flashduty->count;
for my $case (
    [ '/by_uri',               'an empty uri', bk_biz_id => 4 ],
    [ '/to?to=two',            'a uri without a slash' ],
    [ '/to?to=/x/../two',      'a uri with ..' ],
    )
{
    my ($uri, $name, @change) = @$case;
    my $response;
    my @lines = $t->logged(sub { $response = $t->post($uri, alert(@change)) });
    is($response->verdict, '500 failed', "$name fails");
    cmp_ok(scalar(grep {/\[error\]/} @lines), '>=', 1, 'and the log says so');
}

# An unsafe path must not get to write a log line of its own either.
my @forged = grep {/^forged/} $t->logged(sub {
    is($t->post('/from_path/%0Aforged/%252e%252e/x', alert())->verdict, '500 failed', 'an escaped ..');
});
is(join("\n", @forged), '', 'the log has no line of the caller');

is($t->post('/literal_nowhere', alert())->verdict, '502 refused', 'a location that does not exist is a mistake');
is($t->flashduty->count, $before, 'nothing of this was pushed');
