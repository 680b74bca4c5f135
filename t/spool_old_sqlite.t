# A spool needs a SQLite that is new enough, whatever the headers were when the module was built.

use strict;
use warnings;

use FindBin;
use Test::More;

use Gateway;
use Spool;

my $OLD = $ENV{TEST_OLD_SQLITE} || "$FindBin::Bin/../build/old_sqlite.so";
plan(skip_all => "needs $OLD") unless -e $OLD;

plan(tests => 4);
my $t = Spool->new;

sub check {
    my ($spool) = @_;

    my $server = 'server { listen 127.0.0.1:%%PORT%%; location /a { flashduty_push /f; } location /f { internal; proxy_pass %%PUSH_URL%%; } }';
    return $t->check(spool => undef, http => "    $spool\n    $server\n");
}

my $SPOOL = 'flashduty_spool %%DIR%%/spool/spool.db;';
is((check($SPOOL))[0], 1, 'the SQLite of this machine will do');

local $ENV{LD_PRELOAD} = $OLD;
# nginx may have a sanitizer in it.
local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0';
my ($passed, $output) = check($SPOOL);
ok(!$passed, 'one from before 3.24 does not');
like($output, qr/\[emerg\] .*"flashduty_spool" needs SQLite 3\.24 or newer, not 3\.23\.1/, 'with the reason');
is((check(''))[0], 1, 'without a spool it makes no difference');
