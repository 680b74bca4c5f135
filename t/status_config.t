# Places of flashduty_status in a configuration.

use strict;
use warnings;

use Gateway;

my @GOOD = (
    [ 'a status',              'location /s { flashduty_status; }' ],
    [ 'each format', 'location /a { flashduty_status json; } location /b { flashduty_status prometheus; } '
        . 'location /c { flashduty_status html; } location /d { flashduty_status health; }' ],
    [ 'beside access rules',   'location /s { flashduty_status; allow 127.0.0.1; deny all; auth_basic x; auth_basic_user_file /dev/null; }' ],
    [ 'a push in a location within', 'location /s { flashduty_status; location /s/b { flashduty_push /f; } } location /f { proxy_pass http://127.0.0.1; }' ],
    [ 'an if and a limit_except', 'location /s { flashduty_status; if ($host) { set $x 1; } limit_except GET { deny all; } }' ],
);

my @BAD = (
    [ 'an unknown format',     'location /s { flashduty_status xml; }', qr/not "xml" in/ ],
    [ 'two formats',           'location /s { flashduty_status json html; }' ],
    [ 'a status in a server',  'flashduty_status;' ],
    [ 'a status twice',        'location /s { flashduty_status; flashduty_status; }' ],
    [ 'a status and a push',   'location /s { flashduty_status; flashduty_push /f; }' ],
    [ 'a push and a status',   'location /s { flashduty_push /f; flashduty_status; }' ],
    [ 'a status and a preview', 'location /s { flashduty_status; flashduty_preview; }' ],
    [ 'a status beside a proxy_pass', 'location /s { proxy_pass http://127.0.0.1; flashduty_status; }' ],
    [ 'a proxy_pass beside a status', 'location /s { flashduty_status; proxy_pass http://127.0.0.1; }' ],
);

check_server_lines(\@GOOD, \@BAD);
