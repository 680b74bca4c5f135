# Verdicts: the meaning of Flashduty's answer, or its silence, for the event. 2xx for the caller
# stands for nothing but a complete yes.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $PERMANENT = '502 refused';
my $TRANSIENT = '502 failed';
my $SLOW_DOWN = '503 failed';
my $TIMED_OUT = '504 failed';
my $DELIVERED = '200 delivered';

sub raw { return { raw => "HTTP/1.1 $_[0]\r\n\r\n$_[1]" } }

sub body { return { status => 200, body => $_[0], @_[ 1 .. $#_ ] } }

my $TEXT  = [ 'Content-Type' => 'text/plain' ];
my $ERROR = '"error":{"code":"InvalidParameter","message":"m"}';

my @CASES = (

    # Delivered: a complete JSON object with request_id or data, and no error.
    [ 'yes',                      taken(),                                        $DELIVERED ],
    [ 'yes with status 201',      taken(status => 201),                           $DELIVERED ],
    [ 'yes in chunks',            taken(chunked => 1),                            $DELIVERED ],
    [ 'yes in pieces',            taken(pieces => 20),                            $DELIVERED ],
    [ 'only a request id',        body('{"request_id":"r"}'),                     $DELIVERED ],
    [ 'only data',                body('{"data":{}}'),                            $DELIVERED ],
    [ 'error null',               body('{"request_id":"r","error":null}'),        $DELIVERED ],
    [ 'yes with white space',     body(qq( \n{ "data" : {} , "request_id":"r" }\r\n)), $DELIVERED ],
    [ 'yes that calls itself text', body('{"request_id":"r"}', headers => $TEXT), $DELIVERED ],
    [ 'yes of a megabyte',        body(q({"data":{"x":"MEGABYTE"},"request_id":"r"})), $DELIVERED ],
    [ 'yes of a megabyte in chunks', body(q({"data":{"x":"MEGABYTE"},"request_id":"r"}), chunked => 1), $DELIVERED ],

    # A 2xx that is no yes.
    [ 'error inside 200',         says(200, 'InvalidParameter', 'm'),             $PERMANENT ],
    [ 'error after data',         body(qq({"request_id":"r","data":{},$ERROR})), $PERMANENT ],
    [ 'error after a megabyte',   body(qq({"data":{"x":"MEGABYTE"},$ERROR})), $PERMANENT ],
    [ 'slow down inside 200',     says(200, 'RequestTooFrequently', 'm'),         $SLOW_DOWN ],
    [ 'page inside 200',          html(200),                                      $TRANSIENT ],
    [ 'page of a megabyte',       html(200, body => '<p>MEGABYTE</p>'),          $TRANSIENT ],
    [ 'nothing inside 200',       nothing(200),                                   $TRANSIENT ],
    [ 'nothing inside 204',       nothing(204),                                   $TRANSIENT ],
    [ 'an array inside 200',      body('[{"request_id":"r"}]'),                   $TRANSIENT ],
    [ 'a string inside 200',      body('"request_id"'),                           $TRANSIENT ],
    [ 'half an object',           body('{"request_id":"r"'),                      $TRANSIENT ],
    [ 'garbage after the object', body('{"request_id":"r"} and more'),            $TRANSIENT ],
    [ 'two objects',              body('{"request_id":"r"}{"request_id":"r"}'),   $TRANSIENT ],

    # Cut on the way.
    [ 'yes that is cut',          taken(cut => 1),                                $TRANSIENT ],
    [ 'yes that is cut in white space', body(qq({"request_id":"r"}\n\n), cut => 1), $TRANSIENT ],
    [ 'yes cut in a chunk',       taken(chunked => 1, cut => 20),                 $TRANSIENT ],
    [ 'yes without the last chunk', taken(chunked => 1, cut => 5),                $TRANSIENT ],
    [ 'megabyte that is cut',     body(q({"request_id":"r","data":{"x":"MEGABYTE"}}), cut => 1000), $TRANSIENT ],

    # The envelope's code decides.
    ( map { [ "code $_", says(400, $_, 'm'), $PERMANENT ] }
        qw(InvalidParameter InvalidContentType MethodNotAllowed EntityTooLarge BadRequest ReferenceExist
        NeverHeardOf ResourceNotFound NoLicense) ),
    [ 'code Unauthorized',        says(401, 'Unauthorized', 'm'),                 $PERMANENT ],
    [ 'code BalanceNotEnough',    says(402, 'BalanceNotEnough', 'm'),             $PERMANENT ],
    [ 'code AccessDenied',        says(403, 'AccessDenied', 'm'),                 $PERMANENT ],
    [ 'code RouteNotFound',       says(404, 'RouteNotFound', 'm'),                $PERMANENT ],
    [ 'code UndonedOrderExist',   says(409, 'UndonedOrderExist', 'm'),            $PERMANENT ],
    [ 'code DangerousOperation',  says(428, 'DangerousOperation', 'm'),           $PERMANENT ],
    [ 'an unknown code with 401', says(401, 'TokenExpired', 'm'),                 $PERMANENT ],
    [ 'code RequestTooFrequently', says(429, 'RequestTooFrequently', 'm'),        $SLOW_DOWN ],
    [ 'code RequestLocked',       says(423, 'RequestLocked', 'm'),                $TRANSIENT ],
    [ 'code InternalError',       says(500, 'InternalError', 'm'),                $TRANSIENT ],
    [ 'code ServiceUnavailable',  says(503, 'ServiceUnavailable', 'm'),           $TRANSIENT ],
    [ 'code InternalError with status 400', says(400, 'InternalError', 'm'),      $TRANSIENT ],
    [ 'code ServiceUnavailable with status 400', says(400, 'ServiceUnavailable', 'm'), $TRANSIENT ],
    [ 'code RequestTooFrequently with status 400', says(400, 'RequestTooFrequently', 'm'), $SLOW_DOWN ],
    [ 'message of a megabyte',    says(400, 'InvalidParameter', 'MEGABYTE'),       $PERMANENT ],

    # 429 and 5xx are transient, whatever they say.
    ( map { [ "code $_ with status 500", says(500, $_, 'm'), $TRANSIENT ] } qw(Unauthorized NeverHeardOf) ),
    [ 'code InvalidParameter with status 503', says(503, 'InvalidParameter', 'm'), $TRANSIENT ],
    [ 'code InvalidParameter with status 429', says(429, 'InvalidParameter', 'm'), $SLOW_DOWN ],
    [ 'code NeverHeardOf with status 429', says(429, 'NeverHeardOf', 'm'),        $SLOW_DOWN ],
    [ 'code NoLicense with status 504', says(504, 'NoLicense', 'm'),              $TIMED_OUT ],
    [ 'yes with status 500',      taken(status => 500),                           $TRANSIENT ],

    # The status decides without an envelope.
    ( map { [ "page with $_",    html($_),    $PERMANENT ] } 300, 301, 302, 307, 400, 401, 403, 404, 405, 410 ),
    ( map { [ "page with $_",    html($_),    $PERMANENT ] } 413, 414, 422 ),
    ( map { [ "nothing with $_", nothing($_), $PERMANENT ] } 302, 400, 401, 403, 404, 413, 414, 422 ),
    ( map { [ "page with $_",    html($_),    $TRANSIENT ] } 500, 502, 503, 507 ),
    ( map { [ "nothing with $_", nothing($_), $TRANSIENT ] } 500, 502, 503, 507 ),
    ( map { [ "page with $_",    html($_),    $TIMED_OUT ] } 408, 504 ),
    ( map { [ "nothing with $_", nothing($_), $TIMED_OUT ] } 408, 504 ),
    ( map { [ "page with $_",    html($_),    $TRANSIENT ] } 423, 425 ),
    [ 'page with 429',            html(429),                                      $SLOW_DOWN ],
    [ 'nothing with 429',         nothing(429),                                   $SLOW_DOWN ],
    [ 'JSON that is no envelope with 400', { status => 400, body => '{"message":"m"}' }, $PERMANENT ],
    [ 'JSON that is no envelope with 500', { status => 500, body => '{"message":"m"}' }, $TRANSIENT ],
    [ 'a page of a megabyte with 502', html(502, body => 'MEGABYTE'),              $TRANSIENT ],

    # Answers that end with their connection, and some that are hardly HTTP.
    [ 'yes without a length',     raw('200 OK', '{"request_id":"r"}'),            $DELIVERED ],
    [ 'the same, cut',            raw('200 OK', '{"request_id":"r"'),             $TRANSIENT ],
    [ 'more than its length',     raw("200 OK\r\nContent-Length: 18", '{"request_id":"r"}!!'), $DELIVERED ],
    [ 'less than its length',     raw("200 OK\r\nContent-Length: 19", '{"request_id":"r"}'), $TRANSIENT ],
    [ 'a chunk of nonsense',      raw("200 OK\r\nTransfer-Encoding: chunked", 'zz'), $TRANSIENT ],
    [ 'status 101',               raw('101 Switching Protocols', '{"request_id":"r"}'), $TRANSIENT ],
    [ 'status 999',               raw('999 Odd', '{"request_id":"r"}'),           $TRANSIENT ],
    [ 'no HTTP',                  { raw => "SSH-2.0-OpenSSH_9.2\r\n" },           $TRANSIENT ],
    [ 'JSON without HTTP',        { raw => '{"request_id":"r"}' },                $TRANSIENT ],
    [ 'half a header',            { raw => "HTTP/1.1 200 OK\r\nContent-Le" },     $TRANSIENT ],
    [ 'a header without an end',   raw("200 OK\r\nX: " . 'x' x 100_000, '{"request_id":"r"}'), $TRANSIENT ],

    # No answer at all.
    [ 'a closed connection',      dropped('close'),                               $TRANSIENT ],
    [ 'a reset connection',       dropped('reset'),                               $TRANSIENT ],
    [ 'silence',                  dropped('hang'),                                $TIMED_OUT ],
);

# Ways to reach Flashduty that nginx handles differently.
my @WAYS = qw(/blueking /unbuffered /in_file /kept);

my $t = Gateway->new(http => <<'EOC')->plan(@WAYS * @CASES + 26)->start;
    upstream kept {
        server 127.0.0.1:%%PEER%%;
        keepalive 4;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_read_timeout %%SHORT%%;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /unbuffered {
            flashduty_push /flashduty_unbuffered;
        }
        location = /in_file {
            flashduty_push /flashduty_in_file;
        }
        location = /kept {
            flashduty_push /flashduty_kept;
        }
        location = /nobody {
            flashduty_push /nobody_there;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /flashduty_unbuffered {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_buffer_size 1k;
        }
        location = /flashduty_in_file {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_buffers 2 1k;
            proxy_buffer_size 1k;
            proxy_busy_buffers_size 1k;
            sendfile on;
            aio threads;
            directio 512;
        }
        location = /flashduty_kept {
            internal;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 4 4k;
            proxy_max_temp_file_size 0;
        }
        location /no_proxy/ {
            location = /no_proxy/200 { return 200 '{"request_id":"r"}'; }
            location = /no_proxy/204 { return 204; }
            location = /no_proxy/302 { return 302 /; }
            location = /no_proxy/429 { return 429; }
            location = /no_proxy/503 { return 503 "maintenance"; }
        }
        location = /to {
            flashduty_push /no_proxy/$arg_to;
        }
        location = /nobody_there {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
EOC

sub answer_to {
    my ($answer, $uri) = @_;
    $t->flashduty->answer($answer);
    return $t->post($uri // '/blueking', alert());
}

for my $uri (@WAYS) {
    for my $case (@CASES) {
        my ($name, $answer, $verdict) = @$case;
        is(answer_to($answer, $uri)->verdict, $verdict, "$uri: $name: $verdict");
    }
}
is($t->post('/nobody', alert())->verdict, $TRANSIENT, 'a refused connection');

unlike(answer_to(body('{}'))->status, qr/^2/, 'an object with neither request id nor data is no yes');

is(answer_to(html(429))->header('Retry-After'), '1', 'without Retry-After the caller is told 1 second');
is(answer_to(html(429, headers => [ 'Retry-After' => 42 ]))->header('Retry-After'), '42', 'Retry-After is passed on');
for my $odd (undef, '', 'soon', '9' x 3000, "7 \x1b[31m", '-1') {
    my $answer = html(429, headers => [ 'Retry-After' => $odd // '' ]);
    is(answer_to($answer)->header('Retry-After'), '1', 'a Retry-After that makes no sense is 1 second');
}
my $date = 'Sun, 22 Nov 2026 09:00:00 GMT';
is(answer_to(html(429, headers => [ 'Retry-After' => $date ]))->header('Retry-After'), $date, 'a date is passed on');
is(answer_to(html(500))->header('Retry-After'), undef, 'other failures have no Retry-After');

my $big = answer_to(body(q({"data":{"x":"MEGABYTE"},"request_id":"late"})));
is($big->json->{request_id}, 'late', 'the request id is found behind a megabyte');
$big = answer_to({ status => 400, body => q({"error":{"message":"MEGABYTE","code":"NeverHeardOf"}}) });
is($big->json->{code}, 'NeverHeardOf', 'the code is found behind a megabyte');

my @id_in_header = ('Flashcat-Request-Id' => 'in-the-header');
my $bad_gateway  = answer_to(html(502, headers => [@id_in_header]));
is($bad_gateway->json->{request_id}, 'in-the-header', 'the request id of the header is passed on');
my $yes = answer_to(body('{"data":{}}', headers => [@id_in_header]));
is($yes->json->{request_id}, 'in-the-header', 'of a yes too');

my $odd = answer_to({ status => 400, body => '{"request_id":"r","error":{"code":"InvalidParameter"}}' });
is($odd->verdict, $PERMANENT, 'an error without a message is an error');
isnt($odd->reason, '', 'and the operator still gets a sentence');

my $quoting = answer_to(says(400, 'InvalidParameter', qq(bad "value"\n\\ \x{1f600})));
is($quoting->verdict, $PERMANENT, 'a message with quotes and emoji leaves the answer valid JSON');
like($quoting->reason, qr/bad "value"/, 'and readable');

# A push location that answers by itself.
my %by_itself = (200 => $DELIVERED, 204 => $TRANSIENT, 302 => $PERMANENT, 429 => $SLOW_DOWN, 503 => $TRANSIENT);
for my $status (sort keys %by_itself) {
    is($t->post("/to?to=$status", alert())->verdict, $by_itself{$status}, "nginx's own $status: $by_itself{$status}");
}

is(answer_to(taken())->verdict, $DELIVERED, 'after all that the next alert is delivered');
