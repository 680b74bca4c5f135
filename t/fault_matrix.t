# Every fault of Flashduty, or of a server in its place: over a fresh connection and over one that
# was used before, with callers that wait and callers that leave. The caller's answer, the logs and
# the number of pushes are as they should be, and the next alert is delivered.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Http2;

my $DELIVERED = '200 delivered';
my $REFUSED   = '502 refused';
my $FAILED    = '502 failed';
my $SLOW_DOWN = '503 failed';
my $TIMED_OUT = '504 failed';

my $YES      = '{"request_id":"r"}';
my $NO       = '{"error":{"code":"InvalidParameter","message":"m"}}';
my $MEGABYTE = '{"data":{"x":"MEGABYTE"}}';
my $LONG     = 'x' x 8000;
gzip(\$YES, \my $GZIP);

my $SIZED   = "200 OK\r\nContent-Length: 18";
my $CHUNKED = "200 OK\r\nTransfer-Encoding: chunked";
my $CHUNK   = "12\r\n$YES\r\n";
my $END     = "0\r\n\r\n";
my $UNASKED = "HTTP/1.1 $SIZED\r\n\r\n$YES";
my $CLOSES  = [ Connection => 'close' ];
my $GZIPPED = [ 'Content-Encoding' => 'gzip' ];
my @RESET   = (then => 'reset');
my @HANG    = (then => 'hang');

