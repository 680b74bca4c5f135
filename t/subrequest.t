# Reached by a subrequest a push answers 500 and does nothing; around a push
# mirror and auth_request work as everywhere.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(lenient => ['COPY'], http => <<'EOC')->plan(33)->start;
    log_format status "$uri $status [$flashduty_outcome]";

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log status;

        location = /push {
            log_subrequest on;
            flashduty_push /flashduty;
        }
        location = /preview {
            log_subrequest on;
            flashduty_preview;
        }

        location = /mirroring {
            mirror /push;
            flashduty_push /flashduty;
        }
        location = /mirroring_elsewhere {
            mirror /push;
            proxy_pass http://127.0.0.1:%%COPY%%/elsewhere;
        }
        location = /asking {
            auth_request /push;
            flashduty_push /flashduty;
        }
        location /pages/ {
            ssi on;
            root %%DIR%%;
        }

        location = /copied {
            mirror /copy;
            flashduty_push /flashduty;
        }
        location = /copied_in_file {
            client_body_in_file_only clean;
            mirror /copy;
            flashduty_push /flashduty;
        }
        location = /copied_without_body {
            mirror /copy_without_body;
            mirror_request_body off;
            flashduty_push /flashduty;
        }
        location = /copied_to_nobody {
            mirror /nobody;
            flashduty_push /flashduty;
        }
        location = /allowed {
            auth_request /yes;
            auth_request_set $who $sent_http_x_who;
            add_header X-Who $who always;
            flashduty_push /flashduty;
        }
        location = /denied {
            auth_request /no;
            flashduty_push /flashduty;
        }
        location = /copy {
            internal;
            proxy_pass http://127.0.0.1:%%COPY%%/copy;
        }
        location = /copy_without_body {
            internal;
            proxy_pass http://127.0.0.1:%%COPY%%/copy;
            proxy_set_header Content-Length "";
        }
        location = /nobody {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%;
        }
        location = /yes {
            internal;
            proxy_pass http://127.0.0.1:%%COPY%%/yes;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
        location = /no {
            return 403;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC
mkdir $t->dir . '/pages';
$t->write_file('pages/push.html',    'before <!--#include virtual="/push" --> after');
$t->write_file('pages/preview.html', 'before <!--#include virtual="/preview" --> after');

sub logged_for {
    my ($uri) = @_;
    return (grep {/^\Q$uri\E /} $t->access_log)[-1] // '';
}

# Reached by a subrequest.
is($t->post('/mirroring', alert())->verdict, '200 delivered', 'a push mirrored to a push is delivered');
is($t->flashduty->count, 1, 'and pushed once');
like(logged_for('/push'), qr{^/push 500 }, 'the mirror got a 500');

is($t->post('/mirroring_elsewhere', alert())->status, '200', 'another location mirrored to a push is unharmed');
is($t->flashduty('COPY')->last_push->{body}, alert(), 'its own upstream has the body');
like(logged_for('/push'), qr{^/push 500 \[\]$}, 'the push answered 500');

is($t->post('/asking', alert())->status, '500', 'auth_request that asks a push fails');

for my $page (qw(push preview)) {
    my $response = $t->get("/pages/$page.html");
    is($response->status, '200', "a page that includes a $page is 200");
    like($response->body, qr/^before .* after$/s, 'and otherwise whole');
    like(logged_for("/$page"), qr{^/$page 500 }, "the $page answered 500");
}
is($t->flashduty->count, 1, 'nothing of this was pushed');

# Around a push.
for my $uri ('/copied', '/copied_in_file') {
    my $before = $t->flashduty('COPY')->count;
    is($t->post($uri, alert())->verdict, '200 delivered', "$uri is delivered");
    $t->flashduty('COPY')->wait_for($before + 1);
    is($t->flashduty('COPY')->last_push->{body}, alert(), 'the mirror has the body as it came');
    like($t->flashduty->last_push->{body}, qr/"title_rule"/, 'Flashduty has the event');
}

my $copies = $t->flashduty('COPY')->count;
is($t->post('/copied_without_body', alert())->verdict, '200 delivered', 'mirrored without its body it is delivered');
$t->flashduty('COPY')->wait_for($copies + 1);
is($t->flashduty('COPY')->last_push->{body}, '', 'the mirror has none');
is($t->post('/copied_to_nobody', alert())->verdict, '200 delivered', 'a mirror that nobody serves harms nothing');

# A mirror that never answers holds nobody up, and what it was shown is no yes.
$copies = $t->flashduty('COPY')->count;
$t->flashduty('COPY')->answer({ hold => 1 });
for my $case (
    [ taken(),                            '200 delivered' ],
    [ says(400, 'InvalidParameter', 'm'), '502 refused' ],
    [ dropped('close'),                   '502 failed' ],
    )
{
    my ($answer, $verdict) = @$case;
    $t->flashduty->answer($answer);
    is($t->post('/copied', alert())->verdict, $verdict, "beside a silent mirror: $verdict");
}
is($t->flashduty('COPY')->wait_for($copies + 3), $copies + 3, 'which got all of them');
$t->flashduty->answer(taken());
$t->flashduty('COPY')->answer(taken());
$t->flashduty('COPY')->release;

$t->flashduty('COPY')->answer(taken(headers => [ 'X-Who' => 'somebody' ]));
my $response = $t->post('/allowed', alert());
is($response->verdict, '200 delivered', 'an allowed push is delivered');
is($response->header('X-Who'), 'somebody', 'auth_request_set works');

my $before = $t->flashduty->count;
$response = $t->post('/denied', alert());
is($response->status, '403', 'a denied one is not');
like($response->body, qr/<title>403/, "and has nginx's own page");
is(logged_for('/denied'), '/denied 403 []', 'and no outcome');
is($t->flashduty->count, $before, 'nothing was pushed');
