# nginx -t checks everything that a fleet needs, and connects to nothing.

use strict;
use warnings;

use Test::More;

use Gateway;
use Spool;

my $SPOOL = 'flashduty_spool %%DIR%%/spool/spool.db;';
my $PUSH  = 'location /a { flashduty_push /f; } location /f { proxy_pass http://127.0.0.1; }';
my $FLEET = 'flashduty_fleet "host=127.0.0.1 dbname=flashduty user=gateway" edge=a';
my $FAR   = 'host=db1,db2 dbname=flashduty';
my $SECRET = 'sEcReT-of-the-db';

sub at { return "flashduty_fleet \"$_[0]\" edge=a;" }

my @GOOD = (
    [ 'a database on this machine',   "$FLEET;" ],
    [ 'one behind a socket',          at('host=/run/postgresql dbname=flashduty') ],
    [ 'one by a uri',                 at('postgresql://gateway@127.0.0.1/flashduty') ],
    [ 'several on other machines',    at("$FAR sslmode=verify-full sslrootcert=/etc/ssl/db.pem") ],
    [ 'the authorities of the system', at("$FAR sslmode=verify-full sslrootcert=system") ],
    [ 'a password in a file',         "$FLEET password_file=%%DIR%%/password;" ],
    [ 'all its parameters',
        "$FLEET password_file=password schema=flash_2 timeout=300ms lease=4s alone_after=20s version=7c1f threads=default;" ],
    [ 'the shortest times',           "$FLEET timeout=50ms lease=3s alone_after=1s;" ],
    [ 'the longest times',            "$FLEET timeout=10s lease=60s alone_after=1h;" ],
    [ 'a fleet before its spool',     "$FLEET; $SPOOL", 'no' ],
);

# Lines that pass, with what nginx warns of.
my @WARNED = (
    [ 'another machine without TLS',   at("$FAR sslmode=disable"), qr/connects to another machine without sslmode=verify-full/ ],
    [ 'another machine by default',    at($FAR), qr/connects to another machine without sslmode=verify-full/ ],
    [ 'a certificate of any name',     at("$FAR sslmode=verify-ca sslrootcert=/etc/db.pem"), qr/sslmode=verify-full/ ],
    [ 'a key that the workers read',   at("$FAR sslmode=verify-full sslrootcert=/a.pem sslcert=/b.pem sslkey=/c.pem"),
        qr/"sslkey" .* names a file that the user of the workers has to read/ ],
);

