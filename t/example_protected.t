# The protected example: only a caller from the right place with the right password gets an alert
# through.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use BlueKing;
use Example;
use Gateway;

my $t = Example->gateway('protected.conf')->plan(4);
$t->write_file('blueking.htpasswd', "blueking:{PLAIN}secret\n")->start;

sub status_with {
    my ($password) = @_;

    my $credentials = encode_base64("blueking:$password", '');
    return $t->post('/blueking', payload('trigger_host_cpu'),
        Authorization => "Basic $credentials")->status;
}

is($t->post('/blueking', payload('trigger_host_cpu'))->status, 401, 'no password');
is(status_with('wrong'),  401, 'a wrong password');
is(status_with('secret'), 200, 'the right one');
is($t->flashduty->pushes, 1, 'nothing else was sent');
