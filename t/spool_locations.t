# An event from the spool may use all that nginx can do with a push location, like a live one:
# further servers, error pages, rewrites; and a uri of its own for each alert makes targets of their
# own.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, peers => ['SECOND'], http => <<'EOC')->plan(32)->start;
    limit_req_zone $uri zone=pushes:64k rate=1r/m;

    upstream two {
        server 127.0.0.1:%%NOBODY%%;
        server 127.0.0.1:%%PEER%%;
    }
    map $blueking_biz_id $team {
        volatile;
        1       /team/one;
        2       /team/two;
        default "";
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        error_page 500 502 503 504 /sorry;

        location = /sorry {
            internal;
            return 200 '{"request_id":"r"}';
        }
        location = /own_page {
            flashduty_push /to_own_page;
        }
        location = /limited {
            flashduty_push /to_limited;
        }
        location = /closed {
            flashduty_push /to_closed;
        }
        location = /two {
            flashduty_push /to_two;
        }
        location = /rewritten {
            flashduty_push /to_rewritten;
        }
        location = /static {
            flashduty_push /to_static;
        }
        location = /nowhere {
            flashduty_push /no/such/location$arg_nothing;
        }
        location = /large {
            flashduty_push /to_large;
        }
        location = /team {
            flashduty_push $team;
        }

        location = /to_own_page {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_intercept_errors on;
        }
        location = /to_limited {
            internal;
            limit_req zone=pushes;
            proxy_pass %%PUSH_URL%%;
        }
        location = /to_closed {
            internal;
            return 429;
        }
        location = /to_two {
            internal;
            proxy_pass http://two/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_next_upstream error timeout non_idempotent;
        }
        location = /to_rewritten {
            internal;
            rewrite ^ /to_own_page;
        }
        location = /to_static {
            internal;
            return 200 '{"request_id":"made here"}';
        }
        location = /to_large {
            internal;
            client_max_body_size 100;
            proxy_pass %%PUSH_URL%%;
        }
        location = /team/one {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /team/two {
            internal;
            proxy_pass http://127.0.0.1:%%SECOND%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
    }
EOC

my $number = 0;

sub post {
    my ($uri, %change) = @_;

    my $key = $change{key} // 'alert-' . ++$number;
    return $t->post($uri, alert(%change, event => { id => $key, event_id => $key }))->verdict;
}

sub count { return $t->flashduty->count }

# Error pages change no verdict, and stop no push from being tried again.
for my $uri ('/own_page', '/rewritten') {
    is(post($uri), '200 delivered', "$uri: delivered");
    $t->flashduty->answer(html(503));
    is(post($uri), '202 spooled', 'an error page for a failed push does not make it delivered');
    $t->flashduty->answer(taken());
    ok($t->runs_empty, 'it is pushed again');
}

# Limits.
my @callers = map { $t->client } 1 .. 8;
$callers[$_]->send(Client->compose('POST', '/limited', alert(event => { id => "l-$_", event_id => "l-$_" }))) for 0 .. 7;
is(scalar(grep { $_->response->verdict eq '200 delivered' } @callers), 8, 'limit_req does not count pushes');
unlike($t->error_log, qr/delaying request|limiting requests/, 'nor delay any');
is(post('/closed'), '202 spooled', 'what its location turns away waits');
is($t->waiting, 1, 'in the spool');
$t->query("UPDATE event SET accepted_ms = 0");
ok($t->runs_empty, 'until it is too old');
is(scalar($t->dead), 1, 'then it is a dead letter');

# Further servers.
my $before = count();
is(post('/two'), '200 delivered', 'a server that is gone has another beside it') for 1 .. 2;
is(count(), $before + 2, 'which takes each once');

# An answer that nginx makes itself counts as any other.
is(post('/static'), '200 delivered', 'a location that answers itself');

# A location that leads nowhere at all.
is(post('/nowhere'), '202 spooled', 'no location: an operator will fix that');
$before = count();
is(post('/large'), '202 spooled', 'a body that is too large for its location, where nothing else was taken');
is(count(), $before, 'was not pushed');
is(scalar($t->dead), 1, 'it is no dead letter');
is(post('/team', bk_biz_id => 9), '500 failed', 'no uri: failed');
is($t->waiting, 2, 'and not spooled: only those two are');
$t->query('DELETE FROM event');

# Targets of their own: one that is away holds up no other, also not for the
# same alert.
$t->flashduty('SECOND')->go_away;
is(post('/team', bk_biz_id => 2, key => 'shared'), '202 spooled', 'one team is away');
is(post('/team', bk_biz_id => 2, key => 'other'),  '202 spooled', 'with all its alerts');
is(post('/team', bk_biz_id => 1, key => 'shared'), '200 delivered', 'another is not');
is(post('/team', bk_biz_id => 1, key => 'other'),  '200 delivered', 'with any of its own');
is($t->waiting, 2, 'two wait');
like($t->error_log, qr{target "/team/two of server \S+" is away}, 'the log says for whom');
unlike($t->error_log, qr{target "/team/one of server \S+" is away}, 'and for nobody else');
$t->flashduty('SECOND')->come_back;
ok($t->runs_empty, 'they leave when it is back');
is($t->flashduty('SECOND')->count, 2, 'for their own team');
is(post('/team', bk_biz_id => 2), '200 delivered', 'and the next is delivered at once');
