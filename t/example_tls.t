# The examples do not talk to a server that cannot prove that it is Flashduty.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Example;
use Gateway;

my $t = Example->gateway('minimal.conf', certified => 'elsewhere.example')->plan(3)->start;

my @lines = $t->logged(sub {
    is($t->post('/blueking', payload('trigger_host_cpu'))->verdict, '202 spooled',
        'a certificate for another name');
});
ok((grep { /upstream SSL certificate does not match "api\.flashcat\.cloud"/ } @lines),
    'the log says why');
is($t->flashduty->pushes, 0, 'nothing was sent');
