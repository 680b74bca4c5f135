# nginx -t checks everything that a spool needs, and opens nothing.

use strict;
use warnings;

use Test::More;

use Gateway;
use Spool;

my $SPOOL = 'flashduty_spool %%DIR%%/spool/spool.db';
my $PUSH  = 'location /a { flashduty_push /f; } location /f { proxy_pass http://127.0.0.1; }';

my @GOOD = (
    [ 'a spool',                'flashduty_spool %%DIR%%/spool/spool.db;' ],
    [ 'all its parameters',     "$SPOOL max_size=10m max_age=2h dead_age=7d threads=default;" ],
    [ 'its smallest size',      "$SPOOL max_size=1m;" ],
    [ 'a path from the prefix', 'flashduty_spool spool/spool.db;' ],
    [ 'a rate',                 "$SPOOL; flashduty_rate 10r/s 100r/m;" ],
    [ 'one a second',           "$SPOOL; flashduty_rate 1r/s;" ],
    [ 'only one a minute',      "$SPOOL; flashduty_rate 100r/m;" ],
    [ 'no rate',                "$SPOOL; flashduty_rate off;" ],
    [ 'a rate before it',       "flashduty_rate 5r/s; $SPOOL;" ],
    [ 'a time to wait',         "$SPOOL; flashduty_spool_after 2s;" ],
    [ 'one in each level',      "$SPOOL; flashduty_spool_after 2s;", 'flashduty_spool_after 100ms; location /b { flashduty_spool_after 1m; }' ],
    [ 'a rate without a spool', 'flashduty_rate 10r/s;' ],
    [ 'a time without a spool', 'flashduty_spool_after 1s;' ],
);

my @BAD = (
    [ 'no path',                  'flashduty_spool;' ],
    [ 'an empty path',            'flashduty_spool "";' ],
    [ 'a folder for a file',      'flashduty_spool %%DIR%%/spool/;' ],
    [ 'a folder that is missing', 'flashduty_spool %%DIR%%/none/spool.db;', qr{the folder "\S+/none" .* cannot be found.* make it} ],
    [ 'a file for a folder',      'flashduty_spool %%DIR%%/check.conf/spool.db;', qr{the folder "\S+/check.conf"} ],
    [ 'a path too long',          'flashduty_spool %%DIR%%/' . 'x' x 100 . ';', qr/too long/ ],
    [ 'a spool twice',            "$SPOOL; $SPOOL;", qr/twice|duplicate/ ],
    [ 'an unknown parameter',     "$SPOOL max=1g;",        qr/invalid parameter "max=1g"/ ],
    [ 'no size',                  "$SPOOL max_size=;",     qr/max_size=/ ],
    [ 'a bad size',               "$SPOOL max_size=much;", qr/max_size=much/ ],
    [ 'a size too small',         "$SPOOL max_size=1023k;",  qr/max_size=1023k.*at least 1m/ ],
    [ 'a negative size',          "$SPOOL max_size=-1;",   qr/max_size=-1/ ],
    [ 'no age',                   "$SPOOL max_age=;",      qr/max_age=/ ],
    [ 'an age of nothing',        "$SPOOL max_age=0;",     qr/max_age=0/ ],
    [ 'a bad age',                "$SPOOL max_age=long;",  qr/max_age=long/ ],
    [ 'a bad age of the dead',    "$SPOOL dead_age=x;",    qr/dead_age=x/ ],
    [ 'no threads',               "$SPOOL threads=;",      qr/threads=/ ],
    [ 'threads that are none',    "$SPOOL threads=nowhere;", qr/unknown thread pool "nowhere"/ ],
    [ 'no rate',                  "$SPOOL; flashduty_rate;" ],
    [ 'a rate of nothing',        "$SPOOL; flashduty_rate 0r/s;",        qr/0r\/s/ ],
    [ 'a rate without a unit',    "$SPOOL; flashduty_rate 10;",          qr/"10"/ ],
    [ 'a rate per hour',          "$SPOOL; flashduty_rate 10r/h;",       qr/10r\/h/ ],
    [ 'a rate in letters',        "$SPOOL; flashduty_rate manyr/s;",     qr/manyr\/s/ ],
    [ 'a negative rate',          "$SPOOL; flashduty_rate -1r/s;",       qr/-1r\/s/ ],
    [ 'two rates a second',       "$SPOOL; flashduty_rate 1r/s 2r/s;",   qr/2r\/s/ ],
    [ 'three rates',              "$SPOOL; flashduty_rate 1r/s 2r/m 3r/m;" ],
    [ 'a rate and off',           "$SPOOL; flashduty_rate 1r/s off;",    qr/"off"/ ],
    [ 'a rate twice',             "$SPOOL; flashduty_rate 1r/s; flashduty_rate 2r/s;", qr/twice|duplicate/ ],
    [ 'no time to wait',          "$SPOOL; flashduty_spool_after;" ],
    [ 'a bad time to wait',       "$SPOOL; flashduty_spool_after soon;" ],
    [ 'a time to wait twice',     "$SPOOL; flashduty_spool_after 1s; flashduty_spool_after 1s;", qr/duplicate|twice/ ],
    [ 'a spool in a server',      '', 'flashduty_spool %%DIR%%/spool/spool.db;', qr/not allowed here/ ],
    [ 'a rate in a server',       '', 'flashduty_rate off;', qr/not allowed here/ ],
);

