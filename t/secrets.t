# The integration key appears in no log line and in no answer, whatever goes
# wrong, neither plain nor escaped.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $PLAIN   = 'k3y/of+the=team';
my $ESCAPED = 'k3y%2Fof%2Bthe%3Dteam';
my $LOWER   = lc $ESCAPED;
my $ODD     = join '', map { sprintf '%%%02X', ord } split //, $PLAIN;
my $TWICE   = $ODD =~ s/%/%25/gr;
my $LEAKED  = join '|', map {quotemeta} $PLAIN, $ESCAPED, $LOWER, $ODD, $TWICE;

my $t = Gateway->new(key => $ESCAPED, peers => ['SECOND'], http => <<'EOC')->plan(53 + 3 * 4 + 2)->start;
    log_format all escape=none "$request $flashduty_outcome $flashduty_title $flashduty_alert_key "
        "$flashduty_push_status $flashduty_push_time $flashduty_request_id $flashduty_error_code";

    upstream two {
        server 127.0.0.1:%%NOBODY%%;
        server 127.0.0.1:%%PEER%%;
    }
    map $blueking_biz_id $key {
        volatile;
        default %%KEY%%;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log all;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /nobody {
            flashduty_push /nobody_there;
        }
        location = /two {
            flashduty_push /two_of_them;
        }
        location = /mapped {
            flashduty_push /mapped_key;
        }
        location = /twice {
            flashduty_push /second_key;
        }
        location = /spelled {
            flashduty_push /spelled_key;
        }
        location = /limited {
            flashduty_push /limited_body;
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
        location = /two_of_them {
            internal;
            proxy_pass http://two/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_next_upstream error timeout non_idempotent;
        }
        location = /mapped_key {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=$key;
            proxy_read_timeout %%SHORT%%;
        }
        location = /second_key {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=a&integration_key=%%KEY%%;
        }
        location = /spelled_key {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=a&integration%5Fkey=%%KEY%%;
        }
        location = /limited_body {
            internal;
            client_max_body_size 1;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

# Texts that callers get to see hold no secret.
sub keeps_secret {
    my ($uri, $answer, $verdict, $name) = @_;

    $t->flashduty->answer($answer);
    my $response = $t->post($uri, alert());
    is($response->verdict, $verdict, "$name: $verdict");
    my $seen = join "\n", $response->body, map {@$_} values %{ $response->{headers} };
    unlike($seen, qr/$LEAKED/i, '... and the answer keeps the key');
    return;
}

my $nonsense = { status => 200, body => "x\n", headers => [ 'Content-Length' => 'nonsense' ] };

my @FAULTS = (
    [ dropped('close'),                  '502 failed',  'a closed connection' ],
    [ dropped('reset'),                  '502 failed',  'a reset one' ],
    [ dropped('hang'),                   '504 failed',  'silence' ],
    [ taken(cut => 3),                   '502 failed',  'an answer that is cut' ],
    [ html(500),                         '502 failed',  'status 500' ],
    [ $nonsense,                           '502 failed',  'a broken header' ],
    map { [ says(400, 'InvalidParameter', "no $_, ?integration_key=$_"), '502 refused', "a message with $_" ] }
        $PLAIN, $ESCAPED, $LOWER, $ODD, $TWICE, substr($ODD, 0, 9) . substr($PLAIN, 3),
);
for my $fault (@FAULTS) {
    keeps_secret('/blueking', @$fault);
    keeps_secret('/mapped',   @$fault[ 0, 1 ], "$fault->[2], the key from a map");
}
keeps_secret('/nobody',  taken(),          '502 failed',  'nobody there');
keeps_secret('/two',     dropped('close'), '502 failed',  'nobody of two');
keeps_secret('/limited', taken(),          '502 refused', 'an event too long for its location');

# However the configuration spells it.
keeps_secret('/twice', says(400, 'InvalidParameter', "no $PLAIN"), '502 refused', 'the second of two keys');
keeps_secret('/spelled', says(400, 'InvalidParameter', "no $PLAIN"), '502 refused', 'an escaped name');

# Elsewhere than in the message.
keeps_secret(
    '/blueking',
    {   status  => 400,
        headers => [ 'Retry-After' => "1 $PLAIN" ],
        body    => qq({"request_id":"$PLAIN","error":{"code":"$ESCAPED","message":"$LOWER"}}),
    },
    '502 refused', 'the key as code and request id'
);
keeps_secret(
    '/blueking', html(429, headers => [ 'Retry-After' => $PLAIN, 'Flashcat-Request-Id' => $PLAIN ]),
    '503 failed', 'the key in headers'
);

# Only the start of a long text is read, which may end anywhere in the key.
for my $form ($PLAIN, $ODD) {
    my @shown;
    for my $kept (1 .. length $form) {
        my $long = 'r' x (16 * 1024 + 1 - $kept) . $form . 'r' x 100;
        $t->flashduty->answer({ status => 400, body => qq({"request_id":"$long","error":{"code":"$long","message":"$long"}}) });
        my $answer = $t->post('/blueking', alert())->json;
        push @shown, map { $answer->{$_} =~ tr/r//dr } qw(request_id code);
    }
    is(join(' ', sort keys %{ { map { $_ => 1 } @shown } }), ' ***', "nothing is left of $form that is cut");
}

my $log = $t->settle->error_log;
my @leaks = $log =~ /^.*(?:$LEAKED).*$/mgi;
is(join("\n", @leaks), '', 'no line of the error log has the key');
like($log, qr/upstream/, "although nginx's own messages are there");
unlike(join("\n", $t->access_log), qr/$LEAKED/i, 'no variable has it');
