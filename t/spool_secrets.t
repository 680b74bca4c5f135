# The spool's files are for nobody but the workers, and hold no integration key;
# nor do the log lines and answers that it brings about.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $PLAIN   = 'k3y/of+the=team';
my $ESCAPED = 'k3y%2Fof%2Bthe%3Dteam';
my $SIMPLE  = 'another-key-0815';
my $LEAKED  = join '|', map {quotemeta} $PLAIN, $ESCAPED, lc $ESCAPED, $SIMPLE;

umask 0;    # that of whoever starts nginx must not matter

my $t = Spool->new(workers => 2, key => $ESCAPED, http => <<'EOC')->plan(2 * (2 + 4 * 2) + 4 + 8);
    server {
        listen 127.0.0.1:%%PORT%%;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /from_file {
            flashduty_push /key_file?team=a;
        }
        location = /from_caller {
            flashduty_push /passes_on?$args;
        }
        location = /as_argument {
            flashduty_integration_key_file %%DIR%%/key;
            flashduty_push /passes_on?key=$flashduty_integration_key;
        }
        location = /in_path {
            flashduty_integration_key_file %%DIR%%/key;
            flashduty_push /paths/$flashduty_integration_key;
        }
        location = /paths/another-key-0815 {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /status {
            flashduty_status;
        }
        location = /passes_on {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?$args&integration_key=%%KEY%%;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location = /key_file {
            internal;
            flashduty_integration_key_file %%DIR%%/key;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=$flashduty_integration_key;
            proxy_read_timeout %%SHORT%%;
        }
    }
EOC

$t->write_file('key', "$SIMPLE\n", 0600)->start;

my $number = 0;
my @answers;

sub post {
    my ($uri) = @_;

    my $key      = 'alert-' . ++$number;
    my $response = $t->post($uri, alert(event => { id => $key, event_id => $key }));
    push @answers, $response->body;
    return $response->verdict;
}

for my $case ([ '/blueking', "$PLAIN or $ESCAPED" ], [ '/from_file', $SIMPLE ]) {
    my ($uri, $key) = @$case;
    is(post($uri), '200 delivered', "$uri: delivered");
    $t->flashduty->answer(says(400, 'InvalidParameter', "no such key=$key"), taken());
    is(post($uri), '502 refused', 'refused, with the key in the reason');
    for my $fault (says(401, 'Unauthorized', "the key $key is unknown"), dropped('reset'), dropped('hang'), html(500)) {
        $t->flashduty->answer($fault);
        is(post($uri), '202 spooled', 'away');
        $t->flashduty->answer(taken());
        ok($t->runs_empty, 'and back');
    }
}

for my $uri ("/from_caller?integration_key=$ESCAPED", "/from_caller?a=1&Integration%5Fkey=$SIMPLE", '/as_argument') {
    is(post($uri), '200 delivered', 'what has the key in the uri of its push goes past the spool');
}
is(post('/in_path'), '200 delivered', 'nor in its path');
$t->flashduty->answer(says(401, 'Unauthorized', 'no'), taken());
is(post('/in_path'), '502 refused', 'which is said of what fails there, too');
is(() = $t->error_log =~ /\[error\].*the uri of "flashduty_push" holds an integration key/g, 5, 'and the error log says why');
push @answers, map { $t->get('/status', Accept => $_)->body } 'text/plain', 'application/json';
like($answers[-2], qr{flashduty_target_up\{target="\S+ /paths/"\} 0}, 'its target is known without the key');

my @files = glob $t->folder . '/*';
cmp_ok(scalar(@files), '>=', 3, 'the spool has its files: ' . join ' ', map {m{([^/]+)\z}} @files);
is(join(' ', map { sprintf '%s %03o', m{([^/]+)\z}, (stat)[2] & 0777 } grep { ((stat)[2] & 0777) != 0600 } @files),
    '', 'which are for their owner only');
unlike($t->bytes, qr/$LEAKED/i, 'they do not hold the key');
unlike($t->error_log =~ s/^.*\[debug\].*$//mgr, qr/$LEAKED/i, 'nor does the error log');
unlike(join("\n", @answers), qr/$LEAKED/i, 'nor does an answer, that of the status neither');
