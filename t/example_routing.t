# The routing example: the alert itself says which integration it goes to.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Example;
use Gateway;

my $t = Example->gateway('routing.conf')->plan(9)->start;

sub channel_of {
    my ($change) = @_;

    my $body = payload('trigger_host_cpu');
    $change->() for $body;
    is($t->post('/blueking', $body)->verdict, '200 delivered', 'delivered');
    my ($key) = $t->flashduty->last_push->{uri} =~ /integration_key=(.*)/;
    return $key =~ s/^\Q$t->{key}\E//r;
}

is(channel_of(sub { }), 1, 'by default to the operations team');
is(channel_of(sub { s/"labels":\[[^\]]*\]/"labels":["disk","DBA"]/ }), 2, 'by label');
is(channel_of(sub { s/"bk_biz_id":2/"bk_biz_id":100/ }), 3, 'by business');

my $event = $t->flashduty->last_push->{body};
like($event, qr/"title_rule":"\[.+\] .+ \/ .+"/, 'the title names the business');
like($event, qr/"labels":\{"team":"payment",/,   'a label of the configuration comes first');
unlike($event, qr/"scenario"/,                   'an empty text removes a label');