my @BAD = (
    [ 'nothing',                 'flashduty_fleet;' ],
    [ 'an empty text',           at(''), qr/takes where PostgreSQL is/ ],
    [ 'no pairs',                at('db1'), qr/takes pairs such as host=db1/ ],
    [ 'a quote without an end',  at("host='db1"), qr/quote of "host" has no end/ ],
    [ 'an unknown keyword',      at('host=127.0.0.1 hosts=db2'), qr/invalid connection option "hosts"/ ],
    [ 'a password',              at("host=127.0.0.1 password=$SECRET"), qr/a password must not stand here.*password_file=/ ],
    [ 'a password in a uri',     at("postgresql://gateway:$SECRET\@127.0.0.1/flashduty"), qr/a password must not stand here/ ],
    [ 'a password behind a uri', at("postgresql://127.0.0.1/flashduty?password=$SECRET"), qr/a password must not stand here/ ],
    [ 'a file of passwords',     at('host=127.0.0.1 passfile=/etc/pgpass'), qr/must not be able to read passwords/ ],
    [ 'the password of a key',   at("$FAR sslpassword=$SECRET"), qr/a password must not stand here/ ],
    [ 'an unknown sslmode',      at('host=127.0.0.1 sslmode=verify'), qr/unknown sslmode "verify".*verify-full/ ],
    [ 'no authority',            at("$FAR sslmode=verify-full"), qr/needs sslrootcert=/ ],
    [ 'a part of a path',        at("$FAR sslmode=verify-full sslrootcert=db.pem"), qr/sslrootcert "db.pem" .* no whole path/ ],
    [ 'a fleet twice',           "$FLEET; $FLEET;", qr/twice/ ],
    [ 'an unknown parameter',    "$FLEET replicas=1;", qr/invalid parameter "replicas=1".*edge=name, password_file=path/ ],
    [ 'no name',                 'flashduty_fleet host=127.0.0.1 edge=;', qr/edge=".*letters, digits/ ],
    [ 'a name with a slash',     'flashduty_fleet host=127.0.0.1 edge=a/b;', qr{edge=a/b.*letters, digits} ],
    [ 'a long name',             'flashduty_fleet host=127.0.0.1 edge=' . 'x' x 49 . ';', qr/1 to 48/ ],
    [ 'a schema of capitals',    "$FLEET schema=Flash;", qr/schema=Flash.*small letters/ ],
    [ 'a schema of a digit',     "$FLEET schema=1a;",    qr/schema=1a/ ],
    [ 'no time for an append',   "$FLEET timeout=;",     qr/timeout=.*50ms to 10s/ ],
    [ 'too short a time',        "$FLEET timeout=49ms;", qr/50ms to 10s/ ],
    [ 'too long a time',         "$FLEET timeout=11s;",  qr/50ms to 10s/ ],
    [ 'too short a lease',       "$FLEET lease=2s;",     qr/3s to 60s/ ],
    [ 'too long a lease',        "$FLEET lease=2m;",     qr/3s to 60s/ ],
    [ 'a bad lease',             "$FLEET lease=long;",   qr/lease=long/ ],
    [ 'alone at once',           "$FLEET alone_after=0;", qr/alone_after=0.*1s to 1h/ ],
    [ 'no version',              "$FLEET version=;",     qr/version=/ ],
    [ 'a version of two words',  "$FLEET \"version=a b\";", qr/version=a b/ ],
    [ 'threads that are none',   "$FLEET threads=nowhere;", qr/unknown thread pool "nowhere"/ ],
    [ 'a missing password file', "$FLEET password_file=nowhere;", qr/nowhere" failed/ ],
    [ 'an open password file',   "$FLEET password_file=open;",    qr/is open to others.*chmod o-rwx/ ],
    [ 'two words for a password', "$FLEET password_file=words;",  qr/first line of "words" is no password/ ],
);

plan(tests => @GOOD + 2 * @WARNED + 2 * @BAD + 8);
my $t = Spool->new;
$t->write_file(password => "$SECRET\n", 0600)->write_file(open => "$SECRET\n", 0644)
    ->write_file(words => "$SECRET $SECRET\n", 0600);
my $said = '';

# Output of nginx -t about lines in http; without a spool if `no`.
sub check {
    my ($http, $no, $server) = @_;

    my $spool = $no ? '' : $SPOOL;
    my $rest  = $server // '';
    my ($passed, $output) = $t->check(spool => undef,
        http => "    $spool\n$http\n    server {\n        listen 127.0.0.1:%%PORT%%;\n$PUSH\n$rest\n    }\n");
    $said .= $output;
    return ($passed, $output);
}

for my $case (@GOOD) {
    my ($name, @lines) = @$case;
    my ($passed, $output) = check(@lines);
    ok($passed && $output !~ /\[warn\]/, $name) or diag($output);
}
for my $case (@WARNED) {
    my ($name, $line, $says) = @$case;
    my ($passed, $output) = check($line);
    ok($passed, "$name: passes");
    like($output, qr/\[warn\].*$says/, 'with a warning');
}
for my $case (@BAD) {
    my ($name, $line, $says) = @$case;
    my ($passed, $output) = check($line);
    ok(!$passed, "$name: refused");
    like($output, qr/\[emerg\].*${\($says || qr(flashduty_fleet))}/, 'with its reason');
}

my ($passed, $output) = check("$FLEET;", 'no');
ok(!$passed, 'a fleet without a spool: refused');
like($output, qr/\[emerg\].*"flashduty_fleet" needs "flashduty_spool"/, 'with its reason');
($passed, $output) = check('', undef, "$FLEET;");
ok(!$passed, 'a fleet in a server: refused');
like($output, qr/not allowed here/, 'with its reason');
unlike($said, qr/\Q$SECRET\E/, 'nothing of all that shows a password');
is(join(' ', glob $t->folder . '/*'), '', 'nothing was made by all that');

# Without libpq nginx -t says what to install.
SKIP: {
    skip 'valgrind and the sanitizers find libraries in their own ways', 2 if @Gateway::PREFIX;
    mkdir $t->dir . '/lib';
    $t->write_file('lib/libpq.so.5', 'no library', 0644);
    local $ENV{LD_LIBRARY_PATH} = $t->dir . '/lib';
    ($passed, $output) = check("$FLEET;");
    ok(!$passed, 'without libpq: refused');
    like($output, qr/\[emerg\].*libpq\.so\.5 cannot be loaded.*install Debian's libpq5/, 'says what to install');
}
