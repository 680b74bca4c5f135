# A configuration that cannot work fails nginx -t, with the file and the line.

use strict;
use warnings;

use Gateway;

my $LONG_NAME = 'n' x 128;

my $F = 'location /f { proxy_pass http://127.0.0.1; }';

my @GOOD = (
    [ 'a push and a preview', "location /a { flashduty_push /f; } location /b { flashduty_preview; } $F" ],
    [ 'a uri with variables', 'location /a { flashduty_push "/f/$host?x=$arg_x"; }' ],
    [ 'a uri that is a variable', 'location /a { flashduty_push $uri; }' ],
    [ 'a proxy_pass in a location within', "location /a { flashduty_push /f; location /a/b { proxy_pass http://127.0.0.1; } } $F" ],
    [ 'a push in a location within', "location /a { proxy_pass http://127.0.0.1; location /a/b { flashduty_push /f; } } $F" ],
    [ 'an if and a limit_except', "location /a { flashduty_push /f; if (\$host) { set \$x 1; } limit_except POST { deny all; } } $F" ],
    [ 'a uri with arguments', "location /a { flashduty_push /f?a=b; } $F" ],
    [ 'a uri of a regex location', 'location /a { flashduty_push /f; } location ~ ^/F { proxy_pass http://127.0.0.1; } location ~* ^/F$ { proxy_pass http://127.0.0.1; }' ],
    [ 'a uri of a prefix location', 'location /a { flashduty_push /some/where/else; } location /some/ { proxy_pass http://127.0.0.1; }' ],
    [ 'a uri of a location within', 'location /a { flashduty_push /x/y; } location /x/ { flashduty_preview; location = /x/y { proxy_pass http://127.0.0.1; } }' ],
    [ 'a uri of many locations', join ' ', 'location = /a { flashduty_push /f/k; }', map {"location /f/$_ { proxy_pass http://127.0.0.1; } location = /$_ { return 204; }"} 'b' .. 'z' ],
    [ 'a uri that a regex takes from one of ours', 'location /a { flashduty_push /a/b; location /a/b { flashduty_preview; } } location ~ ^/a/b$ { proxy_pass http://127.0.0.1; }' ],
    [ 'a uri with an escape', 'location /a { flashduty_push /no%6ehere; }' ],
    [ 'fields in a server', 'flashduty_title t; flashduty_description d;' ],
    [ 'more of them',       'flashduty_alert_key k; flashduty_event_status Ok;' ],
    [ 'a repeated label', 'flashduty_label a 1; flashduty_label b 2;' ],
    [ 'the longest label name', "flashduty_label $LONG_NAME x;" ],
    [ 'an underscore first', 'flashduty_label _a x;' ],
);

# The third is what nginx says where it names no line.
my @BAD = (
    [ 'a push without a uri',     'location /a { flashduty_push; }' ],
    [ 'a push with two',          'location /a { flashduty_push /f /g; }' ],
    [ 'a push in a server',       'flashduty_push /f;' ],
    [ 'a push in an if',          'location /a { if ($host) { flashduty_push /f; } }' ],
    [ 'a uri without a slash',    'location /a { flashduty_push f; }' ],
    [ 'a whole URL',              'location /a { flashduty_push https://api.flashcat.cloud/f; }' ],
    [ 'an empty uri',             'location /a { flashduty_push ""; }' ],
    [ 'the key in the uri',       'location /a { flashduty_push /f?integration_key=k; }' ],
    [ 'the key behind others',    'location /a { flashduty_push "/f?a=$host&integration_key=k"; }' ],
    [ 'an unknown variable',      'location /a { flashduty_push /f?$no_such_variable; }', qr/unknown "no_such_variable" variable/ ],
    [ 'a uri without a location', 'location = /a { flashduty_push /f; }', qr{no location of the server block matches "/f", which "flashduty_push" names in \S+check\.conf:\d+$}m ],
    [ 'one of other locations', 'location = /a { flashduty_push /f/k; } location /f/kk { proxy_pass http://127.0.0.1; } location = /f { proxy_pass http://127.0.0.1; } location ~ ^/g { proxy_pass http://127.0.0.1; }', qr{no location of the server block matches "/f/k"} ],
    [ 'a uri that nginx redirects', 'location = /a { flashduty_push /f; } location /f/ { proxy_pass http://127.0.0.1; }', qr{no location of the server block matches "/f"} ],
    [ 'a uri of its own location', 'location /a { flashduty_push /a; }', qr{"flashduty_push" names "/a" in \S+check\.conf:\d+, a location with a directive of the same module} ],
    [ 'a uri of a preview', 'location = /a { flashduty_push /b?c=d; } location = /b { flashduty_preview; }', qr{"flashduty_push" names "/b" in } ],
    [ 'a uri of a status', 'location = /a { flashduty_push /b; } location / { proxy_pass http://127.0.0.1; } location /b { flashduty_status; }', qr{"flashduty_push" names "/b" in } ],
    [ 'a uri of one of ours by a regex', 'location = /a { flashduty_push /b; } location /b { proxy_pass http://127.0.0.1; } location ~ b { flashduty_preview; }', qr{"flashduty_push" names "/b" in } ],
    [ 'a push twice',             'location /a { flashduty_push /f; flashduty_push /f; }' ],
    [ 'a preview with a value',   'location /a { flashduty_preview on; }' ],
    [ 'a preview in a server',    'flashduty_preview;' ],
    [ 'a preview twice',          'location /a { flashduty_preview; flashduty_preview; }' ],
    [ 'push and preview',         'location /a { flashduty_push /f; flashduty_preview; }' ],
    [ 'preview and push',         'location /a { flashduty_preview; flashduty_push /f; }' ],
    [ 'a push beside a proxy_pass', 'location /a { proxy_pass http://127.0.0.1; flashduty_push /f; }' ],
    [ 'a proxy_pass beside a push', 'location /a { flashduty_push /f; proxy_pass http://127.0.0.1; }' ],
    [ 'a proxy_pass beside a preview', 'location /a { flashduty_preview; proxy_pass http://127.0.0.1; }' ],
    [ 'a title without a text',   'flashduty_title;' ],
    [ 'a title of two words',     'flashduty_title a b;' ],
    [ 'a title twice',            'flashduty_title a; flashduty_title b;' ],
    [ 'a description twice',      'flashduty_description a; flashduty_description b;' ],
    [ 'an alert key twice',       'flashduty_alert_key a; flashduty_alert_key b;' ],
    [ 'a status twice',           'flashduty_event_status Ok; flashduty_event_status Ok;' ],
    [ 'a label without a text',   'flashduty_label a;' ],
    [ 'a label that starts with a digit', 'flashduty_label 1a x;' ],
    [ 'a label with a hyphen',    'flashduty_label a-b x;' ],
    [ 'a label with a dot',       'flashduty_label a.b x;' ],
    [ 'a label with a variable as its name', 'flashduty_label $host x;' ],
    [ 'a Chinese label',          "flashduty_label \xe5\x90\x8d x;" ],
    [ 'a label without a name',   'flashduty_label "" x;' ],
    [ 'a label name too long',    "flashduty_label ${LONG_NAME}n x;" ],
);

check_server_lines(\@GOOD, \@BAD);
