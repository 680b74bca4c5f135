# Outages of every kind, in the middle of alerts and recoveries of many keys: every alert that was
# answered 2xx has come when Flashduty is back, and nothing has overtaken anything of its key.

use strict;
use warnings;

use Test::More;

use Callers;
use Flashduty;
use Gateway;
use Oracle;
use Spool;

use constant { KEYS => 500, EVENTS => 4 };

my $CLOSED  = [ Connection    => 'close' ];
my $PATIENT = [ 'Retry-After' => 1 ];

# Ways for Flashduty to go, and its answers while it is away.
my @FAULTS = (
    [ 'nobody listens',           undef ],
    [ 'resets without reading',   { raw => '', unread => 1, then => 'reset' } ],
    [ 'closes without answering', dropped('close') ],
    [ 'resets without answering', dropped('reset') ],
    [ 'closes in a header',       { raw => "HTTP/1.1 200 OK\r\nContent-Le" } ],
    [ 'closes in the body',       taken(cut => 5) ],
    [ 'resets in the body',       taken(cut => 5, then => 'reset') ],
    [ 'answers nothing',          dropped('hang') ],
    [ 'stalls in the body',       taken(cut => 5, then => 'hang') ],
    [ 'says 500',                 says(500, 'InternalError', 'm') ],
    [ 'shows a page with 502',    html(502) ],
    [ 'says 503 and closes',      nothing(503, headers => $CLOSED) ],
    [ 'asks to slow down',        says(429, 'RequestTooFrequently', 'm', headers => $PATIENT) ],
    [ 'says the key is unknown',  says(401, 'Unauthorized', 'm') ],
    [ 'says the URL is wrong',    html(404) ],
    [ 'sends garbage',            { status => 200, body => "\0\1 {" } ],
    [ 'says nothing with 200',    nothing(200) ],
);

my $t = Spool->new(workers => 3, after => '800ms', http => <<'EOC')->plan(3 * @FAULTS + 5)->start;
    upstream flashduty {
        server 127.0.0.1:%%PEER%%;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:%%PORT%%;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://flashduty/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
            proxy_read_timeout %%SHORT%%;
        }
    }
EOC

my $peer    = $t->flashduty;
my $arrived = 0;

sub begin {
    my ($name, %load) = @_;
    return Callers->start(port => $t->port, log => $t->dir . "/$name", name => $name, events => EVENTS, %load);
}

sub goes  { return defined $_[0] ? $peer->answer($_[0]) : $peer->go_away }
sub comes { return $peer->answer(taken())->come_back }

# Verdict on all that was sent.
sub judged {
    my (@callers) = @_;

    my $oracle = Oracle->new->hears(map { $_->finish } @callers);
    return if !$t->runs_empty;
    my @arrivals = $peer->arrivals($arrived);
    $arrived += @arrivals;
    return $oracle->sees(@arrivals);
}

for my $number (0 .. $#FAULTS) {
    my ($name, $answer) = @{ $FAULTS[$number] };
    my $callers = begin("fault$number", keys => 20, at_once => 10, rate => 400);
    $callers->goes_on(20);
    goes($answer);
    ok($callers->goes_on(30), "it $name: alerts go on being answered");
    comes();
    my $oracle = judged($callers) or die "it $name: not all was delivered\n";
    is_deeply([ $oracle->verdict ], [], 'all come, in order');
    is(join(', ', grep { !/^(?:200 delivered|202 spooled)$/ } keys %{ $oracle->outcomes }), '', 'and all were answered 2xx');
    note("it $name: " . $oracle->figures);
}

# All of that, one after the other, over many keys; poison is what none but its own
# key notices.
$peer->answer_to('"many1-7"', says(500, 'InternalError', 'm'));
my @callers = map { begin("many$_", keys => KEYS / 2, at_once => 40, rate => 500) } 1 .. 2;
for my $answer (undef, dropped('hang'), dropped('reset'), html(500)) {
    $callers[0]->goes_on(KEYS * EVENTS / 16);
    goes($answer);
    $callers[0]->goes_on(KEYS * EVENTS / 16);
    comes();
}
ok($_->finish, 'many alerts are answered') for @callers;
ok($t->comes_to_wait(EVENTS), 'all come but those of the one key that Flashduty cannot digest')
    or diag($t->waiting . ' wait: ' . join ', ', map {"$_->{alert_key} $_->{next_try}"} $t->query('SELECT * FROM waiting LIMIT 8'));
$peer->answer_to('"many1-7"', undef);
my $oracle = judged(@callers) or die "not all was delivered\n";
is_deeply([ $oracle->verdict ], [], 'then those come as well, and all came in order');
is(join(', ', grep { !/^(?:200 delivered|202 spooled)$/ } keys %{ $oracle->outcomes }), '', 'all were answered 2xx');
note($oracle->figures);