plan(tests => @GOOD + 2 * @BAD + 13);
my $t = Spool->new;

# Output of nginx -t about lines in http and in a server.
sub check {
    my ($http, $server) = @_;

    $server //= '';
    my $conf = "    $http\n    server {\n        listen 127.0.0.1:%%PORT%%;\n$PUSH\n$server\n    }\n";
    return $t->check(spool => undef, http => $conf);
}

for my $case (@GOOD) {
    my ($name, @lines) = @$case;
    my ($passed, $output) = check(@lines);
    ok($passed, $name) or diag($output);
}
for my $case (@BAD) {
    my ($name, @lines) = @$case;
    my $says = ref $lines[-1] ? pop @lines : qr/flashduty_/;
    my ($passed, $output) = check(@lines);
    ok(!$passed, "$name: refused");
    like($output, qr/\[emerg\].*$says/, 'with its reason');
}
is(join(' ', glob $t->folder . '/*'), '', 'nothing was made by all that');

SKIP: {
    skip 'only root can give a folder to somebody else', 11 if $> != 0;

    chown 65534, -1, $t->folder;
    my ($passed, $output) = check("$SPOOL;");
    ok(!$passed, "a folder that is somebody else's");
    like($output, qr{\[emerg\] .*the folder "\S+/spool" .*does not belong to .*chown root}, 'says whose it must be');
    chown 65534, 0, $t->folder;
    chmod 02770, $t->folder;
    ok((check("$SPOOL;"))[0], 'one that a group of the workers may write will do, too');
    chmod 02750, $t->folder;
    ok(!(check("$SPOOL;"))[0], 'but not one that it only may read');
    chown 0, -1, $t->folder;
    chmod 0777, $t->folder;
    ($passed, $output) = check("$SPOOL;");
    ok(!$passed, 'nor one that everybody may write');
    like($output, qr{\[emerg\] .*the folder "\S+/spool" .*can be written by others}, 'says so');
    chmod 0700, $t->folder;
    ok((check("$SPOOL;"))[0], 'given back, it will do');

    open my $file, '>', $t->file . '-wal' or die "cannot write: $!\n";
    close $file;
    chown 65534, -1, $t->file . '-wal';
    ($passed, $output) = check("$SPOOL;");
    ok(!$passed, "a file that is somebody else's");
    like($output, qr{\[emerg\] "\S+/spool\.db-wal" .*does not belong to .*, root: chown root \S+/spool\.db\*}, 'says whose it must be');
    unlink $t->file . '-wal';
    symlink '/nowhere', $t->file . '.guard';
    ($passed, $output) = check("$SPOOL;");
    ok(!$passed, 'a link for a file');
    like($output, qr{\[emerg\] "\S+/spool\.db\.guard" .*is a symbolic link}, 'says so');
    unlink $t->file . '.guard';
}

# A path that is taken by something else fails nothing but the spool.
is((check("$SPOOL;"))[0], 1, 'nginx -t does not look into the file');
