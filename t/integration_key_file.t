# The key in a file goes to Flashduty, and nowhere else.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

# Part that all keys share, so that none of them is missed.
my $LEAKED = 'q8Zt';
my ($ONE, $TWO, $NEW) = map {"$LEAKED-$_"} qw(one two.~_ new);

my $PUSH = '/event/push/alert/standard?integration_key=$flashduty_integration_key';

my $t = Gateway->new(lenient => ['ANY'], ports => ['SECOND'], http => <<"EOC")->plan(68);
    log_format plain escape=none '\$request \$status [\$flashduty_outcome] \$flashduty_title \$flashduty_error_code';
    log_format key '\$uri \$flashduty_integration_key';

    upstream peer {
        server 127.0.0.1:%%PEER%%;
        keepalive 4;
    }
    upstream two_servers {
        server 127.0.0.1:%%NOBODY%%;
        server 127.0.0.1:%%PEER%%;
    }
    upstream all_down {
        server 127.0.0.1:%%PEER%% down;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log plain;
        flashduty_integration_key_file one;
        proxy_read_timeout %%SHORT%%;
        resolver_timeout %%SHORT%%;

        location ~ ^/to/(?<way>\\w+)\$ {
            access_log %%DIR%%/access.log plain;
            access_log %%DIR%%/keys.log key;
            flashduty_push /\$way;
        }
        location = /asked_before {
            access_log %%DIR%%/keys.log key;
            set \$before \$flashduty_integration_key;
            flashduty_push /second;
        }

        location = /first {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%$PUSH;
        }
        location = /second {
            internal;
            flashduty_integration_key_file %%DIR%%/two;
            proxy_pass http://127.0.0.1:%%PEER%%$PUSH;
        }
        location = /named {
            internal;
            proxy_pass http://peer$PUSH;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }

        location = /refused {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%$PUSH;
        }
        location = /next {
            internal;
            proxy_pass http://two_servers$PUSH;
            proxy_next_upstream error timeout non_idempotent;
        }
        location = /down {
            internal;
            proxy_pass http://all_down$PUSH;
        }
        location = /unresolved {
            internal;
            resolver 127.0.0.1:%%NOBODY%%;
            proxy_pass http://flashduty.invalid$PUSH;
        }
        location = /no_resolver {
            internal;
            proxy_pass http://flashduty.invalid$PUSH;
        }
        location = /plain {
            internal;
            proxy_pass https://127.0.0.1:%%READY%%$PUSH;
        }
        location = /limited {
            internal;
            client_max_body_size 1;
            proxy_pass http://127.0.0.1:%%PEER%%$PUSH;
        }
    }

    server {
        listen 127.0.0.1:%%SECOND%%;

        location = /blueking {
            access_log %%DIR%%/keys.log key;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%ANY%%$PUSH;
        }
    }
EOC
$t->write_file('one', "$ONE\n", 0600)->write_file('two', "  $TWO # a comment\r\nmore\n", 0600)->start;

sub pushed_key {
    my ($peer) = @_;
    return ($t->flashduty($peer)->last_push->{uri} =~ /integration_key=(.*)/)[0];
}

sub last_logged_key {
    $t->settle;
    return (split /\n/, $t->read_file('keys.log'))[-1];
}

# Sources of the key.
for my $case (
    [ '/to/first',    $ONE, 'the key of the server block' ],
    [ '/to/second',   $TWO, 'the key of the location that pushes' ],
    [ '/to/named',    $ONE, 'the key through an upstream block' ],
    [ '/asked_before', $TWO, 'no key that the caller has asked for' ],
    )
{
    my ($uri, $key, $name) = @$case;
    is($t->post($uri, alert())->verdict, '200 delivered', "$uri is delivered");
    is(pushed_key('PEER'), $key, "with $name");
}
is(last_logged_key(), "/asked_before $ONE", 'the caller has its own afterwards, when it asks for it');

$t->write_file('one', "$NEW\n");
$t->post('/to/first', alert());
is(pushed_key('PEER'), $ONE, 'a file that has changed is not read');
$t->reload->post('/to/first', alert());
is(pushed_key('PEER'), $NEW, 'until a reload');

# No key at all.
$t->flashduty('ANY')->answer(says(401, 'Unauthorized', 'integration key is missing'));
my $response = $t->client('SECOND')->request('POST', '/blueking', alert());
is($response->verdict, '502 refused', 'without a file Flashduty has to refuse');
is(pushed_key('ANY'), '', 'because the key is empty');
is($response->reason, 'integration key is missing', 'and says why');
is(last_logged_key(), '/blueking ', 'the variable is empty, and no error');

# Nobody else gets to see it.
sub keeps_secret {
    my ($uri, $answer, $verdict, $name, $log) = @_;

    $t->flashduty->answer($answer);
    my @lines = $t->logged(sub {
        my $response = $t->post($uri, alert());
        is($response->verdict, $verdict, "$name: $verdict");
        my $seen = join "\n", $response->body, map {@$_} values %{ $response->{headers} };
        unlike($seen, qr/$LEAKED/, '... and the answer keeps the key');
    });
    like(join("\n", @lines), $log, '... and the log has what it should');
    return;
}

my $nonsense = { status => 200, body => "x\n", headers => [ 'Content-Length' => 'nonsense' ] };
my $long     = taken(headers => [ 'X-Long' => 'x' x 10_000 ]);

for my $case (
    [ '/to/first', dropped('close'), '502 failed', 'a closed connection', qr/prematurely closed/ ],
    [ '/to/first', dropped('reset'), '502 failed', 'a reset one', qr/reset by peer/ ],
    [ '/to/first', dropped('hang'),  '504 failed', 'silence', qr/upstream timed out/ ],
    [ '/to/first', taken(cut => 3),  '502 failed', 'an answer that is cut', qr/prematurely closed/ ],
    [ '/to/first', html(500),        '502 failed', 'status 500', qr/answered HTTP 500/ ],
    [ '/to/first', $nonsense,        '502 failed', 'a broken header', qr/Content-Length|not as Flashduty does/ ],
    [ '/to/first', $long,            '502 failed', 'a header too long', qr/too big header/ ],
    [ '/to/first', says(400, 'InvalidParameter', "no $NEW"), '502 refused', 'a message with the key', qr/no \*\*\*/ ],
    [ '/to/named', dropped('close'), '502 failed', 'a closed connection of an upstream block', qr/prematurely closed/ ],
    [ '/to/refused', taken(), '502 failed', 'nobody there', qr/connect\(\) failed .*upstream: / ],
    [ '/to/next', dropped('close'), '502 failed', 'nobody of two', qr/connect\(\) failed .*upstream: / ],
    [ '/to/down', taken(), '502 failed', 'no server that is up', qr/no live upstreams/ ],
    [ '/to/unresolved', taken(), '502 failed', 'no DNS', qr/could not be resolved/ ],
    [ '/to/no_resolver', taken(), '502 failed', 'no resolver', qr/no resolver defined|could not be resolved/ ],
    [ '/to/plain', taken(), '502 failed', 'a peer without TLS', qr/SSL_do_handshake\(\) failed/ ],
    [ '/to/limited', taken(), '502 refused', 'an event too long for its location', qr/too large body/ ],
    )
{
    keeps_secret(@$case);
}

unlike($t->settle->error_log, qr/$LEAKED/, 'no line of the error log has a key');
my @requests = $t->access_log;
is(scalar(grep {/\[(?:delivered|failed|refused)\]/} @requests), 21, 'every request is in the access log');
unlike(join("\n", @requests), qr/$LEAKED/, 'without a key, unless it asks for it');

waitpid $t->spawn('dump', '-T', '-e', $t->dir . '/dump.log', '-c', $t->dir . '/nginx.conf'), 0;
like($t->read_file('dump'), qr/flashduty_integration_key_file one;/, 'nginx -T shows the name of the file');
unlike($t->read_file('dump'), qr/$LEAKED/, 'and not what is in it');
