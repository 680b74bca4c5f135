# A spool that is no database, or a damaged one, is set aside when nginx starts:
# it is kept under another name, and a new one takes its place.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

my $t = Spool->new->plan(17);

my $events = Ledger->new($t);

# True when this is in the spool's folder under another name.
sub is_set_aside {
    my ($content) = @_;
    return eventually { grep { $t->read_file("spool/$_") eq $content } files($t) };
}

sub goes_on {
    my ($with) = @_;

    ok($events->post_until('200 delivered'), "nginx starts with $with: delivered");
    $t->flashduty->answer(html(503));
    ok($events->post_until('202 spooled'), 'and, Flashduty being away, spooled');
    is($events->verdicts_of(5), '202 spooled', 'and so are the next');
    return;
}

my $garbage = join '', map { chr rand 256 } 1 .. 50_000;
$t->write_file('spool/spool.db', $garbage, 0600);
$t->start;
goes_on('garbage for a database');
ok(is_set_aside($garbage), 'the garbage was kept');
my $says = qr/set aside/;
ok((eventually { crits($t) =~ $says }), 'the log says so');
is(scalar(() = crits($t) =~ /$says/g), 1, 'once');
$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');

# A database of which nothing but the first page is left. What waited in it is
# lost for the gateway, and not for one who looks into the file.
ok($t->runs_empty, 'the new spool runs empty');
$t->flashduty->answer(html(503));
is($events->verdicts_of(20), '202 spooled', 'events wait');
stop_nginx($t);
sql($t->file, 'PRAGMA wal_checkpoint(TRUNCATE)');
my $database = $t->read_file('spool/spool.db');
my $damaged  = substr($database, 0, 4096) . 'damage!!' x ((length($database) - 4096) / 8);
$t->write_file('spool/spool.db', $damaged)->write_file('error.log', '');
$t->flashduty->answer(taken());
$events = Ledger->new($t, 'later');
$t->start;
goes_on('a damaged database');
ok(is_set_aside($damaged), 'the damaged one was kept');
ok((eventually { crits($t) =~ $says }), 'the log says so');
is(scalar(() = crits($t) =~ /$says/g), 1, 'once');
$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the new spool runs empty');