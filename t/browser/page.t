# The page in a real browser, while alerts flow, Flashduty goes away and comes
# back, and nginx itself is stopped.

use strict;
use warnings;
use utf8;

use Test::More;

use BlueKing;
use Browser;
use Flashduty;
use Gateway;
use Load;
use Spool;

my $t    = Spool->new(workers => 2, server => Browser::SERVER)->plan(101)->start;
my $home = 'http://127.0.0.1:' . $t->port . '/';
my (%color, %sign);

my $number = 0;

sub post {
    my ($name, %event) = @_;

    my $id = delete $event{id} // 'alert-' . ++$number;
    my $body = alert(event => { id => $id, event_id => $id, %event }, strategy => { name => $name });
    return $t->post('/blueking', $body)->verdict;
}

# --- a gateway that has just begun -------------------------------------------

my $page = Browser->open($home, permissions => [ 'clipboard-read', 'clipboard-write' ]);

sub state_is {
    my ($state, $name) = @_;

    ok($page->comes("document.getElementById('state').classList.contains('$state')"), $name);
    $color{$state} = $page->ask("getComputedStyle(document.getElementById('state')).backgroundColor");
    $sign{$state}  = $page->ask("document.getElementById('sign').getAttribute('d')");
    return;
}

# The titles of the rows that are shown, the newest first.
my $TITLES = q{[...document.querySelectorAll('#alerts tr:not([hidden]) .title')].map(n => n.innerText)};

sub titles { return join ' | ', @{ $page->ask($TITLES) } }

state_is('ready', 'a gateway that has just begun is ready');
is($page->text('#sentence'), 'Ready: nothing pushed yet.', '... and says so');
is($page->text('#detail'), 'Nothing delivered since nginx started.', '... and that nothing has come yet');
is($page->text('#empty'), 'No alert yet.', 'it has no alert to show');
is($page->text('#waiting'), '0', 'none waits');
is($page->ask('document.documentElement.lang'), 'en', 'it speaks English');
like($page->ask('document.title'), qr/^Ready/, 'the tab says how it is');

# --- alerts come -------------------------------------------------------------

