# The last alerts: their results, their texts cut and never markup, and no secret anywhere.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(peers => ['OTHER'], server => <<'EOC')->plan(46);
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /titled {
            flashduty_title $http_x_title;
            flashduty_push /flashduty;
        }
        location = /guarded {
            flashduty_bearer_file %%DIR%%/tokens;
            flashduty_push /flashduty;
        }
        location = /argument {
            flashduty_push "/flashduty?secret=$http_x_secret";
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
        location = /status {
            flashduty_status;
        }
        location = /health {
            flashduty_status health;
        }
EOC
$t->write_file('tokens', "secret-token\n", 0600)->start;

sub bytes_of { return $t->get('/status', Accept => $_[0])->body }
sub status   { return JSON::PP->new->utf8->decode(bytes_of('application/json')) }

sub newest {
    my @alerts = @{ status()->{alerts} };
    return $alerts[0];
}

# --- what became of them -----------------------------------------------------

$t->flashduty->answer({ pieces => 20 });
$t->post('/blueking', alert());
my $alert = newest();
is(join(' ', sort keys %$alert),
    'biz_id biz_name code delay_seconds outcome request_id status time title', 'an alert has these members');
is($alert->{outcome},    'delivered', 'delivered');
is($alert->{biz_id},     '2',         'its business');
is($alert->{biz_name},   'BlueKing',  '... by name');
is($alert->{status},     'Warning',   'its status');
is($alert->{title},      '10.0.1.10 / CPU usage', 'its title');
is($alert->{code},       '',          'no code');
is($alert->{request_id}, 'request-1', "Flashduty's request id");
cmp_ok($alert->{delay_seconds}, '>', 0.1, 'how long it took');
cmp_ok($alert->{delay_seconds}, '<', 10,  '... in seconds');
cmp_ok(abs($alert->{time} - time), '<', 10, 'when it was answered');

for my $case (
    [ says(400, 'InvalidParameter', 'no'),           'refused', 'InvalidParameter' ],
    [ says(401, 'Unauthorized',     'no'),           'refused', 'Unauthorized' ],
    [ says(429, 'RequestTooFrequently', 'slow'),     'failed',  'RequestTooFrequently' ],
    [ html(500),                                     'failed',  '' ],
    )
{
    my ($answer, $outcome, $code) = @$case;
    $t->flashduty->answer($answer);
    $t->post('/blueking', alert());
    $alert = newest();
    is("$alert->{outcome} $alert->{code}", "$outcome $code", "$outcome, and why: $code");
    is($alert->{delay_seconds}, undef, 'no delay, for it was not delivered');
}
is(join(' ', sort keys %$alert),
    'biz_id biz_name code delay_seconds outcome reason request_id status time title', 'one that was not delivered has a reason');
like($alert->{reason}, qr/HTTP 500/, '... which says why');

# --- what is rejected ---------------------------------------------------------

my $count = @{ status()->{alerts} };
$t->post('/blueking', qq({"no":"alert",\n"at":"https://f/push?integration_key=SECRET"})) for 1 .. 3;
$t->post('/guarded', alert(), Authorization => 'Bearer wrong');
my @rejected = grep { $_->{outcome} eq 'rejected' } @{ status()->{alerts} };
is(@{ status()->{alerts} }, $count + 2, 'what is rejected is shown, equal ones as one');
is(join(' ', sort keys %{ $rejected[0] }),
    'address biz_id biz_name code count delay_seconds outcome reason request_id status time title', 'with these members');
my ($unread) = grep { $_->{reason} =~ /token/ } @rejected;
my ($empty)  = grep { $_->{reason} =~ /^no alert in the body/ } @rejected;
is("$unread->{count} $unread->{address}", '1 127.0.0.1', 'one without a valid token');
is("$empty->{count} $empty->{address}",   '3 127.0.0.1', 'three without an alert');
my @lines = $t->error_log =~ /\[info\].*alert rejected: no alert in the body.*body: "(.*)", client/g;
is_deeply(\@lines, [ ('{"no":"alert", "at":"https://f/push?integration_key***') x 3 ], 'the log shows their start, without secrets');
unlike($t->error_log, qr/SECRET/, '... anywhere');
$t->post('/blueking', "x\0y\x1b[2J" . "\xff" . 'z' x 1000);
like($t->error_log, qr/body: "xy\[2J\x{ef}\x{bf}\x{bd}z{93}\x{e2}\x{80}\x{a6}"/, 'a hundred characters of it, made safe');

# --- how pushes end ----------------------------------------------------------

sub pushes { return status()->{flashduty_pushes_total} }

for my $case (
    [ 'no answer',            dropped('hang'),  '/blueking', 'timeout' ],
    [ 'a connection closed',  dropped('close'), '/blueking', 'unreadable' ],
    [ 'an answer that is cut', taken(cut => 5), '/blueking', 'unreadable' ],
    [ 'a page with 200',      html(200),        '/blueking', 'unreadable' ],
    [ 'a page with 502',      html(502),        '/blueking', '502' ],
    [ 'nobody there',         taken(),          '/nobody',   'connect' ],
    )
{
    my ($name, $answer, $uri, $code) = @$case;
    my $before = pushes()->{$code} // 0;
    $t->flashduty->answer($answer);
    $t->post($uri, alert());
    is(pushes()->{$code}, $before + 1, "$name: $code");
}
my %up = %{ status()->{flashduty_target_up} };
is_deeply([ sort values %up ], [ 0, 0 ], 'both targets have failed');
$t->flashduty->answer(taken());
$t->post('/blueking', alert());
my ($target) = grep { $_->{target} =~ m{/flashduty$} } @{ status()->{targets} };
is_deeply([ @$target{qw(up reason next_try_seconds)} ], [ JSON::PP::true, '', undef ], 'one is back');
my ($other) = grep { $_->{target} =~ m{/nobody_there$} } @{ status()->{targets} };
like($other->{reason}, qr/could not be reached/, 'the other says why it is not');

# --- texts -------------------------------------------------------------------

my $MARKUP = q{</script><script>alert("1")</script> 'q' & \\ <img src=x onerror=alert(1)>};
my $bytes  = $MARKUP;
utf8::encode($bytes);
$t->post('/titled', alert(bk_biz_name => $MARKUP), 'X-Title' => $bytes);
is(newest()->{title},    $MARKUP, 'markup in a title is data');
is(newest()->{biz_name}, $MARKUP, 'in a name, too');

my $LONG = '告警' x 250;
utf8::encode(my $long = $LONG);
$t->post('/titled', alert(), 'X-Title' => $long);
my $title = newest()->{title};
like($title, qr/^(?:告警)+告?…$/, 'a long title is cut between characters');
cmp_ok(length $title, '>', 100, '... and much of it is kept');

$t->post('/blueking', alert(description => 'x' x 3000, event => { id => 'i' x 300, event_id => 'i' x 300 }));
my $cut = status()->{flashduty_truncated_total};
is_deeply($cut, { title_rule => 0, description => 1, alert_key => 1, labels => 0 }, 'fields that were too long');
$t->post('/titled', alert(event => { dimensions => { a => 'x' x 3000, b => 'y' x 3000 } }), 'X-Title' => 'x' x 600);
$cut = status()->{flashduty_truncated_total};
is_deeply($cut, { title_rule => 1, description => 1, alert_key => 1, labels => 1 }, 'labels count once');

# --- secrets -----------------------------------------------------------------

$t->flashduty->answer(says(401, "Unauthorized $t->{key}", "no integration $t->{key}"));
$t->post('/argument', alert(), 'X-Secret' => 'secret-argument');
$t->post('/guarded', alert(), Authorization => 'Bearer secret-token');
is(newest()->{code}, 'Unauthorized ***', "a key in Flashduty's answer");
my $all = join '', (map { bytes_of($_) } 'application/json', 'text/html', 'text/plain'), $t->get('/health')->body;
unlike($all, qr/\Q$t->{key}\E/,     'no integration key is shown');
unlike($all, qr/secret-(?:token|argument)/, 'no token, no argument');
