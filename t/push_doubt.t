# A delivery that makes no alert raises a doubt: the push URL of another kind of integration, one
# without a key, an answer that names no alert. It is said once.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my $PEER = 'http://127.0.0.1:%%ANY%%';
my %WAYS = (
    right       => "$PEER/event/push/alert/standard?integration_key=abc",
    of_blueking => "$PEER/event/push/alert/tencent-bk?integration_key=abc",
    keyless     => "$PEER/event/push/alert/standard",
    placeholder => "$PEER/event/push/alert/standard?integration_key=KEY",
    proxied     => "$PEER/alerts",
);
my %DOUBTS = (
    of_blueking => qr/the push URL is that of another kind of integration: choose "standard alert event"/,
    keyless     => qr/the push URL has no integration key/,
    placeholder => qr/the push URL has the placeholder KEY/,
);
my $NO_ALERT = qr/Flashduty named no alert in its answer/;

my $locations = join '', map {"location = /$_ { flashduty_push /to/$_; }\nlocation = /to/$_ { internal; proxy_pass $WAYS{$_}; }\n"} sort keys %WAYS;

my $t = Spool->new(workers => 2, lenient => ['ANY'], server => <<"EOC")->plan(2 * (5 * 3 + 3 + 5) + 2)->start;
        location = /status { flashduty_status json; }
        $locations
EOC

my $number = 0;

sub post {
    my ($way) = @_;
    my $key = 'alert-' . ++$number;
    return $t->post("/$way", alert(event => { id => $key, event_id => $key }))->verdict;
}

sub warnings_of {
    my ($way) = @_;
    return $t->settle->error_log =~ m{\[warn\].* flashduty target "/to/$way of server \S+ localhost" takes events, but (.*)$}mg;
}

sub shown {
    my ($way) = @_;
    my ($target) = grep { $_->{target} =~ m{/to/$way\z} } @{ $t->get('/status')->json->{targets} };
    return $target->{warning};
}

sub check {
    my ($name) = @_;

    for my $way (sort keys %WAYS) {
        $t->flashduty('ANY')->answer(taken());
        is_deeply([ map { post($way) } 1 .. 3 ], [ ('200 delivered') x 3 ], "$name: $way: what is taken is delivered");
        my @warnings = warnings_of($way);
        is(scalar(@warnings), $DOUBTS{$way} ? 1 : 0, '... a doubt is logged once');
        like($warnings[0] // '', $DOUBTS{$way} // qr/^$/, '... with what to do');
        next if !$DOUBTS{$way};
        like(shown($way), $DOUBTS{$way}, '... and shown');
    }
    is(shown('right'), undef, "$name: the right one has none");
    $t->flashduty('ANY')->answer(taken(body => '{"request_id":"r","data":{}}'), taken());
    is(post('right'), '200 delivered', 'an answer that names no alert is a yes');
    like(shown('right'), $NO_ALERT, '... of which is said so');
    is(post('right'), '200 delivered', 'the next names it');
    is(shown('right'), undef, '... and nothing is said any more');
    return;
}

check('with a spool');
like((warnings_of('right'))[0], $NO_ALERT, 'and logged');

# Doubts start anew, as after a restart.
$t->signal('QUIT');
ok((eventually { $t->has_ended }), 'nginx ends');
$t->write_file('error.log', '');
$t->{spool} = undef;
$t->start;
check('without a spool');
