# The minimal example: an alert goes to Flashduty over verified TLS.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Example;
use Gateway;

my $t = Example->gateway('minimal.conf')->plan(5)->start;

is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '200 delivered', 'delivered');
is($t->flashduty->last_push->{body}, $t->post('/preview', payload('trigger_host_cpu'))->body,
    'as the preview says');

# The largest alerts pass, and the largest events.
is($t->post('/blueking', payload('related_info_30k'))->verdict, '200 delivered', 'a long alert');
my $long = payload('dims_90');
$long =~ s/"value-/'"' . 'x' x 2000 . 'value-'/ge;
is($t->post('/blueking', $long)->verdict, '200 delivered', 'one with many long dimensions');
is($t->flashduty->pushes, 3, 'nothing else was sent');
