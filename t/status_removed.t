# A target that was removed from the configuration is shown as gone, and what to do about it, while
# events wait for it; then it leaves page, health, metrics and the API's list.

use strict;
use warnings;

use Test::More;

use Api;
use BlueKing;
use Flashduty;
use Gateway;

my $t = Api->new(ports => ['OTHER', 'THIRD'], http => <<'EOC')->plan(30)->start;
    map $blueking_biz_id $team {
        volatile;
        default /team/$blueking_biz_id;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /team {
            flashduty_push $team;
        }
        # begin teams
        location ~ ^/team/1 {
            internal;
            rewrite ^ /event/push/alert/standard?integration_key=%%KEY%% break;
            proxy_pass http://127.0.0.1:%%PEER%%;
        }
        # end teams
        location ~ ^/team/2 {
            internal;
            rewrite ^ /event/push/alert/standard?integration_key=%%KEY%% break;
            proxy_pass http://127.0.0.1:%%PEER%%;
        }
        location /api/ {
            flashduty_api write=on;
        }
        location = /health {
            flashduty_status health;
        }
        location = /metrics {
            flashduty_status prometheus;
        }
        location = /status {
            flashduty_status json;
        }
    }
    server {
        listen 127.0.0.1:%%THIRD%%;
        server_name third.test;
        # begin location
        location = /goes {
            flashduty_push /to/goes;
        }
        location = /to/goes {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        # end location
        location / {
            return 404;
        }
    }
    # begin server
    server {
        listen 127.0.0.1:%%OTHER%%;
        server_name goes.test;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
    # end server
EOC

my @PARTS  = qw(location teams server);
my $server = '127.0.0.1:' . $t->port . ' localhost';
my $third  = '127.0.0.1:' . $t->port('THIRD') . ' third.test';
my $other  = '127.0.0.1:' . $t->port('OTHER') . ' goes.test';
my %NAME   = (
    location => "$third /to/goes",
    teams    => "$server /team/1",
    server   => "$other /flashduty",
);

sub post {
    my ($port, $uri, $key, $team) = @_;
    my $body = alert(bk_biz_id => $team // 2, event => { id => $key, event_id => $key });
    return Client->connect($t->port($port))->request('POST', $uri, $body, Connection => 'close')->verdict;
}

# One alert for each target.
sub post_everywhere {
    my ($key) = @_;
    return join ' ', map { $_->[0] } map { [ split / /, post(@$_) ] }
        [ PORT => '/blueking', $key ], [ THIRD => '/goes', $key ], [ PORT => '/team', $key, 1 ],
        [ PORT => '/team', $key, 2 ], [ OTHER => '/blueking', $key ];
}

sub shown { return Client->connect($t->port)->request('GET', $_[0]) }

sub series {
    return join ' ', sort map { s/"\} .*//r } shown('/metrics')->body =~ /^flashduty_target_up\{target="(.*)$/mg;
}

sub health { return shown('/health')->json }

sub remove {
    my (%spool) = @_;
    my $text = $t->configuration(%$t, %spool);
    $text =~ s/# begin $_\n.*# end $_\n//s or die "no part $_\n" for @PARTS;
    $t->write_file('nginx.conf', $text)->reload;
    return;
}

sub bring_back {
    my (%spool) = @_;
    $t->write_file('nginx.conf', $t->configuration(%$t, %spool))->reload;
    return;
}

my $LEFT = join ' ', sort "$server /flashduty", "$server /team/2";
my $ALL  = join ' ', sort "$server /flashduty", "$server /team/2", values %NAME;

# Without a spool.
bring_back(spool => undef);
is(post_everywhere('live'), '200 200 200 200 200', 'five targets are pushed to');
is(series(), $ALL, 'each is shown');
$t->flashduty->go_away;
post_everywhere('fails');
# Whichever is named: they may have failed in one millisecond.
like(health()->{reason}, qr{^127\.0\.0\.1:\d+ \S+ \S+ and 4 more: }, 'health tells of all when they fail');
$t->flashduty->come_back;
remove(spool => undef);
is(series(), $LEFT, 'three are removed: they leave the metrics');
like(health()->{reason}, qr{^\Q$server\E /(?:flashduty|team/2) and 1 more: }, 'and health');
is(scalar(grep { $_->{target} =~ m{/to/goes} } @{ shown('/status')->json->{targets} }), 0, 'and the page');

# With one.
bring_back();
is(post_everywhere('live'), '200 200 200 200 200', 'with a spool');
is(series(), $ALL, 'each is shown');
$t->flashduty->go_away;
is(post_everywhere('waits'), '202 202 202 202 202', 'an event waits for each');
remove();
my %WHY = (
    location => qr{the configuration has no location "/to/goes" in server block "\Q$third\E" any more: bring it back, or move its events to another location},
    teams    => qr{the configuration has no location "/team/1" in server block "\Q$server\E" any more: bring it back, or move its events to another location},
    server   => qr{the configuration has no server block "\Q$other\E" any more: bring it back, or move its events to another location},
);
for my $part (@PARTS) {
    my ($shown, $name);
    ok((eventually { ($shown) = grep { $_->{target} eq $NAME{$part} } @{ shown('/status')->json->{targets} }; ($shown->{reason} // '') =~ $WHY{$part} }),
        "$part: the page says what to do") or diag explain $shown;
    ok($t->logs(qr/\[error\] .*$WHY{$part}/), '... the log as well');
    my ($listed) = grep { "$_->{server} $_->{uri}" eq $NAME{$part} } @{ $t->get('targets')->{targets} };
    is($listed->{state}, 'gone', '... the API, too');
    like($listed->{reason}, $WHY{$part}, '... and what to do');
}
like(health()->{reason}, qr{^\Q$server\E /(?:flashduty|team/2) and 1 more: .*connection was refused}, 'they hide no reason of another target');
like(series(), qr{/to/goes}, 'all are shown while something waits for them');
$t->flashduty->come_back;
ok($t->comes_to_wait(3), 'the others leave');
ok((eventually { health()->{reason} }), 'health tells of those that wait');
my @gone = grep { $_->{state} eq 'gone' } @{ $t->get('targets')->{targets} };
for my $target (@gone) {
    eventually { $t->ask('POST', "waiting/discard?target=$target->{id}")->json->{count} };
}
ok($t->runs_empty, 'they are discarded');
ok((eventually { series() eq $LEFT }), 'nothing waits for them: they leave the metrics') or diag series();
ok((eventually { !health()->{reason} }), 'and health') or diag explain health();
is(scalar(grep { $_->{state} eq 'gone' } @{ $t->get('targets')->{targets} }), 3, 'the API lists them while there are dead letters');
$t->ask('DELETE', 'dead');
ok((eventually { !grep { $_->{state} eq 'gone' } @{ $t->get('targets')->{targets} } }), 'and no longer');
