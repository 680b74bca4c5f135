# An event whose server block is gone after a reload waits, an error line names
# the block, and once it is back the event is delivered.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, ports => ['OTHER'], http => <<'EOC')->plan(12)->start;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name stays.test;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
    # begin
    server {
        listen 127.0.0.1:%%OTHER%%;
        server_name goes.test other.test;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
    # end
EOC

my $file = $t->read_file('nginx.conf');
my $name = '127.0.0.1:' . $t->port('OTHER') . ' goes.test';

sub post {
    my ($port, $key) = @_;
    my $body = alert(event => { id => $key, event_id => $key });
    return Client->connect($t->port($port))->request('POST', '/blueking', $body, Connection => 'close')->verdict;
}

sub keys_pushed {
    return join ' ', map { $_->{body} =~ /"alert_key":"([^"]+)"/ } $t->flashduty->pushes;
}

is(post('OTHER', 'live'), '200 delivered', 'there is a server block');
$t->flashduty->go_away;
is(post('OTHER', 'waits'), '202 spooled', 'an alert for it waits');
$t->write_file('nginx.conf', $file =~ s/# begin.*# end//sr)->reload;
$t->flashduty->come_back;

ok((eventually { $t->error_log =~ /\[error\].*"\Q$name\E"/ }), 'the block is gone: an error line names it');
ok((eventually { post('PORT', 'stays') eq '200 delivered' }), 'alerts of other blocks are delivered');
is($t->waiting, 1, 'its own waits');
my ($row) = $t->query('SELECT last_error, attempts FROM event');
like($row->{last_error}, qr/\Q$name\E/, 'and says for what');
is(scalar($t->dead), 0, 'it is no dead letter');
unlike(keys_pushed(), qr/waits/, 'and not pushed elsewhere');

# Names behind the first may change their order.
$t->write_file('nginx.conf', $file =~ s/other\.test/new.test more.test/r)->reload;
ok($t->runs_empty, 'the block is back: it is delivered');
like(keys_pushed(), qr/^live(?: stays)* waits$/, 'once');
is(post('OTHER', 'live'), '200 delivered', 'as the next one is');
is(scalar($t->dead), 0, 'nothing is a dead letter');
