# nginx -t names a push uri that no location of its own waits for.

use strict;
use warnings;

use Test::More;

use Gateway;

my $t = Gateway->new(server => "")->plan(6)->start;

my $WARNING = qr{\[warn\] .*only "location /" matches "/f", which "flashduty_push" names in \S+check\.conf:\d+$}m;
my $PUSH    = 'location = /a { flashduty_push /f?b=c; }';

sub check {
    my ($text) = @_;
    return $t->check(server => $text);
}

my ($passed, $output) = check("$PUSH location / { proxy_pass http://127.0.0.1; }");
ok($passed, 'a push that only "location /" takes passes');
like($output, $WARNING, '... with a warning');

($passed, $output) = check("$PUSH location / { proxy_pass http://127.0.0.1; } location /f { proxy_pass http://127.0.0.1; }");
ok($passed, 'one with a location of its own passes');
unlike($output, qr/\[warn\]/, '... without one');

# Location in another server block.
my $http = 'server { listen 127.0.0.1:%%PORT%%; location /f { proxy_pass http://127.0.0.1; } } '
    . 'server { listen 127.0.0.1:%%PORT%%; server_name other; location = /a { flashduty_push /f; } }';
($passed, $output) = $t->check(http => $http);
ok(!$passed, 'a location of another server block is none');
like($output, qr/no location of the server block matches "\/f"/, '... and that is said');
