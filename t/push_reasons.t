# Failures are told apart: the reason why a push got no answer is one sentence, in the answer, in
# health and on the page, whatever the error log's level is.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Dns;
use Example;
use Flashduty;
use Gateway;
use Spool;

my $NOT_REACHED = 'Flashduty could not be reached: ';

my %WAYS = (
    plain    => 'proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=%%KEY%%;',
    nobody   => 'proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;',
    deaf     => 'proxy_connect_timeout %%SHORT%%; proxy_pass http://127.0.0.1:%%DEAF%%/event/push/alert/standard?integration_key=%%KEY%%;',
    tls      => 'proxy_pass https://api.flashcat.cloud/event/push/alert/standard?integration_key=%%KEY%%;',
    no_tls   => 'proxy_pass https://127.0.0.1:%%READY%%/event/push/alert/standard?integration_key=%%KEY%%;',
    named    => 'proxy_pass http://api.flashcat.cloud:%%PEER%%/event/push/alert/standard?integration_key=$key;',
    unknown  => 'proxy_pass http://unknown.example:%%PEER%%/event/push/alert/standard?integration_key=$key;',
    unnamed  => 'resolver_timeout 1ms; proxy_pass http://api.flashcat.cloud:%%PEER%%/event/push/alert/standard?integration_key=$key;',
    given_up => 'proxy_pass http://given_up/event/push/alert/standard?integration_key=%%KEY%%;',
    limited  => 'client_max_body_size 1; proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=%%KEY%%;',
);

my $dns = Dns->start('api.flashcat.cloud');
my $locations = join '', map {"location = /$_ { flashduty_push /to/$_; }\nlocation = /to/$_ { internal; $WAYS{$_} }\n"} sort keys %WAYS;

