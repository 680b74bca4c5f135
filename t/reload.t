# A push in flight survives a reload and a graceful shutdown.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $t = Gateway->new(workers => 2, server => <<'EOC')->plan(11)->start;
        location = /blueking {
            flashduty_title $arg_title;
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
EOC

# A caller whose push has arrived and waits for its answer.
sub caller_in_flight {
    my $before = $t->flashduty->count;
    $t->flashduty->answer({ hold => 1 }, taken());
    my $caller = $t->client->send(Client->compose('POST', '/blueking', alert()));
    is($t->flashduty->wait_for($before + 1), $before + 1, 'a push is in flight');
    return $caller;
}

sub log_says {
    my ($line, $times) = @_;
    return eventually { (() = $t->error_log =~ /$line/g) >= $times };
}

is($t->post('/blueking', alert())->verdict, '200 delivered', 'delivered before the reload');

my $caller = caller_in_flight();
my $file   = $t->read_file('nginx.conf');
$file =~ s/flashduty_title \$arg_title/flashduty_title "title of the new configuration"/;
$t->write_file('nginx.conf', $file)->signal('HUP');
ok(log_says(qr/gracefully shutting down/, 2), 'the old workers shut down');

is($t->post('/blueking', alert())->verdict, '200 delivered', 'a new worker delivers meanwhile');
like($t->flashduty->last_push->{body}, qr/title of the new configuration/, 'with the new configuration');
ok(!($t->flashduty->pushes)[1]{aborted}, 'the push in flight goes on');
$t->flashduty->release;
is($caller->response->verdict, '200 delivered', 'and its caller hears of it');
ok(log_says(qr/exited with code 0/, 2), 'then the old workers leave');

$caller = caller_in_flight();
$t->signal('QUIT');
ok(log_says(qr/gracefully shutting down/, 4), 'the new workers shut down');
$t->flashduty->release;
is($caller->response->verdict, '200 delivered', 'a push in flight is answered before');
