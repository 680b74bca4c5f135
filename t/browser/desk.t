# The page's lists and buttons, where it has an API: what waits, what is dead, and
# what an operator does about it. A page of another origin gets nothing done.

use strict;
use warnings;
use utf8;

use MIME::Base64 qw(encode_base64);
use Test::More;

use Api;
use BlueKing;
use Browser;
use Flashduty;
use Gateway;

my $t = Api->new(ports => ['EVIL'], http => <<'EOC')->plan(60);
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = / {
            flashduty_status html api=/api/;
        }
        location /api/ {
            flashduty_api write=on;
        }
        location = /reading {
            flashduty_status html api=/plain;
        }
        location /plain {
            flashduty_api;
        }
        location = /bare {
            flashduty_status html;
        }
        location /guarded/ {
            flashduty_api write=on;
            auth_basic gateway;
            auth_basic_user_file %%DIR%%/users;
        }
        location = /sign-in {
            auth_basic gateway;
            auth_basic_user_file %%DIR%%/users;
            return 200 in;
        }
    }
    # Somebody else's.
    server {
        listen 127.0.0.1:%%EVIL%%;
        location / {
            add_header Content-Type text/html;
            return 200 "<!doctype html><title>evil</title>";
        }
    }
EOC
$t->write_file('users', "anna:{PLAIN}secret\n", 0644);
$t->start;
my $home = 'http://127.0.0.1:' . $t->port;

sub post {
    my ($key, %change) = @_;
    return $t->post('/blueking',
        alert(%change, event => { id => $key, event_id => $key }, strategy => { name => "alert $key" }));
}

# Flashduty is away, three wait, one is dead.
$t->flashduty->answer_to('"bad"', says(400, 'InvalidParameter', 'title is wrong'));
post('bad');
eventually { post('well'); $t->get('dead')->{events}[0] };
$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance'));
post("key-$_") for 1 .. 3;
eventually { $t->target('/flashduty')->{state} eq 'away' };

my $MARKUP = q{<img src=x onerror=alert(1)>};
post('markup', description => $MARKUP);

# --- to look at ---------------------------------------------------------------

my $page = Browser->open("$home/");
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 4}), 'the page lists what waits');
is($page->text('#tab-waiting'), 'Waiting (4)',      'and says how many');
is($page->text('#tab-dead'),    'Dead letters (1)', 'and how many are dead');
like($page->text('#list-rows'), qr/alert key-1/, 'with their titles');
like($page->text('#list-rows'), qr/in maintenance/, 'and reasons');
like($page->text('#places'), qr/away.*\/flashduty.*4 waiting · 1 dead/s, 'the target says how it is');
is($page->text('#desk-mode'), '', 'it may change something');

my $OPEN = q{[...document.querySelectorAll('#list-rows .open')].find(n => n.textContent.includes('%s'))};

# The button of that name, for what has that in its own name, once it is there.
sub press_on {
    my ($name, $what) = @_;
    my $button = "[...document.querySelectorAll('#desk button, dialog button')].find(n => n.offsetParent && "
        . "(n.getAttribute('aria-label') || n.textContent).startsWith('$name') && "
        . "(n.getAttribute('aria-label') || '').includes('" . ($what // '') . "'))";
    return $page->comes("Boolean($button)") && $page->ask("(() => { const b = $button; b.focus(); b.click(); return true })()");
}

$page->ask(sprintf($OPEN, 'key-1') . '.focus()');
$page->press('Enter');
ok($page->says('#list-rows', 'bk_target_ip'), 'an alert opens by keyboard: the body that BlueKing sent');
ok($page->says('#list-rows', '"alert_key": "key-1"'), 'the event');
ok($page->says('#list-rows', '503 · in maintenance'), 'and the last tries');
is($page->ask(sprintf($OPEN, 'key-1') . ".getAttribute('aria-expanded')"), 'true', 'a reader hears that it is open');
$page->press('Enter');
is($page->ask(sprintf($OPEN, 'key-1') . ".getAttribute('aria-expanded')"), 'false', 'and that it is closed');
$page->ask(sprintf($OPEN, 'markup') . '.click()');
ok($page->says('#list-rows', 'onerror=alert'), 'what an alert holds is text');

# A filter.
$page->ask(q{document.getElementById('look-for').focus()});
$page->type('key-2');
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 1}), 'a filter finds one');
like($page->text('#list-rows'), qr/alert key-2/, 'that one');
$page->press('Control+a', 'Backspace');
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 4}), 'without it all are there again');

# --- to act -------------------------------------------------------------------

ok(press_on('Discard: ', 'alert key-3'), 'a button discards an alert');
ok($page->says('#said', '1 done'), 'it is said');
is($page->ask(q{document.getElementById('said').getAttribute('role')}), 'status', 'to a reader too');
ok((eventually { $t->waiting == 3 }), 'it waits no more');
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 3}), 'the list has changed');
ok(press_on('Undo'), 'that can be undone');
ok((eventually { $t->waiting == 4 }), 'it waits again');
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 4}), 'and is listed');