sub http_with {
    my ($level) = @_;
    return <<"EOC";
    map "" \$key { default %%KEY%%; }
    upstream api.flashcat.cloud {
        server 127.0.0.1:%%TLS%% max_fails=0;
    }
    upstream given_up {
        server 127.0.0.1:%%NOBODY%% down;
    }
    server {
        listen 127.0.0.1:%%TLS%% ssl;
        ssl_certificate %%DIR%%/flashduty.crt;
        ssl_certificate_key %%DIR%%/flashduty.key;
        location / { proxy_pass http://127.0.0.1:%%PEER%%; proxy_set_header Accept-Encoding identity; }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        error_log %%DIR%%/pushes.log $level;
        resolver 127.0.0.1:@{[ $dns->port ]} ipv6=off;
        proxy_read_timeout %%SHORT%%;
        proxy_ssl_verify on;
        proxy_ssl_server_name on;
        proxy_ssl_trusted_certificate %%DIR%%/trusted.crt;
        location = /health { flashduty_status health; }
        location = /status { flashduty_status json; }
        $locations
    }
EOC
}

my $t = Spool->new(ports => [ 'TLS', 'DEAF' ], http => http_with('emerg'))->plan(22 * 4 + 14);
Example::certify($t, 'api.flashcat.cloud');
$t->write_file('nginx.conf', '');
my $with_spool = $t->{spool};
$t->{spool} = undef;
$t->start;

# A queue of one that is full: whoever comes next waits.
listen $t->{held}{DEAF}, 0 or die "cannot listen: $!\n";
my $only_one = $t->client('DEAF');

sub certificate { my @values = @_; return sub { Example::certify($t, @values); $t->reload } }

my $gzip  = taken(headers => [ 'Content-Encoding' => 'gzip' ]);
my $cut   = 'Flashduty\'s answer was cut';
my @CASES = (
    [ 'nobody',   taken(), "${NOT_REACHED}the connection was refused" ],
    [ 'deaf',     taken(), "${NOT_REACHED}the connection timed out" ],
    [ 'plain',    dropped('close'), "${NOT_REACHED}the connection was closed without an answer" ],
    [ 'plain',    dropped('reset'), "${NOT_REACHED}the connection was reset" ],
    [ 'plain',    dropped('hang'), 'Flashduty did not answer in time' ],
    [ 'plain',    taken(cut => 5), $cut ],
    [ 'plain',    taken(chunked => 1, cut => 5), $cut ],
    [ 'plain',    { raw => "SSH-2.0-OpenSSH_9.2\r\n" }, "${NOT_REACHED}what answered does not speak HTTP" ],
    [ 'plain',    $gzip, 'the answer had a Content-Encoding (gzip), which the push did not ask for: '
            . 'check what stands between here and Flashduty' ],
    [ 'plain',    { %$gzip, body => "\x1f\x8b\x08\x00" }, qr/^the answer had a Content-Encoding \(gzip\)/ ],
    [ 'plain',    { %$gzip, status => 400, body => "\x1f\x8b" }, qr/^the answer had a Content-Encoding \(gzip\)/ ],
    [ 'plain',    html(200), qr/^the push location answered HTTP 200, but not as Flashduty does/ ],
    [ 'tls',      taken(), "${NOT_REACHED}TLS failed: its certificate has expired", certificate('api.flashcat.cloud', 1, -1) ],
    [ 'tls',      taken(), qr/^${NOT_REACHED}TLS failed: its certificate is of a CA that is not trusted \(unable to /,
        certificate('api.flashcat.cloud', 0) ],
    [ 'tls',      taken(), "${NOT_REACHED}TLS failed: its certificate is for another name", certificate('other.example') ],
    [ 'tls',      dropped('hang'), 'Flashduty did not answer in time', certificate('api.flashcat.cloud') ],
    [ 'no_tls',   taken(), "${NOT_REACHED}TLS failed: no TLS is spoken at that port" ],
    [ 'unnamed',  taken(), qr/^${NOT_REACHED}its name was not resolved \(Operation timed out\)$/ ],
    [ 'unknown',  taken(), qr/^${NOT_REACHED}its name was not resolved \(Host not found\)$/, sub { $dns->answer('127.0.0.1') } ],
    [ 'given_up', taken(), qr/^${NOT_REACHED}nginx has given up all its addresses/ ],
    [ 'limited',  taken(), qr/^nginx itself answered HTTP 413/ ],
    [ 'plain',    taken(cut => 5, then => 'reset'), qr/^(?:$cut|${NOT_REACHED}the connection was reset)/ ],
);

sub check {
    my ($way, $answer, $expected, $before) = @_;

    $before->() if $before;
    $t->flashduty->answer($answer);
    my $response = $t->post("/$way", alert());
    my $pattern  = ref $expected ? $expected : qr/\A\Q$expected\E\z/;
    my $spooled  = 'the event is on disk and will be delivered: ';
    like($response->reason =~ s/^$spooled//r, $pattern, "$way: the answer says why") or diag($t->read_file('pushes.log'));
    return ($response, $pattern);
}

# Without a spool.
for my $case (@CASES) {
    my $way = $case->[0];
    my ($response, $pattern) = check(@$case);
    like($response->verdict, qr/^50[24] (?:failed|refused)$/, '... it was not delivered');
    my ($target) = grep { $_->{target} =~ m{/to/$way\z} } @{ $t->get('/status')->json->{targets} };
    like($target->{reason}, $way eq 'limited' ? qr/^$/ : $pattern, '... and so does the status');
    $t->flashduty->answer(taken());
    certificate('api.flashcat.cloud')->() if $way eq 'tls';
    # Flashduty is well: what is delivered says nothing of what failed before.
    is($t->post('/plain', alert())->verdict, '200 delivered', '... the next is delivered');
}

is($t->read_file('pushes.log'), '', 'nothing of that was logged there');
for my $push ($t->flashduty->last_push) {
    is_deeply([ map { $_->[1] } grep { $_->[0] eq 'Accept-Encoding' } @{ $push->{headers} } ], ['identity'],
        'a push asks for no encoding');
}

# nginx's own log lines are still where they belong.
$t->write_file('nginx.conf', $t->configuration(%$t, http => http_with('error')))->reload;
check('nobody', taken(), "${NOT_REACHED}the connection was refused");
my @lines = split /\n/, $t->settle->read_file('pushes.log');
is(scalar(grep { /connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: .*upstream: "/ } @lines),
    1, "nginx's own line is logged once");
is(scalar(grep { /failed: \Q${NOT_REACHED}\E/ } @lines), 1, 'and so is ours');

# With a spool, from where nobody asks: health and status say the same.
$t->write_file('nginx.conf', $t->configuration(%$t, spool => $with_spool))->reload;
for my $case (@CASES[ 0, 3, 5, 8 ]) {
    my ($response, $pattern) = check(@$case);
    is($response->verdict, '202 spooled', '... it waits');
    $t->query('DELETE FROM event');
    $t->reload;
}
is($t->read_file('pushes.log') =~ tr/\n//, scalar(@lines), 'nothing of that was logged there');