my $MARKUP = q{<script>alert(1)</script>"'&amp; <img src=x onerror=alert(2)></td></table>};
is(post('disk is full', level => 1), '200 delivered', 'an alert');
post('CPU usage', level => 2);
post('ping',      level => 3);
is(post($MARKUP), '200 delivered', 'an alert full of markup');
ok($page->comes("$TITLES.length === 4"), 'each has a row');
is(titles(), join(' | ', map {"10.0.1.10 / $_"} $MARKUP, 'ping', 'CPU usage', 'disk is full'),
    'the newest first, markup as it stands');
is($page->ask('document.scripts.length'), 1, 'the page has no script but its own');
is($page->ask('document.images.length'),  0, '... and no image');
is($page->text('#alerts tr:last-child td:nth-child(2)'), 'Critical', 'a severity');
my $TONES = q{new Set([...document.querySelectorAll('#alerts td:nth-child(2) .chip')]
    .map(n => getComputedStyle(n).backgroundColor)).size};
is($page->ask($TONES), 3, 'each severity has a colour');
is($page->text('#alerts tr:last-child .biz'),     'BlueKing #2', 'a business');
is($page->text('#alerts tr:last-child .outcome'), 'delivered',   'an outcome');
is($page->text('#alerts tr:last-child .id'),      'request-1',   "Flashduty's request id");
ok($page->says('#detail', '^Last delivery .* ago\\.$'), 'the last delivery');
$t->flashduty->answer(says(400, 'InvalidParameter', 'no'));
is(post('no such thing'), '502 refused', 'an alert that Flashduty refuses');
$t->flashduty->answer(taken());
ok($page->says('#alerts tr:first-child .outcome', 'refused\\s*InvalidParameter'), 'is shown with its code');
ok($page->says('#dead', '^1$'), '... and is a dead letter');

# --- the last hour -----------------------------------------------------------

my $PICKED = q{document.getElementById('events').getAttribute('aria-valuetext')};
is($page->ask($PICKED),
    'last hour: delivered 4, delivered from the spool 0, spooled 0, refused 1, failed 0, rejected 0, test, preview 0', 'the last hour in words');
is($page->ask(q{document.getElementById('events').getAttribute('aria-valuemax')}), 59, '... of sixty minutes');
cmp_ok($page->ask(q{document.querySelectorAll('#events rect.delivered').length}), '>', 0, '... as bars');
like($page->ask(q{document.querySelector('#pushes .p99').getAttribute('d')}), qr/^M\d/, "the pushes' time as a line");
$page->hover('#events', 400, 80);
ok($page->comes(qq{/^\\d\\d:\\d\\d: /.test($PICKED)}), 'the pointer picks a minute');
is($page->ask(q{document.querySelectorAll('.cursor').length}), 2, '... in both pictures');
$page->hover('h1', 5, 5);
ok($page->comes(qq{/^last hour/.test($PICKED)}), '... until it leaves');

# --- by keyboard -------------------------------------------------------------

# Element with the focus, and whether that can be seen.
my $FOCUS = q{(n => [n.id || n.localName, getComputedStyle(n).outlineStyle].join(' '))(document.activeElement)};

my @stops;
for (1 .. 4) {
    $page->press('Tab');
    push @stops, $page->ask($FOCUS);
}
is(join(', ', @stops), 'events solid, pushes solid, filter solid, button solid', 'Tab goes from part to part');
$page->press(('Shift+Tab') x 3, 'ArrowLeft');
ok($page->comes(qq{/^\\d\\d:\\d\\d: /.test($PICKED)}), 'an arrow picks a minute');
$page->press('Escape');
ok($page->comes(qq{/^last hour/.test($PICKED)}), '... and Escape none');

$page->press('Tab', 'Tab');
$page->type('CPU');
is(titles(), '10.0.1.10 / CPU usage', 'what is typed into the filter narrows the table, in any case');
is($page->text('#count'), '1 of 5', '... and how far is said');
$page->type('  critical');
is(titles(), '', 'every word counts');
is($page->text('#empty'), 'No alert matches.', '... and that none is left is said');
$page->press('Escape');
is($page->ask("$TITLES.length"), 5, 'Escape shows all again');
is($page->ask(q{document.getElementById('filter').value}), '', '... and empties the filter');
for my $case ([ 'critical', 'disk is full' ], [ 'invalidparameter', 'no such thing' ], [ 'request-2', 'CPU usage' ]) {
    my ($words, $title) = @$case;
    $page->type($words);
    is(titles(), "10.0.1.10 / $title", "it looks into all columns: $words");
    $page->press('Escape');
}

$page->type('disk');
$page->press('Tab', 'Enter');
ok($page->says('#alerts tr:not([hidden]) button', '^Copied$'), 'Enter copies a request id');
is($page->text('#live'), 'Copied', '... which is read out');
$page->press('Shift+Tab', 'Control+A', 'Control+V');
is($page->ask(q{document.getElementById('filter').value}), 'request-1', '... for another program');
$page->press('Escape');

my $plain = Browser->open($home =~ s/127\.0\.0\.1/gateway.test/r);
ok($plain->comes("$TITLES.length === 5"), 'under a name, without https');
ok(!$plain->ask('isSecureContext'), '... browsers keep the clipboard to themselves');
$plain->press(('Tab') x 3);
$plain->type('disk');
$plain->press('Tab', 'Enter', 'Shift+Tab', 'Control+A', 'Control+V');
is($plain->ask(q{document.getElementById('filter').value}), 'request-1', '... and the request id is copied all the same');
$plain->close;

# --- for a reader that sees nothing ------------------------------------------

my $roles = $page->roles('body');
for my $role (
    'main', 'status: Delivering', 'region "Spool"', 'slider "Alerts per minute"', 'slider "Push time"',
    'searchbox "Filter, all columns"', 'table "Last alerts"', 'columnheader "Severity"', 'cell "Critical"',
    )
{
    like($roles, qr/- \Q$role\E/, "$role is named");
}

# --- a refresh ---------------------------------------------------------------

post("network $_") for 1 .. 60;
$page->type('network');
ok($page->comes("$TITLES.length === 60"), 'many alerts');
$page->press('ArrowLeft');
$page->ask(<<'EOC');
    rows = [...document.querySelectorAll('#alerts tr')];
    row = rows[40];
    scrollTo(0, row.offsetTop);
    top0 = row.getBoundingClientRect().top;
    undefined
EOC
post('network 61');
ok($page->comes("$TITLES.length === 61"), 'another comes');
ok($page->ask('rows.every(row => row.isConnected)'), 'the rows that were there are the same');
cmp_ok(abs($page->ask('row.getBoundingClientRect().top - top0')), '<', 1.5, 'what is looked at stays where it is');
is($page->ask($FOCUS), 'filter solid', 'the focus stays in the filter');
is($page->ask(q{document.getElementById('filter').selectionStart}), 6, '... and so does the caret');
$page->press('Escape');

# --- Flashduty goes away and comes back --------------------------------------

my $load = Load->start(port => $t->port, uri => '/blueking', alerts => 1, rate => 10, log => $t->dir . '/load');
$load->goes_on(5);
$t->flashduty->answer(says(500, 'InternalError', q{<b>it is "down" & out</b>}));
state_is('spooling', 'while alerts flow Flashduty fails: spooling');
like($page->text('#sentence'),
    qr{^Spooling since .*\d\d:\d\d because <b>it is "down" & out</b>\. \d+\salerts? waits? on disk\.$},
    '... since when, why and how many wait');
my (undef, @answers) = $load->finish;
is(scalar(grep { !/ (?:200 delivered|202 spooled) / && !/ 202 spooled$/ } @answers), 0, 'none is lost');
my $waiting = $t->waiting;
ok($page->says('#waiting', "^$waiting\$"), 'how many wait is shown');
ok($page->says('#sentence', "\\. $waiting\\salerts wait on disk\\."), '... and said');
like($page->ask('document.title'), qr/^Spooling since .* \($waiting\)/, '... in the tab, too');
like($page->text('#detail'),  qr/^Nothing is lost: .* Last delivery .* ago\.$/, 'that nothing is lost');
like($page->text('#next'),    qr/^(?:in \d|now)/, 'when the next try is');
like($page->text('#oldest'),  qr/^\d/, 'how old the oldest is');
like($page->text('#error'), qr{^<b>it is "down" & out</b> · \d\d:\d\d:\d\d$}, 'the last error as it stands, and when it was');
like($page->text('#targets'), qr/away.*\/flashduty/s, 'which target is away');
$t->flashduty->answer(taken());
state_is('delivering', 'it is back: delivering');
ok($page->says('#waiting', '^0$'), 'none waits any more');
ok($page->says('#sentence', '^Delivering\\.$'), '... which is said');

# --- neither Flashduty nor the disk ------------------------------------------

my $lock = $t->hold;
post('live');
state_is('warn', 'the spool cannot be used');
like($page->text('#sentence'), qr/^Delivering, but the spool cannot be used since .*: .*lock/, '... and why is said');
$t->flashduty->answer(html(500));
is(post('lost'), '502 failed', 'Flashduty fails, too');
state_is('failing', '... failing');
like($page->text('#sentence'), qr/^Failing since .* because the spool is locked by another program, and the push location answered HTTP 500/, '... since when and why');
like($page->text('#detail'), qr/^Alerts sent now are answered with an error/, '... and what that means');
close $lock;
$t->flashduty->answer(taken());
eventually { post('again') eq '200 delivered' };
state_is('delivering', 'both are back');

my $bare = Gateway->new(server => Browser::SERVER)->start;
my $other = Browser->open('http://127.0.0.1:' . $bare->port . '/');
ok($other->says('#no-spool', '^There is no spool'), 'a gateway without a spool says so');
$bare->flashduty->answer(html(500));
$bare->post('/blueking', alert());
ok($other->says('#sentence', '^Failing since .* because '), '... and fails where one with a spool would keep alerts');
$other->close;

# --- the gateway goes away ---------------------------------------------------

my $chinese = Browser->open($home, locale => 'zh-CN');
ok($chinese->says('#sentence', '^正常投递。$'), 'a Chinese browser is spoken to in Chinese');
is($chinese->ask('document.documentElement.lang'), 'zh-CN', '... and that is declared');
like($chinese->text('body'), qr/暂存.*每分钟告警数.*推送耗时.*最近告警.*已送达/s, '... everywhere');
is(join(' ', @{ $chinese->seen->{complaints} }, @{ $page->seen->{complaints} }), '', 'no browser has complained of anything');

$t->signal('QUIT');
eventually { $t->has_ended };
state_is('unknown', 'nginx is stopped');
like($page->text('#sentence'), qr/^Not refreshed since .*\d\d:\d\d:\d\d: the gateway does not answer\.$/, '... the page says since when it knows nothing');
is($page->text('#detail'), 'Before that: Delivering.', '... and what it knew');
ok($chinese->says('#sentence', '^自 .* 起未能刷新：网关没有应答。$'), '... in Chinese, too');
$t->start;
state_is('ready', 'nginx is started again');
ok($page->says('#updated', '^Updated '), '... and the page goes on');

is(scalar(keys %sign), 6, 'there are six states');
is(scalar(keys %{ { reverse %sign } }), 6, '... and each has a sign of its own');
is($color{warn}, $color{spooling}, 'two of them are no more than a warning');
is(scalar(keys %{ { reverse %color } }), 4, '... else each has a colour of its own');
is(join(' ', grep { !/ERR_(?:CONNECTION|EMPTY)/ } @{ $page->seen->{complaints} }), '', 'it has complained of nothing but that');
is(join(' ', grep { index($_, $home) } @{ $page->seen->{requests} }), '', 'nothing was asked of anybody but the gateway');
