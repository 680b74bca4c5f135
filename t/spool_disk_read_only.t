# The spool lies where nothing can be written: events are pushed without it and answered by that
# push, events in it stay there until it can be written.

use strict;
use warnings;

use Test::More;

use Disk;
use Flashduty;
use Gateway;
use Ledger;
use Spool;

mounts_of_its_own();
my $t = Spool->new;
mount_small($t->folder, '8m');
forbid_writing($t->folder);
$t->plan(15)->start;

my $events  = Ledger->new($t);
my $without = qr/is pushed without it: .*/;

sub is_live {
    my ($when) = @_;

    is($events->verdicts_of(10), '200 delivered', "$when: delivered");
    $t->flashduty->answer(html(503));
    is($events->verdicts_of(10), '502 failed', 'or failed');
    is(scalar(() = crits($t) =~ /$without/g), 1, 'once the log says that the spool cannot be used');
    return;
}

is_live('nothing can be written, and there is no spool yet');

allow_writing($t->folder);
ok($events->post_until('202 spooled'), 'writing is allowed: spooled, without a restart');
is($events->verdicts_of(10), '202 spooled', 'and so are the next');
my $waiting = $t->waiting;
stop_nginx($t);
$t->write_file('error.log', '');
forbid_writing($t->folder);
$t->flashduty->answer(taken());
$t->start;
is_live('nothing can be written, and there are events in the spool');

allow_writing($t->folder);
is($t->waiting, $waiting, 'they still wait');
ok($events->post_until('202 spooled'), 'writing is allowed: spooled, without a restart');
is($events->verdicts_of(10), '202 spooled', 'and so are the next');
$t->flashduty->answer(taken());
is($events->broken, '', 'whatever was answered 2xx arrives');
ok($t->runs_empty, 'the spool runs empty');
is($events->post, '200 delivered', 'after that, delivered');
ok($t->runs_empty, 'and not kept');
