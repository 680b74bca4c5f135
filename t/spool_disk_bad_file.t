# Syncs of one file fail for good, while the disk takes others: the spool is set aside with the
# events in it, and a new one begun.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

my $t = Spool->new(workers => 2);
fail_syncs_of($t->file, $t->dir);
$t->plan(11);
failing_syncs(sub { $t->start });

my $before = Ledger->new($t, 'before');
my $after  = Ledger->new($t, 'after');

$t->flashduty->answer(html(503));
ok($before->post_until('202 spooled'), 'events wait');
is($before->verdicts_of(50), '202 spooled', 'many');

# A commit has only to sync the log, which soon works again. That is not enough.
syncs_fail();
ok($before->post_until('502 failed'), 'syncs fail: failed');
syncs_fail((stat $t->file)[1]);
ok($after->post_until('202 spooled'), 'but soon an event is spooled again');
my ($aside) = grep {/unsynced-\d+T\d+\z/} files($t);
ok($aside, 'in another file: the former one was set aside');
is($after->verdicts_of(50), '202 spooled', 'and so are the next');
ok(failed_syncs() > 1, 'while the former file is as bad as before');
like(crits($t), qr/set aside.*\Q$aside\E/, 'as the log says');

$t->flashduty->answer(taken());
is($after->broken, '', 'whatever was answered 2xx since then arrives');
ok($t->runs_empty, 'the spool runs empty');
my %kept = map { $_ => 1 } split /\n/, sql($t->folder . "/$aside", 'SELECT alert_key FROM waiting');
is(join(' ', grep { !$kept{$_} } $before->told('202 spooled')), '', 'the events of before are in the former one');