ok(press_on('Pause for 1 h'), 'a target is paused');
ok($page->says('#places', 'paused until'), 'it says until when');
ok(press_on('Resume'), 'and resumed');
ok($page->comes(q{!/paused until/.test(document.getElementById('places').textContent)}), 'it goes on');

# By keyboard to the dead letters.
$page->ask(q{document.getElementById('tab-waiting').focus()});
$page->press('ArrowRight');
ok($page->comes(q{document.querySelectorAll('#list-rows .open').length === 1}), 'an arrow leads to the dead letters');
is($page->ask(q{document.activeElement.id}), 'tab-dead', 'the other tab has the focus');
like($page->text('#list-rows'), qr/title is wrong/, 'with what killed it');
like($page->roles('#desk'), qr/tab "Dead letters \(1\)" \[selected\]/, 'a reader hears which list that is');

# Asked once more.
ok(press_on('Delete: ', 'alert bad'), 'a button deletes a dead letter');
ok($page->comes(q{document.getElementById('sure').open}), 'it asks once more');
is($page->ask(q{document.activeElement.id}), 'sure-no', 'no is what is chosen at first');
$page->press('Escape');
ok($page->comes(q{!document.getElementById('sure').open}), 'Escape is a no');
is(scalar($t->dead), 1, 'and it is still there');
$t->flashduty->answer_to('"bad"', undef);
$t->flashduty->answer(taken());
ok(press_on('Send again: ', 'alert bad'), 'a button sends it again');
ok($page->comes(q{document.getElementById('sure').open}), 'it asks once more');
$page->press('Tab', 'Enter');
ok($page->says('#said', '1 done'), 'and it is done');
ok((eventually { !$t->dead }), 'it is no dead letter any more');
ok($t->runs_empty, 'all leave');
ok(press_on('Test: '), 'the way to Flashduty is tested');
ok($page->says('#said', 'Test: delivered in .*Flashduty has named the alert'), 'and the page says what came of it');
ok(press_on('Try now'), 'a probe');
ok($page->says('#said', 'It is tried now'), 'is made');
is(join("\n", @{ $page->seen->{complaints} }), '', 'nothing was complained of');

# --- who may only read --------------------------------------------------------

my $reading = Browser->open("$home/reading");
ok($reading->says('#desk-mode', 'Reading only'), 'a page that only reads says so');
ok($reading->comes(q{document.querySelectorAll('#places li').length === 1}), 'it lists');
is($reading->ask(q{document.querySelectorAll('#places button, #many button, #list-rows td:last-child button').length}),
    0, 'and has no buttons');
is(Browser->open("$home/bare")->ask(q{document.getElementById('desk') === null}), 1, 'a page without an API has no lists');

# --- Chinese ------------------------------------------------------------------

my $chinese = Browser->open("$home/", locale => 'zh-CN');
ok($chinese->says('#tab-waiting', '等待 .0.'), 'in Chinese');
is($chinese->text('#h-desk'), '暂存中的事件', 'the lists speak Chinese');

# --- another origin -----------------------------------------------------------

$t->flashduty->answer(says(503, 'ServiceUnavailable', 'in maintenance'));
post('kept');
my $evil = Browser->open('http://127.0.0.1:' . $t->port('EVIL') . '/');
my $id   = $t->target('/flashduty')->{id};
my $try  = sub {
    my ($path, $options) = @_;
    return $evil->ask("fetch('$home$path', $options).then(r => r.type + ' ' + r.status, e => 'blocked')");
};
is($try->("/api/waiting/discard?target=$id", q({method: 'POST', mode: 'no-cors', credentials: 'include'})),
    'blocked', 'a page of another origin sends a change, and sees nothing of the answer');
$try->("/api/dead", q({method: 'DELETE', credentials: 'include'}));
is($t->waiting, 1, 'it is not done');
is($try->('/api/waiting', q({credentials: 'include'})), 'blocked', 'nor can it read');
my $signed = Browser->open('http://127.0.0.1:' . $t->port('EVIL') . '/', httpCredentials => { username => 'anna', password => 'secret' });
$signed->ask("fetch('$home/sign-in', {mode: 'no-cors', credentials: 'include'}).then(r => true)");
is($signed->ask("fetch('$home/guarded/waiting/discard?target=$id', {method: 'POST', mode: 'no-cors', credentials: 'include'}).then(r => 'not to be seen', e => 'not to be seen')"),
    'not to be seen', 'one of somebody who is signed in');
is($t->waiting, 1, 'gets nothing done either');
my $form = Browser->open('http://127.0.0.1:' . $t->port('EVIL') . '/');
$form->ask("(() => { const f = document.createElement('form'); f.method = 'post'; f.action = '$home/api/waiting/discard?target=$id'; document.body.append(f); f.submit(); return true })()");
ok($form->comes(q{/another origin/.test(document.body.textContent)}), 'a form neither');
is($t->waiting, 1, 'the alert still waits');
$t->flashduty->answer(taken());
$t->runs_empty;
