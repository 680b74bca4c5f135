# The rules of the server block are for callers. A push, with a spool or without
# one, meets those of its location only, wherever error_page and try_files lead.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $URL = 'http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key';

my $HTTP = <<"EOC";
    geo \$is_outside {
        default 1;
        127.0.0.1 0;
    }
    upstream kept {
        server 127.0.0.1:%%PEER%% max_fails=0;
        keepalive 4;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        if (\$http_user_agent = '') { return 444; }
        if (\$is_outside) { return 403; }
        if (\$server_port != %%PORT%%) { return 301 https://\$host\$request_uri; }
        if (\$http_x_team = '') { return 302 /; }
        if (\$uri ~ ^/to/) { return 404; }
        if (\$uri ~ ^/led) { rewrite ^ /blocked last; }
        rewrite ^/to/ /blocked last;
        set \$key %%KEY%%;
        set \$from_server yes;

        location = /plain     { flashduty_push /to/plain; }
        location = /tried     { flashduty_push /to/tried; }
        location = /rewritten { flashduty_push /to/rewritten; }
        location = /limited   { flashduty_push /to/limited; }
        location = /keyless   { flashduty_push /to/keyless; }
        location = /kept      { flashduty_push /to/kept; }
        location = /own_key   { flashduty_push /to/own_key; }
        location = /server_key { flashduty_push /to/own_key?key=\$key; }
        location = /status    { flashduty_status json; }

        location = /to/plain { internal; proxy_pass $URL=%%KEY%%; }
        location = /to/tried { internal; try_files /nothing /led; }
        location = /to/rewritten {
            internal;
            set \$own yes;
            if (\$own) { rewrite ^ /led last; }
        }
        location = /to/limited {
            internal;
            set \$closed yes;
            if (\$closed) { return 503; }
            proxy_pass $URL=%%KEY%%;
        }
        location = /led { internal; proxy_pass $URL=%%KEY%%; }
        location = /to/keyless { internal; proxy_pass $URL=\$key&a=b; }
        location = /to/kept {
            internal;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://kept/event/push/alert/standard?integration_key=\$kept_key;
            set \$kept_key \$arg_key;
        }
        location = /kept_with_key { flashduty_push /to/kept?key=%%KEY%%; }
        location = /to/own_key {
            internal;
            set \$key \$arg_key;
            if (\$key = '') { set \$key %%KEY%%; }
            proxy_pass $URL=\$key;
        }
        location = /blocked { return 403; }
        # begin
        location = /goes    { flashduty_push /to/goes; }
        location = /to/goes { internal; proxy_pass $URL=%%KEY%%; }
        # end
    }
EOC

my $t = Spool->new(workers => 2, http => $HTTP)->plan(2 * 7 + 23)->start;

sub post_to {
    my ($uri, $key) = @_;

    my $alert = alert(event => { id => $key // 'key', event_id => $key // 'key' });
    return $t->post($uri, $alert, 'User-Agent' => 'BlueKing', 'X-Team' => 'a');
}

sub status { return $t->get('/status', 'User-Agent' => 'test', 'X-Team' => 'a')->json }

sub pass_the_rules {
    my ($name) = @_;

    is($t->post('/plain', alert())->status // '', '', "$name: callers keep to the server block's rules");
    is(post_to('/plain')->verdict,     '200 delivered', '... a push does not');
    is(post_to('/tried')->verdict,     '200 delivered', '... nor where try_files leads');
    is(post_to('/rewritten')->verdict, '200 delivered', '... its location has its own');
    is(post_to('/own_key')->verdict,   '200 delivered', '... variables too');
    is(post_to('/server_key')->verdict, '200 delivered', '... and what the server block sets comes by the uri');
    isnt(post_to('/limited')->verdict, '200 delivered', '... it may turn a push away');
    return;
}

pass_the_rules('with a spool');
is($t->waiting, 1, 'what its location turned away waits');
$t->query('DELETE FROM event');

# A key that the server block sets is empty: such a push is not sent.
my $pushes = $t->flashduty->count;
my $answer = post_to('/keyless', 'waits');
is($answer->verdict, '202 spooled', 'a push without its key waits');
like($answer->reason, qr{the integration key came out empty in location "/to/keyless", so nothing was sent},
    'and says why');
is($t->flashduty->count, $pushes, 'it was not sent');
like($t->settle->error_log, qr/\[error\].*target "\/to\/keyless of .* is away.*integration key came out empty/,
    'an error line says so');
my ($row) = $t->query('SELECT last_error FROM event');
like($row->{last_error}, qr/the integration key came out empty/, 'and the spool');
is(post_to('/kept_with_key')->verdict, '200 delivered', 'with its key it is sent');
is(post_to('/kept', 'kept')->verdict, '202 spooled', 'without it waits although a connection was kept');
is($t->flashduty->count, $pushes + 1, 'and is not sent');
is(post_to('/plain', 'other')->verdict, '200 delivered', 'others are delivered');
is($t->waiting, 2, 'the two wait');

$t->write_file('nginx.conf', $t->configuration(%$t, http => $HTTP =~ s/(\/to\/keyless \{)/$1 set \$key %%KEY%%;/r))->reload;
ok($t->comes_to_wait(1), 'once the location sets it, the event is delivered');
$t->query('DELETE FROM event');

# A location that is gone.
$t->write_file('nginx.conf', $t->configuration(%$t))->reload;
$t->flashduty->go_away;
is(post_to('/goes', 'stays')->verdict, '202 spooled', 'an event waits');
my $file = $t->configuration(%$t);
$t->write_file('nginx.conf', $file =~ s/# begin.*# end//sr)->reload;
$t->flashduty->come_back;
my $name = '127.0.0.1:' . $t->port . ' localhost';
my $gone = qr{the configuration has no location "/to/goes" in server block "\Q$name\E" any more: bring it back};
ok($t->is_back(sub { $t->error_log =~ /\[error\].*$gone/ }), 'its location is gone: an error line names it');
is(post_to('/plain', 'other')->verdict, '200 delivered', 'others are delivered');
is($t->waiting, 1, 'it waits');
my ($target) = grep { $_->{target} =~ m{/to/goes$} } @{ status()->{targets} };
like($target->{reason}, $gone, 'the status says what to do');
is(scalar($t->dead), 0, 'it is no dead letter');
$t->write_file('nginx.conf', $file)->reload;
ok($t->runs_empty, 'once it is back it is delivered');
is($t->flashduty->last_push->{body} =~ /"alert_key":"([^"]+)"/ && $1, 'stays', '... indeed');

# Without a spool.
$t->write_file('nginx.conf', $t->configuration(%$t, spool => undef))->reload;
pass_the_rules('without a spool');
is(post_to('/keyless')->verdict, '200 delivered', 'what the server block sets is there');

$t->write_file('nginx.conf', $t->configuration(%$t, spool => undef, http => $HTTP =~ s{flashduty_push /to/plain}{flashduty_push /to/\$uri}r))->reload;
$answer = post_to('/plain');
is($answer->verdict, '502 refused', 'a uri that leads to no location');
like($answer->reason, qr{^no location of this server block matches "/to//plain"}, 'is said to');