sub bytes { return { raw => $_[0], @_[ 1 .. $#_ ] } }
sub raw   { return bytes("HTTP/1.1 $_[0]\r\n\r\n$_[1]", @_[ 2 .. $#_ ]) }
sub body  { return { status => 200, body => $_[0], @_[ 1 .. $#_ ] } }

# Faults of the peer with each push of an event. Then: the status of the push, the answer to the
# caller, and the number of pushes, over a fresh connection and over a kept one. A kept connection
# may have been closed while the push was on its way, so nginx sends it once more, as long as no
# whole header came back.
my @FAULTS = (

    # No answer.
    [ 'closes without reading',         bytes('', unread => 1, then => 'close'),        502, $FAILED, 1, 2 ],
    [ 'resets without reading',         bytes('', unread => 1, @RESET),                 502, $FAILED, 1, 2 ],
    [ 'closes without answering',       dropped('close'),                               502, $FAILED, 1, 2 ],
    [ 'resets without answering',       dropped('reset'),                               502, $FAILED, 1, 2 ],

    # Half an answer.
    [ 'closes in the status line',      bytes('HTTP/1.1 2'),                            502, $FAILED, 1, 2 ],
    [ 'resets in the status line',      bytes('HTTP/1.1 2', @RESET),                    502, $FAILED, 1, 2 ],
    [ 'closes after the status line',   bytes("HTTP/1.1 200 OK\r\n"),                   502, $FAILED, 1, 2 ],
    [ 'closes in a header',             bytes("HTTP/1.1 $SIZED"),                       502, $FAILED, 1, 2 ],
    [ 'resets in a header',             bytes("HTTP/1.1 $SIZED", @RESET),               502, $FAILED, 1, 2 ],
    [ 'closes before the body',         raw($SIZED, ''),                                200, $FAILED, 1, 1 ],
    [ 'closes in the body',             taken(cut => 5),                                200, $FAILED, 1, 1 ],
    [ 'resets in the body',             taken(cut => 5, @RESET),                        200, $FAILED, 1, 1 ],
    [ 'closes in a chunk',              taken(chunked => 1, cut => 20),                 200, $FAILED, 1, 1 ],
    [ 'closes before the last chunk',   taken(chunked => 1, cut => 5),                  200, $FAILED, 1, 1 ],
    [ 'resets before the last chunk',   taken(chunked => 1, cut => 5, @RESET),          200, $FAILED, 1, 1 ],
    [ 'closes in a yes without a length', raw('200 OK', substr $YES, 0, 9),             200, $FAILED, 1, 1 ],
    [ 'closes in a no',                 says(400, 'InternalError', 'm', cut => 5),      400, $REFUSED, 1, 1 ],
    [ 'closes in a page with 429',      html(429, cut => 5),                            429, $SLOW_DOWN, 1, 1 ],
    [ 'closes in a page with 500',      html(500, cut => 5),                            500, $FAILED, 1, 1 ],

    # No HTTP.
    [ 'speaks something else',          bytes("SSH-2.0-OpenSSH_9.2\r\n"),               502, $FAILED, 1, 1 ],
    [ 'sends bytes',                    bytes(join '', map {chr} 0 .. 255),             502, $FAILED, 1, 1 ],
    [ 'says yes without a header',      bytes($YES),                                    502, $FAILED, 1, 1 ],
    [ 'sends a header without end',     bytes("HTTP/1.1 200 OK\r\nX: " . 'x' x 100_000), 502, $FAILED, 1, 1 ],
    [ 'sends a thousand headers',       raw('200 OK' . "\r\nX: xxxxxxxxxxxxxxx" x 1000, $YES), 502, $FAILED, 1, 1 ],
    [ 'sends a NUL in a header',        raw("200 OK\r\nX: \0", $YES),                   502, $FAILED, 1, 1 ],
    [ 'says 100',                       raw('100 Continue', ''),                        100, $FAILED, 1, 1 ],
    [ 'says 100 again and again',       bytes("HTTP/1.1 100 Continue\r\n\r\n" x 1000),  100, $FAILED, 1, 1 ],
    [ 'says 101 and yes',               raw('101 Switching Protocols', $YES),           101, $FAILED, 1, 1 ],
    [ 'says 999 and yes',               raw('999 Odd', $YES),                           999, $FAILED, 1, 1 ],
    [ 'sends a chunk of nonsense',      raw($CHUNKED, "zz\r\n$YES\r\n$END"),            200, $FAILED, 1, 1 ],
    [ 'sends a chunk beyond all bounds', raw($CHUNKED, 'f' x 20 . "\r\n$YES\r\n$END"),  200, $FAILED, 1, 1 ],
    [ 'sends more than its chunk',      raw($CHUNKED, "2\r\n$YES\r\n$END"),             200, $FAILED, 1, 1 ],

    # Still a yes.
    [ 'says yes without reading',       raw($SIZED, $YES, unread => 1),                 200, $DELIVERED, 1, 1 ],
    [ 'says yes without reading and resets', raw($SIZED, $YES, unread => 1, @RESET),    200, $DELIVERED, 1, 1 ],
    [ 'says yes and closes',            taken(then => 'close'),                         200, $DELIVERED, 1, 1 ],
    [ 'says yes and resets',            taken(@RESET),                                  200, $DELIVERED, 1, 1 ],
    [ 'says yes and that it closes',    taken(headers => $CLOSES, then => 'close'),     200, $DELIVERED, 1, 1 ],
    [ 'says yes and claims that it closes', taken(headers => $CLOSES, then => 'keep'),  200, $DELIVERED, 1, 1 ],
    [ 'says yes without a length',      raw('200 OK', $YES),                            200, $DELIVERED, 1, 1 ],
    [ 'says yes by HTTP/1.0',           bytes("HTTP/1.0 200 OK\r\n\r\n$YES"),           200, $DELIVERED, 1, 1 ],
    [ 'says yes and more',              raw($SIZED, "$YES and more", then => 'keep'),   200, $DELIVERED, 1, 1 ],
    [ 'says yes and yes again',         raw($SIZED, $YES . $UNASKED, then => 'keep'),   200, $DELIVERED, 1, 1 ],
    [ 'says yes and a trailer',         raw($CHUNKED, "${CHUNK}0\r\nX: y\r\n\r\n"),     200, $DELIVERED, 1, 1 ],
    [ 'says yes in a megabyte',         body($MEGABYTE),                                200, $DELIVERED, 1, 1 ],
    [ 'says yes in chunks',             body($MEGABYTE, chunked => 1),                  200, $DELIVERED, 1, 1 ],
    [ 'says yes with 201',              taken(status => 201),                           201, $DELIVERED, 1, 1 ],

    # 2xx and no yes.
    [ 'says nothing with 200',          nothing(200),                                   200, $FAILED, 1, 1 ],
    [ 'says nothing with 204',          nothing(204),                                   204, $FAILED, 1, 1 ],
    [ 'says yes behind a 204',          body($YES, status => 204),                      204, $FAILED, 1, 1 ],
    [ 'shows a page',                   html(200),                                      200, $FAILED, 1, 1 ],
    [ 'says yes in gzip',               body($GZIP, headers => $GZIPPED),               200, $FAILED, 1, 1 ],
    [ 'says half a yes',                body('{"request_id":"r"'),                      200, $FAILED, 1, 1 ],
    [ 'says yes twice',                 body($YES x 2),                                 200, $FAILED, 1, 1 ],
    [ 'says no with 200',               body($NO),                                      200, $REFUSED, 1, 1 ],
    [ 'says yes and no',                body('{"data":{},"error":{"code":"NeverHeardOf"}}'), 200, $REFUSED, 1, 1 ],

    # Flashduty's codes.
    ( map { [ "says $_", says(400, $_, 'm'), 400, $REFUSED, 1, 1 ] }
        qw(InvalidParameter InvalidContentType MethodNotAllowed ResourceNotFound NoLicense) ),
    [ 'says Unauthorized',              says(401, 'Unauthorized', 'm'),                 401, $REFUSED, 1, 1 ],
    [ 'says AccessDenied',              says(403, 'AccessDenied', 'm'),                 403, $REFUSED, 1, 1 ],
    [ 'says RouteNotFound',             says(404, 'RouteNotFound', 'm'),                404, $REFUSED, 1, 1 ],
    [ 'says RequestTooFrequently',      says(429, 'RequestTooFrequently', 'm'),         429, $SLOW_DOWN, 1, 1 ],
    [ 'says InternalError',             says(500, 'InternalError', 'm'),                500, $FAILED, 1, 1 ],
    [ 'says no in a megabyte',          says(400, 'InvalidParameter', 'MEGABYTE'),      400, $REFUSED, 1, 1 ],

    # Statuses alone.
    ( map { [ "shows a page with $_", html($_), $_, $REFUSED, 1, 1 ] } 302, 400, 401, 403, 404, 413, 414, 422 ),
    [ 'says nothing with 304',          nothing(304),                                   304, $REFUSED, 1, 1 ],
    ( map { [ "shows a page with $_", html($_), $_, $TIMED_OUT, 1, 1 ] } 408, 504 ),
    [ 'shows a page with 429',          html(429),                                      429, $SLOW_DOWN, 1, 1 ],
    ( map { [ "says nothing with $_", nothing($_), $_, $FAILED, 1, 1 ] } 500, 502, 503 ),
    [ 'says 408 without reading',       raw('408 Slow', '', unread => 1),               408, $TIMED_OUT, 1, 1 ],
    [ 'says 413 without reading and resets', raw('413 Big', '', unread => 1, @RESET),   413, $REFUSED, 1, 1 ],
);

# Slow faults, all at once.
my @SLOW_FAULTS = (
    [ 'reads nothing',                  bytes('', unread => 1, @HANG),                  504, $TIMED_OUT, 1, 1 ],
    [ 'answers nothing',                dropped('hang'),                                504, $TIMED_OUT, 1, 1 ],
    [ 'stalls in the status line',      bytes('HTTP/1.1 2', @HANG),                     504, $TIMED_OUT, 1, 1 ],
    [ 'stalls in a header',             bytes("HTTP/1.1 $SIZED", @HANG),                504, $TIMED_OUT, 1, 1 ],
    [ 'stalls before the body',         raw($SIZED, '', @HANG),                         200, $TIMED_OUT, 1, 1 ],
    [ 'stalls in the body',             taken(cut => 5, @HANG),                         200, $TIMED_OUT, 1, 1 ],
    [ 'stalls in a chunk',              taken(chunked => 1, cut => 20, @HANG),          200, $TIMED_OUT, 1, 1 ],
    [ 'stalls before the last chunk',   taken(chunked => 1, cut => 5, @HANG),           200, $TIMED_OUT, 1, 1 ],
    [ 'stalls after a yes without a length', raw('200 OK', $YES, @HANG),                200, $TIMED_OUT, 1, 1 ],
    [ 'stalls in a no',                 says(400, 'InternalError', 'm', cut => 5, @HANG), 400, $REFUSED, 1, 1 ],
    [ 'says 100 and stalls',            raw('100 Continue', '', @HANG),                 100, $TIMED_OUT, 1, 1 ],
    [ 'says yes drop by drop',          body(qq({"data":{"x":"$LONG"}}), pieces => 400), 200, $DELIVERED, 1, 1 ],
    [ 'says no drop by drop',           says(403, 'AccessDenied', $LONG, pieces => 400), 403, $REFUSED, 1, 1 ],
);

my @CALLERS = ('stays', 'leaves at once', 'leaves during the push', 'resets its stream during the push');

my $t = Gateway->new(ports => [ 'DEAF', 'HTTP2' ], peers => ['GONE'], http => <<'EOC')->start;
    log_format outcome "$flashduty_alert_key: $flashduty_outcome $flashduty_push_status";

    upstream kept {
        server 127.0.0.1:%%PEER%%;
        keepalive 64;
    }
    upstream gone {
        server 127.0.0.1:%%GONE%%;
        keepalive 4;
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%HTTP2%% %%HTTP2_ON%%;
        access_log %%DIR%%/access.log outcome;

        proxy_connect_timeout %%SHORT%%;
        proxy_read_timeout 3s;    # a busy machine holds the peer up, too
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_next_upstream error timeout non_idempotent;

        location = /fresh {
            flashduty_push /to_fresh;
        }
        location = /kept {
            flashduty_push /to_kept;
        }
        location = /kept_once {
            flashduty_push /to_kept_once;
        }
        location = /patient {
            flashduty_push /to_patient;
        }
        location = /nobody {
            flashduty_push /to_nobody;
        }
        location = /gone {
            flashduty_push /to_gone;
        }
        location = /deaf {
            flashduty_push /to_deaf;
        }
        location = /unresolved {
            flashduty_push /to_unresolved;
        }
        location = /to_fresh {
            internal;
            proxy_set_header Connection close;
            proxy_pass %%PUSH_URL%%;
        }
        location = /to_kept {
            internal;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_kept_once {
            internal;
            proxy_next_upstream error timeout;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_patient {
            internal;
            proxy_read_timeout 60s;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_nobody {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_gone {
            internal;
            proxy_pass http://gone/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_unresolved {
            internal;
            resolver 127.0.0.1:%%NOBODY%%;
            resolver_timeout %%SHORT%%;
            set $flashduty flashduty.test;
            proxy_pass http://$flashduty/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_deaf {
            internal;
            proxy_pass http://127.0.0.1:%%DEAF%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
EOC

# Faults that newer nginx is strict about, or skips.
my @taken_till_1_22  = $t->version < 1_023_000 ? (200, $DELIVERED, 1, 1) : (502, $FAILED,    1, 1);
my @taken_since_1_29 = $t->version < 1_029_000 ? (103, $FAILED,    1, 1) : (200, $DELIVERED, 1, 1);
push @FAULTS, (
    [ 'says yes with two lengths',      raw("$SIZED\r\nContent-Length: 18", $YES),      @taken_till_1_22 ],
    [ 'says yes with no number for a length', raw("200 OK\r\nContent-Length: 0x12", $YES), @taken_till_1_22 ],
    [ 'says yes with an endless length', raw("200 OK\r\nContent-Length: " . 9 x 30, $YES), @taken_till_1_22 ],
    [ 'says yes in chunks with length', raw("$CHUNKED\r\nContent-Length: 18", $CHUNK . $END), @taken_till_1_22 ],
    [ 'says yes in an odd encoding',    raw("200 OK\r\nTransfer-Encoding: identity", $YES), @taken_till_1_22 ],
    [ 'says 103 and then yes',          bytes("HTTP/1.1 103\r\n\r\n$UNASKED"),          @taken_since_1_29 ],
);

my @REPEATED = grep { $_->[5] > 1 } @FAULTS;
$t->plan(@CALLERS * (2 * @FAULTS + 2 * @REPEATED + 2 * @SLOW_FAULTS) + 2 * 4 + 5);
my $peer = $t->flashduty;

# --- what was seen -----------------------------------------------------------

my (@pushes, %used);

# The pushes of a cell, and whether their connections were fresh ones.
sub pushes_of {
    my ($cell) = @_;

    for my $push ($peer->pushes(scalar @pushes)) {
        push @pushes, { %$push, over => $used{ $push->{connection} }++ ? 'kept' : 'fresh' };
    }
    return grep { $_->{body} =~ /"alert_key":"$cell->{key}"/ } @pushes[ $cell->{from} .. $#pushes ];
}

my (%log, %outcome, %complaint);

# Reads on in both logs, by alert.
sub read_logs {
    $t->settle;
    for my $name ('access', 'error') {
        if (!$log{$name}) { open $log{$name}, '<', $t->dir . "/$name.log" or die "no $name.log: $!\n" }
        seek $log{$name}, 0, 1;
    }
    while (defined(my $line = readline $log{access})) {
        $outcome{$1} = $2 if $line =~ /^(\S+): (.*)/;
    }
    while (defined(my $line = readline $log{error})) {
        $complaint{$2} .= "$1 $3" if $line =~ /\[(\w+)\].* alert "(\S+)" (\w+): /;
    }
    return;
}

# --- one cell of the matrix --------------------------------------------------

my $number = 0;

sub send_alert {
    my ($uri, $caller) = @_;

    my $key   = 'cell-' . ++$number;
    my $event = alert(event => { id => $key, event_id => $key });
    my $cell  = { key => $key, caller => $caller, from => $peer->count };
    if ($caller =~ /stream/) {
        $cell->{client} = Http2->connect($t->port('HTTP2'));
        $cell->{stream} = $cell->{client}->post($uri, $event);
        return $cell;
    }
    $cell->{client} = $t->client->send(Client->compose('POST', $uri, $event));
    $cell->{client}->leave if $caller eq 'leaves at once';
    return $cell;
}

# An alert whose push is under way.
sub begin {
    my ($uri, $caller) = @_;

    my $cell = send_alert($uri, $caller);
    eventually { $peer->count > $cell->{from} };
    $cell->{client}->reset                         if $caller eq 'leaves during the push';
    $cell->{client}->reset_stream($cell->{stream}) if $cell->{stream};
    return $cell;
}

# Result of a push, as the caller, the logs and the peer saw it.
sub seen {
    my ($cell) = @_;

    my $key    = $cell->{key};
    my $answer = $cell->{caller} eq 'stays' ? $cell->{client}->response->verdict : 'none';
    eventually { read_logs(); $outcome{$key} };
    return {
        answer => $answer,
        log    => $outcome{$key},
        error  => $complaint{$key} // '',
        pushes => join(' ', map { $_->{over} } pushes_of($cell)),
    };
}

sub expected {
    my ($caller, $push_status, $verdict, $pushes) = @_;

    my ($outcome) = $verdict =~ /(\w+)$/;
    return {
        answer => $caller eq 'stays' ? $verdict : 'none',
        log    => "$outcome $push_status",
        error  => $outcome eq 'delivered' ? '' : "error $outcome",
        pushes => $pushes,
    };
}

# The next alert gets an answer of its own.
sub next_alert {
    my ($uri) = @_;

    my $answer = $t->post($uri, alert());
    my $is_own = $answer->json->{request_id} eq 'request-' . $peer->count;
    return $answer->verdict . ($is_own ? '' : ' by the answer to another');
}

# A row of the table as it is over one kind of connection; a second push goes
# over a fresh one.
sub expected_over {
    my ($uri, $fault) = @_;

    my ($name, $answer, $push_status, $verdict, $fresh, $kept) = @$fault;
    my @pushes = $uri eq '/fresh' ? ('fresh') x $fresh : ('kept', ('fresh') x ($kept - 1));
    return ($name, $answer, $push_status, $verdict, "@pushes");
}

sub check_cell {
    my ($uri, $caller, $name, $answers, @expected) = @_;

    my ($first, @rest) = @$answers;
    my $is_held = $caller =~ /during/;
    $peer->answer($is_held ? { %$first, hold => 1 } : $first, @rest);
    my $cell = $is_held ? begin($uri, $caller) : send_alert($uri, $caller);
    $t->settle;
    $peer->release if $is_held;
    my $seen = seen($cell);
    $peer->answer(taken());
    is_deeply(
        { %$seen, next => next_alert($uri) },
        { %{ expected($caller, @expected) }, next => $DELIVERED },
        "$uri: the peer $name, the caller $caller"
    );
    return;
}

# --- the matrix --------------------------------------------------------------

for my $uri ('/fresh', '/kept') {
    next_alert($uri);
    for my $fault (@FAULTS) {
        my ($name, $answer, @expected) = expected_over($uri, $fault);
        check_cell($uri, $_, $name, [ $answer, $answer ], @expected) for @CALLERS;
    }
}
for my $fault (@REPEATED) {
    my ($name, $answer, $push_status, $verdict) = @$fault;
    for my $caller (@CALLERS) {
        # Default of nginx: a POST is never sent twice.
        check_cell('/kept_once', $caller, $name, [ $answer, $answer ], $push_status, $verdict, 'kept');
        check_cell('/kept', $caller, "$name once", [ $answer, taken() ], 200, $DELIVERED, 'kept fresh');
    }
}

# All that takes time, each over a kept connection of its own.
$peer->answer({ hold => 1 });
my @keeping = map { begin('/patient', 'stays') } 1 .. @SLOW_FAULTS * @CALLERS;
$peer->release;
$_->{client}->response for @keeping;

my @slow;
for my $uri ('/fresh', '/kept') {
    for my $fault (@SLOW_FAULTS) {
        push @slow, map { { uri => $uri, caller => $_, fault => $fault } } @CALLERS;
    }
}
$peer->answer((map { $_->{fault}[1] } @slow), taken());
$_->{cell} = begin($_->{uri}, $_->{caller}) for @slow;
is(next_alert($_), $DELIVERED, "$_: meanwhile the next alert is delivered") for '/fresh', '/kept';
for my $slow (@slow) {
    my ($name, undef, @expected) = expected_over($slow->{uri}, $slow->{fault});
    is_deeply(
        seen($slow->{cell}),
        expected($slow->{caller}, @expected),
        "$slow->{uri}: the peer $name, the caller $slow->{caller}"
    );
}

# Nobody there: a closed port, a peer that is gone since the last push, a port
# that takes no connection, a name that is not resolved.
is($t->post('/gone', alert())->verdict, $DELIVERED, '/gone: still there');
$t->flashduty('GONE')->stop;
listen $t->{held}{DEAF}, 0 or die "cannot listen: $!\n";
my $only_one = $t->client('DEAF');
for my $case (
    [ '/nobody',     502, $FAILED ],
    [ '/gone',       502, $FAILED ],
    [ '/deaf',       504, $TIMED_OUT ],
    [ '/unresolved', 502, $FAILED ],
    )
{
    my ($uri, @expected) = @$case;
    for my $cell (map { send_alert($uri, $_) } 'stays', 'leaves at once') {
        is_deeply(seen($cell), expected($cell->{caller}, @expected, ''), "$uri: the caller $cell->{caller}");
    }
}
is(next_alert($_), $DELIVERED, "$_: after all that the next alert is delivered") for '/fresh', '/kept';
