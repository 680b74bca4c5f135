# error_page changes neither the meaning of a push nor the answer, not even where it is what led to
# the gateway.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my @LOCATIONS = qw(
    /inherited /usual /turned_to_200 /named /intercepting /intercepting_to_200 /in_push_location
    /recursive /back_again /led_here /led_here_as_200
);

my @ANSWERS = (
    [ taken(),                                '200 delivered' ],
    [ says(400, 'InvalidParameter', 'm'),     '502 refused' ],
    [ says(401, 'Unauthorized', 'm'),         '502 refused' ],
    [ html(404),                              '502 refused' ],
    [ html(302, headers => [ Location => '/elsewhere' ]), '502 refused' ],
    [ says(429, 'RequestTooFrequently', 'm'), '503 failed' ],
    [ says(500, 'InternalError', 'm'),        '502 failed' ],
    [ says(503, 'InvalidParameter', 'm'),     '502 failed' ],
    [ says(404, 'RequestTooFrequently', 'm'), '503 failed' ],
    [ html(502),                              '502 failed' ],
    [ nothing(503),                           '502 failed' ],
    [ html(504),                              '504 failed' ],
    [ dropped('close'),                       '502 failed' ],
    [ dropped('hang'),                        '504 failed' ],
);

my $t = Gateway->new(server => <<'EOC')->plan(@LOCATIONS * (@ANSWERS + 4) + 3)->start;
        error_page 500 502 503 504 /50x.html;

        location /inherited {
            flashduty_push /flashduty_inherited;
        }
        location /usual {
            error_page 500 502 503 504 /50x.html;
            flashduty_push /flashduty;
        }
        location /turned_to_200 {
            error_page 400 404 405 415 500 502 503 504 =200 /50x.html;
            flashduty_push /flashduty;
        }
        location /named {
            error_page 400 401 403 404 405 415 429 500 502 503 504 =200 @page;
            flashduty_push /flashduty;
        }
        location /intercepting {
            error_page 400 405 415 500 502 503 504 /50x.html;
            flashduty_push /flashduty_intercepting;
        }
        location /intercepting_to_200 {
            flashduty_push /flashduty_to_200;
        }
        location /in_push_location {
            flashduty_push /flashduty_named;
        }

        location /recursive {
            error_page 400 405 415 500 502 503 504 =200 @next_page;
            recursive_error_pages on;
            flashduty_push /flashduty_recursive;
        }
        location /back_again {
            flashduty_push /flashduty_back_again;
        }

        location /led_here {
            error_page 418 @gateway;
            return 418;
        }
        location /led_here_as_200 {
            error_page 418 =200 @gateway;
            return 418;
        }
        location @gateway {
            flashduty_push /flashduty;
        }

        location = /50x.html {
            root %%DIR%%;
        }
        location @next_page {
            error_page 503 =200 @page;
            recursive_error_pages on;
            return 503;
        }
        location @page {
            return 200 '{"request_id":"page","data":{}}';
        }

        location = /flashduty_inherited {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            error_page 500 502 503 504 /50x.html;
        }
        location = /flashduty_intercepting {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            proxy_intercept_errors on;
            error_page 302 400 401 404 429 500 502 503 504 /50x.html;
        }
        location = /flashduty_to_200 {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            error_page 502 504 =200 /50x.html;
        }
        location = /flashduty_named {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            error_page 502 504 =200 @page;
        }
        location = /flashduty_recursive {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            proxy_intercept_errors on;
            recursive_error_pages on;
            error_page 302 400 401 404 429 500 502 503 504 =200 @next_page;
        }
        location = /flashduty_back_again {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
            proxy_intercept_errors on;
            error_page 302 400 401 404 429 500 502 503 504 /flashduty_inherited;
        }
EOC
$t->write_file('50x.html', '{"request_id":"page","data":{}}');

for my $uri (@LOCATIONS) {
    for my $case (@ANSWERS) {
        my ($answer, $verdict) = @$case;
        $t->flashduty->answer($answer);
        my $what = $answer->{then} || $answer->{status} || 200;
        is($t->post($uri, alert())->verdict, $verdict, "$uri: $what means $verdict");
    }
    $t->flashduty->answer(taken());
    is($t->post($uri, '{}')->verdict, '400 rejected', "$uri: a rejected body is answered as it is");
    is($t->get($uri)->verdict,        '405 rejected', "$uri: so is a wrong method");
    is($t->post($uri, alert(), 'Content-Encoding' => 'br')->verdict, '415 rejected', "$uri: so is an encoding");
    is($t->post($uri, DEBUG_BODY)->verdict, '200 test', "$uri: and the debug body");
}

is($t->get('/50x.html')->status, '200', 'the page is there');
is($t->flashduty->count, @LOCATIONS * @ANSWERS, 'every event was sent once');
is(scalar(grep { $_->{method} ne 'POST' } $t->flashduty->pushes), 0, 'and nothing else was sent');
