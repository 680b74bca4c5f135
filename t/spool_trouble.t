# Trouble with the spool ends by itself once its cause is gone, though no alert comes,
# and with a reload that names another path.

use strict;
use warnings;

use File::Path qw(make_path);
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $t = Spool->new(workers => 2, server => <<'EOC')->plan(15)->start;
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /status {
            flashduty_status json;
        }
EOC

sub post { return $t->post('/blueking', alert(event => { id => $_[0], event_id => $_[0] }))->verdict }

sub status { return $t->get('/status')->json }

sub state {
    my $status = status();
    return "$status->{flashduty_spool_usable} $status->{state}" . ($status->{reason} ne '' ? ' with a reason' : '');
}

sub ends { return scalar(() = $t->error_log =~ /\[notice\].*spool can be used again/g) }

is(post('one'), '200 delivered', 'all is well');
is(state(), '1 delivering', 'that is said');

# --- the cause goes -----------------------------------------------------------

my $hold = $t->hold;
is(post('locked'), '200 delivered', 'another program has locked the spool');
is(state(), '0 delivering with a reason', 'that is said');
close $hold;
ok((eventually { state() eq '1 delivering' }), 'it goes, and no alert comes: that is said, too');
is(ends(), 1, 'and logged');
is($t->waiting, 0, 'nothing has been left in the spool');
is(($t->query('SELECT count(*) AS count FROM body'))[0]{count}, 0, '... of what was tried');
is(post('two'), '200 delivered', 'alerts come into it again');

# --- the worker that had it goes ----------------------------------------------

$hold = $t->hold;
post('locked again');
$t->reload;
is(state(), '0 delivering with a reason', 'a reload changes nothing of it');
close $hold;
ok((eventually { state() eq '1 delivering' }), 'other workers see that it is over');

# --- another path -------------------------------------------------------------

$hold = $t->hold;
post('and again');
is(state(), '0 delivering with a reason', 'locked for good');
make_path($t->dir . '/other', { mode => 0700 });
chown +(stat $t->folder)[ 4, 5 ], $t->dir . '/other';
my $file = $t->read_file('nginx.conf');
$file =~ s{/spool/spool\.db}{/other/spool.db};
$t->write_file('nginx.conf', $file)->reload;
ok((eventually { state() eq '1 delivering' }), 'a spool at another path has none of that');
is(post('three'), '200 delivered', 'it takes alerts');
is(state(), '1 delivering', 'and all is well');
close $hold;
